//! The throttle of one backfill at work: what it looks at, and what is shown of it. What it decides is the domain's.

use std::time::Instant;

use qdrant_client::qdrant::{CollectionInfo, CollectionStatus};
use serde::{Deserialize, Serialize};

use super::error::ControlError;
use super::fill::FillError;
use super::inner::Inner;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::model::ModelId;
use crate::domain::phase::{Migration, Progress};
use crate::domain::throttle::{Look, Spent, Throttle, Turn, Upstream, Why, Window};

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

/// One backfill's throttle with its clock. Made anew with each backfill that is begun or taken up.
pub(super) struct Pace {
    throttle: Throttle,
    clock: Instant,
    price: Option<f64>,
    /// Live requests up to the last look that could say something.
    seen: Window,
}

impl Pace {
    /// The milliseconds that the throttle knows.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a page may start now, at the operator's rate.
    pub fn turn(&mut self, rate: Option<u32>) -> Turn {
        self.throttle.set_rate(rate);
        self.throttle.turn(self.now_ms())
    }

    /// A page that began then is done.
    pub fn paged(&mut self, points: u64, spent: Spent, began_ms: u64) {
        self.throttle.paged(points, spent, began_ms, self.now_ms());
    }

    /// A page was not done.
    pub fn failed(&mut self, error: &FillError) {
        match error {
            FillError::Embed(failure) => {
                let wait = failure.error.retry_after();
                let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                self.throttle.refused(wait_ms, self.now_ms());
            }
            FillError::Call(_) => {}
        }
    }

    /// What is shown. `waits_for` is why nothing starts now.
    pub fn status(&self, waits_for: Option<Why>) -> ThrottleStatus {
        let spent = self.throttle.spent();
        let why = waits_for.or(self.throttle.why());
        ThrottleStatus {
            points_per_second: self.throttle.rate(),
            reason: why.map(|why| why.code().to_owned()),
            why: why.map(|why| why.to_string()),
            requests: spent.requests,
            tokens_estimated: spent.tokens,
            cost_estimated: self.price.map(|price| spent.money(price)),
        }
    }
}

impl Inner {
    /// A throttle for a backfill. What went before in this process is the level that it is held to.
    pub(super) fn pace(&self, migration: &Migration, progress: &Progress) -> Pace {
        let seen = self.registry.latency().window(&migration.key.collection);
        let (_, price) = self.batch_and_price(&migration.to.model);
        let before = match progress.filled {
            0 => seen.level(),
            // It ran already: what this process saw was not before it.
            _ => None,
        };
        Pace {
            throttle: Throttle::new(
                self.settings.bounds,
                before,
                progress.spent,
                price.unwrap_or_default(),
            ),
            clock: Instant::now(),
            price,
            seen,
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
        pace.throttle.looked(Look {
            live,
            upstream: optimisers(&info),
            queue: info.update_queue.map(|queue| queue.length),
        });
        Ok(())
    }

    /// Texts in one call of the model's endpoint, where it has one, and its price.
    pub(super) fn batch_and_price(&self, model: &ModelId) -> (Option<u64>, Option<f64>) {
        match self.spec(model) {
            EmbedderSpec::OpenAi(spec) => (Some(spec.batch_max as u64), spec.price_per_million_tokens),
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
