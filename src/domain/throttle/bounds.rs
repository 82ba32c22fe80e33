//! What a backfill may disturb and spend, and what it has spent.

use serde::{Deserialize, Serialize};

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

    /// Without what came before.
    #[must_use]
    pub fn minus(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            tokens: self.tokens.saturating_sub(earlier.tokens),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// At a price for a million tokens.
    pub fn money(self, price_per_million_tokens: f64) -> f64 {
        crate::domain::forecast::cost(self.tokens, price_per_million_tokens)
    }
}

impl Budget {
    /// Which bound is used up, if any.
    pub(super) fn exhausted(&self, spent: Spent, price: f64) -> Option<Unit> {
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
