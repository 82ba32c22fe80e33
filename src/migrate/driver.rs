//! Runs one migration: does what its phase owes, steps, and does it again; after an error, later. Every turn may be cut
//! off anywhere: what is stored and what is pending say where to go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use qdrant_client::qdrant::PointId as ProtoId;

use super::candidate;
use super::error::{ControlError, ErrorKind};
use super::fill::{FillError, Filled, Filler};
use super::inner::{Inner, chain, lock};
use super::pace::Pace;
use super::run::Run;
use super::waiting::Waiting;
use crate::domain::phase::{Event, Migration, Phase, Progress};
use crate::domain::table::Space;
use crate::domain::throttle::Turn;
use crate::store::Commit;
use crate::upstream::calls::{PageQuery, parse_id, spelled};

/// Exact counts are taken at most this often while pages are filled.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What a driver does after a turn.
enum Next {
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
struct Memory {
    waiting: Waiting,
    counted_at: Option<Instant>,
    filled_in_pass: u64,
    /// Of a backfill that this process has begun or taken up.
    pace: Option<Pace>,
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
                    // Whether it was woken or the time is over, it looks again.
                    let _woken = tokio::time::timeout(wait, run.wake.notified()).await.is_ok();
                    Duration::ZERO
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
                let gap = Duration::from_millis(inner.settings.look_gap_ms);
                tokio::time::sleep(gap).await;
                // Whether it was woken or the time is over, it looks again.
                let _woken = tokio::time::timeout(wait.saturating_sub(gap), run.wake.notified())
                    .await
                    .is_ok();
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
            Phase::Retiring(_) => {
                self.drop_space(run, migration, &migration.from).await?;
                Ok(Next::End)
            }
            Phase::Cancelling => {
                self.drop_space(run, migration, &migration.to).await?;
                Ok(Next::End)
            }
        }
    }

    /// When a page that starts now begins, by the throttle's clock; or, where none may start, what to do instead.
    fn may_page(
        &self,
        run: &Run,
        migration: &Migration,
        progress: &Progress,
        memory: &mut Memory,
    ) -> Result<u64, Next> {
        let pace = memory.pace.get_or_insert_with(|| self.pace(migration, progress));
        match pace.turn(migration.rate) {
            Turn::Go => Ok(pace.now_ms()),
            Turn::Wait { ms, why } => {
                run.show_throttle(Some(pace.status(why)));
                Err(Next::Hold(Duration::from_millis(ms)))
            }
        }
    }

    /// One page of a pass, and after the last one the pass's end.
    async fn backfill(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        progress: &Progress,
        memory: &mut Memory,
    ) -> Result<Next, ControlError> {
        let began_ms = match self.may_page(run, migration, progress, memory) {
            Ok(began_ms) => began_ms,
            Err(instead) => return Ok(instead),
        };
        if progress.cursor.is_none() {
            memory.filled_in_pass = 0;
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
        let (filled, next) = self.page(run, migration, &migration.to, from, memory).await?;
        if let Some(pace) = &mut memory.pace {
            pace.paged(filled.points, filled.spent, began_ms);
            run.show_throttle(Some(pace.status(None)));
        }
        memory.filled_in_pass += filled.points;
        let last = next.is_none();
        let page = Event::Page {
            next: next.as_ref().map(spelled),
            filled: filled.points,
            unsourced: filled.unsourced.len() as u64,
            spent: filled.spent,
        };
        self.advance(run, page).await?;
        let is_due = memory.counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        if !last {
            if is_due {
                self.count(run, migration).await?;
                if let Some(pace) = &mut memory.pace {
                    self.look(pace, migration).await?;
                    run.show_throttle(Some(pace.status(None)));
                }
                memory.counted_at = Some(Instant::now());
            }
            return Ok(Next::Again);
        }
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
        for space in [next, other] {
            let pending = self
                .calls
                .count(migration.key.collection.as_str(), view.pending(space))
                .await?;
            if pending == 0 {
                continue;
            }
            let mut from = None;
            loop {
                let (_, next_page) = self.page(run, migration, space, from, memory).await?;
                match next_page {
                    Some(_) => from = next_page,
                    None => break,
                }
            }
        }
        let waited = self.barrier(memory).await?;
        self.count(run, migration).await?;
        match waited {
            true => Ok(Next::Again),
            false => Ok(Next::Wait),
        }
    }

    /// Fills one page of what is pending in `space`, from an id on. Returns where the next one starts.
    async fn page(
        &self,
        run: &Run,
        migration: &Migration,
        space: &Space,
        from: Option<ProtoId>,
        memory: &mut Memory,
    ) -> Result<(Filled, Option<ProtoId>), ControlError> {
        let begun = Instant::now();
        let field = self.field_of(migration)?;
        let view = self.view(&field);
        let model = self.model(&space.model)?;
        let adopted = view.adopted().map(|space| self.model(&space.model)).transpose()?;
        let is_first = from.is_none();
        let query = PageQuery {
            filter: view.pending(space),
            from,
            points_max: self.settings.page_points,
            payload_paths: candidate::paths(view),
        };
        let page = self
            .calls
            .scroll(migration.key.collection.as_str(), query)
            .await?;
        let filler = Filler {
            calls: &self.calls,
            embedders: &self.embedders,
            collection: &migration.key.collection,
            view,
            space,
            model: &model,
            adopted: adopted.as_ref(),
            attempts_max: self.settings.page_attempts_max,
            batch_max: self.batch_and_price(&space.model).0,
        };
        let filled = match filler.page(page.points, &mut memory.waiting).await {
            Ok(filled) => filled,
            Err(error) => {
                if let Some(pace) = &mut memory.pace {
                    pace.failed(&error);
                    run.show_throttle(Some(pace.status(None)));
                }
                return Err(error.into());
            }
        };
        run.show_page(filled.points, begun.elapsed().as_secs_f64());
        self.show_unsourced(run, &filled, is_first);
        Ok((filled, page.next))
    }

    fn show_unsourced(&self, run: &Run, filled: &Filled, is_first: bool) {
        run.status.send_modify(|status| {
            if is_first {
                status.unsourced = Default::default();
            }
            status.unsourced.count += filled.unsourced.len() as u64;
            let room = self
                .settings
                .unsourced_listed_max
                .saturating_sub(status.unsourced.examples.len());
            status
                .unsourced
                .examples
                .extend(filled.unsourced.iter().take(room).cloned());
        });
        if let Some(refused) = &filled.refused {
            tracing::warn!(field = %run.key, %refused, "the embedder refuses the text of a point");
        }
    }

    /// Where points wait for the requests of their time: publishes the same table anew, and waits until every request
    /// of an earlier one has answered. Returns whether any waited.
    async fn barrier(&self, memory: &mut Memory) -> Result<bool, ControlError> {
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
