//! How fast a backfill may go: additive increase, multiplicative decrease, on what the live traffic, the embedder and
//! the upstream show, within the operator's bounds. A state machine: time comes in as milliseconds, nothing is awaited
//! here. Called by a migration's driver before and after each page; several pages may be under way.

mod bounds;
mod latency;
mod why;

pub use bounds::{Bounds, Budget, Spent, Unit};
pub use latency::{BUCKETS, Level, Window, bucket};
pub use why::Why;

/// Points per second that it may go down to, and the same as a part of the highest rate seen: a backfill that stands
/// still helps nobody.
const RATE_MIN: f64 = 1.0;
const RATE_MIN_PART: f64 = 0.01;
/// What is left of the rate after a sign of trouble.
const DECREASE: f64 = 0.5;
/// What comes back with each quiet look, as a part of the highest rate seen.
const INCREASE: f64 = 0.05;
/// While the upstream optimises, it comes back no further than to this part of the highest rate seen.
const OPTIMIZING_PART: f64 = 0.5;
/// A page that is held to a rate is no larger than what the rate allows in this time, in seconds; so no wait for the next
/// one is longer.
const HELD_PAGE_SECONDS: f64 = 1.0;
/// The live p99 may always be so much longer than before: below, it is noise.
const LATENCY_SLACK_US: u64 = 1_000;
/// The wait after an embedder that has had enough and does not say for how long.
const EMBEDDER_WAIT_MS: u64 = 1_000;
/// The longest that an embedder is believed.
const EMBEDDER_WAIT_MAX_MS: u64 = 300_000;
const MINUTE_MS: u64 = 60_000;

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

/// The state.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttle {
    bounds: Bounds,
    /// Points per second, and why; absent: as fast as it goes.
    limit: Option<(f64, Why)>,
    /// The highest rate between two looks.
    fastest: f64,
    /// Points filled since the last look, and when that was.
    filled: u64,
    looked_at_ms: u64,
    /// Points that were begun at a rate and whose time is not over, as of a moment.
    debt: f64,
    debt_at_ms: u64,
    /// The embedder is left alone until then, so long.
    embedder: Option<Rest>,
    before: Before,
    minute_began_ms: u64,
    in_minute: Spent,
    in_all: Spent,
    /// What the pages that are under way will spend, at most.
    reserved: Spent,
    price: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rest {
    until_ms: u64,
    wait_ms: u64,
}

/// The live level that counts as undisturbed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    /// Measured before the backfill.
    Measured(Level),
    /// There was too little traffic then: the lowest that was seen since.
    Lowest(Option<Level>),
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
        why: Why,
    },
}

impl Throttle {
    /// At the beginning of a backfill, or when it is taken up. `before`: the live level before the migration began.
    pub fn new(bounds: Bounds, before: Option<Level>, spent: Spent, price: f64) -> Self {
        Self {
            bounds,
            limit: None,
            fastest: 0.0,
            filled: 0,
            looked_at_ms: 0,
            debt: 0.0,
            debt_at_ms: 0,
            embedder: None,
            before: before.map_or(Before::Lowest(None), Before::Measured),
            minute_began_ms: 0,
            in_minute: Spent::default(),
            in_all: spent,
            reserved: Spent::default(),
            price,
        }
    }

    /// The operator's rate from now on.
    pub fn set_rate(&mut self, points_per_second: Option<u32>) {
        self.bounds.points_per_second = points_per_second;
    }

    /// Whether a page may start. What the pages under way will spend counts as spent.
    pub fn turn(&mut self, now_ms: u64) -> Turn {
        if let Some(unit) = self
            .bounds
            .in_all
            .exhausted(self.in_all.plus(self.reserved), self.price)
        {
            return Turn::Wait {
                ms: MINUTE_MS,
                why: Why::Spent { unit },
            };
        }
        if now_ms.saturating_sub(self.minute_began_ms) >= MINUTE_MS {
            self.minute_began_ms = now_ms;
            self.in_minute = Spent::default();
        }
        let in_minute = self.in_minute.plus(self.reserved);
        if let Some(unit) = self.bounds.per_minute.exhausted(in_minute, self.price) {
            return Turn::Wait {
                ms: self.minute_began_ms + MINUTE_MS - now_ms,
                why: Why::Minute { unit },
            };
        }
        if let Some(rest) = self.embedder.filter(|rest| rest.until_ms > now_ms) {
            return Turn::Wait {
                ms: rest.until_ms - now_ms,
                why: Why::Embedder {
                    wait_ms: rest.wait_ms,
                },
            };
        }
        self.embedder = None;
        self.pay_off(now_ms);
        match self.held() {
            Some((rate, why)) if self.debt > 0.0 => Turn::Wait {
                ms: ((self.debt * 1_000.0 / rate).ceil() as u64).max(1),
                why,
            },
            Some(_) | None => Turn::Go,
        }
    }

