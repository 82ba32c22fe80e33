//! When a cutover is made.

use serde::{Deserialize, Serialize};

/// A cutover that is not made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The gate must say go now; the flip waits for a cutover without this.
    Postponed,
    /// At a time, if the gate says go then.
    At {
        /// In milliseconds since 1970.
        at_ms: u64,
    },
    /// What was postponed or scheduled is taken back.
    Never,
}
