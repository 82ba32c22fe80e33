//! The verbs that both faces of the operator's port call. The migration's control implements it; tests script it.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::api::AddModel;
use super::error::{AdminError, ErrorKind};
use crate::domain::forecast::Forecast;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::model::ModelRef;
use crate::migrate::{
    Adopt, Adopted, Ahead, Audit, AuditReport, Control, ControlError, CutoverReport, MigrationStatus,
    ModelAdded, ModelRow, Order, Rehearsal, Rehearse, Release, Released, Retire, Start, Status, Verify, When,
};

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

    /// What a migration would do and cost; changes nothing.
    fn plan(&self, key: FieldKey, ask: Ahead) -> Answer<'_, Forecast>;

    /// Starts a migration, or takes up the one to the same target. Returns before the backfill has ended.
    fn start(&self, key: FieldKey, ask: Start) -> Answer<'_, MigrationStatus>;

    /// Holds the backfill to so many points per second; 0: as many as it can.
    fn pace(&self, key: FieldKey, rate: u32) -> Answer<'_, MigrationStatus>;

    /// The migration's state now and after each change.
    fn watch(&self, key: FieldKey) -> Answer<'_, BoxStream<'static, MigrationStatus>>;

    /// The migration's state now, counted anew.
    fn migration(&self, key: FieldKey) -> Answer<'_, MigrationStatus>;

    /// Flips to `to` if the gate says go; otherwise `not_ready` with every reason.
    fn cutover(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport>;

    /// Flips to `to` whatever the gate says that can be forced.
    fn force_cutover(&self, key: FieldKey, to: ModelRef, why: String) -> Answer<'_, CutoverReport>;

    /// Postpones a cutover to `to`, sets its time, or takes that back.
    fn appoint(&self, key: FieldKey, to: ModelRef, when: When) -> Answer<'_, MigrationStatus>;

    /// Says what a verb would do now; changes nothing.
    fn rehearse(&self, key: FieldKey, verb: Rehearse) -> Answer<'_, Rehearsal>;

    /// Flips back to `to`, which served before.
    fn rollback(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport>;

    /// Pauses, resumes or cancels a migration, or ends a brownout.
    fn order(&self, key: FieldKey, order: Order) -> Answer<'_, MigrationStatus>;

    /// Begins to retire the space that served before.
    fn retire(&self, key: FieldKey, ask: Retire) -> Answer<'_, MigrationStatus>;

    /// Compares both spaces of a migration, point by point. Returns before it has ended.
    fn verify(&self, key: FieldKey, ask: Verify) -> Answer<'_, MigrationStatus>;

    /// The last lines of the audit log, oldest first.
    fn log(&self, lines_max: usize) -> Answer<'_, Vec<String>>;

    /// Checks every point of a managed collection against its tags.
    fn audit(&self, request: Audit) -> Answer<'_, AuditReport>;

    /// Ends the management of a collection, or goes on with what a release left undone.
    fn release(&self, request: Release) -> Answer<'_, Released>;

    /// Everything that is managed, or one collection.
    fn status(&self, collection: Option<CollectionName>) -> Answer<'_, Status>;
}

/// Runs a verb that changes something to its end, also where its caller hangs up half-way.
fn to_the_end<T, F>(verb: F) -> Answer<'static, T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ControlError>> + Send + 'static,
{
    let task = tokio::spawn(verb);
    Box::pin(async move {
        match task.await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(AdminError::new(
                ErrorKind::Internal,
                format!("the verb broke off: {error}"),
            )),
        }
    })
}

impl Operator for Control {
    fn add_model(&self, AddModel { model, embedder }: AddModel) -> Answer<'_, ModelAdded> {
        let control = self.clone();
        to_the_end(async move { control.add_model(model, embedder).await })
    }

    fn models(&self) -> Answer<'_, Vec<ModelRow>> {
        Box::pin(async move { Ok(Control::models(self)) })
    }

    fn adopt(&self, request: Adopt) -> Answer<'_, Adopted> {
        let control = self.clone();
        to_the_end(async move { control.adopt(request).await })
    }

    fn plan(&self, key: FieldKey, ask: Ahead) -> Answer<'_, Forecast> {
        Box::pin(async move { Ok(Control::forecast(self, &key, &ask).await?) })
    }

    fn start(&self, key: FieldKey, ask: Start) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.start_with(&key, &ask).await })
    }

    fn pace(&self, key: FieldKey, rate: u32) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.pace(&key, rate).await })
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
        let control = self.clone();
        to_the_end(async move { control.cutover(&key, &to).await })
    }

    fn force_cutover(&self, key: FieldKey, to: ModelRef, why: String) -> Answer<'_, CutoverReport> {
        let control = self.clone();
        to_the_end(async move { control.force_cutover(&key, &to, &why).await })
    }

    fn appoint(&self, key: FieldKey, to: ModelRef, when: When) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.appoint(&key, &to, when).await })
    }

    fn rehearse(&self, key: FieldKey, verb: Rehearse) -> Answer<'_, Rehearsal> {
        Box::pin(async move { Ok(Control::rehearse(self, &key, &verb).await?) })
    }

    fn rollback(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport> {
        let control = self.clone();
        to_the_end(async move { control.rollback(&key, &to).await })
    }

    fn order(&self, key: FieldKey, order: Order) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.order(&key, order).await })
    }

    fn retire(&self, key: FieldKey, ask: Retire) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.retire(&key, &ask).await })
    }

    fn verify(&self, key: FieldKey, ask: Verify) -> Answer<'_, MigrationStatus> {
        let control = self.clone();
        to_the_end(async move { control.verify(&key, ask).await })
    }

    fn log(&self, lines_max: usize) -> Answer<'_, Vec<String>> {
        Box::pin(async move { Ok(Control::log(self, lines_max).await?) })
    }

    fn audit(&self, request: Audit) -> Answer<'_, AuditReport> {
        let control = self.clone();
        to_the_end(async move { control.audit(&request).await })
    }

    fn release(&self, request: Release) -> Answer<'_, Released> {
        let control = self.clone();
        to_the_end(async move { control.release(&request).await })
    }

    fn status(&self, collection: Option<CollectionName>) -> Answer<'_, Status> {
        Box::pin(async move { Ok(Control::status(self, collection.as_ref()).await?) })
    }
}
