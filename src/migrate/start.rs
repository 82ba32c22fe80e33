//! Starts a migration: checks, stores, and lets its driver go on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::api::{MigrationStatus, Start};
use super::audit::{self, now_ms};
use super::driver::drive;
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, encode, lock};
use super::run::Run;
use super::schema;
use crate::domain::ids::FieldKey;
use crate::domain::model::Model;
use crate::domain::phase::{Event, Migration, Phase, PhaseName, standby_name};
use crate::domain::table::{Field, Space};
use crate::store::Commit;

fn conflict(message: String) -> ControlError {
    ControlError::new(ErrorKind::Conflict, message)
}

/// A rate as the operator says it: 0 is none.
pub(super) fn rate_of(points_per_second: u32) -> Option<u32> {
    (points_per_second > 0).then_some(points_per_second)
}

impl Inner {
    pub(super) async fn start(
        self: &Arc<Self>,
        key: &FieldKey,
        ask: &Start,
    ) -> Result<MigrationStatus, ControlError> {
        let key = self.real(key).await?;
        self.check_standing(&key)?;
        let run = {
            let _turn = self.adding.lock().await;
            let field = self.field(&key)?;
            let model = self.resolve(&ask.to)?;
            let known = lock(&self.runs).get(&key).cloned();
            let known_state = match &known {
                Some(run) => Some(run.state.lock().await.clone()),
                None => None,
            };
            match (known, known_state) {
                (Some(run), Some(state)) if !state.phase.name().is_over() => {
                    takes_up(&state, &model)?;
                    if let Some(rate) = ask.points_per_second {
                        self.advance(&run, Event::Pace(rate_of(rate))).await?;
                    }
                    if let Some(policy) = ask.standby.filter(|policy| *policy != state.standby) {
                        let note = json!({ "standby": policy });
                        self.advance_noting(&run, Event::Standby(policy), note).await?;
                    }
                    run
                }
                (Some(_) | None, _) => {
                    self.may_begin(&key, &field, &model).await?;
                    let to = Space {
                        vector: standby_name(&field.name, &model.id),
                        model: model.id.clone(),
                    };
                    let mut migration = Migration::plan(key.clone(), field.serving.clone(), to, now_ms());
                    migration.rate = ask.points_per_second.and_then(rate_of);
                    migration.standby = ask.standby.unwrap_or_default();
                    let live = self.registry.latency().lately(&key.collection);
                    migration.live_p99_us = live.level().map(|level| level.p99_us);
                    self.begin(migration).await?
                }
            }
        };
        run.wake.notify_one();
        self.opened(&run).await
    }

    /// Whether a start would be taken now: a new migration, or the one to the same target again.
    pub(super) async fn may_start(
        &self,
        key: &FieldKey,
        field: &Field,
        model: &Model,
    ) -> Result<(), ControlError> {
        self.check_standing(key)?;
        let known = lock(&self.runs).get(key).cloned();
        if let Some(run) = known {
            let state = run.state.lock().await.clone();
            if !state.phase.name().is_over() {
                return takes_up(&state, model);
            }
        }
        self.may_begin(key, field, model).await
    }

    /// Whether a new migration could begin.
    async fn may_begin(&self, key: &FieldKey, field: &Field, model: &Model) -> Result<(), ControlError> {
        if field.serving.model == model.id {
            return Err(conflict(format!("`{}` serves `{key}` already", model.id)));
        }
        if let Some(standby) = &field.standby {
            return Err(conflict(format!(
                "`{key}` has a space of `{}` already: a field has one migration at a time",
                standby.space.model
            )));
        }
        let vector = standby_name(&field.name, &model.id);
        if !vector.is_creatable() {
            return Err(ControlError::new(
                ErrorKind::Invalid,
                format!("Qdrant would not take `{vector}` as the new space's name: use a shorter model name"),
            ));
        }
        let vectors = schema::vectors(&self.calls.collection(key.collection.as_str()).await?);
        match vectors.contains_key(&vector) {
            true => Err(conflict(format!(
                "the collection has a vector `{vector}` that no migration made: remove it first"
            ))),
            false => Ok(()),
        }
    }

