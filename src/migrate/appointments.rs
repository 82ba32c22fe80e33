//! Cutovers that are postponed or made at a time. The time is stored: a restart forgets none, and what was missed for
//! long is not made up for, but shown.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::api::{MigrationStatus, When};
use super::audit::now_ms;
use super::error::{ControlError, ErrorKind};
use super::flip::{Direction, check};
use super::inner::{Inner, lock};
use super::run::Run;
use crate::domain::gate::{self, Reason};
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::domain::phase::{Appointment, Event, PhaseName};

/// A time further away than this is taken for a slip of the pen, in milliseconds.
const AHEAD_MAX_MS: u64 = 366 * 24 * 3_600_000;
/// The clock is looked at this often, since somebody may set it.
const CLOCK_EVERY: Duration = Duration::from_secs(30);

impl Inner {
    /// Postpones a cutover, sets its time, or takes that back.
    pub(super) async fn appoint(
        self: &Arc<Self>,
        key: &FieldKey,
        to: &ModelRef,
        when: When,
    ) -> Result<MigrationStatus, ControlError> {
        let key = self.real(key).await?;
        self.check_standing(&key)?;
        let run = self.run(&key)?;
        let _turn = run.verb.lock().await;
        let migration = run.state.lock().await.clone();
        check(&migration, to, Direction::Forth)?;
        may_wait(&run.key, migration.phase.name())?;
        let (appointment, note) = match when {
            When::Postponed => {
                let (_, evidence) = self.pass_gate(&run, false).await?;
                let since_ms = now_ms();
                (
                    Some(Appointment::Postponed { since_ms }),
                    json!({ "gate": gate::verdict(&evidence) }),
                )
            }
            When::At { at_ms } => {
                is_ahead(at_ms, now_ms())?;
                (Some(Appointment::At { at_ms }), json!({ "at_ms": at_ms }))
            }
            When::Never => (None, json!(null)),
        };
        self.advance_noting(&run, Event::Appoint(appointment.clone()), note)
            .await?;
        if let Some(Appointment::At { at_ms }) = appointment {
            self.await_appointment(Arc::clone(&run), at_ms);
        }
        Ok(run.status.borrow().clone())
    }

    /// Lets somebody wait for the time. Where another one was set meanwhile, nothing comes of it.
    pub(super) fn await_appointment(self: &Arc<Self>, run: Arc<Run>, at_ms: u64) {
        let inner = Arc::clone(self);
        lock(&self.tasks).spawn(async move {
            let mut stopping = inner.stopping.subscribe();
            tokio::select! {
                _stopped = stopping.wait_for(|stop| *stop) => {}
                () = inner.keep_appointment(&run, at_ms) => {}
            }
        });
    }

    async fn keep_appointment(self: &Arc<Self>, run: &Arc<Run>, at_ms: u64) {
        let appointment = Some(Appointment::At { at_ms });
        let mut failures = 0;
        loop {
            if run.state.lock().await.appointment != appointment {
                return;
            }
            let ahead = Duration::from_millis(at_ms.saturating_sub(now_ms()));
            if !ahead.is_zero() {
                tokio::time::sleep(ahead.min(CLOCK_EVERY)).await;
                continue;
            }
            match self.make_appointed(run, at_ms).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(field = %run.key, kind = ?error.kind, %error, "a cutover at its time failed; it is tried again");
                    run.show_error(Some(error.to_string()));
                    failures += 1;
                    tokio::time::sleep(self.backoff(failures)).await;
                }
            }
        }
    }

    /// Flips, or says why not. An error is of what may pass: the upstream, the store.
    async fn make_appointed(self: &Arc<Self>, run: &Arc<Run>, at_ms: u64) -> Result<(), ControlError> {
        let _turn = run.verb.lock().await;
        let migration = run.state.lock().await.clone();
        if migration.appointment != Some(Appointment::At { at_ms }) {
            return Ok(());
        }
        let late_ms = now_ms().saturating_sub(at_ms);
        let late_max_ms = self.settings.cutover_late_max_ms;
        if late_ms > late_max_ms {
            let why = format!("it could not be made within {late_max_ms} ms of its time");
            return self.miss(run, at_ms, vec![why]).await;
        }
        let ready = match self.check_standing(&run.key) {
            Ok(()) => self.pass_gate(run, false).await,
            Err(error) => Err(error),
        };
        match ready {
            Ok((armed, evidence)) => {
                let note = json!({
                    "points": evidence.points, "missing": evidence.missing, "pending": evidence.pending,
                    "at_ms": at_ms, "gate": gate::verdict(&evidence),
                });
                let step = self.advance_noting(run, Event::CutOver(armed), note).await?;
                run.wake.notify_one();
                // The flip is made, whatever its report says.
                if let Err(error) = self.report(run, &step.next, false).await {
                    tracing::warn!(field = %run.key, %error, "the cutover at its time was made");
                }
                Ok(())
            }
            Err(error) => match error.kind {
                ErrorKind::NotReady => {
                    let why = error.reasons.iter().map(Reason::to_string).collect();
                    self.miss(run, at_ms, why).await
                }
                ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::NotFound => {
                    self.miss(run, at_ms, vec![error.message]).await
                }
                ErrorKind::Upstream | ErrorKind::Embedder | ErrorKind::Store | ErrorKind::Stopping => {
                    Err(error)
                }
            },
        }
    }

    async fn miss(
        self: &Arc<Self>,
        run: &Arc<Run>,
        at_ms: u64,
        why: Vec<String>,
    ) -> Result<(), ControlError> {
        tracing::warn!(field = %run.key, ?why, "a cutover is not made at its time");
        let note = json!({ "at_ms": at_ms, "why": why });
        let missed = Appointment::Missed { at_ms, why };
        self.advance_noting(run, Event::Appoint(Some(missed)), note)
            .await?;
        Ok(())
    }
}

/// Whether a time can be waited for.
pub(super) fn is_ahead(at_ms: u64, now_ms: u64) -> Result<(), ControlError> {
    match at_ms <= now_ms || at_ms - now_ms > AHEAD_MAX_MS {
        true => Err(ControlError::new(
            ErrorKind::Invalid,
            "the time of a cutover must be ahead, and within a year",
        )),
        false => Ok(()),
    }
}

/// A cutover that is made at once or never has nothing to wait for.
pub(super) fn may_wait(key: &FieldKey, phase: PhaseName) -> Result<(), ControlError> {
    match phase {
        PhaseName::DualWriting
        | PhaseName::Backfilling
        | PhaseName::Paused
        | PhaseName::Ready
        | PhaseName::RolledBack => Ok(()),
        PhaseName::Planned
        | PhaseName::Opening
        | PhaseName::ServingNew
        | PhaseName::Brownout
        | PhaseName::Retiring
        | PhaseName::Done
        | PhaseName::Cancelling
        | PhaseName::Cancelled => Err(ControlError::new(
            ErrorKind::Conflict,
            format!("the migration of `{key}` is in phase `{phase}`, where no cutover is to come"),
        )),
    }
}
