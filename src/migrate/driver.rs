//! Runs one migration: does what its phase owes, steps, and does it again; after an error, later. Every turn may be cut
//! off anywhere: what is stored and what is pending say where to go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use qdrant_client::qdrant::Filter;

use super::api::Unsourced;
use super::error::{ControlError, ErrorKind};
use super::fill::FillError;
use super::inner::{Inner, chain, lock};
use super::making::Meter;
use super::pace::Pace;
use super::pages::Passed;
use super::run::Run;
use super::waiting::Waiting;
use crate::domain::phase::{Event, Migration, Phase, Progress, Retirement};
use crate::store::Commit;
use crate::upstream::calls::parse_id;

/// Exact counts are taken at most this often while pages are filled.
pub(super) const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What a driver does after a turn.
pub(super) enum Next {
    /// The next turn.
    Again,
    /// Nothing is to be done now: wait, or be woken.
    Wait,
    /// Nothing may be done for so long, unless it is woken.
    Hold(Duration),
    /// The migration is over, or was never begun.
    End,
}

/// What a driver remembers between turns. None of it must survive a crash.
#[derive(Default)]
pub(super) struct Memory {
    pub waiting: Waiting,
    pub counted_at: Option<Instant>,
    pub filled_in_pass: u64,
    /// Whether a page was filled since the driver last looked.
    pub was_filled: bool,
    /// Points that this pass could not fill.
    pub unsourced: Unsourced,
    /// What was paid for and is not stored yet.
    pub meter: Arc<Meter>,
    /// Of a migration that this process has begun or taken up.
    pub pace: Option<Pace>,
}

impl Memory {
    fn begin_pass(&mut self) {
        self.filled_in_pass = 0;
        self.unsourced = Unsourced::default();
    }
}

/// Drives a migration until the process stops.
pub(super) async fn drive(inner: Arc<Inner>, run: Arc<Run>) {
    let mut stopping = inner.stopping.subscribe();
    let mut memory = Memory::default();
    let mut failures = 0u32;
    loop {
        let turn = async {
            let wait = match inner.turn(&run, &mut memory).await {
                Ok(Next::Again) => Duration::ZERO,
                Ok(Next::Hold(wait)) => {
                    // What failed before may fail again: it is not forgotten before something came of a page.
                    if std::mem::take(&mut memory.was_filled) {
                        failures = 0;
                        run.show_error(None);
                    }
                    inner.rest(&run, wait).await;
                    return Some(());
                }
                Ok(Next::Wait) => Duration::from_millis(inner.settings.look_every_ms),
                Ok(Next::End) => return None,
                Err(error) => {
                    tracing::warn!(field = %run.key, kind = ?error.kind, %error, "a migration's turn failed; it is tried again");
                    run.show_error(Some(error.to_string()));
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(inner.backoff(failures)).await;
                    return Some(());
                }
            };
            failures = 0;
            run.show_error(None);
            if !wait.is_zero() {
                inner.rest(&run, wait).await;
            }
            Some(())
        };
        tokio::select! {
            _stopped = stopping.wait_for(|stop| *stop) => return,
            more = turn => if more.is_none() { return },
        }
    }
}

