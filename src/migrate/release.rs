//! Ends the management of a collection: first it leaves the table, so that no request tags anything any more; then the
//! tags go, if asked for, page by page; last of all our words in its metadata. A crash in between leaves those words,
//! and the same command, given again, goes on: the audit log says that it was this Interlock that released it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{DeletePayload, Operation};
use qdrant_client::qdrant::{Filter, PointsIdsList, PointsSelector, PointsUpdateOperation, Value};
use serde_json::json;

use super::api::{Release, Released, ReleasedVector};
use super::audit;
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, lock};
use super::run::Run;
use crate::domain::identity::mark_key;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::quarantine::Cause;
use crate::domain::refusal::Refusal;
use crate::domain::table::{Managed, Table};
use crate::domain::tag::TagPaths;
use crate::store::Commit;
use crate::upstream::calls::filters::{all, is_empty, not};
use crate::upstream::calls::{CallError, PageQuery};

/// The audit log's word for a release.
const RELEASED: &str = "collection released";
/// Lines of the audit log that are searched for an earlier release.
const LINES_MAX: usize = 100_000;

fn conflict(message: String) -> ControlError {
    ControlError::new(ErrorKind::Conflict, message)
}

impl Inner {
    pub(super) async fn release(&self, request: &Release) -> Result<Released, ControlError> {
        let named = FieldKey {
            collection: request.collection.clone(),
            field: "".into(),
        };
        let collection = self.real(&named).await?.collection;
        let mut released = {
            let _turn = self.adding.lock().await;
            let managed = self.registry.pin().managed(collection.as_str()).cloned();
            match managed {
                Some(managed) => self.let_go(&collection, &managed, request).await?,
                None => self.let_go_before(&collection).await?,
            }
        };
        if !released.is_there {
            return Ok(released);
        }
        if request.strip_tags {
            self.strip(&collection, &mut released).await?;
        }
        if released.tags_left == Some(0) || !request.strip_tags {
            self.forget_words(&collection).await?;
            released.is_done = true;
        }
        Ok(released)
    }

