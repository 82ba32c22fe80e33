//! Cutover and rollback: the gate, then one publication, then the wait for the answers of the earlier table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::api::CutoverReport;
use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::run::Run;
use super::verify;
use crate::domain::gate::{self, Armed, Evidence, Gate, Reason};
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::domain::phase::{Event, Migration, Phase};
use crate::domain::table::Space;

/// Which way to flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the new space.
    Forth,
    /// To the old one.
    Back,
}

impl Inner {
    pub(super) async fn flip(
        self: &Arc<Self>,
        key: &FieldKey,
        to: &ModelRef,
        direction: Direction,
        force: Option<&str>,
    ) -> Result<CutoverReport, ControlError> {
        let key = self.real(key).await?;
        self.check_standing(&key)?;
        let run = self.run(&key)?;
        let _turn = run.verb.lock().await;
        let migration = run.state.lock().await.clone();
        check(&migration, to, direction)?;
        let (was_serving, serving) = match (&migration.phase, direction) {
            (Phase::ServingNew(_), Direction::Forth) => (true, migration),
            (Phase::RolledBack(_), Direction::Back) => (true, migration),
            (
                Phase::Planned
                | Phase::Opening
                | Phase::DualWriting
                | Phase::Backfilling(_)
                | Phase::Paused(_)
                | Phase::Ready(_)
                | Phase::ServingNew(_)
                | Phase::RolledBack(_)
                | Phase::Brownout(_)
                | Phase::Retiring(_)
                | Phase::Done(_)
                | Phase::Cancelling
                | Phase::Cancelled,
                direction,
            ) => {
                let (armed, evidence) = self.pass_gate(&run, force.is_some()).await?;
                let event = match direction {
                    Direction::Forth => Event::CutOver(armed),
                    Direction::Back => Event::RollBack(armed),
                };
                let note = json!({
                    "points": evidence.points, "missing": evidence.missing, "pending": evidence.pending,
                    "forced": force, "gate": gate::verdict(&evidence),
                    "verification": migration.verification.as_ref().map(verify::digests),
                });
                (false, self.advance_noting(&run, event, note).await?.next)
            }
        };
        run.wake.notify_one();
        self.report(&run, &serving, was_serving).await
    }

    /// Waits for the answers of earlier tables, also where the flip was made by a command that a crash cut off.
    pub(super) async fn report(
        &self,
        run: &Run,
        migration: &Migration,
        was_serving: bool,
    ) -> Result<CutoverReport, ControlError> {
        let (serving, kept): (&Space, &Space) = match *migration.next_to_serve() == migration.to {
            true => (&migration.from, &migration.to),
            false => (&migration.to, &migration.from),
        };
        let epoch = self.registry.current_epoch();
        let begun = Instant::now();
        let bound = Duration::from_millis(self.settings.drain_timeout_ms);
        if tokio::time::timeout(bound, self.registry.drained(epoch))
            .await
            .is_err()
        {
            return Err(ControlError::new(
                ErrorKind::NotReady,
                format!(
                    "`{}` serves `{}` since epoch {epoch}, but {} earlier requests have not answered within {} ms: give the command again to wait on",
                    serving.model,
                    run.key,
                    self.registry.in_flight_before(epoch),
                    self.settings.drain_timeout_ms
                ),
            ));
        }
        let drained = begun.elapsed();
        let field = self.field(&run.key)?;
        let pending = self.view(&field).pending(serving);
        // The flip is made: what only describes it must not make it look as if it had failed.
        let pending_after = match self.calls.count(run.key.collection.as_str(), pending).await {
            Ok(count) => Some(count),
            Err(error) => {
                tracing::warn!(field = %run.key, %error, "the points that are pending after the flip could not be counted");
                None
            }
        };
        if let Err(error) = self.describe(&run.key.collection).await {
            tracing::warn!(field = %run.key, %error, "the collection's own description is not up to date");
        }
        Ok(CutoverReport {
            key: run.key.clone(),
            serving: serving.model.clone(),
            kept: kept.model.clone(),
            epoch,
            was_serving,
            drained_ms: u64::try_from(drained.as_millis()).unwrap_or(u64::MAX),
            pending_after,
        })
    }

