//! One pass over what is pending in a space. Pages are read one after the other, in the order of ids; several are embedded
//! and set at once; they are done in the order in which they were read, so that no cursor skips one. How many start, and
//! when, the throttle says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use qdrant_client::qdrant::{Filter, PointId as ProtoId};

use super::driver::{COUNT_EVERY, Memory};
use super::error::ControlError;
use super::fill::{FillError, Filled, Filler};
use super::inner::Inner;
use super::pace::Pace;
use super::run::Run;
use crate::domain::phase::{Event, Migration, Phase};
use crate::domain::table::Space;
use crate::domain::throttle::{Spent, Turn};
use crate::upstream::calls::spelled;

/// Texts of one call of an endpoint that a page makes room for.
const BATCH_TEXTS_MAX: usize = 256;
/// The shown rate is of at least so long.
const RATE_OVER: Duration = Duration::from_millis(250);

/// How a pass ended.
pub(super) enum Passed {
    /// Everything that was pending at its turn is done.
    Whole,
    /// Nothing may start for so long. What was started is done.
    Held(Duration),
    /// An order came in between.
    Elsewhere,
}

/// A page that was started, as it ended.
struct Ended {
    filled: Result<Filled, FillError>,
    /// Points that it was to set, and what it was thought to spend.
    began: (u64, Spent),
    /// The first id of the next page.
    next: Option<ProtoId>,
}

type Lane<'p> = FuturesOrdered<BoxFuture<'p, Ended>>;

impl Inner {
    /// Points in one page: the configured ones, or as many as one call of the model's endpoint takes.
    pub(super) fn page_points(&self, batch_max: Option<usize>) -> u32 {
        let batch = batch_max.unwrap_or_default().min(BATCH_TEXTS_MAX);
        self.settings.page_points.max(batch as u32)
    }

    /// Fills `space` with the points that a filter matches, from an id on.
    pub(super) async fn pass(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        (space, wanted): (&Space, &Filter),
        from: Option<ProtoId>,
        memory: &mut Memory,
    ) -> Result<Passed, ControlError> {
        let mut lane = Lane::new();
        let (mut from, mut is_read, mut is_elsewhere) = (from, false, false);
        let mut shown_at = (Instant::now(), 0);
        memory.pace(|| self.pace(migration)).start();
        loop {
            let mut held = None;
            while !is_read && lane.len() < self.settings.pages_in_flight_max.max(1) {
                let rate = match run.state.lock().await.clone() {
                    state if state.phase.name() == migration.phase.name() => state.rate,
                    _ => {
                        (is_read, is_elsewhere) = (true, true);
                        break;
                    }
                };
                let pace = memory.pace(|| self.pace(migration));
                if let Turn::Wait { ms, why } = pace.turn(rate) {
                    run.show_throttle(Some(pace.status(Some(why))));
                    held = Some(Duration::from_millis(ms));
                    break;
                }
                let (page, next) = self
                    .begin_page(migration, (space, wanted), from.take(), memory)
                    .await?;
                (from, is_read) = (next.clone(), next.is_none());
                lane.push_back(page);
            }
            let Some(ended) = lane.next().await else {
                return Ok(match (held, is_elsewhere) {
                    (_, true) => Passed::Elsewhere,
                    (Some(wait), false) => Passed::Held(wait),
                    (None, false) => Passed::Whole,
                });
            };
            shown_at.1 += ended.began.0;
            if shown_at.0.elapsed() >= RATE_OVER {
                run.show_rate(shown_at.1, shown_at.0.elapsed().as_secs_f64());
                shown_at = (Instant::now(), 0);
            }
            is_elsewhere |= !self.end_page(run, migration, space, ended, memory).await?;
            is_read |= is_elsewhere;
        }
    }

