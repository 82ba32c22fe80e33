//! The end of a space that no table knows any more: once every request that knew it has answered, it is dropped, and
//! what is left is checked against what was there.

use std::sync::Arc;

use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::run::Run;
use super::schema;
use crate::domain::phase::{Event, Migration};
use crate::domain::table::Space;
use crate::domain::tag::TagPaths;

impl Inner {
    /// Drops `space` and ends the migration. May be done again at any point.
    pub(super) async fn drop_space(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        space: &Space,
    ) -> Result<(), ControlError> {
        // A write under an earlier table may still name the space.
        self.registry.drained(self.registry.current_epoch()).await;
        let collection = migration.key.collection.as_str();
        let before = schema::vectors(&self.calls.collection(collection).await?);
        if before.contains_key(&space.vector) {
            self.calls
                .delete_vector(collection, space.vector.as_str())
                .await?;
        }
        self.drop_index(migration, space).await?;
        let after = schema::vectors(&self.calls.collection(collection).await?);
        let mut expected = before;
        expected.remove(&space.vector);
        if after != expected {
            return Err(ControlError::new(
                ErrorKind::Upstream,
                format!(
                    "after `{}` was dropped from `{collection}`, its vectors are not what they were before: was the collection changed meanwhile?",
                    space.vector
                ),
            ));
        }
        self.advance(run, Event::SpaceDropped).await?;
        self.describe(&migration.key.collection).await
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
