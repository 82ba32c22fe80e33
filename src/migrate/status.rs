//! What is managed, counted exactly.

use super::api::{CollectionStatus, FieldStatus, Role, SpaceStatus, Status};
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, lock};
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::table::{Field, Managed, Space};
use crate::upstream::calls::CallError;
use crate::upstream::calls::filters::{all, has_vector};

impl Inner {
    pub(super) async fn status(&self, filter: Option<&CollectionName>) -> Result<Status, ControlError> {
        // Cloned, so that a slow upstream keeps no drain waiting for this.
        let (epoch, all) = {
            let table = self.registry.pin();
            (table.epoch, table.collections.clone())
        };
        let wanted = match filter {
            Some(name) => Some(
                self.real(&FieldKey {
                    collection: name.clone(),
                    field: "".into(),
                })
                .await?
                .collection,
            ),
            None => None,
        };
        let mut collections = Vec::new();
        for (collection, managed) in &all {
            if wanted.as_ref().is_none_or(|wanted| wanted == collection) {
                collections.push(self.collection_status(collection, managed).await);
            }
        }
        match (&wanted, collections.is_empty()) {
            (Some(name), true) => Err(ControlError::new(
                ErrorKind::NotFound,
                format!("`{name}` is not managed: adopt it with `interlock adopt`"),
            )),
            (Some(_) | None, _) => Ok(Status { epoch, collections }),
        }
    }

    async fn collection_status(&self, collection: &CollectionName, managed: &Managed) -> CollectionStatus {
        let mut error = None;
        let points = self.calls.count(collection.as_str(), Default::default()).await;
        let points = noted(points, &mut error);
        let mut fields = Vec::with_capacity(managed.fields.len());
        for field in managed.fields.values() {
            fields.push(self.field_status(collection, field, &mut error).await);
        }
        CollectionStatus {
            collection: collection.clone(),
            points,
            fields,
            opaque: managed.opaque.clone(),
            quarantine: managed.standing.quarantine(),
            error,
        }
    }

    async fn field_status(
        &self,
        collection: &CollectionName,
        field: &Field,
        error: &mut Option<String>,
    ) -> FieldStatus {
        let key = FieldKey {
            collection: collection.clone(),
            field: field.name.clone(),
        };
        let standby = field
            .standby
            .iter()
            .map(|standby| (&standby.space, standby.state.into()));
        let mut spaces = Vec::new();
        for (space, role) in std::iter::once((&field.serving, Role::Serving)).chain(standby) {
            spaces.push(self.space_status(collection, field, space, role, error).await);
        }
        let run = lock(&self.runs).get(&key).cloned();
        FieldStatus {
            spaces,
            undeclared: field.undeclared.clone(),
            source: field.source.clone(),
            on_embed_failure: field.on_embed_failure,
            migration: run.map(|run| run.status.borrow().clone()),
            key,
        }
    }

    async fn space_status(
        &self,
        collection: &CollectionName,
        field: &Field,
        space: &Space,
        role: Role,
        error: &mut Option<String>,
    ) -> SpaceStatus {
        let held = all(vec![has_vector(space.vector.as_str())]);
        let vectors = noted(self.calls.count(collection.as_str(), held).await, error);
        let pending = self.view(field).pending(space);
        let pending = noted(self.calls.count(collection.as_str(), pending).await, error);
        SpaceStatus {
            vector: space.vector.clone(),
            model: space.model.clone(),
            role,
            embedder: self.spec(&space.model),
            vectors,
            pending,
        }
    }
}

/// A count, or nothing and the first error's text.
fn noted(count: Result<u64, CallError>, error: &mut Option<String>) -> Option<u64> {
    match count {
        Ok(count) => Some(count),
        Err(failure) => {
            error.get_or_insert_with(|| failure.to_string());
            None
        }
    }
}