    /// Takes a collection out of the table, and waits for the requests that still tag.
    async fn let_go(
        &self,
        collection: &CollectionName,
        managed: &Managed,
        request: &Release,
    ) -> Result<Released, ControlError> {
        let runs = self.may_let_go(collection, managed).await?;
        let is_there = self.is_the_adopted(collection, managed).await?;
        let vectors: Vec<ReleasedVector> = managed
            .fields
            .values()
            .map(|field| ReleasedVector {
                said: field.name.clone(),
                vector: field.serving.vector.clone(),
                model: field.serving.model.clone(),
            })
            .collect();
        // Held, so that none of them steps on while they are forgotten.
        let mut held = Vec::with_capacity(runs.len());
        for run in &runs {
            held.push(run.state.lock().await);
        }
        let remove = |table: &mut Table| {
            if table.managed(collection.as_str()) != Some(managed) {
                return Err(Refusal::invalid(
                    "changed",
                    "the collection changed under this command: give it again",
                ));
            }
            table.collections.remove(collection);
            Ok(())
        };
        let line = json!({
            "collection": collection, "mark": managed.mark, "vectors": vectors, "opaque": managed.opaque,
            "strip_tags": request.strip_tags,
        });
        let rest = Commit {
            forget: Some(collection.clone()),
            audit: Some(audit::line(RELEASED, line)),
            ..Commit::default()
        };
        let epoch = self.publish(remove, rest).await?;
        lock(&self.runs).retain(|key, _| key.collection != *collection);
        drop(held);
        // From here on, nobody tags.
        self.registry.drained(epoch).await;
        for field in managed.fields.values().filter(|_| is_there) {
            let paths = TagPaths {
                key: &self.settings.reserved_key,
                field: field.name.as_str(),
            };
            let path = paths.model_of(field.serving.vector.as_str());
            match self.calls.delete_field_index(collection.as_str(), &path).await {
                Ok(()) => {}
                Err(error) if error.is_unimplemented() || error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Released {
            collection: collection.clone(),
            is_there,
            was_released: false,
            vectors,
            opaque: managed.opaque.clone(),
            tags_taken: 0,
            tags_left: None,
            is_done: !is_there,
            epoch,
        })
    }

    /// The collection's migrations, all of them over.
    pub(super) async fn may_let_go(
        &self,
        collection: &CollectionName,
        managed: &Managed,
    ) -> Result<Vec<Arc<Run>>, ControlError> {
        let runs: Vec<Arc<Run>> = {
            let runs = lock(&self.runs);
            let of_it = runs.values().filter(|run| run.key.collection == *collection);
            of_it.cloned().collect()
        };
        for run in &runs {
            let phase = run.state.lock().await.phase.name();
            if !phase.is_over() {
                return Err(conflict(format!(
                    "a migration of `{}` is open, in phase `{phase}`: end it with `interlock migrate cancel`, or after the cutover with `interlock migrate retire`",
                    run.key
                )));
            }
        }
        if let Some(field) = managed.fields.values().find(|field| field.standby.is_some()) {
            return Err(conflict(format!(
                "`{}` has two spaces: one must go before the collection is released",
                field.name
            )));
        }
        match managed.standing.quarantine().map(|held| held.cause) {
            Some(cause @ (Cause::Restored | Cause::Reshaped)) => Err(conflict(format!(
                "`{collection}` is quarantined, because {cause}: {}; without that nobody knows which model made its vectors",
                cause.remedy()
            ))),
            Some(Cause::Dropped) | None => Ok(runs),
        }
    }

    /// Whether what has the name is the collection that was adopted. Another one is not touched.
    async fn is_the_adopted(
        &self,
        collection: &CollectionName,
        managed: &Managed,
    ) -> Result<bool, ControlError> {
        let key = mark_key(&self.settings.metadata_key);
        match self.calls.found(collection.as_str(), &key).await {
            Ok(found) => Ok(managed.mark.is_none() || managed.mark == found.mark),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A release that did not come to its end: the collection still has the mark that it was released with.
    async fn let_go_before(&self, collection: &CollectionName) -> Result<Released, ControlError> {
        let not_managed = || {
            ControlError::new(
                ErrorKind::NotFound,
                format!("`{collection}` is not managed, and no release of it is left undone"),
            )
        };
        let key = mark_key(&self.settings.metadata_key);
        let found = match self.calls.found(collection.as_str(), &key).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Err(not_managed()),
            Err(error) => return Err(error.into()),
        };
        let mark = found.mark.ok_or_else(not_managed)?;
        let lines = self.registry.audit_tail(LINES_MAX).await?;
        let is_ours = lines.iter().any(|line| {
            serde_json::from_str::<serde_json::Value>(line)
                .is_ok_and(|line| line["what"] == RELEASED && line["mark"] == json!(mark))
        });
        if !is_ours {
            return Err(not_managed());
        }
        Ok(Released {
            collection: collection.clone(),
            is_there: true,
            was_released: true,
            vectors: Vec::new(),
            opaque: Vec::new(),
            tags_taken: 0,
            tags_left: None,
            is_done: false,
            epoch: self.registry.current_epoch(),
        })
    }

    /// Takes tags out for a bounded time. Points without one are not looked at.
    async fn strip(&self, collection: &CollectionName, released: &mut Released) -> Result<(), ControlError> {
        let name = collection.as_str();
        let until = Instant::now() + Duration::from_millis(self.settings.release_wait_ms);
        let mut from = None;
        loop {
            let query = PageQuery {
                filter: self.tagged(),
                from,
                points_max: self.settings.page_points,
                ..PageQuery::default()
            };
            {
                // An adoption must not tag what is being stripped.
                let _turn = self.adding.lock().await;
                if self.registry.pin().managed(name).is_some() {
                    return Err(conflict(format!("`{collection}` was adopted again meanwhile")));
                }
                let page = self.calls.scroll(name, query).await?;
                let ids: Vec<_> = page.points.into_iter().filter_map(|point| point.id).collect();
                from = page.next;
                if !ids.is_empty() {
                    released.tags_taken += ids.len() as u64;
                    self.calls.update_batch(name, vec![self.stripping(ids)]).await?;
                }
            }
            if from.is_none() || Instant::now() >= until {
                break;
            }
        }
        let left = self.calls.count(name, self.tagged()).await?;
        released.tags_left = Some(left);
        if left == 0 {
            let detail = json!({ "collection": collection });
            let rest = Commit {
                audit: Some(audit::line("tags taken out", detail)),
                ..Commit::default()
            };
            self.registry.record(rest).await?;
        }
        Ok(())
    }

    fn tag_path(&self) -> String {
        format!("\"{}\"", self.settings.reserved_key)
    }

    fn tagged(&self) -> Filter {
        all(vec![not(is_empty(self.tag_path()))])
    }

    fn stripping(&self, ids: Vec<qdrant_client::qdrant::PointId>) -> PointsUpdateOperation {
        let delete = DeletePayload {
            keys: vec![self.tag_path()],
            points_selector: Some(PointsSelector {
                points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList { ids })),
            }),
            ..DeletePayload::default()
        };
        PointsUpdateOperation {
            operation: Some(Operation::DeletePayload(delete)),
        }
    }

    /// Our words in the collection's metadata.
    async fn forget_words(&self, collection: &CollectionName) -> Result<(), CallError> {
        let null = || Value::from(serde_json::Value::Null);
        let key = &self.settings.metadata_key;
        let metadata = HashMap::from([(key.clone(), null()), (mark_key(key), null())]);
        self.calls.set_metadata(collection.as_str(), metadata).await
    }
}