    /// Reads a page; what is left to do with it is returned, with where the next one starts.
    async fn begin_page<'p>(
        &'p self,
        migration: &'p Migration,
        (space, wanted): (&Space, &Filter),
        from: Option<ProtoId>,
        memory: &mut Memory,
    ) -> Result<(BoxFuture<'p, Ended>, Option<ProtoId>), ControlError> {
        let filler = self.filler(migration, (space, wanted), memory)?;
        let pace = memory.pace(|| self.pace(migration));
        let points_max = pace.page_points(self.page_points(filler.batch_max));
        let (read, next) = filler.read(from, points_max, &mut memory.waiting).await?;
        let began = (read.points(), filler.estimate(&read));
        memory.pace(|| self.pace(migration)).begun(began);
        let following = next.clone();
        let page = async move {
            Ended {
                filled: filler.fill(read).await,
                began,
                next,
            }
        };
        Ok((Box::pin(page), following))
    }

    fn filler<'p>(
        &'p self,
        migration: &'p Migration,
        (space, wanted): (&Space, &Filter),
        memory: &Memory,
    ) -> Result<Filler<'p>, ControlError> {
        let field = self.field_of(migration)?;
        let adopted = self.view(&field).adopted().cloned();
        Ok(Filler {
            calls: &self.calls,
            embedders: &self.embedders,
            cache: &self.cache,
            meter: Arc::clone(&memory.meter),
            collection: &migration.key.collection,
            reserved_key: &self.settings.reserved_key,
            space: space.clone(),
            wanted: wanted.clone(),
            model: self.model(&space.model)?,
            adopted: adopted.map(|space| self.model(&space.model)).transpose()?,
            attempts_max: self.settings.page_attempts_max,
            batch_max: self.batch_and_price(&space.model).0,
            field,
        })
    }

    /// Stores and shows what a page came to. Whether the pass goes on.
    async fn end_page(
        self: &Arc<Self>,
        run: &Arc<Run>,
        migration: &Migration,
        space: &Space,
        ended: Ended,
        memory: &mut Memory,
    ) -> Result<bool, ControlError> {
        let spent = memory.meter.take();
        let pace = memory.pace(|| self.pace(migration));
        pace.ended(ended.began, &ended.filled, spent);
        run.show_throttle(Some(pace.status(None)));
        let filled = match ended.filled {
            Ok(filled) => filled,
            Err(error) => {
                if !spent.is_nothing() {
                    self.advance(run, Event::Spent(spent)).await?;
                }
                return Err(error.into());
            }
        };
        run.show_page(filled.points);
        if *space == *migration.next_to_serve() {
            self.show_unsourced(run, &filled, memory);
        }
        memory.filled_in_pass += filled.points;
        memory.was_filled |= filled.points > 0;
        let phase = match &migration.phase {
            Phase::Backfilling(_) => {
                let page = Event::Page {
                    next: ended.next.as_ref().map(spelled),
                    filled: filled.points,
                    unsourced: filled.unsourced.len() as u64,
                    spent,
                };
                self.advance(run, page).await?.next.phase.name()
            }
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::ServingNew(_)
            | Phase::RolledBack(_)
            | Phase::Brownout(_)
            | Phase::Retiring(_)
            | Phase::Done(_)
            | Phase::Cancelling
            | Phase::Cancelled => match spent.is_nothing() {
                true => run.state.lock().await.phase.name(),
                false => self.advance(run, Event::Spent(spent)).await?.next.phase.name(),
            },
        };
        let goes_on = phase == migration.phase.name();
        let is_due = memory.counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        if goes_on && is_due && ended.next.is_some() {
            let state = run.state.lock().await.clone();
            self.count(run, &state).await?;
            let pace = memory.pace(|| self.pace(migration));
            self.look(pace, migration).await?;
            run.show_throttle(Some(pace.status(None)));
            memory.counted_at = Some(Instant::now());
        }
        Ok(goes_on)
    }

    /// Lists points without a source text.
    fn show_unsourced(&self, run: &Run, filled: &Filled, memory: &mut Memory) {
        if let Some(refused) = &filled.refused {
            tracing::warn!(field = %run.key, %refused, "the embedder refuses the text of a point");
        }
        memory.unsourced.count += filled.unsourced.len() as u64;
        let listed = memory.unsourced.examples.len();
        let room = self.settings.unsourced_listed_max.saturating_sub(listed);
        let more = filled.unsourced.iter().take(room).cloned();
        memory.unsourced.examples.extend(more);
        if filled.refused.is_some() {
            memory.unsourced.refused.clone_from(&filled.refused);
        }
        run.show_unsourced(&memory.unsourced, false);
    }
}

impl Memory {
    /// The throttle; made where there is none.
    pub(super) fn pace(&mut self, make: impl FnOnce() -> Pace) -> &mut Pace {
        self.pace.get_or_insert_with(make)
    }
}
