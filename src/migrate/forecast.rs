//! Gathers what a forecast is made from: the schema, counts, and a bounded sample that is embedded and thrown away.

use std::time::Instant;

use qdrant_client::qdrant::{Filter, RetrievedPoint};
use serde::{Deserialize, Serialize};

use super::candidate;
use super::conditions::FieldView;
use super::embedding::{self, Texts};
use super::error::ControlError;
use super::inner::{Inner, chain};
use crate::domain::embedder::EmbedderSpec;
use crate::domain::forecast::{self, Computes, Forecast, Given, Sample};
use crate::domain::ids::FieldKey;
use crate::domain::model::{Model, ModelRef};
use crate::domain::phase::standby_name;
use crate::domain::plan::Embedding;
use crate::domain::table::Field;
use crate::upstream::calls::{PageQuery, is_strict, keeping, replicas};

/// Points of a sample, at most.
const SAMPLE_POINTS_MAX: u32 = 64;

/// A migration to look at before it is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ahead {
    /// The target model.
    pub to: ModelRef,
    /// Embed nothing, not even a sample.
    #[serde(default)]
    pub no_sample: bool,
}

impl Inner {
    pub(super) async fn forecast(&self, key: &FieldKey, ask: &Ahead) -> Result<Forecast, ControlError> {
        let key = self.real(key).await?;
        let field = self.field(&key)?;
        let (from, to) = (self.model(&field.serving.model)?, self.resolve(&ask.to)?);
        let collection = key.collection.as_str();
        let info = self.calls.collection(collection).await?;
        let view = self.view(&field);
        let untagged = match view.untagged() {
            Some(filter) => self.calls.count(collection, filter).await?,
            None => 0,
        };
        let to_space = standby_name(&field.name, &to.id);
        let computes = self.computes(&to);
        let is_same = from.id == to.id;
        let sample = match (ask.no_sample || is_same, &computes, &field.source) {
            (true, _, _) | (_, Computes::Nobody, _) | (_, _, None) => None,
            (false, Computes::Here | Computes::Endpoint { .. }, Some(_)) => {
                Some(self.sample(&key, &field, &to).await?)
            }
        };
        let given = Given {
            from_space: field.serving.vector.clone(),
            from_keeping: keeping(&info, field.serving.vector.as_str()),
            to_keeping: keeping(&info, to_space.as_str()),
            to_space,
            computes,
            has_source: field.source.is_some(),
            server: self.calls.version().await?,
            is_cluster: self.calls.is_cluster(collection).await?,
            replicas: replicas(&info),
            points: self.calls.count(collection, view.points()).await?,
            untagged,
            page_points: self.page_points(self.batch_and_price(&to.id).0).into(),
            strict_path: is_strict(&info).then(|| view.paths().write_id()),
            sample,
            obstacles: match is_same {
                true => Vec::new(),
                false => self.obstacles(&key, &field, &to).await,
            },
            key,
            from,
            to,
        };
        Ok(forecast::forecast(&given))
    }

    /// Why a start would be refused now.
    async fn obstacles(&self, key: &FieldKey, field: &Field, to: &Model) -> Vec<String> {
        match self.may_start(key, field, to).await {
            Ok(()) => Vec::new(),
            Err(error) => vec![error.message],
        }
    }

    fn computes(&self, model: &Model) -> Computes {
        match self.spec(&model.id) {
            EmbedderSpec::None => Computes::Nobody,
            EmbedderSpec::HashedWords {} | EmbedderSpec::CharNgrams { .. } => Computes::Here,
            EmbedderSpec::OpenAi(spec) => Computes::Endpoint {
                batch_max: spec.batch_max as u64,
                price_per_million_tokens: spec.price_per_million_tokens,
            },
        }
    }

    /// Embeds the texts of the first points. What the embedder says against it is part of what was found.
    async fn sample(&self, key: &FieldKey, field: &Field, to: &Model) -> Result<Sample, ControlError> {
        let view = self.view(field);
        let begun = Instant::now();
        let points = self.first_points(key, view, view.points()).await?;
        let sampled = points.len() as u64;
        let candidates: Vec<_> = points
            .into_iter()
            .filter_map(|point| candidate::read(view, point))
            .collect();
        let texts: Vec<&str> = candidates
            .iter()
            .filter_map(|candidate| candidate.text.as_deref())
            .collect();
        let tokens = texts
            .iter()
            .map(|text| forecast::tokens_estimated(&format!("{}{text}", to.document_prompt)));
        let mut sample = Sample {
            points: sampled,
            unsourced: sampled.saturating_sub(texts.len() as u64),
            tokens_estimated: tokens.sum(),
            ..Sample::default()
        };
        if texts.is_empty() {
            return Ok(sample);
        }
        match embedding::all(&self.embedders, &to.id, &Texts::of(texts.into_iter())).await {
            Ok(embedded) => {
                sample.seconds = Some(begun.elapsed().as_secs_f64());
                sample.rows_mean = rows_mean(&embedded.vectors);
                sample.error = embedded.refused;
            }
            Err(failure) => sample.error = Some(chain(&failure)),
        }
        Ok(sample)
    }

    async fn first_points(
        &self,
        key: &FieldKey,
        view: FieldView<'_>,
        filter: Filter,
    ) -> Result<Vec<RetrievedPoint>, ControlError> {
        let query = PageQuery {
            filter,
            from: None,
            points_max: self.settings.page_points.min(SAMPLE_POINTS_MAX),
            payload_paths: candidate::paths(view),
        };
        Ok(self.calls.scroll(key.collection.as_str(), query).await?.points)
    }
}

/// Rows of a multivector, or components of a sparse vector, on average; `None` for dense ones.
fn rows_mean(vectors: &[Option<Embedding>]) -> Option<f64> {
    let rows: Vec<usize> = vectors
        .iter()
        .flatten()
        .filter_map(|vector| match vector {
            Embedding::Dense(_) => None,
            Embedding::Sparse { indices, .. } => Some(indices.len()),
            Embedding::Multi(rows) => Some(rows.len()),
        })
        .collect();
    (!rows.is_empty()).then(|| rows.iter().sum::<usize>() as f64 / rows.len() as f64)
}
