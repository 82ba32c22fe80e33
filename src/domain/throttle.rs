//! How fast a backfill may go: additive increase, multiplicative decrease, on what the live traffic, the embedder and
//! the upstream show, within the operator's bounds. A state machine: time comes in as milliseconds, nothing is awaited
//! here. Called by a migration's driver before and after each page.

mod latency;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use latency::{BUCKETS, Level, Window, bucket};

/// Points per second that it may go down to: a backfill that stands still helps nobody.
const RATE_MIN: f64 = 1.0;
/// What is left of the rate after a sign of trouble.
const DECREASE: f64 = 0.5;
/// What comes back with each quiet look, as a part of the highest rate seen.
const INCREASE: f64 = 0.05;
/// At this part of the highest rate seen, it is not held any more: what was slowed may be slower than what it could do.
const FREE_AGAIN: f64 = 1.0;
/// The live p99 may always be so much longer than before: below, it is noise.
const LATENCY_SLACK_US: u64 = 1_000;
/// The wait after an embedder that has had enough and does not say for how long.
const EMBEDDER_WAIT_MS: u64 = 1_000;
/// The longest that an embedder is believed.
const EMBEDDER_WAIT_MAX_MS: u64 = 300_000;
const MINUTE_MS: u64 = 60_000;

/// What a backfill may spend; absent: as much as it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Points per second.
    pub points_per_second: Option<u32>,
    /// The live p99 may be so many times what it was before the backfill; absent: it is not watched.
    pub latency_ratio: Option<f64>,
    /// Updates that wait at the upstream; absent: they are not watched.
    pub upstream_queue: Option<u64>,
    /// In a minute.
    pub per_minute: Budget,
    /// In all, of one migration.
    pub in_all: Budget,
}

/// Bounds of what an embedder is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Calls.
    pub requests: Option<u64>,
    /// Estimated tokens.
    pub tokens: Option<u64>,
    /// Money, at the model's price.
    pub money: Option<f64>,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Calls of the embedder.
    pub requests: u64,
    /// Estimated tokens.
    pub tokens: u64,
}

impl Spent {
    /// Whether nothing was.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// At a price for a million tokens.
    pub fn money(self, price_per_million_tokens: f64) -> f64 {
        super::forecast::cost(self.tokens, price_per_million_tokens)
    }
}

impl Budget {
    /// Which bound is used up, if any.
    fn exhausted(&self, spent: Spent, price: f64) -> Option<Unit> {
        let over = |bound: Option<u64>, spent: u64| bound.is_some_and(|bound| spent >= bound);
        if over(self.requests, spent.requests) {
            return Some(Unit::Requests);
        }
        if over(self.tokens, spent.tokens) {
            return Some(Unit::Tokens);
        }
        self.money
            .is_some_and(|bound| spent.money(price) >= bound)
            .then_some(Unit::Money)
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Calls of the embedder.
    Requests,
    /// Estimated tokens.
    Tokens,
    /// Money.
    Money,
}

/// What is seen of the upstream's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upstream {
    /// Nothing is being optimised.
    #[default]
    Idle,
    /// It optimises, or will: no reason to slow down, and none to go faster.
    Optimizing,
    /// An optimisation failed.
    Failing,
}

/// One look at what the backfill may disturb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The live traffic of the collection since the last look; absent where there was too little to say.
    pub live: Option<Level>,
    /// What the optimisers do.
    pub upstream: Upstream,
    /// Updates that wait there; absent where it does not say.
    pub queue: Option<u64>,
}

/// Why it is not as fast as it could be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// The operator's rate.
    Rate {
        /// Points per second.
        points_per_second: u32,
    },
    /// Live requests take longer than they may.
    Latency {
        /// Before the backfill, in microseconds.
        before_us: u64,
        /// Now.
        now_us: u64,
    },
    /// The embedder has had enough.
    Embedder {
        /// When it is asked again, in milliseconds from then.
        wait_ms: u64,
    },
    /// Updates queue up at the upstream.
    Queue {
        /// So many.
        updates: u64,
    },
    /// An optimisation failed at the upstream.
    Optimizer,
    /// This minute's budget is spent.
    Minute {
        /// Of what.
        unit: Unit,
    },
    /// The whole budget is spent: nothing more is embedded until it is raised.
    Spent {
        /// Of what.
        unit: Unit,
    },
}

impl Why {
    /// Stable, snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate",
            Self::Latency { .. } => "latency",
            Self::Embedder { .. } => "embedder",
            Self::Queue { .. } => "queue",
            Self::Optimizer => "optimizer",
            Self::Minute { .. } => "minute",
            Self::Spent { .. } => "spent",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |unit: &Unit| match unit {
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
            Unit::Money => "money",
        };
        match self {
            Self::Rate { points_per_second } => write!(f, "held to {points_per_second} points/s"),
            Self::Latency { before_us, now_us } => write!(
                f,
                "live p99 is {:.1} ms, and was {:.1} ms before the backfill",
                *now_us as f64 / 1_000.0,
                *before_us as f64 / 1_000.0
            ),
            Self::Embedder { wait_ms } => write!(f, "the embedder wants to be left alone for {wait_ms} ms"),
            Self::Queue { updates } => write!(f, "{updates} updates wait at the upstream"),
            Self::Optimizer => f.write_str("an optimisation failed at the upstream"),
            Self::Minute { unit: of } => write!(f, "this minute's budget of {} is spent", unit(of)),
            Self::Spent { unit: of } => write!(
                f,
                "the whole budget of {} is spent: raise it in the configuration, or cancel",
                unit(of)
            ),
        }
    }
}

