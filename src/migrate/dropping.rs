//! The end of a space that no table knows any more: once every request that knew it has answered, and the space that
//! stays holds every point's last write, it is dropped, and what is left is checked against what was there. Before an
//! old space goes, the collection is saved as it is.

use std::sync::Arc;
use std::time::Duration;

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{CollectionConfig, CollectionInfo};
use serde_json::{Value, json};

use super::driver::{Memory, Next};
use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::pages::Passed;
use super::run::Run;
use crate::domain::phase::{Compared, Event, Migration, Prepared, Snapshot};
use crate::domain::table::Space;
use crate::domain::tag::TagPaths;

impl Inner {
    /// Fills `stays` with what only `leaving` holds. Returns what to do instead of dropping; nothing: it may be dropped.
    pub(super) async fn rescue(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        (leaving, stays): (&Space, &Space),
        memory: &mut Memory,
    ) -> Result<Option<Next>, ControlError> {
        // A write under an earlier table may still name the space.
        self.registry.drained(self.registry.current_epoch()).await;
        let field = self.field_of(migration)?;
        let endangered = self.view(&field).held_only_by(leaving, stays);
        if self.count_of(migration, &endangered).await? == 0 {
            return Ok(None);
        }
        let passed = self
            .pass(run, migration, (stays, &endangered), None, memory)
            .await?;
        if let Passed::Held(wait) = passed {
            return Ok(Some(Next::Hold(wait)));
        }
        let waited = self.barrier(memory).await?;
        match (self.count_of(migration, &endangered).await?, waited) {
            (0, _) | (_, true) => Ok(Some(Next::Again)),
            (points, false) => Err(left_behind(points, leaving, stays)),
        }
    }

    /// Saves the collection, and counts what is not to go, before the old space is dropped. May be done again.
    pub(super) async fn prepare_drop(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
    ) -> Result<(), ControlError> {
        // A write under an earlier table may still name the space.
        self.registry.drained(self.registry.current_epoch()).await;
        let snapshot = match self.settings.snapshot_before_retiring {
            true => self.snapshot(migration.key.collection.as_str()).await?,
            false => Snapshot::Off,
        };
        let before = self.survey(migration, &migration.to).await?;
        let prepared = Prepared { snapshot, before };
        let note = json!(prepared);
        self.advance_noting(run, Event::Prepared(prepared), note).await?;
        Ok(())
    }

    async fn snapshot(&self, collection: &str) -> Result<Snapshot, ControlError> {
        let bound = Duration::from_millis(self.settings.snapshot_timeout_ms);
        match self.calls.bounded(bound).snapshot(collection).await {
            Ok((name, bytes)) => Ok(Snapshot::Made { name, bytes }),
            Err(error) if error.is_unimplemented() => Ok(Snapshot::Unsupported),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a drop would be preceded by a snapshot, in words.
    pub(super) async fn say_snapshot(&self, collection: &str) -> Result<&'static str, ControlError> {
        if !self.settings.snapshot_before_retiring {
            return Ok("make no snapshot first: `migrate.snapshot_before_retiring` is off");
        }
        match self.calls.snapshots(collection).await {
            Ok(_) => Ok("make a snapshot of the collection first"),
            Err(error) if error.is_unimplemented() => Ok("make no snapshot first: this engine has none"),
            Err(error) => Err(error.into()),
        }
    }

    /// Drops `space` and ends the migration. May be done again at any point.
    pub(super) async fn drop_space(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        space: &Space,
        prepared: Option<&Prepared>,
    ) -> Result<(), ControlError> {
        // A write under an earlier table may still name the space.
        self.registry.drained(self.registry.current_epoch()).await;
        let collection = migration.key.collection.as_str();
        let before = self.calls.collection(collection).await?;
        if super::schema::vectors(&before).contains_key(&space.vector) {
            self.calls
                .delete_vector(collection, space.vector.as_str())
                .await?;
        }
        self.drop_index(migration, space).await?;
        let after = self.calls.collection(collection).await?;
        if without(before, space) != without(after, space) {
            return Err(ControlError::new(
                ErrorKind::Upstream,
                format!(
                    "after `{}` was dropped from `{collection}`, the rest of its configuration is not what it was before: was the collection changed meanwhile?",
                    space.vector
                ),
            ));
        }
        let note = match prepared {
            Some(prepared) => self.check_rest(run, migration, prepared).await?,
            None => Value::Null,
        };
        self.advance_noting(run, Event::SpaceDropped, note).await?;
        self.describe(&migration.key.collection).await
    }

    /// Whether everything else is as it was before the drop, for the audit log. What is not is told loudly, but cannot
    /// be undone here: the snapshot can.
    async fn check_rest(
        &self,
        run: &Run,
        migration: &Migration,
        prepared: &Prepared,
    ) -> Result<Value, ControlError> {
        let after = self.survey(migration, &migration.to).await?;
        let compared = prepared.before.compare(&after);
        match compared {
            Compared::Same | Compared::Written => {}
            Compared::Different => {
                let said = format!(
                    "after the drop `{}` holds {} points, {} of them in `{}`; before it {} and {}, and nobody wrote meanwhile: were they deleted?",
                    migration.key.collection,
                    after.points,
                    after.vectors,
                    migration.to.vector,
                    prepared.before.points,
                    prepared.before.vectors
                );
                tracing::error!(field = %run.key, snapshot = ?prepared.snapshot, "{said}");
                run.show_error(Some(said));
            }
        }
        Ok(json!({
            "compared": compared, "before": prepared.before, "after": after, "snapshot": prepared.snapshot,
        }))
    }

    /// The index that counted what was pending in the space.
    async fn drop_index(&self, migration: &Migration, space: &Space) -> Result<(), ControlError> {
        let paths = TagPaths {
            key: &self.settings.reserved_key,
            field: migration.key.field.as_str(),
        };
        let path = paths.model_of(space.vector.as_str());
        let dropped = self
            .calls
            .delete_field_index(migration.key.collection.as_str(), &path)
            .await;
        match dropped {
            Ok(()) => Ok(()),
            Err(error) if error.is_unimplemented() || error.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Nobody can make these vectors, so the ones that there are do not go.
fn left_behind(points: u64, leaving: &Space, stays: &Space) -> ControlError {
    ControlError::new(
        ErrorKind::NotReady,
        format!(
            "{points} points have no vector of their last write in the space of `{}`, and no text to make it from: write or delete them, then the space of `{}` is dropped",
            stays.model, leaving.model
        ),
    )
}

/// A collection's configuration but for one vector.
fn without(info: CollectionInfo, space: &Space) -> Option<CollectionConfig> {
    let mut config = info.config?;
    // Our own words in it are said anew after the drop.
    config.metadata.clear();
    if let Some(params) = &mut config.params {
        let vectors = params.vectors_config.take().and_then(|vectors| vectors.config);
        params.vectors_config = Some(qdrant_client::qdrant::VectorsConfig {
            config: match vectors {
                Some(Config::ParamsMap(mut map)) => {
                    map.map.remove(space.vector.as_str());
                    (!map.map.is_empty()).then_some(Config::ParamsMap(map))
                }
                // The one unnamed vector.
                Some(Config::Params(_)) if space.vector.as_str().is_empty() => None,
                other => other,
            },
        });
        if let Some(sparse) = &mut params.sparse_vectors_config {
            sparse.map.remove(space.vector.as_str());
        }
        params.sparse_vectors_config = params
            .sparse_vectors_config
            .take()
            .filter(|sparse| !sparse.map.is_empty());
    }
    Some(config)
}
