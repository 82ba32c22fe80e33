//! Models and embedders.

use crate::admin::api;
use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::embedder::{EmbedderSpec, Idf, IdfTable, OpenAiSpec};
use crate::domain::ids::Epoch;
use crate::domain::model::{Distance, Fingerprint, Kind, Model};
use crate::migrate::{ModelAdded, ModelRow};

use super::{all, parsed, present, some};

impl From<Model> for pb::Model {
    fn from(model: Model) -> Self {
        Self {
            id: model.id.to_string(),
            kind: pb::ModelKind::from(model.kind).into(),
            dimension: model.dimension,
            distance: pb::Distance::from(model.distance).into(),
            query_prompt: model.query_prompt,
            document_prompt: model.document_prompt,
        }
    }
}

impl TryFrom<pb::Model> for Model {
    type Error = AdminError;

    fn try_from(model: pb::Model) -> Result<Self, AdminError> {
        Ok(Self {
            kind: kind(model.kind())?,
            distance: distance(model.distance())?,
            id: parsed("model.id", &model.id)?,
            dimension: model.dimension,
            query_prompt: model.query_prompt,
            document_prompt: model.document_prompt,
        })
    }
}

impl From<Kind> for pb::ModelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Dense => Self::Dense,
            Kind::Sparse => Self::Sparse,
            Kind::Multivector => Self::Multivector,
        }
    }
}

fn kind(kind: pb::ModelKind) -> Result<Kind, AdminError> {
    match kind {
        pb::ModelKind::Dense => Ok(Kind::Dense),
        pb::ModelKind::Sparse => Ok(Kind::Sparse),
        pb::ModelKind::Multivector => Ok(Kind::Multivector),
        pb::ModelKind::Unspecified => Err(AdminError::invalid("model.kind is missing or unknown")),
    }
}

impl From<Distance> for pb::Distance {
    fn from(distance: Distance) -> Self {
        match distance {
            Distance::Cosine => Self::Cosine,
            Distance::Dot => Self::Dot,
            Distance::Euclid => Self::Euclid,
            Distance::Manhattan => Self::Manhattan,
        }
    }
}

fn distance(distance: pb::Distance) -> Result<Distance, AdminError> {
    match distance {
        pb::Distance::Cosine => Ok(Distance::Cosine),
        pb::Distance::Dot => Ok(Distance::Dot),
        pb::Distance::Euclid => Ok(Distance::Euclid),
        pb::Distance::Manhattan => Ok(Distance::Manhattan),
        pb::Distance::Unspecified => Err(AdminError::invalid("model.distance is missing or unknown")),
    }
}

impl From<EmbedderSpec> for pb::Embedder {
    fn from(spec: EmbedderSpec) -> Self {
        use pb::embedder::Kind;
        let kind = match spec {
            EmbedderSpec::OpenAi(spec) => Some(Kind::Openai(spec.into())),
            EmbedderSpec::HashedWords {} => Some(Kind::HashedWords(pb::HashedWords {})),
            EmbedderSpec::CharNgrams { idf } => Some(Kind::CharNgrams(pb::CharNgrams {
                fitted_weights: match idf {
                    Idf::Uniform => String::new(),
                    Idf::Fitted(IdfTable { weights }) => weights,
                },
            })),
            EmbedderSpec::None => None,
        };
        Self { kind }
    }
}

impl TryFrom<pb::Embedder> for EmbedderSpec {
    type Error = AdminError;

    fn try_from(embedder: pb::Embedder) -> Result<Self, AdminError> {
        use pb::embedder::Kind;
        Ok(match embedder.kind {
            Some(Kind::Openai(spec)) => Self::OpenAi(spec.try_into()?),
            Some(Kind::HashedWords(pb::HashedWords {})) => Self::HashedWords {},
            Some(Kind::CharNgrams(pb::CharNgrams { fitted_weights })) => Self::CharNgrams {
                idf: some(fitted_weights).map_or(Idf::Uniform, |weights| Idf::Fitted(IdfTable { weights })),
            },
            None => Self::None,
        })
    }
}

