//! Everything that is managed.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::Epoch;
use crate::domain::quarantine::{Cause, Quarantine};
use crate::migrate::{CollectionStatus, FieldStatus, MigrationStatus, Role, SpaceStatus, Status};

use super::adoption::{on_embed_failure, source, undeclared};
use super::{all, parsed, present};

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Serving => Self::Serving,
            Role::Filling => Self::Filling,
            Role::Kept => Self::Kept,
            Role::Closed => Self::Closed,
        }
    }
}

fn role(role: i32) -> Result<Role, AdminError> {
    match pb::Role::try_from(role) {
        Ok(pb::Role::Serving) => Ok(Role::Serving),
        Ok(pb::Role::Filling) => Ok(Role::Filling),
        Ok(pb::Role::Kept) => Ok(Role::Kept),
        Ok(pb::Role::Closed) => Ok(Role::Closed),
        Ok(pb::Role::Unspecified) | Err(_) => Err(AdminError::invalid(format!(
            "role {role} is unknown to this version"
        ))),
    }
}

impl From<SpaceStatus> for pb::SpaceState {
    fn from(space: SpaceStatus) -> Self {
        Self {
            vector: space.vector.to_string(),
            model: space.model.to_string(),
            role: pb::Role::from(space.role).into(),
            embedder: Some(space.embedder.into()),
            vectors: space.vectors,
            pending: space.pending,
        }
    }
}

impl TryFrom<pb::SpaceState> for SpaceStatus {
    type Error = AdminError;

    fn try_from(space: pb::SpaceState) -> Result<Self, AdminError> {
        Ok(Self {
            vector: space.vector.as_str().into(),
            model: parsed("model", &space.model)?,
            role: role(space.role)?,
            embedder: space.embedder.unwrap_or_default().try_into()?,
            vectors: space.vectors,
            pending: space.pending,
        })
    }
}

impl From<FieldStatus> for pb::FieldState {
    fn from(field: FieldStatus) -> Self {
        Self {
            field: Some(field.key.into()),
            spaces: field.spaces.into_iter().map(Into::into).collect(),
            undeclared: Some(field.undeclared.into()),
            source: field.source.map(|source| source.to_string()),
            on_embed_failure: pb::OnEmbedFailure::from(field.on_embed_failure).into(),
            migration: field.migration.map(Into::into),
        }
    }
}

impl TryFrom<pb::FieldState> for FieldStatus {
    type Error = AdminError;

    fn try_from(field: pb::FieldState) -> Result<Self, AdminError> {
        Ok(Self {
            key: present("field", field.field)?.try_into()?,
            spaces: all(field.spaces)?,
            undeclared: undeclared(field.undeclared)?,
            source: source(field.source)?,
            on_embed_failure: on_embed_failure(field.on_embed_failure)?,
            migration: field.migration.map(MigrationStatus::try_from).transpose()?,
        })
    }
}

impl From<Quarantine> for pb::Quarantine {
    fn from(quarantine: Quarantine) -> Self {
        let cause = match quarantine.cause {
            Cause::Restored => pb::Cause::Restored,
            Cause::Reshaped => pb::Cause::Reshaped,
            Cause::Dropped => pb::Cause::Dropped,
        };
        Self {
            cause: cause.into(),
            since_ms: quarantine.since_ms,
        }
    }
}

impl TryFrom<pb::Quarantine> for Quarantine {
    type Error = AdminError;

    fn try_from(quarantine: pb::Quarantine) -> Result<Self, AdminError> {
        let cause = match pb::Cause::try_from(quarantine.cause) {
            Ok(pb::Cause::Restored) => Cause::Restored,
            Ok(pb::Cause::Reshaped) => Cause::Reshaped,
            Ok(pb::Cause::Dropped) => Cause::Dropped,
            Ok(pb::Cause::Unspecified) | Err(_) => {
                return Err(AdminError::invalid(format!(
                    "cause {} is unknown to this version",
                    quarantine.cause
                )));
            }
        };
        Ok(Self {
            cause,
            since_ms: quarantine.since_ms,
        })
    }
}

impl From<CollectionStatus> for pb::CollectionState {
    fn from(collection: CollectionStatus) -> Self {
        Self {
            collection: collection.collection.to_string(),
            points: collection.points,
            fields: collection.fields.into_iter().map(Into::into).collect(),
            opaque: collection.opaque.iter().map(ToString::to_string).collect(),
            quarantine: collection.quarantine.map(Into::into),
            error: collection.error,
        }
    }
}

impl TryFrom<pb::CollectionState> for CollectionStatus {
    type Error = AdminError;

    fn try_from(collection: pb::CollectionState) -> Result<Self, AdminError> {
        Ok(Self {
            collection: collection.collection.as_str().into(),
            points: collection.points,
            fields: all(collection.fields)?,
            opaque: collection
                .opaque
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            quarantine: collection.quarantine.map(Quarantine::try_from).transpose()?,
            error: collection.error,
        })
    }
}

impl From<Status> for pb::StatusReport {
    fn from(status: Status) -> Self {
        Self {
            epoch: status.epoch.0,
            collections: status.collections.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::StatusReport> for Status {
    type Error = AdminError;

    fn try_from(report: pb::StatusReport) -> Result<Self, AdminError> {
        Ok(Self {
            epoch: Epoch(report.epoch),
            collections: all(report.collections)?,
        })
    }
}
