//! Judges every answer and every write by what the engine itself holds: tags and vectors, read past the proxy.

use std::sync::Arc;

use qdrant_client::qdrant::vector_output;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{GetPoints, GetResponse, PointId, RetrievedPoint, Value, VectorsOutput, value};

use super::corpus::Corpus;
use super::encoder::cosine;
use super::traffic::{Answer, App, COLLECTION, Reader, VECTOR};
use crate::domain::model::{Model, ModelId};
use crate::upstream::calls::Calls;

/// Scores are sums of some hundred products in single precision.
const SCORE_TOLERANCE: f32 = 2e-3;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers through Interlock.
    pub answers: u64,
    /// Of these, with a hit that was ranked in another space than the answer says.
    pub wrong_space: u64,
    /// Requests that failed, reads and writes.
    pub failed: u64,
    /// Acknowledged writes that the engine does not hold whole: text, both vectors, tag.
    pub lost_writes: u64,
    /// The first thing that was wrong.
    pub first_problem: Option<String>,
}

/// Reads the engine directly.
pub struct Checker {
    app: Arc<App>,
    engine: Calls,
    models: [Model; 2],
    reserved_key: String,
    /// What it has counted.
    pub counts: Counts,
}

impl Checker {
    /// For an app, its engine, and the old and the new model.
    pub fn new(app: Arc<App>, engine: Calls, models: [Model; 2], reserved_key: String) -> Self {
        Self {
            app,
            engine,
            models,
            reserved_key,
            counts: Counts::default(),
        }
    }

    fn problem(&mut self, what: String) {
        tracing::warn!(what, "the checker found a problem");
        self.counts.first_problem.get_or_insert(what);
    }

    /// Judges an answer.
    pub async fn answer(&mut self, answer: &Answer) -> Result<(), String> {
        let hits = match &answer.hits {
            Ok(hits) => hits,
            Err(error) => {
                self.counts.failed += 1;
                self.problem(format!("{:?} failed: {error}", answer.reader));
                return Ok(());
            }
        };
        if answer.reader == Reader::Naive {
            return Ok(());
        }
        self.counts.answers += 1;
        let Some(model) = self
            .models
            .iter()
            .find(|model| model.id.to_string() == answer.model)
            .cloned()
        else {
            self.counts.wrong_space += 1;
            self.problem(format!(
                "{:?} was answered by model `{}`",
                answer.reader, answer.model
            ));
            return Ok(());
        };
        let must_be_old = matches!(answer.reader, Reader::RestRaw | Reader::GrpcRaw);
        let query = self
            .app
            .encoder
            .query(&model.id, &self.app.corpus.question(answer.subject))
            .await?;
        let points = self.read(hits.iter().map(|(id, _)| *id)).await?;
        let mut is_right = !(must_be_old && model.id != self.app.old);
        for (id, score) in hits {
            let stored = points.iter().find(|point| id_of(point) == Some(*id));
            is_right &= self
                .hit_is_right(answer, &model, &query, (*id, *score), stored)
                .await?;
        }
        if !is_right {
            self.counts.wrong_space += 1;
            self.problem(format!(
                "{:?} about {} mixed spaces",
                answer.reader, answer.subject
            ));
        }
        Ok(())
    }

