//! The verbs that both faces of the operator's port call. The migration's control implements it; tests script it.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::api::AddModel;
use super::error::AdminError;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::model::ModelRef;
use crate::migrate::Control;
use crate::migrate::api::{Adopt, Adopted, CutoverReport, MigrationStatus, ModelAdded, ModelRow, Status};

/// What a verb comes back with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, AdminError>>;

/// What an operator can do.
pub trait Operator: Send + Sync + 'static {
    /// Registers a model, or gives a registered one this embedder.
    fn add_model(&self, request: AddModel) -> Answer<'_, ModelAdded>;

    /// Every registered model.
    fn models(&self) -> Answer<'_, Vec<ModelRow>>;

    /// Puts a collection under management.
    fn adopt(&self, request: Adopt) -> Answer<'_, Adopted>;

    /// Starts a migration, or takes up the one to the same target. Returns before the backfill has ended.
    fn start(&self, key: FieldKey, to: ModelRef) -> Answer<'_, MigrationStatus>;

    /// The migration's state now and after each change.
    fn watch(&self, key: FieldKey) -> Answer<'_, BoxStream<'static, MigrationStatus>>;

    /// The migration's state now, counted anew.
    fn migration(&self, key: FieldKey) -> Answer<'_, MigrationStatus>;

    /// Flips to `to` if the gate says go; otherwise `not_ready` with every reason.
    fn cutover(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport>;

    /// Flips back to `to`, which served before.
    fn rollback(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport>;

    /// Everything that is managed, or one collection.
    fn status(&self, collection: Option<CollectionName>) -> Answer<'_, Status>;
}

impl Operator for Control {
    fn add_model(&self, AddModel { model, embedder }: AddModel) -> Answer<'_, ModelAdded> {
        Box::pin(async move { Ok(Control::add_model(self, model, embedder).await?) })
    }

    fn models(&self) -> Answer<'_, Vec<ModelRow>> {
        Box::pin(async move { Ok(Control::models(self)) })
    }

    fn adopt(&self, request: Adopt) -> Answer<'_, Adopted> {
        Box::pin(async move { Ok(Control::adopt(self, request).await?) })
    }

    fn start(&self, key: FieldKey, to: ModelRef) -> Answer<'_, MigrationStatus> {
        Box::pin(async move { Ok(Control::start(self, &key, &to).await?) })
    }

    fn watch(&self, key: FieldKey) -> Answer<'_, BoxStream<'static, MigrationStatus>> {
        Box::pin(async move {
            let mut states = Control::watch(self, &key)?;
            // The first look shows the state that stands already; each later one waits for a change.
            states.mark_changed();
            let states = stream::unfold(states, |mut states| async move {
                states.changed().await.ok()?;
                let state = states.borrow_and_update().clone();
                Some((state, states))
            });
            Ok(states.boxed())
        })
    }

    fn migration(&self, key: FieldKey) -> Answer<'_, MigrationStatus> {
        Box::pin(async move { Ok(Control::migration(self, &key).await?) })
    }

    fn cutover(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport> {
        Box::pin(async move { Ok(Control::cutover(self, &key, &to).await?) })
    }

    fn rollback(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport> {
        Box::pin(async move { Ok(Control::rollback(self, &key, &to).await?) })
    }

    fn status(&self, collection: Option<CollectionName>) -> Answer<'_, Status> {
        Box::pin(async move { Ok(Control::status(self, collection.as_ref()).await?) })
    }
}
