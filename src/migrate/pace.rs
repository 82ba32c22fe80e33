//! The throttle of one backfill at work: what it looks at, and what is shown of it. What it decides is the domain's.

use std::time::Instant;

use qdrant_client::qdrant::{CollectionInfo, CollectionStatus};
use serde::{Deserialize, Serialize};

use super::error::ControlError;
use super::fill::{FillError, Filled};
use super::inner::Inner;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::model::ModelId;
use crate::domain::phase::Migration;
use crate::domain::throttle::{Level, Look, Spent, Throttle, Turn, Upstream, Why, Window};

/// How fast a backfill may go, and what it has spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThrottleStatus {
    /// Points per second that it is held to; absent: it is not held.
    pub points_per_second: Option<f64>,
    /// Why it is held or waits: `rate`, `latency`, `embedder`, `queue`, `optimizer`, `minute` or `spent`.
    pub reason: Option<String>,
    /// The same in words.
    pub why: Option<String>,
    /// Calls of the embedder's endpoint so far.
    pub requests: u64,
    /// Estimated tokens so far.
    pub tokens_estimated: u64,
    /// What they cost at the model's price; absent where it has none.
    pub cost_estimated: Option<f64>,
}

/// One migration's throttle with its clock. Made anew when the migration is begun or taken up.
pub(super) struct Pace {
    throttle: Throttle,
    clock: Instant,
    price: Option<f64>,
    /// Live requests up to the last look that could say something.
    seen: Window,
}

impl Pace {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A pass begins: nothing of an earlier one is under way.
    pub fn start(&mut self) {
        self.throttle.abandoned();
    }

    /// Whether a page may start now, at the operator's rate.
    pub fn turn(&mut self, rate: Option<u32>) -> Turn {
        self.throttle.set_rate(rate);
        self.throttle.turn(self.now_ms())
    }

    /// Points that the next page may hold.
    pub fn page_points(&self, most: u32) -> u32 {
        self.throttle.page_points(most)
    }

    /// A page begins, of so many points, and with what it will spend at most.
    pub fn begun(&mut self, (points, reserved): (u64, Spent)) {
        self.throttle.begun(points, reserved, self.now_ms());
    }

    /// The same page has ended; so much was spent since another one had.
    pub fn ended(&mut self, (_, reserved): (u64, Spent), filled: &Result<Filled, FillError>, spent: Spent) {
        let points = filled.as_ref().map_or(0, |filled| filled.points);
        self.throttle.paid(spent);
        self.throttle.ended(points, reserved);
        if let Err(FillError::Embed(failure)) = filled
            && failure.error.is_about_load()
        {
            let wait = failure.error.retry_after();
            let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            self.throttle.refused(wait_ms, self.now_ms());
        }
    }

    /// What is shown. `waits_for` is why nothing starts now.
    pub fn status(&self, waits_for: Option<Why>) -> ThrottleStatus {
        let why = waits_for.or(self.throttle.why());
        ThrottleStatus {
            points_per_second: self.throttle.rate(),
            reason: why.map(|why| why.code().to_owned()),
            why: why.map(|why| why.to_string()),
            ..self.spent()
        }
    }

    /// What is shown where nothing is to be filled.
    pub fn spent(&self) -> ThrottleStatus {
        let spent = self.throttle.spent();
        ThrottleStatus {
            requests: spent.requests,
            tokens_estimated: spent.tokens,
            cost_estimated: self.price.map(|price| spent.money(price)),
            ..ThrottleStatus::default()
        }
    }
}

impl Inner {
    /// A throttle for a migration.
    pub(super) fn pace(&self, migration: &Migration) -> Pace {
        let (_, price) = self.batch_and_price(&migration.to.model);
        let before = migration.live_p99_us.map(|p99_us| Level { p99_us });
        Pace {
            throttle: Throttle::new(
                self.settings.bounds,
                before,
                migration.spent,
                price.unwrap_or_default(),
            ),
            clock: Instant::now(),
            price,
            seen: self.registry.latency().window(&migration.key.collection),
        }
    }

    /// Looks at the live traffic and at the upstream.
    pub(super) async fn look(&self, pace: &mut Pace, migration: &Migration) -> Result<(), ControlError> {
        let collection = &migration.key.collection;
        let info = self.calls.collection(collection.as_str()).await?;
        let now = self.registry.latency().window(collection);
        let live = now.since(&pace.seen).level();
        if live.is_some() {
            pace.seen = now;
        }
        let look = Look {
            live,
            upstream: optimisers(&info),
            queue: info.update_queue.map(|queue| queue.length),
        };
        pace.throttle.looked(look, pace.now_ms());
        Ok(())
    }

    /// Texts in one call of the model's endpoint, where it has one, and its price.
    pub(super) fn batch_and_price(&self, model: &ModelId) -> (Option<usize>, Option<f64>) {
        match self.spec(model) {
            EmbedderSpec::OpenAi(spec) => (Some(spec.batch_max), spec.price_per_million_tokens),
            EmbedderSpec::HashedWords {} | EmbedderSpec::CharNgrams { .. } | EmbedderSpec::None => {
                (None, None)
            }
        }
    }
}

fn optimisers(info: &CollectionInfo) -> Upstream {
    match info.status() {
        CollectionStatus::UnknownCollectionStatus | CollectionStatus::Green => Upstream::Idle,
        CollectionStatus::Yellow | CollectionStatus::Grey => Upstream::Optimizing,
        CollectionStatus::Red => Upstream::Failing,
    }
}
