//! The upstream's answers, in Qdrant's shapes, and the check that a client got the one that it should.

use std::sync::OnceLock;

use bytes::Bytes;
use prost::Message;
use qdrant_client::qdrant::{
    BatchResult, PointsOperationResponse, QueryBatchResponse, QueryResponse, ScoredPoint, UpdateResult,
    UpdateStatus, Value,
};
use serde_json::json;

use crate::case::{Case, Kind, Protocol, framed, limit};

const TIME: f64 = 0.000_125;

/// Without tags, also for managed collections: Interlock asks Qdrant to leave them out.
fn payload(id: u64) -> serde_json::Value {
    json!({
        "title": format!("A title of some words, number {id}, as it stands in a shop's catalogue"),
        "price_cents": 1999 + id,
    })
}

fn score(id: usize) -> f32 {
    1.0 - id as f32 / 64.0
}

fn scored(id: usize) -> ScoredPoint {
    let payload = payload(id as u64);
    let payload = payload.as_object().into_iter().flatten();
    ScoredPoint {
        id: Some((id as u64).into()),
        payload: payload
            .map(|(key, value)| (key.clone(), Value::from(value.clone())))
            .collect(),
        score: score(id),
        version: 7,
        ..ScoredPoint::default()
    }
}

fn results(count: usize) -> Vec<ScoredPoint> {
    (1..=limit(count)).map(scored).collect()
}

fn query_response() -> QueryResponse {
    QueryResponse {
        result: results(1),
        time: TIME,
        usage: None,
    }
}

fn batch_response(count: usize) -> QueryBatchResponse {
    let result = BatchResult {
        result: results(count),
    };
    QueryBatchResponse {
        result: vec![result; count],
        time: TIME,
        usage: None,
    }
}

fn written() -> PointsOperationResponse {
    PointsOperationResponse {
        result: Some(UpdateResult {
            operation_id: Some(3),
            status: UpdateStatus::Completed.into(),
        }),
        time: TIME,
        usage: None,
    }
}

fn json_answer(count: usize) -> serde_json::Value {
    let points = |count: usize| {
        let point =
            |id: usize| json!({"id": id, "version": 7, "score": score(id), "payload": payload(id as u64)});
        json!({"points": (1..=limit(count)).map(point).collect::<Vec<_>>()})
    };
    let result = match count {
        0 => json!({"operation_id": 3, "status": "completed"}),
        1 => points(1),
        _ => json!(vec![points(count); count]),
    };
    json!({"result": result, "status": "ok", "time": TIME})
}

/// What the upstream answers: to writes where `count` is 0, else to so many queries.
pub fn answer(protocol: Protocol, count: usize) -> Bytes {
    match protocol {
        Protocol::Rest => json_answer(count).to_string().into(),
        Protocol::Grpc => framed(&match count {
            0 => written().encode_to_vec(),
            1 => query_response().encode_to_vec(),
            _ => batch_response(count).encode_to_vec(),
        }),
    }
}

/// Compares answers with what the upstream sends: the first by its meaning, the others with the first's bytes.
#[derive(Default)]
pub struct Check {
    first: OnceLock<Bytes>,
}

impl Check {
    /// Whether an answer's body is what it must be.
    pub fn is_good(&self, case: &Case, body: &Bytes) -> bool {
        if let Some(first) = self.first.get() {
            return first == body;
        }
        let is_good = has_meaning(case, body);
        if is_good {
            self.first.get_or_init(|| body.clone());
        }
        is_good
    }
}

fn has_meaning(case: &Case, body: &Bytes) -> bool {
    match case.protocol {
        Protocol::Rest => {
            let count = if case.kind == Kind::Read { case.count } else { 0 };
            serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|seen| seen == json_answer(count))
        }
        Protocol::Grpc => {
            let Some(message) = body.get(5..) else {
                return false;
            };
            match (case.kind, case.count) {
                (Kind::Read, 1) => QueryResponse::decode(message).is_ok_and(|seen| seen == query_response()),
                (Kind::Read, count) => {
                    QueryBatchResponse::decode(message).is_ok_and(|seen| seen == batch_response(count))
                }
                (Kind::Write | Kind::Dual, _) => {
                    PointsOperationResponse::decode(message).is_ok_and(|seen| seen == written())
                }
            }
        }
    }
}