    /// Stores the migration as opening, then lets its driver run. A crash in between is taken up by `resume`.
    async fn begin(self: &Arc<Self>, planned: Migration) -> Result<Arc<Run>, ControlError> {
        let opening = planned
            .step(Event::Start)
            .map_err(|error| conflict(error.to_string()))?
            .next;
        let rest = Commit {
            migration: Some((opening.key.clone(), encode(&opening)?)),
            audit: audit::of_step(&Event::Start, &opening, serde_json::Value::Null),
            ..Commit::default()
        };
        let (inner, key) = (Arc::clone(self), opening.key.clone());
        // Carried out even if the caller goes away: what is stored must be what runs.
        let begun = tokio::spawn(async move {
            inner.registry.record(rest).await?;
            let run = Arc::new(Run::new(opening, inner.registry.current_epoch()));
            lock(&inner.runs).insert(key, Arc::clone(&run));
            inner.spawn(Arc::clone(&run));
            Ok(run)
        });
        begun.await.unwrap_or_else(|_| Err(super::inner::stopping()))
    }

    /// Lets a migration's driver run.
    pub(super) fn spawn(self: &Arc<Self>, run: Arc<Run>) {
        let driver = drive(Arc::clone(self), run);
        lock(&self.tasks).spawn(driver);
    }

    /// Waits, within a bound, until dual writing is open.
    async fn opened(&self, run: &Run) -> Result<MigrationStatus, ControlError> {
        let mut status = run.status.subscribe();
        let bound = Duration::from_millis(self.settings.start_wait_ms);
        let settled = status.wait_for(|status| match status.phase {
            PhaseName::Planned => status.last_error.is_some(),
            PhaseName::Opening | PhaseName::DualWriting => false,
            PhaseName::Backfilling
            | PhaseName::Paused
            | PhaseName::Ready
            | PhaseName::ServingNew
            | PhaseName::RolledBack
            | PhaseName::Brownout
            | PhaseName::Retiring
            | PhaseName::Done
            | PhaseName::Cancelling
            | PhaseName::Cancelled => true,
        });
        // Whether it is settled or the time is over, the state says what is true now.
        let _settled = tokio::time::timeout(bound, settled).await.is_ok();
        let status = run.status.borrow().clone();
        match (&status.phase, &status.last_error) {
            (PhaseName::Planned, Some(error)) => Err(ControlError::new(ErrorKind::Invalid, error.clone())),
            _ => Ok(status),
        }
    }
}

/// Whether the command means the migration that is there.
fn takes_up(state: &Migration, model: &Model) -> Result<(), ControlError> {
    match &state.phase {
        Phase::Retiring(_) | Phase::Cancelling => {
            return Err(conflict(format!(
                "the migration of `{}` to `{}` is being ended: start again when `interlock migrate status` says so",
                state.key, state.to.model
            )));
        }
        Phase::Planned
        | Phase::Opening
        | Phase::DualWriting
        | Phase::Backfilling(_)
        | Phase::Paused(_)
        | Phase::Ready(_)
        | Phase::ServingNew(_)
        | Phase::RolledBack(_)
        | Phase::Brownout(_)
        | Phase::Done(_)
        | Phase::Cancelled => {}
    }
    if state.to.model == model.id {
        return Ok(());
    }
    if state.from.model != model.id {
        return Err(conflict(format!(
            "a migration of `{}` to `{}` is open: a field has one at a time",
            state.key, state.to.model
        )));
    }
    match &state.phase {
        Phase::ServingNew(_) | Phase::Brownout(_) => Err(conflict(format!(
            "the space of `{}` is kept fresh: go back with `interlock migrate rollback {} --to {}`",
            model.id, state.key, model.id
        ))),
        Phase::Planned
        | Phase::Opening
        | Phase::DualWriting
        | Phase::Backfilling(_)
        | Phase::Paused(_)
        | Phase::Ready(_)
        | Phase::RolledBack(_)
        | Phase::Retiring(_)
        | Phase::Done(_)
        | Phase::Cancelling
        | Phase::Cancelled => Err(conflict(format!("`{}` serves `{}` already", model.id, state.key))),
    }
}