/// The state.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttle {
    bounds: Bounds,
    /// Points per second; absent: as fast as it goes.
    limit: Option<f64>,
    /// The highest rate that pages showed.
    fastest: f64,
    /// Why there is a limit.
    why: Option<Why>,
    /// Nothing starts before this moment.
    not_before_ms: u64,
    /// The live level before the backfill.
    before: Option<Level>,
    minute_began_ms: u64,
    in_minute: Spent,
    in_all: Spent,
    price: f64,
}

/// Whether a page may start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// Now.
    Go,
    /// Later.
    Wait {
        /// In so many milliseconds.
        ms: u64,
        /// Why.
        why: Option<Why>,
    },
}

impl Throttle {
    /// At the beginning of a backfill, or when it is taken up.
    pub fn new(bounds: Bounds, before: Option<Level>, spent: Spent, price: f64) -> Self {
        Self {
            bounds,
            limit: None,
            fastest: 0.0,
            why: None,
            not_before_ms: 0,
            before,
            minute_began_ms: 0,
            in_minute: Spent::default(),
            in_all: spent,
            price,
        }
    }

    /// The operator's rate from now on.
    pub fn set_rate(&mut self, points_per_second: Option<u32>) {
        self.bounds.points_per_second = points_per_second;
    }

    /// Whether a page may start.
    pub fn turn(&mut self, now_ms: u64) -> Turn {
        if let Some(unit) = self.bounds.in_all.exhausted(self.in_all, self.price) {
            return Turn::Wait {
                ms: MINUTE_MS,
                why: Some(Why::Spent { unit }),
            };
        }
        if now_ms.saturating_sub(self.minute_began_ms) >= MINUTE_MS {
            self.minute_began_ms = now_ms;
            self.in_minute = Spent::default();
        }
        if let Some(unit) = self.bounds.per_minute.exhausted(self.in_minute, self.price) {
            return Turn::Wait {
                ms: self.minute_began_ms + MINUTE_MS - now_ms,
                why: Some(Why::Minute { unit }),
            };
        }
        match self.not_before_ms.saturating_sub(now_ms) {
            0 => Turn::Go,
            ms => Turn::Wait { ms, why: self.why() },
        }
    }

    /// A page of so many points began at one moment and ended at another.
    pub fn paged(&mut self, points: u64, spent: Spent, began_ms: u64, ended_ms: u64) {
        self.in_all = self.in_all.plus(spent);
        self.in_minute = self.in_minute.plus(spent);
        let took_ms = ended_ms.saturating_sub(began_ms).max(1);
        self.fastest = self.fastest.max(points as f64 * 1_000.0 / took_ms as f64);
        if let Some(rate) = self.rate() {
            let due_ms = (points as f64 * 1_000.0 / rate) as u64;
            self.not_before_ms = self.not_before_ms.max(began_ms.saturating_add(due_ms));
        }
    }

    /// The embedder could not, and may have said when it can.
    pub fn refused(&mut self, retry_after_ms: Option<u64>, now_ms: u64) {
        let wait_ms = retry_after_ms
            .unwrap_or(EMBEDDER_WAIT_MS)
            .min(EMBEDDER_WAIT_MAX_MS);
        self.slow_down(Why::Embedder { wait_ms });
        self.not_before_ms = self.not_before_ms.max(now_ms.saturating_add(wait_ms));
    }

    /// What was seen since the last look.
    pub fn looked(&mut self, look: Look) {
        match self.trouble(look) {
            Some(why) => self.slow_down(why),
            None if look.upstream == Upstream::Optimizing => {}
            None => self.speed_up(),
        }
    }

    fn trouble(&mut self, look: Look) -> Option<Why> {
        if let (Some(ratio), Some(now)) = (self.bounds.latency_ratio, look.live) {
            // Without a level from before, the first one that is seen has to do.
            let before = *self.before.get_or_insert(now);
            let allowed = (before.p99_us as f64 * ratio) as u64;
            if now.p99_us > allowed.max(before.p99_us.saturating_add(LATENCY_SLACK_US)) {
                return Some(Why::Latency {
                    before_us: before.p99_us,
                    now_us: now.p99_us,
                });
            }
        }
        if let (Some(bound), Some(updates)) = (self.bounds.upstream_queue, look.queue)
            && updates > bound
        {
            return Some(Why::Queue { updates });
        }
        match look.upstream {
            Upstream::Failing => Some(Why::Optimizer),
            Upstream::Idle | Upstream::Optimizing => None,
        }
    }

    fn slow_down(&mut self, why: Why) {
        let from = self.limit.unwrap_or(self.fastest);
        self.limit = Some((from * DECREASE).max(RATE_MIN));
        self.why = Some(why);
    }

    fn speed_up(&mut self) {
        let Some(limit) = self.limit else {
            return;
        };
        let next = limit + (self.fastest * INCREASE).max(RATE_MIN);
        (self.limit, self.why) = match next >= self.fastest * FREE_AGAIN {
            true => (None, None),
            false => (Some(next), self.why),
        };
    }

    /// Points per second that it may do now; absent: as many as it can.
    pub fn rate(&self) -> Option<f64> {
        let rate = self.bounds.points_per_second.map(f64::from);
        match (self.limit, rate) {
            (Some(limit), Some(rate)) => Some(limit.min(rate)),
            (limit, rate) => limit.or(rate),
        }
    }

    /// Why it is not faster.
    pub fn why(&self) -> Option<Why> {
        let by_rate = self
            .bounds
            .points_per_second
            .map(|points_per_second| Why::Rate { points_per_second });
        match (self.limit, self.bounds.points_per_second) {
            (Some(limit), Some(rate)) if f64::from(rate) < limit => by_rate,
            (Some(_), _) => self.why,
            (None, _) => by_rate,
        }
    }

    /// What the migration's backfill has spent.
    pub fn spent(&self) -> Spent {
        self.in_all
    }
}

#[cfg(test)]
mod tests;
