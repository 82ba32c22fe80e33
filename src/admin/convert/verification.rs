//! Verifications.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::domain::verify::{Difference, Noted, SpaceLook};
use crate::migrate::{Verification, Verify};

use super::{all, parsed, present};

impl From<(FieldKey, Verify)> for pb::VerifyRequest {
    fn from((key, ask): (FieldKey, Verify)) -> Self {
        Self {
            field: Some(key.into()),
            sample: Some(ask.sample),
            repair: ask.repair,
        }
    }
}

impl TryFrom<pb::VerifyRequest> for (FieldKey, Verify) {
    type Error = AdminError;

    fn try_from(request: pb::VerifyRequest) -> Result<Self, AdminError> {
        let ask = Verify {
            sample: request.sample.unwrap_or(Verify::default().sample),
            repair: request.repair,
        };
        Ok((present("field", request.field)?.try_into()?, ask))
    }
}

impl From<Difference> for pb::Difference {
    fn from(difference: Difference) -> Self {
        match difference {
            Difference::Untagged => Self::Untagged,
            Difference::Absent => Self::Absent,
            Difference::Unclaimed => Self::Unclaimed,
            Difference::EmptyClaim => Self::EmptyClaim,
            Difference::ForeignClaim => Self::ForeignClaim,
            Difference::StaleSource => Self::StaleSource,
            Difference::Deviating => Self::Deviating,
            Difference::Unproven => Self::Unproven,
        }
    }
}

impl From<Noted> for pb::Noted {
    fn from(noted: Noted) -> Self {
        Self {
            difference: pb::Difference::from(noted.difference).into(),
            vector: noted.vector.to_string(),
            points: noted.points,
            examples: noted.examples,
        }
    }
}

impl TryFrom<pb::Noted> for Noted {
    type Error = AdminError;

    fn try_from(noted: pb::Noted) -> Result<Self, AdminError> {
        let mut known = Difference::ALL.into_iter();
        let difference = known
            .find(|difference| i32::from(pb::Difference::from(*difference)) == noted.difference)
            .ok_or_else(|| {
                AdminError::invalid(format!(
                    "difference {} is unknown to this version",
                    noted.difference
                ))
            })?;
        Ok(Self {
            difference,
            vector: noted.vector.as_str().into(),
            points: noted.points,
            examples: noted.examples,
        })
    }
}

impl From<SpaceLook> for pb::SpaceLook {
    fn from(space: SpaceLook) -> Self {
        Self {
            vector: space.vector.to_string(),
            model: space.model.to_string(),
            fresh: space.fresh,
            pending: space.pending,
            digest: space.digest.to_string(),
            sampled: space.sampled,
            lowest_cosine: space.lowest_cosine,
        }
    }
}

impl TryFrom<pb::SpaceLook> for SpaceLook {
    type Error = AdminError;

    fn try_from(space: pb::SpaceLook) -> Result<Self, AdminError> {
        Ok(Self {
            vector: space.vector.as_str().into(),
            model: parsed("model", &space.model)?,
            fresh: space.fresh,
            pending: space.pending,
            digest: parsed("digest", &space.digest)?,
            sampled: space.sampled,
            lowest_cosine: space.lowest_cosine,
        })
    }
}

impl From<Verification> for pb::Verification {
    fn from(of: Verification) -> Self {
        Self {
            sample: of.ask.sample,
            repair: of.ask.repair,
            started_at_ms: of.started_at_ms,
            finished_at_ms: of.finished_at_ms,
            cursor: of.cursor,
            total: of.total,
            points: of.points,
            spaces: of.spaces.into_iter().map(Into::into).collect(),
            differences: of.differences.into_iter().map(Into::into).collect(),
            repaired: of.repaired,
            error: of.error,
        }
    }
}

impl TryFrom<pb::Verification> for Verification {
    type Error = AdminError;

    fn try_from(of: pb::Verification) -> Result<Self, AdminError> {
        Ok(Self {
            ask: Verify {
                sample: of.sample,
                repair: of.repair,
            },
            started_at_ms: of.started_at_ms,
            finished_at_ms: of.finished_at_ms,
            cursor: of.cursor,
            total: of.total,
            points: of.points,
            spaces: all(of.spaces)?,
            differences: all(of.differences)?,
            repaired: of.repaired,
            error: of.error,
        })
    }
}
