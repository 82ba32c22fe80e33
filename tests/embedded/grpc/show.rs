//! The run of a scenario: requests go out, lines come back; and short forms of requests.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Response, Status};

use crate::target::Target;

/// The lines of one run.
pub struct Run {
    pub prefix: String,
    pub lines: Vec<String>,
    pub points: PointsClient<Target>,
    pub collections: CollectionsClient<Target>,
}

/// Four digits are enough to tell scores apart, and the same in every build.
pub fn float(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

pub fn vector(vector: &pb::VectorOutput) -> Value {
    use pb::vector_output::Vector as Kind;
    match vector.vector.as_ref() {
        Some(Kind::Dense(dense)) => dense.data.iter().map(|value| float(*value)).collect(),
        Some(Kind::Sparse(sparse)) => {
            json!({"i": sparse.indices, "v": sparse.values.iter().map(|v| float(*v)).collect::<Vec<_>>()})
        }
        Some(Kind::MultiDense(multi)) => multi
            .vectors
            .iter()
            .map(|row| row.data.iter().map(|v| float(*v)).collect::<Value>())
            .collect(),
        None => json!("deprecated form"),
    }
}

pub fn vectors(vectors: &Option<pb::VectorsOutput>) -> Value {
    use pb::vectors_output::VectorsOptions;
    match vectors
        .as_ref()
        .and_then(|vectors| vectors.vectors_options.as_ref())
    {
        Some(VectorsOptions::Vector(one)) => vector(one),
        Some(VectorsOptions::Vectors(named)) => {
            let named: BTreeMap<_, _> = named
                .vectors
                .iter()
                .map(|(name, one)| (name, vector(one)))
                .collect();
            json!(named)
        }
        None => Value::Null,
    }
}

pub fn payload(payload: &HashMap<String, pb::Value>) -> Value {
    let sorted: BTreeMap<_, _> = payload.iter().map(|(k, v)| (k, v.clone().into_json())).collect();
    json!(sorted)
}

pub fn id(id: &Option<pb::PointId>) -> String {
    use pb::point_id::PointIdOptions;
    match id.as_ref().and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Num(number)) => number.to_string(),
        Some(PointIdOptions::Uuid(uuid)) => uuid.clone(),
        None => "none".to_owned(),
    }
}

pub fn record(point: &pb::RetrievedPoint) -> String {
    format!(
        "{} {} {} {:?}",
        id(&point.id),
        payload(&point.payload),
        vectors(&point.vectors),
        point.order_value
    )
}

pub fn scored(points: &[pb::ScoredPoint]) -> String {
    let one = |point: &pb::ScoredPoint| {
        let order = point
            .order_value
            .map(|order| format!("{order:?}"))
            .unwrap_or_default();
        let (payload, vectors) = (payload(&point.payload), vectors(&point.vectors));
        format!(
            "{}:{} {payload} {vectors} {order}",
            id(&point.id),
            float(point.score)
        )
    };
    points.iter().map(one).collect::<Vec<_>>().join(" | ")
}

impl Run {
    pub fn new(target: &Target) -> Self {
        let prefix = format!("it{}", uuid::Uuid::now_v7().simple());
        let points = PointsClient::new(target.clone())
            .send_compressed(Gzip)
            .accept_compressed(Gzip);
        Self {
            prefix,
            lines: Vec::new(),
            points,
            collections: CollectionsClient::new(target.clone()),
        }
    }

    pub fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    pub fn note(&mut self, label: &str, text: impl AsRef<str>) {
        let text = text.as_ref().replace(&self.prefix, "$c").replace('\n', "\\n");
        self.lines.push(format!("{label}: {text}"));
    }

    /// Notes an answer, or the refusal with its code.
    pub fn answer<T>(
        &mut self,
        label: &str,
        answer: Result<Response<T>, Status>,
        show: impl Fn(T) -> String,
    ) {
        match answer {
            Ok(answer) => self.note(label, show(answer.into_inner())),
            Err(status) => self.note(label, format!("{:?} {}", status.code(), status.message())),
        }
    }

    pub fn written(&mut self, label: &str, answer: Result<Response<pb::PointsOperationResponse>, Status>) {
        self.answer(label, answer, |answer| {
            let status = answer.result.map(|result| result.status);
            format!("{status:?} usage {}", answer.usage.is_some())
        });
    }

    pub fn done(&mut self, label: &str, answer: Result<Response<pb::CollectionOperationResponse>, Status>) {
        self.answer(label, answer, |answer| answer.result.to_string());
    }

    pub async fn query(&mut self, label: &str, collection: &str, query: pb::QueryPoints) {
        let query = pb::QueryPoints {
            collection_name: self.name(collection),
            ..query
        };
        let answer = self.points.query(query).await;
        self.answer(label, answer, |answer| scored(&answer.result));
    }

    pub async fn all(&mut self, label: &str, collection: &str) {
        let request = pb::ScrollPoints {
            collection_name: self.name(collection),
            limit: Some(100),
            with_vectors: Some(true.into()),
            ..Default::default()
        };
        let answer = self.points.scroll(request).await;
        self.answer(label, answer, |answer| {
            answer.result.iter().map(record).collect::<Vec<_>>().join(" | ")
        });
    }
}

pub fn nearest(values: &[f32]) -> Option<pb::Query> {
    Some(pb::Query::new_nearest(values.to_vec()))
}

pub fn by_id(number: u64) -> pb::VectorInput {
    pb::VectorInput::new_id(number)
}

pub fn point(number: u64, values: &[f32], payload: Value) -> pb::PointStruct {
    let payload: qdrant_client::Payload = payload.try_into().unwrap();
    pb::PointStruct::new(number, values.to_vec(), payload)
}

pub fn only(ids: &[u64]) -> Option<pb::PointsSelector> {
    use pb::points_selector::PointsSelectorOneOf;
    let ids = ids.iter().map(|id| (*id).into()).collect();
    Some(pb::PointsSelector {
        points_selector_one_of: Some(PointsSelectorOneOf::Points(pb::PointsIdsList { ids })),
    })
}

pub fn matches(key: &str, value: &str) -> Option<pb::Filter> {
    Some(pb::Filter::must([pb::Condition::matches(key, value.to_owned())]))
}

pub fn single(size: u64, distance: pb::Distance) -> Option<pb::VectorsConfig> {
    let params = pb::VectorParams {
        size,
        distance: distance.into(),
        ..Default::default()
    };
    Some(pb::VectorsConfig {
        config: Some(pb::vectors_config::Config::Params(params)),
    })
}
