//! What a start takes.

use serde::{Deserialize, Serialize};

use crate::domain::model::ModelRef;
use crate::domain::table::StandbyPolicy;

/// A migration to start, or to take up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The target model.
    pub to: ModelRef,
    /// Points per second that the backfill is held to; 0: as many as it can; absent: as before.
    #[serde(default)]
    pub points_per_second: Option<u32>,
    /// What a write does after the cutover when the space that is kept for the way back cannot be written; absent: as
    /// before, and at first `isolate`.
    #[serde(default)]
    pub standby: Option<StandbyPolicy>,
}

impl Start {
    /// A start without options.
    pub fn to(to: ModelRef) -> Self {
        Self {
            to,
            points_per_second: None,
            standby: None,
        }
    }
}
