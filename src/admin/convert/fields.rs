//! Adoption: fields, spaces and policies.

use crate::admin::api;
use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::source::SourceTemplate;
use crate::domain::table::{OnEmbedFailure, Space, StandbyState, Undeclared};

use super::{all, parsed, present, some};

impl From<api::Adopt> for pb::AdoptRequest {
    fn from(request: api::Adopt) -> Self {
        Self {
            collection: request.collection.to_string(),
            fields: request.fields.into_iter().map(Into::into).collect(),
            opaque: request.opaque.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<pb::AdoptRequest> for api::Adopt {
    type Error = AdminError;

    fn try_from(request: pb::AdoptRequest) -> Result<Self, AdminError> {
        Ok(Self {
            collection: request.collection.as_str().into(),
            fields: all(request.fields)?,
            opaque: request.opaque.iter().map(|name| name.as_str().into()).collect(),
        })
    }
}

impl From<api::AdoptField> for pb::AdoptField {
    fn from(field: api::AdoptField) -> Self {
        use pb::undeclared::Policy;
        let policy = field.undeclared.map(|choice| match choice {
            api::UndeclaredChoice::Pinned(model) => Policy::Pinned(model.to_string()),
            api::UndeclaredChoice::Reject => Policy::Reject(true),
        });
        Self {
            vector: field.vector.to_string(),
            model: field.model.to_string(),
            source: field.source.map_or_else(String::new, |source| source.to_string()),
            undeclared: policy.map(|policy| pb::Undeclared {
                policy: Some(policy),
            }),
            on_embed_failure: pb::OnEmbedFailure::from(field.on_embed_failure).into(),
        }
    }
}

impl TryFrom<pb::AdoptField> for api::AdoptField {
    type Error = AdminError;

    fn try_from(field: pb::AdoptField) -> Result<Self, AdminError> {
        let undeclared = match policy(field.undeclared.clone())? {
            None => None,
            Some(Policy::Pinned(model)) => {
                Some(api::UndeclaredChoice::Pinned(parsed("undeclared.pinned", &model)?))
            }
            Some(Policy::Reject) => Some(api::UndeclaredChoice::Reject),
        };
        Ok(Self {
            on_embed_failure: on_embed_failure(field.on_embed_failure)?,
            vector: field.vector.as_str().into(),
            model: parsed("model", &field.model)?,
            source: source(field.source)?,
            undeclared,
        })
    }
}

/// A message's policy, once it says what it should.
enum Policy {
    Pinned(String),
    Reject,
}

fn policy(message: Option<pb::Undeclared>) -> Result<Option<Policy>, AdminError> {
    let Some(pb::Undeclared { policy }) = message else {
        return Ok(None);
    };
    match policy {
        Some(pb::undeclared::Policy::Pinned(model)) => Ok(Some(Policy::Pinned(model))),
        Some(pb::undeclared::Policy::Reject(true)) => Ok(Some(Policy::Reject)),
        Some(pb::undeclared::Policy::Reject(false)) | None => {
            Err(AdminError::invalid("undeclared: say pinned, or reject: true"))
        }
    }
}

fn source(text: String) -> Result<Option<SourceTemplate>, AdminError> {
    some(text)
        .map(|text| SourceTemplate::parse(&text).map_err(AdminError::invalid))
        .transpose()
}

impl From<OnEmbedFailure> for pb::OnEmbedFailure {
    fn from(policy: OnEmbedFailure) -> Self {
        match policy {
            OnEmbedFailure::Fail => Self::Fail,
            OnEmbedFailure::Defer => Self::Defer,
        }
    }
}

/// The raw number is looked at: a value of a newer client must not turn into the default.
fn on_embed_failure(policy: i32) -> Result<OnEmbedFailure, AdminError> {
    match pb::OnEmbedFailure::try_from(policy) {
        Ok(pb::OnEmbedFailure::Fail) => Ok(OnEmbedFailure::Fail),
        Ok(pb::OnEmbedFailure::Defer) => Ok(OnEmbedFailure::Defer),
        Ok(pb::OnEmbedFailure::Unspecified) => Ok(OnEmbedFailure::default()),
        Err(error) => Err(AdminError::invalid(format!("on_embed_failure: {error}"))),
    }
}

impl From<Space> for pb::Space {
    fn from(space: Space) -> Self {
        Self {
            vector: space.vector.to_string(),
            model: space.model.to_string(),
        }
    }
}

impl TryFrom<pb::Space> for Space {
    type Error = AdminError;

    fn try_from(space: pb::Space) -> Result<Self, AdminError> {
        Ok(Self {
            vector: space.vector.as_str().into(),
            model: parsed("space.model", &space.model)?,
        })
    }
}

impl From<api::FieldInfo> for pb::FieldInfo {
    fn from(field: api::FieldInfo) -> Self {
        use pb::undeclared::Policy;
        let policy = match field.undeclared {
            Undeclared::Pinned(model) => Policy::Pinned(model.to_string()),
            Undeclared::Reject => Policy::Reject(true),
        };
        let standby_readable = field.standby.as_ref().is_some_and(|standby| match standby.state {
            StandbyState::Kept => true,
            StandbyState::Filling => false,
        });
        Self {
            vector: field.vector.to_string(),
            serving: Some(field.serving.into()),
            standby: field.standby.map(|standby| standby.space.into()),
            standby_readable,
            undeclared: Some(pb::Undeclared {
                policy: Some(policy),
            }),
            source: field.source.map_or_else(String::new, |source| source.to_string()),
            on_embed_failure: pb::OnEmbedFailure::from(field.on_embed_failure).into(),
        }
    }
}

impl TryFrom<pb::FieldInfo> for api::FieldInfo {
    type Error = AdminError;

    fn try_from(field: pb::FieldInfo) -> Result<Self, AdminError> {
        let state = match field.standby_readable {
            true => StandbyState::Kept,
            false => StandbyState::Filling,
        };
        let standby = field.standby.map(Space::try_from).transpose()?;
        Ok(Self {
            on_embed_failure: on_embed_failure(field.on_embed_failure)?,
            vector: field.vector.as_str().into(),
            serving: present("serving", field.serving)?.try_into()?,
            standby: standby.map(|space| api::StandbyInfo { space, state }),
            undeclared: match present("undeclared", policy(field.undeclared)?)? {
                Policy::Pinned(model) => Undeclared::Pinned(parsed("undeclared.pinned", &model)?),
                Policy::Reject => Undeclared::Reject,
            },
            source: source(field.source)?,
        })
    }
}

impl From<api::CollectionInfo> for pb::CollectionInfo {
    fn from(info: api::CollectionInfo) -> Self {
        Self {
            collection: info.collection.to_string(),
            fields: info.fields.into_iter().map(Into::into).collect(),
            opaque: info.opaque.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<pb::CollectionInfo> for api::CollectionInfo {
    type Error = AdminError;

    fn try_from(info: pb::CollectionInfo) -> Result<Self, AdminError> {
        Ok(Self {
            collection: info.collection.as_str().into(),
            fields: all(info.fields)?,
            opaque: info.opaque.iter().map(|name| name.as_str().into()).collect(),
        })
    }
}