    /// Asks the gate until it says go, or, bounded, until what stands against it does not look transient: a write that
    /// is under way is pending for a moment.
    pub(super) async fn pass_gate(
        &self,
        run: &Run,
        is_forced: bool,
    ) -> Result<(Armed, Evidence), ControlError> {
        let mut attempts = 0;
        loop {
            let migration = run.state.lock().await.clone();
            let evidence = self.evidence(&migration).await?;
            let said = match is_forced {
                true => gate::decide_forced(&evidence),
                false => gate::decide(&evidence),
            };
            let reasons = match said {
                Gate::Go(armed) => return Ok((armed, evidence)),
                Gate::NoGo(reasons) => reasons,
            };
            attempts += 1;
            if attempts >= self.settings.gate_attempts_max || !reasons.iter().all(is_transient) {
                return Err(no_go(&migration, reasons));
            }
            run.wake.notify_one();
            tokio::time::sleep(Duration::from_millis(self.settings.gate_wait_ms)).await;
        }
    }
}

fn is_transient(reason: &Reason) -> bool {
    match reason {
        Reason::Pending { .. } | Reason::Coverage { .. } => true,
        Reason::Phase { .. }
        | Reason::SpaceMissing
        | Reason::OtherMigration { .. }
        | Reason::Unsourced { .. }
        | Reason::Unverified
        | Reason::FalseClaims { .. }
        | Reason::RecentlyRead { .. }
        | Reason::PinnedUndeclared { .. } => false,
    }
}

fn no_go(migration: &Migration, reasons: Vec<Reason>) -> ControlError {
    let said: Vec<String> = reasons.iter().map(Reason::to_string).collect();
    ControlError {
        kind: ErrorKind::NotReady,
        message: format!(
            "`{}` cannot serve `{}` yet: {}",
            migration.next_to_serve().model,
            migration.key,
            said.join("; ")
        ),
        reasons,
    }
}

/// Whether the command fits the migration.
pub(super) fn check(migration: &Migration, to: &ModelRef, direction: Direction) -> Result<(), ControlError> {
    let conflict = |message| Err(ControlError::new(ErrorKind::Conflict, message));
    let (target, other) = match direction {
        Direction::Forth => (&migration.to.model, &migration.from.model),
        Direction::Back => (&migration.from.model, &migration.to.model),
    };
    let key = &migration.key;
    if !to.names(target) {
        let verb = match direction {
            Direction::Forth => "rollback",
            Direction::Back => "cutover",
        };
        return match to.names(other) {
            true => conflict(format!("that is `interlock migrate {verb} {key} --to {other}`")),
            false => conflict(format!(
                "the migration of `{key}` is from `{}` to `{}`",
                migration.from.model, migration.to.model
            )),
        };
    }
    match (&migration.phase, direction) {
        (
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::Cancelling
            | Phase::Cancelled,
            Direction::Back,
        ) => conflict(format!(
            "`{key}` was not cut over: `{target}` still serves, there is nothing to roll back"
        )),
        (Phase::Retiring(_) | Phase::Done(_), Direction::Back) => conflict(format!(
            "the space of `{target}` is gone: start a migration of `{key}` to it to go back"
        )),
        (Phase::Brownout(_), Direction::Forth) => conflict(format!(
            "`{target}` serves `{key}` already, and the other space is being retired: `interlock migrate keep {key}` ends that"
        )),
        (Phase::Cancelling | Phase::Cancelled | Phase::Retiring(_) | Phase::Done(_), Direction::Forth) => {
            conflict(format!("the migration of `{key}` to `{target}` is over"))
        }
        (Phase::ServingNew(_) | Phase::RolledBack(_) | Phase::Brownout(_), Direction::Back) => Ok(()),
        (
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::ServingNew(_)
            | Phase::RolledBack(_),
            Direction::Forth,
        ) => Ok(()),
    }
}
