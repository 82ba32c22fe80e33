//! What the phase `Opening` owes: the space, its index, and a tag for every point that has none.

use std::sync::Arc;

use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::run::Run;
use super::{schema, stamp};
use crate::domain::model::Model;
use crate::domain::phase::{Event, Migration};
use crate::upstream::calls::{CallError, code};

impl Inner {
    /// Makes the space and opens dual writing, or, where the upstream refuses the space for good, ends the migration.
    pub(super) async fn open(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
    ) -> Result<(), ControlError> {
        let model = self.model(&migration.to.model)?;
        match self.make_space(migration, &model).await {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Invalid => {
                run.show_error(Some(error.to_string()));
                self.advance(run, Event::SpaceRefused).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.index(migration).await?;
        self.stamp_all(migration).await?;
        self.advance(run, Event::SpaceMade).await?;
        self.describe(&migration.key.collection).await
    }

    async fn make_space(&self, migration: &Migration, model: &Model) -> Result<(), ControlError> {
        let collection = migration.key.collection.as_str();
        let vector = migration.to.vector.as_str();
        let vectors = schema::vectors(&self.calls.collection(collection).await?);
        let needed = schema::Shape::needed_by(model);
        match vectors.get(&migration.to.vector) {
            // It did not exist when the migration was stored: an earlier turn made it.
            Some(found) if *found == needed => return Ok(()),
            Some(found) => {
                return Err(ControlError::new(
                    ErrorKind::Invalid,
                    format!(
                        "vector `{vector}` exists as {found}, but `{}` needs {needed}: remove it, then start again",
                        model.id
                    ),
                ));
            }
            None => {}
        }
        match self
            .calls
            .create_vector(collection, vector, schema::creation(model))
            .await
        {
            Ok(()) => Ok(()),
            Err(error) if error.is_unimplemented() => Err(ControlError::new(
                ErrorKind::Invalid,
                "this Qdrant cannot add a vector to a collection: run version 1.18 or later",
            )),
            Err(CallError::Status {
                code: code::INVALID_ARGUMENT,
                message,
            }) => Err(ControlError::new(
                ErrorKind::Invalid,
                format!("Qdrant refuses the vector `{vector}`: {message}"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Counting what is pending is fast with an index on the claim; without one it is only slower.
    async fn index(&self, migration: &Migration) -> Result<(), ControlError> {
        let field = self.field_of(migration)?;
        let path = self.view(&field).paths().model_of(migration.to.vector.as_str());
        let made = self
            .calls
            .create_keyword_index(migration.key.collection.as_str(), &path)
            .await;
        match made {
            Ok(()) => Ok(()),
            Err(error) if error.is_unimplemented() => {
                tracing::info!(field = %migration.key, "the upstream has no payload indexes: counts will be slower");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tags what has no tag. Its end is followed by the publication of dual writing and by a drain, so no request that
    /// was under way during it is still under way when the backfill compares.
    async fn stamp_all(&self, migration: &Migration) -> Result<(), ControlError> {
        let field = self.field_of(migration)?;
        let view = self.view(&field);
        let Some(adopted) = view.adopted() else {
            return Ok(());
        };
        let adopted = self.model(&adopted.model)?;
        let mut from = None;
        loop {
            from = stamp::page(
                &self.calls,
                &migration.key.collection,
                view,
                &adopted,
                from,
                self.settings.page_points,
            )
            .await?;
            if from.is_none() {
                return Ok(());
            }
        }
    }
}
