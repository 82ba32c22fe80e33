//! What the verbs and the drivers share: publishing, stepping a migration, counting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::audit;
use super::cache::Cache;
use super::conditions::FieldView;
use super::error::{ControlError, ErrorKind};
use super::run::{Counted, Run};
use super::schema;
use super::settings::Settings;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::gate::{self, Evidence};
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::model::{Model, ModelId, ModelRef};
use crate::domain::phase::{Event, Migration, Phase, Step};
use crate::domain::quarantine::Standing;
use crate::domain::refusal::Refusal;
use crate::domain::table::{Field, Table};
use crate::embed::Embedders;
use crate::registry::{PublishError, Registry};
use crate::store::Commit;
use crate::upstream::calls::{CallError, Calls};

/// Tables that others publish between our look and our publication.
const PUBLISH_ATTEMPTS_MAX: u32 = 64;

/// The shared part of a control.
pub(super) struct Inner {
    pub registry: Arc<Registry>,
    pub embedders: Arc<Embedders>,
    pub calls: Calls,
    /// Embeddings that were made lately.
    pub cache: Cache,
    pub settings: Settings,
    /// How each registered model's vectors are computed.
    pub specs: Mutex<BTreeMap<ModelId, EmbedderSpec>>,
    /// Every migration that is known.
    pub runs: Mutex<BTreeMap<FieldKey, Arc<Run>>>,
    /// One task a migration.
    pub tasks: Mutex<JoinSet<()>>,
    /// Whether the tasks should end.
    pub stopping: watch::Sender<bool>,
    /// Held by verbs that add models, collections or migrations.
    pub adding: tokio::sync::Mutex<()>,
}