impl From<OpenAiSpec> for pb::OpenAiEmbedder {
    fn from(spec: OpenAiSpec) -> Self {
        Self {
            url: spec.url,
            model: spec.model,
            api_key_env: spec.api_key_env.unwrap_or_default(),
            dimensions: spec.dimensions,
            batch_max: Some(spec.batch_max as u64),
            timeout_ms: Some(spec.timeout_ms),
            concurrency_max: Some(spec.concurrency_max as u64),
            queue_max: Some(spec.queue_max as u64),
            retries_max: Some(spec.retries_max),
            answer_bytes_max: Some(spec.answer_bytes_max as u64),
            price_per_million_tokens: spec.price_per_million_tokens,
        }
    }
}

impl TryFrom<pb::OpenAiEmbedder> for OpenAiSpec {
    type Error = AdminError;

    fn try_from(message: pb::OpenAiEmbedder) -> Result<Self, AdminError> {
        let default = Self::new(message.url, message.model);
        Ok(Self {
            api_key_env: some(message.api_key_env),
            dimensions: message.dimensions,
            batch_max: size("batch_max", message.batch_max, default.batch_max)?,
            timeout_ms: message.timeout_ms.unwrap_or(default.timeout_ms),
            concurrency_max: size(
                "concurrency_max",
                message.concurrency_max,
                default.concurrency_max,
            )?,
            queue_max: size("queue_max", message.queue_max, default.queue_max)?,
            retries_max: message.retries_max.unwrap_or(default.retries_max),
            answer_bytes_max: size(
                "answer_bytes_max",
                message.answer_bytes_max,
                default.answer_bytes_max,
            )?,
            price_per_million_tokens: message.price_per_million_tokens,
            ..default
        })
    }
}

fn size(name: &str, given: Option<u64>, default: usize) -> Result<usize, AdminError> {
    given.map_or(Ok(default), |given| {
        usize::try_from(given)
            .map_err(|_| AdminError::invalid(format!("embedder.openai.{name} is too large")))
    })
}

impl From<api::AddModel> for pb::AddModelRequest {
    fn from(request: api::AddModel) -> Self {
        Self {
            model: Some(request.model.into()),
            embedder: Some(request.embedder.into()),
        }
    }
}

impl TryFrom<pb::AddModelRequest> for api::AddModel {
    type Error = AdminError;

    fn try_from(request: pb::AddModelRequest) -> Result<Self, AdminError> {
        Ok(Self {
            model: present("model", request.model)?.try_into()?,
            embedder: request.embedder.unwrap_or_default().try_into()?,
        })
    }
}

impl From<ModelRow> for pb::ModelRow {
    fn from(row: ModelRow) -> Self {
        Self {
            model: Some(row.model.into()),
            fingerprint: row.fingerprint.0,
            embedder: Some(row.embedder.into()),
        }
    }
}

impl TryFrom<pb::ModelRow> for ModelRow {
    type Error = AdminError;

    fn try_from(row: pb::ModelRow) -> Result<Self, AdminError> {
        Ok(Self {
            model: present("model", row.model)?.try_into()?,
            fingerprint: Fingerprint(row.fingerprint),
            embedder: row.embedder.unwrap_or_default().try_into()?,
        })
    }
}

impl From<ModelAdded> for pb::ModelAdded {
    fn from(added: ModelAdded) -> Self {
        Self {
            row: Some(added.row.into()),
            was_known: added.was_known,
            epoch: added.epoch.0,
        }
    }
}

impl TryFrom<pb::ModelAdded> for ModelAdded {
    type Error = AdminError;

    fn try_from(added: pb::ModelAdded) -> Result<Self, AdminError> {
        Ok(Self {
            row: present("row", added.row)?.try_into()?,
            was_known: added.was_known,
            epoch: Epoch(added.epoch),
        })
    }
}

impl TryFrom<pb::ListModelsResponse> for api::ModelList {
    type Error = AdminError;

    fn try_from(list: pb::ListModelsResponse) -> Result<Self, AdminError> {
        Ok(Self {
            models: all(list.models)?,
        })
    }
}
