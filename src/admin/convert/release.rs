//! Releases.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::Epoch;
use crate::migrate::{Release, Released, ReleasedVector};

use super::{all, parsed};

impl From<Release> for pb::ReleaseRequest {
    fn from(request: Release) -> Self {
        Self {
            collection: request.collection.to_string(),
            strip_tags: request.strip_tags,
        }
    }
}

impl TryFrom<pb::ReleaseRequest> for Release {
    type Error = AdminError;

    fn try_from(request: pb::ReleaseRequest) -> Result<Self, AdminError> {
        if request.collection.is_empty() {
            return Err(AdminError::invalid("collection is missing"));
        }
        Ok(Self {
            collection: request.collection.as_str().into(),
            strip_tags: request.strip_tags,
        })
    }
}

impl From<ReleasedVector> for pb::ReleasedVector {
    fn from(of: ReleasedVector) -> Self {
        Self {
            said: of.said.to_string(),
            vector: of.vector.to_string(),
            model: of.model.to_string(),
        }
    }
}

impl TryFrom<pb::ReleasedVector> for ReleasedVector {
    type Error = AdminError;

    fn try_from(of: pb::ReleasedVector) -> Result<Self, AdminError> {
        Ok(Self {
            said: of.said.as_str().into(),
            vector: of.vector.as_str().into(),
            model: parsed("model", &of.model)?,
        })
    }
}

impl From<Released> for pb::Released {
    fn from(of: Released) -> Self {
        Self {
            collection: of.collection.to_string(),
            is_there: of.is_there,
            was_released: of.was_released,
            vectors: of.vectors.into_iter().map(Into::into).collect(),
            opaque: of.opaque.iter().map(ToString::to_string).collect(),
            tags_taken: of.tags_taken,
            tags_left: of.tags_left,
            is_done: of.is_done,
            epoch: of.epoch.0,
        }
    }
}

impl TryFrom<pb::Released> for Released {
    type Error = AdminError;

    fn try_from(of: pb::Released) -> Result<Self, AdminError> {
        Ok(Self {
            collection: of.collection.as_str().into(),
            is_there: of.is_there,
            was_released: of.was_released,
            vectors: all(of.vectors)?,
            opaque: of.opaque.iter().map(|name| name.as_str().into()).collect(),
            tags_taken: of.tags_taken,
            tags_left: of.tags_left,
            is_done: of.is_done,
            epoch: Epoch(of.epoch),
        })
    }
}