    /// Whether a hit's score is that of the stored vector in the space of the answer's model, tagged as that model's.
    /// A point that was rewritten around the answer is judged by the texts that it may have had.
    async fn hit_is_right(
        &self,
        answer: &Answer,
        model: &Model,
        query: &[f32],
        (id, score): (u64, f32),
        stored: Option<&RetrievedPoint>,
    ) -> Result<bool, String> {
        let close = |expected: f32| (expected - score).abs() <= SCORE_TOLERANCE;
        let versions = self
            .app
            .ledger
            .versions_between(id, answer.asked, answer.answered);
        let texts: Vec<String> = versions
            .iter()
            .map(|version| self.app.corpus.text(id, *version))
            .collect();
        if let Some(stored) = stored
            && texts.len() == 1
            && text_of(stored).is_some_and(|text| texts.iter().any(|known| known == text))
        {
            let vector = vector_of(stored, &self.space(&model.id));
            return Ok(
                vector.is_some_and(|vector| close(cosine(query, vector))) && self.tag_agrees(stored, model)
            );
        }
        for text in &texts {
            if close(cosine(query, &self.app.encoder.document(&model.id, text).await?)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tag names the model for its space. A point from before adoption has no tag: it is the old model's.
    fn tag_agrees(&self, point: &RetrievedPoint, model: &Model) -> bool {
        let claims = at(&point.payload, &self.reserved_key).and_then(|tag| member(tag, VECTOR));
        let claim = claims
            .and_then(|entry| member(entry, "models"))
            .and_then(|m| member(m, &self.space(&model.id)));
        match (claims, claim.and_then(as_text)) {
            (_, Some(mark)) => mark == model.mark(),
            (None, None) => model.id == self.app.old,
            (Some(_), None) => false,
        }
    }

    /// Judges the writes: what was acknowledged last is there, whole.
    pub async fn writes(&mut self) -> Result<u64, String> {
        let written = self.app.ledger.last_acked();
        for chunk in written.chunks(256) {
            let points = self.read(chunk.iter().map(|(id, _)| *id)).await?;
            for (id, version) in chunk {
                let point = points.iter().find(|point| id_of(point) == Some(*id));
                if !self.is_whole(*id, *version, point).await? {
                    self.counts.lost_writes += 1;
                    self.problem(format!(
                        "version {version} of point {id} is not whole in the engine"
                    ));
                }
            }
        }
        Ok(written.len() as u64)
    }

    async fn is_whole(&self, id: u64, version: u64, point: Option<&RetrievedPoint>) -> Result<bool, String> {
        let Some(point) = point else { return Ok(false) };
        let text = self.app.corpus.text(id, version);
        let mut is_whole = text_of(point) == Some(text.as_str());
        for model in &self.models {
            let expected = self.app.encoder.document(&model.id, &text).await?;
            let vector = vector_of(point, &self.space(&model.id));
            is_whole &= vector.is_some_and(|vector| cosine(vector, &expected) > 1.0 - SCORE_TOLERANCE);
            is_whole &= self.tag_agrees(point, model);
        }
        Ok(is_whole)
    }

    /// The real name of a model's space: the adopted vector keeps its own.
    fn space(&self, model: &ModelId) -> String {
        if *model == self.app.old {
            VECTOR.to_owned()
        } else {
            format!("{VECTOR}@{model}")
        }
    }

    async fn read(&self, ids: impl Iterator<Item = u64>) -> Result<Vec<RetrievedPoint>, String> {
        let request = GetPoints {
            collection_name: COLLECTION.into(),
            ids: ids.map(PointId::from).collect(),
            with_payload: Some(true.into()),
            with_vectors: Some(true.into()),
            ..GetPoints::default()
        };
        let answer: GetResponse = self
            .engine
            .unary("/qdrant.Points/Get", &request)
            .await
            .map_err(|error| error.to_string())?;
        Ok(answer.result)
    }
}

/// Recall of an answer's hits.
pub fn recall(corpus: &Corpus, answer: &Answer) -> Option<f64> {
    let hits = answer.hits.as_ref().ok()?;
    Some(corpus.recall(answer.subject, hits.iter().map(|(id, _)| *id)))
}

fn id_of(point: &RetrievedPoint) -> Option<u64> {
    use qdrant_client::qdrant::point_id::PointIdOptions;
    match point.id.as_ref()?.point_id_options.as_ref()? {
        PointIdOptions::Num(id) => Some(*id),
        PointIdOptions::Uuid(_) => None,
    }
}

fn text_of(point: &RetrievedPoint) -> Option<&str> {
    at(&point.payload, "body").and_then(as_text)
}

fn at<'a>(payload: &'a std::collections::HashMap<String, Value>, key: &str) -> Option<&'a Value> {
    payload.get(key)
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value.kind.as_ref()? {
        value::Kind::StructValue(fields) => fields.fields.get(key),
        value::Kind::NullValue(_)
        | value::Kind::DoubleValue(_)
        | value::Kind::IntegerValue(_)
        | value::Kind::StringValue(_)
        | value::Kind::BoolValue(_)
        | value::Kind::ListValue(_) => None,
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value.kind.as_ref()? {
        value::Kind::StringValue(text) => Some(text),
        value::Kind::NullValue(_)
        | value::Kind::DoubleValue(_)
        | value::Kind::IntegerValue(_)
        | value::Kind::StructValue(_)
        | value::Kind::BoolValue(_)
        | value::Kind::ListValue(_) => None,
    }
}

fn vector_of<'a>(point: &'a RetrievedPoint, name: &str) -> Option<&'a [f32]> {
    let vectors: &VectorsOutput = point.vectors.as_ref()?;
    let vector = match vectors.vectors_options.as_ref()? {
        VectorsOptions::Vector(vector) if name.is_empty() => vector,
        VectorsOptions::Vector(_) => return None,
        VectorsOptions::Vectors(named) => named.vectors.get(name)?,
    };
    match vector.vector.as_ref()? {
        vector_output::Vector::Dense(dense) => Some(&dense.data),
        vector_output::Vector::Sparse(_) | vector_output::Vector::MultiDense(_) => None,
    }
}
