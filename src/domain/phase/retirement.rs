//! How an old space goes, and what is kept of it.

use serde::{Deserialize, Serialize};

use super::Tally;
use crate::domain::table::Undeclared;

/// How the old space goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    /// What the backfill left.
    pub tally: Tally,
    /// When the brownout began, in milliseconds since 1970.
    pub since_ms: u64,
    /// The earliest moment at which the space may be dropped, in milliseconds since 1970.
    pub until_ms: u64,
    /// The policy that the field has afterwards for requests that declare no model; absent: it stays.
    pub undeclared: Option<Undeclared>,
    /// What was done before the drop; absent before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Prepared>,
}

/// What was done before a space is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The snapshot of the collection with both spaces.
    pub snapshot: Snapshot,
    /// What is not to go.
    pub before: Survey,
}

/// A snapshot of the collection, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "snapshot", rename_all = "snake_case")]
pub enum Snapshot {
    /// It was made.
    Made {
        /// Its name at Qdrant.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// The configuration wants none.
    Off,
    /// The engine makes none.
    Unsupported,
}

/// What a collection holds beside a space that goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Its points.
    pub points: u64,
    /// Those that have a vector in the space that stays.
    pub vectors: u64,
    /// A chain of BLAKE3 over (id, write id) in the order of ids.
    pub digest: String,
    /// The newest write id.
    pub newest: Option<String>,
}

/// What two surveys say of a drop between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Nothing else changed.
    Same,
    /// Clients wrote meanwhile: what else changed cannot be told from that.
    Written,
    /// Points or vectors are not what they were, and nobody wrote any: deleted by clients meanwhile, or lost.
    Different,
}

impl Survey {
    /// This one was taken before the drop, the other after it.
    pub fn compare(&self, after: &Self) -> Compared {
        match (self == after, self.newest < after.newest) {
            (true, _) => Compared::Same,
            (false, true) => Compared::Written,
            (false, false) => Compared::Different,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_excused_by_a_newer_write_alone() {
        let survey = |points, digest: &str, newest: &str| Survey {
            points,
            vectors: points,
            digest: digest.to_owned(),
            newest: Some(newest.to_owned()),
        };
        let before = survey(3, "a", "0190-1");
        assert_eq!(before.compare(&before.clone()), Compared::Same);
        assert_eq!(before.compare(&survey(4, "b", "0190-2")), Compared::Written);
        assert_eq!(before.compare(&survey(2, "b", "0190-1")), Compared::Different);
        assert_eq!(before.compare(&survey(3, "b", "0190-1")), Compared::Different);
        assert_eq!(before.compare(&survey(2, "b", "0190-0")), Compared::Different);
    }
}
