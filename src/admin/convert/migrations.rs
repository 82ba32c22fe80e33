//! Migrations, flips and the whole status.

use crate::admin::api::{self, Phase};
use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::Epoch;

use super::{all, parsed, present, some};

impl From<api::FieldRef> for pb::FieldRef {
    fn from(field: api::FieldRef) -> Self {
        Self {
            collection: field.collection.to_string(),
            vector: field.vector.to_string(),
        }
    }
}

impl TryFrom<pb::FieldRef> for api::FieldRef {
    type Error = AdminError;

    fn try_from(field: pb::FieldRef) -> Result<Self, AdminError> {
        if field.collection.is_empty() {
            return Err(AdminError::invalid("collection is missing"));
        }
        Ok(Self {
            collection: field.collection.as_str().into(),
            vector: field.vector.as_str().into(),
        })
    }
}

impl From<api::StartMigration> for pb::StartMigrationRequest {
    fn from(request: api::StartMigration) -> Self {
        Self {
            field: Some(request.field.into()),
            to: request.to.to_string(),
        }
    }
}

impl TryFrom<pb::StartMigrationRequest> for api::StartMigration {
    type Error = AdminError;

    fn try_from(request: pb::StartMigrationRequest) -> Result<Self, AdminError> {
        Ok(Self {
            field: present("field", request.field)?.try_into()?,
            to: parsed("to", &request.to)?,
        })
    }
}

impl From<Phase> for pb::Phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Planned => Self::Planned,
            Phase::DualWriting => Self::DualWriting,
            Phase::Backfilling => Self::Backfilling,
            Phase::Validating => Self::Validating,
            Phase::Ready => Self::Ready,
            Phase::ServingNew => Self::ServingNew,
            Phase::Retiring => Self::Retiring,
            Phase::Done => Self::Done,
            Phase::Paused => Self::Paused,
            Phase::Cancelled => Self::Cancelled,
            Phase::RolledBack => Self::RolledBack,
        }
    }
}

fn phase(phase: pb::Phase) -> Result<Phase, AdminError> {
    Ok(match phase {
        pb::Phase::Planned => Phase::Planned,
        pb::Phase::DualWriting => Phase::DualWriting,
        pb::Phase::Backfilling => Phase::Backfilling,
        pb::Phase::Validating => Phase::Validating,
        pb::Phase::Ready => Phase::Ready,
        pb::Phase::ServingNew => Phase::ServingNew,
        pb::Phase::Retiring => Phase::Retiring,
        pb::Phase::Done => Phase::Done,
        pb::Phase::Paused => Phase::Paused,
        pb::Phase::Cancelled => Phase::Cancelled,
        pb::Phase::RolledBack => Phase::RolledBack,
        pb::Phase::Unspecified => {
            return Err(AdminError::invalid("phase is unknown: the server is newer than this"));
        }
    })
}

impl From<api::MigrationInfo> for pb::MigrationInfo {
    fn from(info: api::MigrationInfo) -> Self {
        Self {
            field: Some(info.field.into()),
            from: info.from.to_string(),
            to: info.to.to_string(),
            phase: pb::Phase::from(info.phase).into(),
            points_total: info.points_total,
            points_fresh: info.points_fresh,
            points_per_second: info.points_per_second,
            seconds_left: info.seconds_left,
            gate_reasons: info.gate_reasons,
            last_error: info.last_error.unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::MigrationInfo> for api::MigrationInfo {
    type Error = AdminError;

    fn try_from(info: pb::MigrationInfo) -> Result<Self, AdminError> {
        Ok(Self {
            phase: phase(info.phase())?,
            field: present("field", info.field)?.try_into()?,
            from: parsed("from", &info.from)?,
            to: parsed("to", &info.to)?,
            points_total: info.points_total,
            points_fresh: info.points_fresh,
            points_per_second: info.points_per_second,
            seconds_left: info.seconds_left,
            gate_reasons: info.gate_reasons,
            last_error: some(info.last_error),
        })
    }
}

impl From<api::FlipInfo> for pb::FlipInfo {
    fn from(info: api::FlipInfo) -> Self {
        Self {
            field: Some(info.field.into()),
            serving: info.serving.to_string(),
            epoch: info.epoch.0,
        }
    }
}

impl TryFrom<pb::FlipInfo> for api::FlipInfo {
    type Error = AdminError;

    fn try_from(info: pb::FlipInfo) -> Result<Self, AdminError> {
        Ok(Self {
            field: present("field", info.field)?.try_into()?,
            serving: parsed("serving", &info.serving)?,
            epoch: Epoch(info.epoch),
        })
    }
}

impl From<api::StatusInfo> for pb::StatusInfo {
    fn from(info: api::StatusInfo) -> Self {
        Self {
            version: info.version,
            epoch: info.epoch.0,
            collections: info.collections.into_iter().map(Into::into).collect(),
            migrations: info.migrations.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::StatusInfo> for api::StatusInfo {
    type Error = AdminError;

    fn try_from(info: pb::StatusInfo) -> Result<Self, AdminError> {
        Ok(Self {
            version: info.version,
            epoch: Epoch(info.epoch),
            collections: all(info.collections)?,
            migrations: all(info.migrations)?,
        })
    }
}
