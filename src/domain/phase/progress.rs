//! How far a backfill is, and what it left.

use serde::{Deserialize, Serialize};

/// How far a backfill is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The pass, from 1.
    pub pass: u32,
    /// The first id that is not done in this pass, as Qdrant spells it; absent at a pass's beginning.
    pub cursor: Option<String>,
    /// Points filled by all passes.
    pub filled: u64,
    /// Points that this pass could not fill for want of a source text.
    pub unsourced: u64,
}

/// What the last whole pass left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Points filled by all passes.
    pub filled: u64,
    /// Points that were left for want of a source text.
    pub unsourced: u64,
}

impl Progress {
    pub(super) fn first() -> Self {
        Self {
            pass: 1,
            ..Self::default()
        }
    }

    pub(super) fn after(&self, next: Option<String>, filled: u64, unsourced: u64) -> Self {
        Self {
            pass: self.pass,
            cursor: next,
            filled: self.filled.saturating_add(filled),
            unsourced: self.unsourced.saturating_add(unsourced),
        }
    }

    pub(super) fn next_pass(&self) -> Self {
        Self {
            pass: self.pass.saturating_add(1),
            cursor: None,
            filled: self.filled,
            unsourced: 0,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            filled: self.filled,
            unsourced: self.unsourced,
        }
    }
}
