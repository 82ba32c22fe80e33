//! What a start takes.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::domain::table::StandbyPolicy;
use crate::migrate::Start;

use super::{parsed, present};

impl From<StandbyPolicy> for pb::StandbyPolicy {
    fn from(policy: StandbyPolicy) -> Self {
        match policy {
            StandbyPolicy::Isolate => Self::Isolate,
            StandbyPolicy::Strict => Self::Strict,
        }
    }
}

pub(super) fn policy(number: i32) -> Result<Option<StandbyPolicy>, AdminError> {
    match pb::StandbyPolicy::try_from(number) {
        Ok(pb::StandbyPolicy::Unspecified) => Ok(None),
        Ok(pb::StandbyPolicy::Isolate) => Ok(Some(StandbyPolicy::Isolate)),
        Ok(pb::StandbyPolicy::Strict) => Ok(Some(StandbyPolicy::Strict)),
        Err(_) => Err(AdminError::invalid("`standby` is not known")),
    }
}

impl TryFrom<pb::StartMigrationRequest> for (FieldKey, Start) {
    type Error = AdminError;

    fn try_from(request: pb::StartMigrationRequest) -> Result<Self, AdminError> {
        let key = present("field", request.field)?.try_into()?;
        let ask = Start {
            to: parsed("to", &request.to)?,
            points_per_second: request.points_per_second,
            standby: policy(request.standby)?,
        };
        Ok((key, ask))
    }
}

impl From<(FieldKey, Start)> for pb::StartMigrationRequest {
    fn from((key, ask): (FieldKey, Start)) -> Self {
        let standby = ask.standby.map(pb::StandbyPolicy::from);
        Self {
            field: Some(key.into()),
            to: ask.to.to_string(),
            points_per_second: ask.points_per_second,
            standby: standby.unwrap_or_default().into(),
        }
    }
}