    /// What was begun has taken its time at the rate that holds now.
    fn pay_off(&mut self, now_ms: u64) {
        let seconds = now_ms.saturating_sub(self.debt_at_ms) as f64 / 1_000.0;
        self.debt_at_ms = now_ms;
        self.debt = match self.held() {
            Some((rate, _)) => (self.debt - rate * seconds).clamp(0.0, (rate * HELD_PAGE_SECONDS).max(1.0)),
            None => 0.0,
        };
    }

    /// Points that the next page may hold.
    pub fn page_points(&self, most: u32) -> u32 {
        match self.held() {
            Some((rate, _)) => ((rate * HELD_PAGE_SECONDS) as u32).clamp(1, most.max(1)),
            None => most,
        }
    }

    /// A page of so many points begins, which will spend no more than this.
    pub fn begun(&mut self, points: u64, reserved: Spent, now_ms: u64) {
        self.pay_off(now_ms);
        if self.held().is_some() {
            self.debt += points as f64;
        }
        self.reserved = self.reserved.plus(reserved);
    }

    /// A page that was begun has ended, one way or the other.
    pub fn ended(&mut self, points: u64, reserved: Spent) {
        self.filled += points;
        self.reserved = self.reserved.minus(reserved);
    }

    /// Nothing is under way any more.
    pub fn abandoned(&mut self) {
        self.reserved = Spent::default();
    }

    /// The embedder was paid.
    pub fn paid(&mut self, spent: Spent) {
        self.in_all = self.in_all.plus(spent);
        self.in_minute = self.in_minute.plus(spent);
    }

    /// The embedder could not, and may have said when it can. Pages that were under way together count once.
    pub fn refused(&mut self, retry_after_ms: Option<u64>, now_ms: u64) {
        let wait_ms = retry_after_ms
            .unwrap_or(EMBEDDER_WAIT_MS)
            .min(EMBEDDER_WAIT_MAX_MS);
        let until_ms = now_ms.saturating_add(wait_ms);
        match self.embedder {
            Some(rest) if rest.until_ms >= until_ms => {}
            Some(_) => self.embedder = Some(Rest { until_ms, wait_ms }),
            None => {
                self.embedder = Some(Rest { until_ms, wait_ms });
                self.slow_down(Why::Embedder { wait_ms });
            }
        }
    }

    /// What was seen since the last look.
    pub fn looked(&mut self, look: Look, now_ms: u64) {
        let took_ms = now_ms.saturating_sub(self.looked_at_ms).max(1);
        let rate = self.filled as f64 * 1_000.0 / took_ms as f64;
        self.fastest = self.fastest.max(rate);
        (self.filled, self.looked_at_ms) = (0, now_ms);
        match self.trouble(look) {
            Some(why) => self.slow_down(why),
            None => self.speed_up(look.upstream),
        }
    }

    fn trouble(&mut self, look: Look) -> Option<Why> {
        if let (Some(ratio), Some(now)) = (self.bounds.latency_ratio, look.live) {
            let before = match &mut self.before {
                Before::Measured(level) => *level,
                Before::Lowest(lowest) => {
                    let level = lowest.filter(|level| level.p99_us <= now.p99_us).unwrap_or(now);
                    *lowest = Some(level);
                    level
                }
            };
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
        let from = self.limit.map_or(self.fastest, |(limit, _)| limit);
        // Before anything was filled, no rate is known that could be halved.
        if from > 0.0 {
            let least = (self.fastest * RATE_MIN_PART).max(RATE_MIN);
            self.limit = Some(((from * DECREASE).max(least), why));
        }
    }

    fn speed_up(&mut self, upstream: Upstream) {
        let Some((limit, why)) = self.limit else {
            return;
        };
        let is_enough = match upstream {
            Upstream::Optimizing => limit >= self.fastest * OPTIMIZING_PART,
            Upstream::Idle | Upstream::Failing => false,
        };
        if is_enough {
            return;
        }
        let next = limit + (self.fastest * INCREASE).max(RATE_MIN);
        // What was slowed may be slower than what it could do: at the highest rate seen, it is not held any more.
        self.limit = (next < self.fastest).then_some((next, why));
    }

    /// Points per second that it may do now, and why; absent: as many as it can.
    fn held(&self) -> Option<(f64, Why)> {
        let by_rate = self
            .bounds
            .points_per_second
            .map(|points_per_second| (f64::from(points_per_second), Why::Rate { points_per_second }));
        match (self.limit, by_rate) {
            (Some(limit), Some(by_rate)) if by_rate.0 < limit.0 => Some(by_rate),
            (Some(limit), _) => Some(limit),
            (None, by_rate) => by_rate,
        }
    }

    /// Points per second that it may do now; absent: as many as it can.
    pub fn rate(&self) -> Option<f64> {
        self.held().map(|(rate, _)| rate)
    }

    /// Why it is not faster.
    pub fn why(&self) -> Option<Why> {
        self.held().map(|(_, why)| why)
    }

    /// What the migration has spent.
    pub fn spent(&self) -> Spent {
        self.in_all
    }
}

#[cfg(test)]
mod tests;
