//! Writes what a collection holds into its own metadata, for those who read it without Interlock. Nothing here reads it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use crate::domain::identity::mark_key;
use crate::domain::ids::CollectionName;
use crate::domain::table::{Managed, Table};

impl Inner {
    /// Describes a collection as the current table has it.
    pub(super) async fn describe(&self, collection: &CollectionName) -> Result<(), ControlError> {
        let table = self.registry.pin();
        match table.managed(collection.as_str()) {
            Some(managed) => self.describe_as(collection, managed, &table).await,
            None => Ok(()),
        }
    }

    /// Marks a collection as the one that is adopted. Beside the description, which is written anew again and again.
    pub(super) async fn mark(&self, collection: &CollectionName, mark: Uuid) -> Result<(), ControlError> {
        let key = mark_key(&self.settings.metadata_key);
        let metadata = HashMap::from([(key.clone(), mark.to_string().into())]);
        self.calls.set_metadata(collection.as_str(), metadata).await?;
        // An older Qdrant takes metadata and keeps none: the collection could not be told from another one.
        match self.calls.found(collection.as_str(), &key).await?.mark == Some(mark) {
            true => Ok(()),
            false => Err(ControlError::new(
                ErrorKind::Upstream,
                "Qdrant keeps no metadata of collections, which Interlock needs: 1.16 or later does",
            )),
        }
    }

    /// Describes a collection as `managed`.
    pub(super) async fn describe_as(
        &self,
        collection: &CollectionName,
        managed: &Managed,
        table: &Table,
    ) -> Result<(), ControlError> {
        let description = document(managed, table, &self.settings.reserved_key);
        let metadata = HashMap::from([(self.settings.metadata_key.clone(), description.into())]);
        Ok(self.calls.set_metadata(collection.as_str(), metadata).await?)
    }
}

fn document(managed: &Managed, table: &Table, reserved_key: &str) -> Value {
    let fields: Map<String, Value> = managed
        .fields
        .values()
        .map(|field| {
            let spaces: Map<String, Value> = field
                .spaces()
                .map(|space| {
                    let model = table.model(&space.model);
                    let described = json!({
                        "model": space.model,
                        "fingerprint": model.map(|model| model.fingerprint()),
                        "serving": *space == field.serving,
                    });
                    (space.vector.to_string(), described)
                })
                .collect();
            (
                field.name.to_string(),
                json!({ "spaces": spaces, "source": field.source }),
            )
        })
        .collect();
    json!({ "tag_key": reserved_key, "fields": fields, "opaque": managed.opaque })
}
