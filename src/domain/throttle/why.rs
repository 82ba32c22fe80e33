//! Why a backfill is not as fast as it could be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unit;

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
            Self::Embedder { wait_ms } => {
                write!(
                    f,
                    "the embedder is busy or down, and is left alone for {wait_ms} ms"
                )
            }
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
