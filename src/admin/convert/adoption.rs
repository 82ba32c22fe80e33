//! Fields, their policies, and adoption.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::source::SourceTemplate;
use crate::domain::table::{OnEmbedFailure, Undeclared};
use crate::migrate::{Adopt, AdoptVector, Adopted, AdoptedField, UndeclaredChoice};

use super::{all, parsed, present};

impl From<FieldKey> for pb::FieldRef {
    fn from(key: FieldKey) -> Self {
        Self {
            collection: key.collection.to_string(),
            vector: key.field.to_string(),
        }
    }
}

impl TryFrom<pb::FieldRef> for FieldKey {
    type Error = AdminError;

    fn try_from(field: pb::FieldRef) -> Result<Self, AdminError> {
        if field.collection.is_empty() {
            return Err(AdminError::invalid("collection is missing"));
        }
        Ok(Self {
            collection: field.collection.as_str().into(),
            field: field.vector.as_str().into(),
        })
    }
}

impl From<Adopt> for pb::AdoptRequest {
    fn from(request: Adopt) -> Self {
        Self {
            collection: request.collection.to_string(),
            vectors: request.vectors.into_iter().map(Into::into).collect(),
            opaque: request.opaque.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<pb::AdoptRequest> for Adopt {
    type Error = AdminError;

    fn try_from(request: pb::AdoptRequest) -> Result<Self, AdminError> {
        Ok(Self {
            collection: request.collection.as_str().into(),
            vectors: all(request.vectors)?,
            opaque: request.opaque.iter().map(|name| name.as_str().into()).collect(),
        })
    }
}

impl From<AdoptVector> for pb::AdoptVector {
    fn from(vector: AdoptVector) -> Self {
        Self {
            name: vector.name.map(|name| name.to_string()),
            model: vector.model.to_string(),
            source: vector.source.map(|source| source.to_string()),
            undeclared: vector.undeclared.map(Into::into),
            on_embed_failure: pb::OnEmbedFailure::from(vector.on_embed_failure).into(),
        }
    }
}

impl TryFrom<pb::AdoptVector> for AdoptVector {
    type Error = AdminError;

    fn try_from(vector: pb::AdoptVector) -> Result<Self, AdminError> {
        Ok(Self {
            name: vector.name.as_deref().map(Into::into),
            model: parsed("model", &vector.model)?,
            source: source(vector.source)?,
            undeclared: choice(vector.undeclared)?,
            on_embed_failure: on_embed_failure(vector.on_embed_failure)?,
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

/// The policy that a message asks for.
pub(super) fn choice(message: Option<pb::Undeclared>) -> Result<Option<UndeclaredChoice>, AdminError> {
    Ok(match policy(message)? {
        None => None,
        Some(Policy::Pinned(model)) => Some(UndeclaredChoice::Pinned(parsed("undeclared.pinned", &model)?)),
        Some(Policy::Reject) => Some(UndeclaredChoice::Reject),
    })
}

impl From<UndeclaredChoice> for pb::Undeclared {
    fn from(choice: UndeclaredChoice) -> Self {
        use pb::undeclared::Policy;
        let policy = match choice {
            UndeclaredChoice::Pinned(model) => Policy::Pinned(model.to_string()),
            UndeclaredChoice::Reject => Policy::Reject(true),
        };
        Self { policy: Some(policy) }
    }
}

pub(super) fn undeclared(message: Option<pb::Undeclared>) -> Result<Undeclared, AdminError> {
    match present("undeclared", policy(message)?)? {
        Policy::Pinned(model) => Ok(Undeclared::Pinned(parsed("undeclared.pinned", &model)?)),
        Policy::Reject => Ok(Undeclared::Reject),
    }
}

impl From<Undeclared> for pb::Undeclared {
    fn from(policy: Undeclared) -> Self {
        use pb::undeclared::Policy;
        let policy = match policy {
            Undeclared::Pinned(model) => Policy::Pinned(model.to_string()),
            Undeclared::Reject => Policy::Reject(true),
        };
        Self { policy: Some(policy) }
    }
}

pub(super) fn source(text: Option<String>) -> Result<Option<SourceTemplate>, AdminError> {
    text.map(|text| SourceTemplate::parse(&text).map_err(AdminError::invalid))
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
pub(super) fn on_embed_failure(policy: i32) -> Result<OnEmbedFailure, AdminError> {
    match pb::OnEmbedFailure::try_from(policy) {
        Ok(pb::OnEmbedFailure::Fail) => Ok(OnEmbedFailure::Fail),
        Ok(pb::OnEmbedFailure::Defer) => Ok(OnEmbedFailure::Defer),
        Ok(pb::OnEmbedFailure::Unspecified) => Ok(OnEmbedFailure::default()),
        Err(error) => Err(AdminError::invalid(format!("on_embed_failure: {error}"))),
    }
}

impl From<AdoptedField> for pb::AdoptedField {
    fn from(field: AdoptedField) -> Self {
        Self {
            field: Some(field.key.into()),
            model: field.model.to_string(),
            undeclared: Some(field.undeclared.into()),
            source: field.source.map(|source| source.to_string()),
            on_embed_failure: pb::OnEmbedFailure::from(field.on_embed_failure).into(),
        }
    }
}

impl TryFrom<pb::AdoptedField> for AdoptedField {
    type Error = AdminError;

    fn try_from(field: pb::AdoptedField) -> Result<Self, AdminError> {
        Ok(Self {
            key: present("field", field.field)?.try_into()?,
            model: parsed("model", &field.model)?,
            undeclared: undeclared(field.undeclared)?,
            source: source(field.source)?,
            on_embed_failure: on_embed_failure(field.on_embed_failure)?,
        })
    }
}

impl From<Adopted> for pb::Adopted {
    fn from(adopted: Adopted) -> Self {
        Self {
            collection: adopted.collection.to_string(),
            alias: adopted.alias,
            fields: adopted.fields.into_iter().map(Into::into).collect(),
            opaque: adopted.opaque.iter().map(ToString::to_string).collect(),
            points: adopted.points,
            epoch: adopted.epoch.0,
            warnings: adopted.warnings,
        }
    }
}

impl TryFrom<pb::Adopted> for Adopted {
    type Error = AdminError;

    fn try_from(adopted: pb::Adopted) -> Result<Self, AdminError> {
        Ok(Self {
            collection: adopted.collection.as_str().into(),
            alias: adopted.alias,
            fields: all(adopted.fields)?,
            opaque: adopted.opaque.iter().map(|name| name.as_str().into()).collect(),
            points: adopted.points,
            epoch: Epoch(adopted.epoch),
            warnings: adopted.warnings,
        })
    }
}
