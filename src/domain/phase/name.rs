//! The phases' names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::VectorName;
use crate::domain::model::ModelId;

/// A phase without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is the phase of its name
pub enum PhaseName {
    Planned,
    Opening,
    DualWriting,
    Backfilling,
    Ready,
    ServingNew,
    RolledBack,
    Paused,
    Brownout,
    Retiring,
    Done,
    Cancelling,
    Cancelled,
}

impl PhaseName {
    /// Whether the migration is over, or was never begun: a new one may take its place.
    pub fn is_over(self) -> bool {
        match self {
            Self::Planned | Self::Done | Self::Cancelled => true,
            Self::Opening
            | Self::DualWriting
            | Self::Backfilling
            | Self::Paused
            | Self::Ready
            | Self::ServingNew
            | Self::RolledBack
            | Self::Brownout
            | Self::Retiring
            | Self::Cancelling => false,
        }
    }

    /// Stable, snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Opening => "opening",
            Self::DualWriting => "dual_writing",
            Self::Backfilling => "backfilling",
            Self::Ready => "ready",
            Self::ServingNew => "serving_new",
            Self::RolledBack => "rolled_back",
            Self::Paused => "paused",
            Self::Brownout => "brownout",
            Self::Retiring => "retiring",
            Self::Done => "done",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The vector name of a field's space for a model: `field@name@version`.
pub fn standby_name(field: &VectorName, model: &ModelId) -> VectorName {
    format!("{field}@{model}").as_str().into()
}
