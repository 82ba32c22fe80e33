//! What the gate says.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::gate::{Favour, Reason, Verdict};

use super::all;

impl From<Favour> for pb::Favour {
    fn from(favour: Favour) -> Self {
        use pb::favour::Favour as Of;
        let favour = match favour {
            Favour::SpaceStands => Of::SpaceStands(pb::SpaceStands {}),
            Favour::Covered { points } => Of::Covered(points),
            Favour::NothingPending => Of::NothingPending(pb::NothingPending {}),
            Favour::Verified { finished_at_ms } => Of::Verified(finished_at_ms),
        };
        Self { favour: Some(favour) }
    }
}

impl TryFrom<pb::Favour> for Favour {
    type Error = AdminError;

    fn try_from(favour: pb::Favour) -> Result<Self, AdminError> {
        use pb::favour::Favour as Of;
        Ok(match favour.favour {
            Some(Of::SpaceStands(pb::SpaceStands {})) => Self::SpaceStands,
            Some(Of::Covered(points)) => Self::Covered { points },
            Some(Of::NothingPending(pb::NothingPending {})) => Self::NothingPending,
            Some(Of::Verified(finished_at_ms)) => Self::Verified { finished_at_ms },
            None => {
                return Err(AdminError::invalid(
                    "the gate has a favour that is unknown to this version",
                ));
            }
        })
    }
}

/// Its reasons stand beside it in the message.
impl From<Verdict> for pb::Verdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            go: verdict.go,
            go_if_forced: verdict.go_if_forced,
            favours: verdict.favours.into_iter().map(Into::into).collect(),
        }
    }
}

pub(super) fn verdict(verdict: pb::Verdict, reasons: &[Reason]) -> Result<Verdict, AdminError> {
    Ok(Verdict {
        go: verdict.go,
        go_if_forced: verdict.go_if_forced,
        favours: all(verdict.favours)?,
        reasons: reasons.to_vec(),
    })
}