impl Inner {
    /// Waits until something wakes the migration, or the time is over; but for a gap, whatever pokes.
    async fn rest(&self, run: &Run, wait: Duration) {
        let gap = Duration::from_millis(self.settings.look_gap_ms).min(wait);
        tokio::time::sleep(gap).await;
        // Whether it was woken or the time is over, it looks again.
        let _woken = tokio::time::timeout(wait.saturating_sub(gap), run.wake.notified())
            .await
            .is_ok();
    }

    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let doubled = 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let wait_ms = self.settings.backoff_first_ms.saturating_mul(doubled);
        Duration::from_millis(wait_ms.min(self.settings.backoff_max_ms))
    }

    async fn turn(self: &Arc<Self>, run: &Arc<Run>, memory: &mut Memory) -> Result<Next, ControlError> {
        let migration = run.state.lock().await.clone();
        let is_over = lock(&self.runs)
            .get(&run.key)
            .is_none_or(|current| !Arc::ptr_eq(current, run));
        if is_over {
            return Ok(Next::End);
        }
        if !self.standing(&migration.key).is_open() {
            return Ok(Next::Wait);
        }
        let done = self.turn_of(run, &migration, memory).await;
        match done {
            // An order came in between: what the turn was about is over, and its error says nothing.
            Err(_) if run.state.lock().await.phase.name() != migration.phase.name() => Ok(Next::Again),
            done => done,
        }
    }

    async fn turn_of(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        memory: &mut Memory,
    ) -> Result<Next, ControlError> {
        match &migration.phase {
            Phase::Planned | Phase::Done(_) | Phase::Cancelled => Ok(Next::End),
            Phase::Paused(_) => Ok(Next::Wait),
            Phase::Opening => {
                self.open(run, migration).await?;
                Ok(Next::Again)
            }
            Phase::DualWriting => {
                self.registry.drained(self.registry.current_epoch()).await;
                self.advance(run, Event::Drained).await?;
                Ok(Next::Again)
            }
            Phase::Backfilling(progress) => self.backfill(run, migration, progress, memory).await,
            Phase::Ready(_) | Phase::ServingNew(_) | Phase::RolledBack(_) => {
                self.keep_fresh(run, migration, memory).await
            }
            Phase::Brownout(retirement) => {
                if self.brownout_is_over(run, migration, retirement) {
                    self.advance(run, Event::BrownoutOver).await?;
                    return Ok(Next::Again);
                }
                self.keep_fresh(run, migration, memory).await
            }
            Phase::Retiring(Retirement { prepared: None, .. }) => {
                let spaces = (&migration.from, &migration.to);
                match self.rescue(run, migration, spaces, memory).await? {
                    Some(next) => Ok(next),
                    None => {
                        self.prepare_drop(run, migration).await?;
                        Ok(Next::Again)
                    }
                }
            }
            Phase::Retiring(Retirement {
                prepared: Some(prepared),
                ..
            }) => {
                self.drop_space(run, migration, &migration.from, Some(prepared))
                    .await?;
                Ok(Next::End)
            }
            Phase::Cancelling => {
                let spaces = (&migration.to, &migration.from);
                match self.rescue(run, migration, spaces, memory).await? {
                    Some(next) => Ok(next),
                    None => {
                        self.drop_space(run, migration, &migration.to, None).await?;
                        Ok(Next::End)
                    }
                }
            }
        }
    }

    /// One pass, and its end; or, where the throttle holds it, as much of it as it may do.
    async fn backfill(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        progress: &Progress,
        memory: &mut Memory,
    ) -> Result<Next, ControlError> {
        if progress.cursor.is_none() {
            memory.begin_pass();
        }
        let from = match &progress.cursor {
            Some(cursor) => Some(parse_id(cursor).ok_or_else(|| {
                ControlError::new(
                    ErrorKind::Store,
                    format!("`{cursor}` is no point id: the store is damaged"),
                )
            })?),
            None => None,
        };
        let pending = self.view(&self.field_of(migration)?).pending(&migration.to);
        let wanted = (&migration.to, &pending);
        match self.pass(run, migration, wanted, from, memory).await? {
            Passed::Whole => {}
            Passed::Held(wait) => return Ok(Next::Hold(wait)),
            Passed::Elsewhere => return Ok(Next::Again),
        }
        run.show_unsourced(&memory.unsourced, true);
        let waited = self.barrier(memory).await?;
        let migration = run.state.lock().await.clone();
        let counted = self.count(run, &migration).await?;
        let step = self
            .advance(
                run,
                Event::PassEnded {
                    pending: counted.pending,
                },
            )
            .await?;
        self.count(run, &step.next).await?;
        // A pass that changed nothing would change nothing at once again: what is missing must come from elsewhere.
        match counted.pending > 0 && memory.filled_in_pass == 0 && !waited {
            true => Ok(Next::Wait),
            false => Ok(Next::Again),
        }
    }

    /// Fills what became pending in either space. The one that a flip would make serve comes first.
    async fn keep_fresh(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        memory: &mut Memory,
    ) -> Result<Next, ControlError> {
        let field = self.field_of(migration)?;
        let view = self.view(&field);
        let next = migration.next_to_serve();
        let other = match *next == migration.to {
            true => &migration.from,
            false => &migration.to,
        };
        memory.begin_pass();
        let mut was_held = None;
        for space in [next, other] {
            let pending = view.pending(space);
            if self.count_of(migration, &pending).await? > 0 {
                match self.pass(run, migration, (space, &pending), None, memory).await? {
                    Passed::Whole => {}
                    Passed::Held(wait) => was_held = Some(wait),
                    Passed::Elsewhere => return Ok(Next::Again),
                }
            }
            if space == next && was_held.is_none() {
                run.show_unsourced(&memory.unsourced, true);
            }
        }
        let waited = self.barrier(memory).await?;
        self.count(run, migration).await?;
        match (was_held, waited) {
            (Some(wait), _) => Ok(Next::Hold(wait)),
            (None, true) => Ok(Next::Again),
            (None, false) => {
                if let Some(pace) = &memory.pace {
                    run.show_throttle(Some(pace.spent()));
                }
                Ok(Next::Wait)
            }
        }
    }

    /// Points of the migration's collection that a filter matches.
    pub(super) async fn count_of(&self, migration: &Migration, filter: &Filter) -> Result<u64, ControlError> {
        let collection = migration.key.collection.as_str();
        Ok(self.calls.count(collection, filter.clone()).await?)
    }

    /// Where points wait for the requests of their time: publishes the same table anew, and waits until every request
    /// of an earlier one has answered. Returns whether any waited.
    pub(super) async fn barrier(&self, memory: &mut Memory) -> Result<bool, ControlError> {
        if memory.waiting.is_empty() {
            return Ok(false);
        }
        let epoch = self.publish(|_| Ok(()), Commit::default()).await?;
        self.registry.drained(epoch).await;
        memory.waiting.release();
        Ok(true)
    }
}

impl From<FillError> for ControlError {
    fn from(error: FillError) -> Self {
        let kind = match &error {
            FillError::Call(_) => ErrorKind::Upstream,
            FillError::Embed(_) => ErrorKind::Embedder,
        };
        Self::new(kind, chain(&error))
    }
}