/// Locks plain data: a panic of another holder left nothing half done in it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// The migration of a field.
    pub fn run(&self, key: &FieldKey) -> Result<Arc<Run>, ControlError> {
        lock(&self.runs).get(key).cloned().ok_or_else(|| {
            ControlError::new(
                ErrorKind::NotFound,
                format!(
                    "`{key}` has no migration: start one with `interlock migrate start {key} --to MODEL`"
                ),
            )
        })
    }

    /// The field in the current table.
    pub fn field(&self, key: &FieldKey) -> Result<Field, ControlError> {
        let table = self.registry.pin();
        table
            .managed(key.collection.as_str())
            .and_then(|managed| managed.fields.get(&key.field))
            .cloned()
            .ok_or_else(|| {
                ControlError::new(
                    ErrorKind::NotFound,
                    format!("`{key}` is not managed: adopt its collection with `interlock adopt`"),
                )
            })
    }

    /// Whether the collection's data calls are answered. What is not managed has nothing against it.
    pub fn standing(&self, key: &FieldKey) -> Standing {
        let table = self.registry.pin();
        let managed = table.managed(key.collection.as_str());
        managed.map(|managed| managed.standing).unwrap_or_default()
    }

    /// Refuses a verb on a quarantined collection.
    pub fn check_standing(&self, key: &FieldKey) -> Result<(), ControlError> {
        self.standing(key)
            .check(&key.collection)
            .map_err(|refusal| ControlError::new(ErrorKind::Conflict, refusal.message.into_owned()))
    }

    /// The field with both spaces of its migration.
    pub fn field_of(&self, migration: &Migration) -> Result<Field, ControlError> {
        let mut field = self.field(&migration.key)?;
        if field.standby.is_none() {
            migration.apply(crate::domain::phase::TableChange::AddStandby, &mut field);
        }
        Ok(field)
    }

    /// The field's tags and spaces as conditions.
    pub fn view<'a>(&'a self, field: &'a Field) -> FieldView<'a> {
        FieldView {
            reserved_key: &self.settings.reserved_key,
            field,
        }
    }

    /// A registered model.
    pub fn model(&self, id: &ModelId) -> Result<Model, ControlError> {
        self.registry
            .pin()
            .model(id)
            .cloned()
            .ok_or_else(|| unregistered(id))
    }

    /// The one registered model that `name` means.
    pub fn resolve(&self, name: &ModelRef) -> Result<Model, ControlError> {
        let table = self.registry.pin();
        let mut matching = table.models.values().filter(|model| name.names(&model.id));
        match (matching.next(), matching.next()) {
            (Some(model), None) => Ok(model.clone()),
            (None, _) => Err(unregistered(name)),
            (Some(one), Some(other)) => Err(ControlError::new(
                ErrorKind::Invalid,
                format!(
                    "`{name}` may be `{}` or `{}`: write the version too",
                    one.id, other.id
                ),
            )),
        }
    }

    /// The key with the collection's real name. A managed collection's own name comes first.
    pub async fn real(&self, key: &FieldKey) -> Result<FieldKey, ControlError> {
        if self.registry.pin().managed(key.collection.as_str()).is_some() {
            return Ok(key.clone());
        }
        let aliases = self.calls.aliases().await?;
        Ok(match aliases.get(key.collection.as_str()) {
            Some(real) => FieldKey {
                collection: real.as_str().into(),
                field: key.field.clone(),
            },
            None => key.clone(),
        })
    }

    /// Publishes a change of whatever table is current.
    pub async fn publish(
        &self,
        change: impl Fn(&mut Table) -> Result<(), Refusal>,
        rest: Commit,
    ) -> Result<Epoch, ControlError> {
        for _attempt in 0..PUBLISH_ATTEMPTS_MAX {
            let parent = self.registry.current_epoch();
            match self.registry.publish(parent, &change, rest.clone()).await {
                Ok(epoch) => return Ok(epoch),
                Err(PublishError::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::new(
            ErrorKind::Conflict,
            "the table keeps changing under this command: give it again",
        ))
    }

    /// Moves a migration on: decides, stores, publishes, shows. Once begun, it is carried out even if the caller goes
    /// away, so that what is in memory is what is stored.
    pub async fn advance(self: &Arc<Self>, run: &Arc<Run>, event: Event) -> Result<Step, ControlError> {
        self.advance_noting(run, event, Value::Null).await
    }

    /// As [`Self::advance`]; `note` goes into the audit log with it.
    pub async fn advance_noting(
        self: &Arc<Self>,
        run: &Arc<Run>,
        event: Event,
        note: Value,
    ) -> Result<Step, ControlError> {
        let (inner, run) = (Arc::clone(self), Arc::clone(run));
        let stepped = tokio::spawn(async move { inner.advance_here(&run, event, note).await });
        stepped.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Refuses what is about a migration that was forgotten. Decided while its state is locked.
    pub fn check_known(&self, run: &Run) -> Result<(), ControlError> {
        let current = lock(&self.runs).get(&run.key).map(Arc::as_ptr);
        match current.is_some_and(|current| std::ptr::eq(current, run)) {
            true => Ok(()),
            false => Err(ControlError::new(
                ErrorKind::Conflict,
                format!(
                    "the migration of `{}` is over: its collection was dropped or released",
                    run.key
                ),
            )),
        }
    }

    async fn advance_here(&self, run: &Run, event: Event, note: Value) -> Result<Step, ControlError> {
        let mut state = run.state.lock().await;
        self.check_known(run)?;
        let step = state
            .step(event.clone())
            .map_err(|error| ControlError::new(ErrorKind::Conflict, error.to_string()))?;
        let rest = Commit {
            migration: Some((run.key.clone(), encode(&step.next)?)),
            audit: audit::of_step(&event, &step.next, note),
            ..Commit::default()
        };
        match step.table {
            Some(change) => {
                let next = &step.next;
                let apply = |table: &mut Table| {
                    let field = table
                        .collections
                        .get_mut(&next.key.collection)
                        .and_then(|managed| managed.fields.get_mut(&next.key.field));
                    match field {
                        Some(field) => {
                            next.apply(change, field);
                            Ok(())
                        }
                        None => Err(Refusal::invalid(
                            "not_managed",
                            "the field is not managed any more",
                        )),
                    }
                };
                self.publish(apply, rest).await?;
            }
            None => self.registry.record(rest).await?,
        }
        let is_elsewhere = state.phase.name() != step.next.phase.name();
        *state = step.next.clone();
        run.show_phase(&state, self.registry.current_epoch());
        if is_elsewhere {
            self.show_gauges();
        }
        Ok(step)
    }

    /// Counts, for the space that a flip would make serve. Exact.
    pub async fn evidence(&self, migration: &Migration) -> Result<Evidence, ControlError> {
        let field = self.field_of(migration)?;
        let view = self.view(&field);
        let space = migration.next_to_serve();
        let collection = migration.key.collection.as_str();
        let vectors = schema::vectors(&self.calls.collection(collection).await?);
        let needed = schema::Shape::needed_by(&self.model(&space.model)?);
        let foreign = field
            .spaces()
            .find(|space| **space != migration.from && **space != migration.to);
        let points = self.calls.count(collection, view.points()).await?;
        let missing = self.calls.count(collection, view.missing(space)).await?;
        let pending = self.calls.count(collection, view.pending(space)).await?;
        let unsourced = match &migration.phase {
            Phase::Backfilling(progress) | Phase::Paused(progress) => progress.unsourced,
            Phase::Ready(tally)
            | Phase::ServingNew(tally)
            | Phase::RolledBack(tally)
            | Phase::Done(tally) => tally.unsourced,
            Phase::Brownout(retirement) | Phase::Retiring(retirement) => retirement.tally.unsourced,
            Phase::Planned | Phase::Opening | Phase::DualWriting | Phase::Cancelling | Phase::Cancelled => 0,
        };
        Ok(Evidence {
            phase: migration.phase.name(),
            space_in_schema: vectors.get(&space.vector) == Some(&needed),
            other_migration_to: foreign.map(|space| space.model.clone()),
            points,
            missing,
            pending,
            unsourced,
            verified: migration
                .verification
                .as_ref()
                .and_then(|seen| seen.as_evidence()),
            must_be_verified: self.settings.must_be_verified,
        })
    }

    /// Counts, and shows them.
    pub async fn count(&self, run: &Run, migration: &Migration) -> Result<Counted, ControlError> {
        let evidence = self.evidence(migration).await?;
        let counted = Counted {
            total: evidence.points,
            pending: evidence.pending,
            gate: gate::verdict(&evidence),
        };
        run.show_counts(counted.clone());
        self.show_gauges();
        Ok(counted)
    }
}

/// A migration as it is stored.
pub(super) fn encode(migration: &Migration) -> Result<Vec<u8>, ControlError> {
    serde_json::to_vec(migration).map_err(|error| {
        ControlError::new(
            ErrorKind::Store,
            format!("the migration cannot be written: {error}"),
        )
    })
}

fn unregistered(name: &impl std::fmt::Display) -> ControlError {
    ControlError::new(
        ErrorKind::NotFound,
        format!("model `{name}` is not registered: add it with `interlock model add`"),
    )
}

/// The process ends.
pub(super) fn stopping() -> ControlError {
    ControlError::new(
        ErrorKind::Stopping,
        "Interlock is shutting down: after its restart, give the command again",
    )
}

impl From<CallError> for ControlError {
    fn from(error: CallError) -> Self {
        Self::new(ErrorKind::Upstream, chain(&error))
    }
}

impl From<PublishError> for ControlError {
    fn from(error: PublishError) -> Self {
        let kind = match &error {
            PublishError::Stale { .. } | PublishError::Refused(_) => ErrorKind::Conflict,
            PublishError::Store(_) => ErrorKind::Store,
            PublishError::Interrupted => return stopping(),
        };
        Self::new(kind, chain(&error))
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
