//! Retirement of the space that served before: the gate, a brownout in which reads of it are refused, then the drop.

use std::sync::Arc;

use serde_json::json;

use super::api::{BrownoutStatus, MigrationStatus, Retire, UndeclaredChoice};
use super::audit::now_ms;
use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::run::Run;
use crate::domain::gate::{self, Reason, RetireEvidence};
use crate::domain::ids::FieldKey;
use crate::domain::phase::{Event, Migration, Phase, Retirement, Tally};
use crate::domain::table::{Field, Space, Undeclared};

impl Inner {
    /// Begins a retirement. Given again during the brownout, it says where that stands, or, forced, ends it at once.
    pub(super) async fn retire(
        self: &Arc<Self>,
        key: &FieldKey,
        ask: &Retire,
    ) -> Result<MigrationStatus, ControlError> {
        let run = self.run(&self.real(key).await?)?;
        let _turn = run.verb.lock().await;
        let migration = run.state.lock().await.clone();
        match &migration.phase {
            Phase::ServingNew(tally) => {
                let retirement = self.may_retire(&migration, tally, ask).await?;
                let note = json!({ "forced": ask.force, "undeclared": retirement.undeclared });
                self.advance_noting(&run, Event::Retire(retirement), note).await?;
            }
            Phase::Brownout(_) => {
                if let Some(why) = &ask.force {
                    self.advance_noting(&run, Event::BrownoutOver, json!({ "forced": why }))
                        .await?;
                }
            }
            Phase::Retiring(_) | Phase::Done(_) => {}
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::RolledBack(_)
            | Phase::Cancelling
            | Phase::Cancelled => {
                return Err(not_flipped(&migration));
            }
        }
        run.wake.notify_one();
        Ok(run.status.borrow().clone())
    }

    pub(super) async fn may_retire(
        &self,
        migration: &Migration,
        tally: &Tally,
        ask: &Retire,
    ) -> Result<Retirement, ControlError> {
        let field = self.field(&migration.key)?;
        let undeclared = self.policy(ask.undeclared.as_ref(), migration)?;
        let endangered = self.view(&field).held_only_by(&migration.from, &migration.to);
        let pending = self.count_of(migration, &endangered).await?;
        let evidence = self.retire_evidence(migration, &field, &undeclared, ask, pending);
        let reasons = gate::against_retiring(&evidence);
        let stand: Vec<Reason> = match ask.force {
            // What would break every undeclared client, or lose vectors, is not a matter of patience.
            Some(_) => reasons
                .into_iter()
                .filter(|reason| matches!(reason, Reason::PinnedUndeclared { .. } | Reason::Pending { .. }))
                .collect(),
            None => reasons,
        };
        if !stand.is_empty() {
            let said: Vec<String> = stand.iter().map(Reason::to_string).collect();
            return Err(ControlError {
                kind: ErrorKind::NotReady,
                message: format!(
                    "the space of `{}` for `{}` cannot be retired yet: {}",
                    migration.from.model,
                    migration.key,
                    said.join("; ")
                ),
                reasons: stand,
            });
        }
        let since_ms = now_ms();
        Ok(Retirement {
            tally: tally.clone(),
            since_ms,
            until_ms: since_ms.saturating_add(ask.brownout_seconds.saturating_mul(1_000)),
            undeclared,
            prepared: None,
        })
    }

    fn retire_evidence(
        &self,
        migration: &Migration,
        field: &Field,
        undeclared: &Option<Undeclared>,
        ask: &Retire,
        pending: u64,
    ) -> RetireEvidence {
        let leaving = &migration.from.model;
        let pinned_to = match undeclared.as_ref().unwrap_or(&field.undeclared) {
            Undeclared::Pinned(model) if model == leaving => Some(model.clone()),
            Undeclared::Pinned(_) | Undeclared::Reject => None,
        };
        RetireEvidence {
            quiet_for_seconds: self.quiet_for_seconds(migration, &migration.from),
            quiet_seconds: ask.quiet_seconds,
            callers: self.callers(migration, &migration.from),
            pinned_to,
            pending,
        }
    }

    fn policy(
        &self,
        choice: Option<&UndeclaredChoice>,
        migration: &Migration,
    ) -> Result<Option<Undeclared>, ControlError> {
        match choice {
            None => Ok(None),
            Some(UndeclaredChoice::Reject) => Ok(Some(Undeclared::Reject)),
            Some(UndeclaredChoice::Pinned(name)) if name.names(&migration.to.model) => {
                Ok(Some(Undeclared::Pinned(migration.to.model.clone())))
            }
            Some(UndeclaredChoice::Pinned(name)) => Err(ControlError::new(
                ErrorKind::Invalid,
                format!(
                    "after the retirement `{}` alone serves `{}`: requests cannot be pinned to `{name}`",
                    migration.to.model, migration.key
                ),
            )),
        }
    }

    /// Whether the space may go now; shows who still asks for it.
    pub(super) fn brownout_is_over(&self, run: &Run, migration: &Migration, retirement: &Retirement) -> bool {
        let now = now_ms();
        let lasted_seconds = now.saturating_sub(retirement.since_ms) / 1_000;
        let leaving = &migration.from;
        // Reads are noted in memory only: after a restart, what was noted before is not known, so the watch counts anew.
        let was_asked_for = self.quiet_for_seconds(migration, leaving) < lasted_seconds;
        let callers = match was_asked_for {
            true => self.callers(migration, leaving),
            false => Vec::new(),
        };
        run.show_brownout(Some(BrownoutStatus {
            until_ms: retirement.until_ms,
            callers,
        }));
        now >= retirement.until_ms && !was_asked_for
    }

    pub(super) fn quiet_for_seconds(&self, migration: &Migration, space: &Space) -> u64 {
        let usage = self.registry.usage();
        usage.quiet_for_seconds(&migration.key.collection, &space.vector)
    }

    /// Who read a space, as people read it.
    pub(super) fn callers(&self, migration: &Migration, space: &Space) -> Vec<String> {
        let usage = self.registry.usage();
        let callers = usage.callers(&migration.key.collection, &space.vector);
        callers
            .into_iter()
            .map(|(name, ago)| format!("{name} ({ago} s ago)"))
            .collect()
    }
}

/// There is no old space yet.
pub(super) fn not_flipped(migration: &Migration) -> ControlError {
    ControlError::new(
        ErrorKind::Conflict,
        format!(
            "`{}` serves `{}`: only after `interlock migrate cutover` is there an old space to retire; `interlock migrate cancel` drops the new one",
            migration.from.model, migration.key
        ),
    )
}
