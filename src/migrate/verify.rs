//! Compares both spaces of a migration point by point, a page at a time, beside the migration's driver. How far it is
//! stands in the migration's own record, so that it goes on after a restart; what it saw is shown in the status, and its
//! end goes into the audit log.

mod page;
mod seen;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::MigrationStatus;
use super::audit::{self, now_ms};
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, encode, lock};
use super::run::Run;
use crate::domain::ids::FieldKey;
use crate::domain::phase::{Migration, PhaseName};
use crate::domain::verify::{Ask, Verification};
use crate::store::Commit;

/// How far it is, is stored at most this often.
const STORE_EVERY: Duration = Duration::from_secs(1);

impl Inner {
    /// Begins a verification, or takes up the one that is under way.
    pub(super) async fn verify(
        self: &Arc<Self>,
        key: &FieldKey,
        ask: Ask,
    ) -> Result<MigrationStatus, ControlError> {
        let run = self.run(&self.real(key).await?)?;
        self.check_standing(&run.key)?;
        let _turn = run.verb.lock().await;
        let migration = run.state.lock().await.clone();
        check_phase(&migration)?;
        let known = migration.verification.as_ref();
        match known.filter(|known| known.finished_at_ms.is_none()) {
            Some(known) if known.ask == ask => {}
            Some(known) if run.verifying.load(Ordering::SeqCst) => {
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    format!(
                        "a verification of `{}` with --sample {}{} is under way, at {} of {} points: wait for its end, or join it with the same options",
                        run.key,
                        known.ask.sample,
                        if known.ask.repair { " --repair" } else { "" },
                        known.points,
                        known.total
                    ),
                ));
            }
            Some(_) | None => {
                let field = self.field_of(&migration)?;
                let points = self.view(&field).points();
                let total = self.calls.count(run.key.collection.as_str(), points).await?;
                let begun = Verification::begun(ask, [&migration.from, &migration.to], total, now_ms());
                self.store_verification(&run, Some(begun), None).await?;
            }
        }
        self.spawn_verification(Arc::clone(&run));
        let status = run.status.borrow().clone();
        Ok(status)
    }

    /// Lets a stored verification go on, if it does not already.
    pub(super) fn spawn_verification(self: &Arc<Self>, run: Arc<Run>) {
        if run.verifying.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = Arc::clone(self);
        lock(&self.tasks).spawn(async move {
            let mut stopping = inner.stopping.subscribe();
            tokio::select! {
                _stopped = stopping.wait_for(|stop| *stop) => {}
                () = inner.look_through(&run) => {}
            }
            run.verifying.store(false, Ordering::SeqCst);
        });
    }

    /// Page after page until the end; after an error, later again.
    async fn look_through(self: &Arc<Self>, run: &Arc<Run>) {
        let mut failures = 0u32;
        loop {
            match self.look_on(run).await {
                Ok(()) => return,
                Err(error) if error.kind == ErrorKind::Conflict => {
                    tracing::warn!(field = %run.key, %error, "a verification was given up");
                    if let Err(error) = self.store_verification(run, None, None).await {
                        tracing::warn!(field = %run.key, %error, "that a verification was given up is not stored");
                    }
                    return;
                }
                Err(error) => {
                    tracing::warn!(field = %run.key, kind = ?error.kind, %error, "a verification's page failed; it is tried again");
                    run.status.send_modify(|status| {
                        if let Some(known) = &mut status.verification {
                            known.error = Some(error.to_string());
                        }
                    });
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(self.backoff(failures)).await;
                }
            }
        }
    }

    /// From where it was stored to the end.
    async fn look_on(self: &Arc<Self>, run: &Arc<Run>) -> Result<(), ControlError> {
        let stored = run.state.lock().await.verification.clone();
        let Some(mut seen) = stored.filter(|known| known.finished_at_ms.is_none()) else {
            return Ok(());
        };
        let mut stored_at = Instant::now();
        loop {
            let migration = run.state.lock().await.clone();
            check_phase(&migration)?;
            self.check_standing(&run.key)?;
            let next = match self.look_at_page(&migration, &mut seen).await {
                Ok(next) => next,
                Err(error) => {
                    // Goes on from here, in this process or the next.
                    self.store_verification(run, Some(seen), None).await?;
                    return Err(error);
                }
            };
            if seen.ask.repair {
                run.wake.notify_one();
            }
            seen.cursor = next;
            if seen.cursor.is_none() {
                seen.finished_at_ms = Some(now_ms());
                let line = line_about(&migration, &seen);
                return self.store_verification(run, Some(seen), Some(line)).await;
            }
            if stored_at.elapsed() >= STORE_EVERY {
                self.store_verification(run, Some(seen.clone()), None).await?;
                stored_at = Instant::now();
            } else {
                run.show_verification(Some(seen.clone()));
            }
        }
    }

    async fn store_verification(
        &self,
        run: &Run,
        verification: Option<Verification>,
        audit: Option<String>,
    ) -> Result<(), ControlError> {
        let mut state = run.state.lock().await;
        self.check_known(run)?;
        let next = state.with_verification(verification);
        let rest = Commit {
            migration: Some((run.key.clone(), encode(&next)?)),
            audit,
            ..Commit::default()
        };
        self.registry.record(rest).await?;
        run.show_verification(next.verification.clone());
        *state = next;
        Ok(())
    }
}

/// What a record keeps of a verification.
pub(super) fn digests(seen: &Verification) -> Value {
    let spaces = seen.spaces.iter();
    json!({
        "finished_at_ms": seen.finished_at_ms,
        "false_claims": seen.false_claims(),
        "digests": spaces
            .map(|space| json!({ "vector": space.vector, "digest": space.digest }))
            .collect::<Vec<_>>(),
    })
}

fn line_about(migration: &Migration, seen: &Verification) -> String {
    let detail = json!({
        "field": migration.key.to_string(),
        "from": migration.from.model,
        "to": migration.to.model,
        "phase": migration.phase.name(),
        "points": seen.points,
        "repaired": seen.repaired,
        "verification": digests(seen),
    });
    audit::line("verified", detail)
}

/// Both spaces must stand, and be written.
pub(super) fn check_phase(migration: &Migration) -> Result<(), ControlError> {
    let phase = migration.phase.name();
    match phase {
        PhaseName::Backfilling
        | PhaseName::Paused
        | PhaseName::Ready
        | PhaseName::ServingNew
        | PhaseName::RolledBack
        | PhaseName::Brownout => Ok(()),
        PhaseName::Planned
        | PhaseName::Opening
        | PhaseName::DualWriting
        | PhaseName::Retiring
        | PhaseName::Done
        | PhaseName::Cancelling
        | PhaseName::Cancelled => Err(ControlError::new(
            ErrorKind::Conflict,
            format!(
                "the migration of `{}` is in phase `{phase}`, where it has not two spaces to compare",
                migration.key
            ),
        )),
    }
}
