//! Requests in Qdrant's gRPC API.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request as HttpRequest, Version};
use http_body_util::{BodyExt, Full};
use interlock::upstream::Body as HttpBody;
use prost::Message;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation as operations;
use qdrant_client::qdrant::{
    self, Condition as ProtoCondition, DeletePointVectors, DeletePoints, DenseVector, Document, Filter,
    GetPoints, GetResponse, NamedVectors, PointId, PointStruct, PointVectors, PointsIdsList, PointsSelector,
    PointsUpdateOperation, QueryPoints, QueryResponse, ScrollPoints, ScrollResponse, SearchParams,
    SetPayloadPoints, UpdateBatchPoints, UpdateMode, UpdatePointVectors, UpsertPoints, Vector, VectorInput,
    VectorOutput, Vectors, VectorsOutput, VectorsSelector, query, vector, vector_input, vector_output,
    vectors, vectors_output,
};
use serde_json::Value as Json;

use super::answer::{Answer, Hit, Record};
use super::request::{
    Body, Condition, Given, MODELS, POINTS, Payload, Point, Query, Read, Request, Said, Selector, Value,
    Where, Write,
};
use super::rest::model_of;

/// A frame's compression flag and length.
pub const FRAME_HEAD_BYTES: usize = 5;

/// A request as it goes to a collection's field.
pub fn encode(request: &Request, collection: &str, field: &str) -> HttpRequest<HttpBody> {
    let (path, message) = match &request.body {
        Body::Writes(writes) => match writes.as_slice() {
            [one] => single(one, request, collection, field),
            several => batch(several, request, collection, field),
        },
        Body::Read(read) => self::read(read, request, collection, field),
    };
    let mut builder = HttpRequest::post(path)
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Said::Header(model) = request.said {
        builder = builder.header("embedding-model", MODELS[model]);
    }
    let body = Full::new(framed(&message)).map_err(|never| match never {});
    builder.body(body.boxed_unsync()).unwrap()
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

fn batch(writes: &[Write], request: &Request, collection: &str, field: &str) -> (&'static str, Vec<u8>) {
    let operations = writes.iter().map(|write| PointsUpdateOperation {
        operation: Some(operation(write, request, field)),
    });
    let ask = UpdateBatchPoints {
        collection_name: collection.to_owned(),
        wait: Some(true),
        operations: operations.collect(),
        ..UpdateBatchPoints::default()
    };
    ("/qdrant.Points/UpdateBatch", ask.encode_to_vec())
}

fn operation(write: &Write, request: &Request, field: &str) -> operations::Operation {
    match write {
        Write::Upsert(points, condition) => operations::Operation::Upsert(operations::PointStructList {
            points: points.iter().map(|p| point(p, request, field)).collect(),
            update_filter: update_filter(condition),
            update_mode: update_mode(condition),
            ..operations::PointStructList::default()
        }),
        Write::Vectors(points, condition) => {
            operations::Operation::UpdateVectors(operations::UpdateVectors {
                points: points.iter().map(|p| point_vectors(p, request, field)).collect(),
                update_filter: condition.as_ref().map(filter),
                ..operations::UpdateVectors::default()
            })
        }
        Write::DeleteVectors(selector) => operations::Operation::DeleteVectors(operations::DeleteVectors {
            points_selector: Some(selected(selector)),
            vectors: Some(names(field)),
            ..operations::DeleteVectors::default()
        }),
        Write::Delete(selector) => operations::Operation::DeletePoints(operations::DeletePoints {
            points: Some(selected(selector)),
            ..operations::DeletePoints::default()
        }),
        Write::Set(payload, selector) => operations::Operation::SetPayload(operations::SetPayload {
            payload: proto(payload),
            points_selector: Some(selected(selector)),
            ..operations::SetPayload::default()
        }),
        Write::Overwrite(payload, selector) => {
            operations::Operation::OverwritePayload(operations::OverwritePayload {
                payload: proto(payload),
                points_selector: Some(selected(selector)),
                ..operations::OverwritePayload::default()
            })
        }
        Write::DeleteKeys(keys, selector) => {
            operations::Operation::DeletePayload(operations::DeletePayload {
                keys: keys.clone(),
                points_selector: Some(selected(selector)),
                ..operations::DeletePayload::default()
            })
        }
        Write::Clear(selector) => operations::Operation::ClearPayload(operations::ClearPayload {
            points: Some(selected(selector)),
            ..operations::ClearPayload::default()
        }),
    }
}

/// The calls that carry vectors, deletions and set payloads go on their own; of the rest there is a batch of one.
fn single(write: &Write, request: &Request, collection: &str, field: &str) -> (&'static str, Vec<u8>) {
    let collection_name = collection.to_owned();
    let wait = Some(true);
    match write {
        Write::Upsert(points, condition) => {
            let ask = UpsertPoints {
                collection_name,
                wait,
                points: points.iter().map(|p| point(p, request, field)).collect(),
                update_filter: update_filter(condition),
                update_mode: update_mode(condition),
                ..UpsertPoints::default()
            };
            ("/qdrant.Points/Upsert", ask.encode_to_vec())
        }
        Write::Vectors(points, condition) => {
            let ask = UpdatePointVectors {
                collection_name,
                wait,
                points: points.iter().map(|p| point_vectors(p, request, field)).collect(),
                update_filter: condition.as_ref().map(filter),
                ..UpdatePointVectors::default()
            };
            ("/qdrant.Points/UpdateVectors", ask.encode_to_vec())
        }
        Write::DeleteVectors(selector) => {
            let ask = DeletePointVectors {
                collection_name,
                wait,
                points_selector: Some(selected(selector)),
                vectors: Some(names(field)),
                ..DeletePointVectors::default()
            };
            ("/qdrant.Points/DeleteVectors", ask.encode_to_vec())
        }
        Write::Delete(selector) => {
            let points = Some(selected(selector));
            let ask = DeletePoints {
                collection_name,
                wait,
                points,
                ..DeletePoints::default()
            };
            ("/qdrant.Points/Delete", ask.encode_to_vec())
        }
        Write::Set(payload, selector) => {
            let ask = SetPayloadPoints {
                collection_name,
                wait,
                payload: proto(payload),
                points_selector: Some(selected(selector)),
                ..SetPayloadPoints::default()
            };
            ("/qdrant.Points/SetPayload", ask.encode_to_vec())
        }
        Write::Overwrite(..) | Write::DeleteKeys(..) | Write::Clear(_) => {
            batch(std::slice::from_ref(write), request, collection, field)
        }
    }
}

fn update_mode(condition: &Condition) -> Option<i32> {
    match condition {
        Condition::Always | Condition::Where(_) => None,
        Condition::InsertOnly => Some(UpdateMode::InsertOnly.into()),
        Condition::UpdateOnly => Some(UpdateMode::UpdateOnly.into()),
    }
}

fn update_filter(condition: &Condition) -> Option<Filter> {
    match condition {
        Condition::Always | Condition::InsertOnly | Condition::UpdateOnly => None,
        Condition::Where(place) => Some(filter(place)),
    }
}

fn filter(place: &Where) -> Filter {
    match place {
        Where::Ids(ids) => Filter::must([ProtoCondition::has_id(ids.iter().copied())]),
        Where::Group(group) => Filter::must([ProtoCondition::matches("group", format!("g{group}"))]),
    }
}

fn selected(selector: &Selector) -> PointsSelector {
    let one_of = match selector {
        Selector::Ids(ids) => PointsSelectorOneOf::Points(PointsIdsList {
            ids: ids.iter().map(|id| PointId::from(*id)).collect(),
        }),
        Selector::Filter(place) => PointsSelectorOneOf::Filter(filter(place)),
    };
    PointsSelector {
        points_selector_one_of: Some(one_of),
    }
}

fn names(field: &str) -> VectorsSelector {
    VectorsSelector {
        names: vec![field.to_owned()],
    }
}

fn proto(payload: &Payload) -> HashMap<String, qdrant::Value> {
    let pairs = payload.iter();
    pairs
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect()
}

fn value(given: &Given, request: &Request) -> Vector {
    let value = match (&given.value, request.said) {
        (Value::Raw(raw), _) => vector::Vector::Dense(DenseVector { data: raw.clone() }),
        (Value::Text(text), said) => vector::Vector::Document(Document {
            text: text.clone(),
            model: model_of(said).to_owned(),
            options: HashMap::new(),
        }),
    };
    Vector {
        vector: Some(value),
        ..Vector::default()
    }
}

fn vectors_of(point: &Point, request: &Request, field: &str) -> Vectors {
    let options = match point.given.as_slice() {
        [one] if one.named.is_none() && field.is_empty() => {
            vectors::VectorsOptions::Vector(value(one, request))
        }
        several => {
            let named = several.iter().map(|given| {
                let name = match given.named {
                    Some(model) => format!("{field}@{}", MODELS[model]),
                    None => field.to_owned(),
                };
                (name, value(given, request))
            });
            vectors::VectorsOptions::Vectors(NamedVectors {
                vectors: named.collect(),
            })
        }
    };
    Vectors {
        vectors_options: Some(options),
    }
}

fn point(point: &Point, request: &Request, field: &str) -> PointStruct {
    PointStruct {
        id: Some(PointId::from(point.id)),
        payload: proto(&point.payload),
        vectors: Some(vectors_of(point, request, field)),
    }
}

fn point_vectors(point: &Point, request: &Request, field: &str) -> PointVectors {
    PointVectors {
        id: Some(PointId::from(point.id)),
        vectors: Some(vectors_of(point, request, field)),
    }
}

fn read(read: &Read, request: &Request, collection: &str, field: &str) -> (&'static str, Vec<u8>) {
    let collection_name = collection.to_owned();
    match read {
        Read::Nearest(query) => {
            let variant = match query {
                Query::Raw(raw) => vector_input::Variant::Dense(DenseVector { data: raw.clone() }),
                Query::Id(id) => vector_input::Variant::Id(PointId::from(*id)),
                Query::Text(text) => vector_input::Variant::Document(Document {
                    text: text.clone(),
                    model: model_of(request.said).to_owned(),
                    options: HashMap::new(),
                }),
            };
            let nearest = VectorInput {
                variant: Some(variant),
            };
            let using = match request.said {
                Said::Using(model) => Some(format!("{field}@{}", MODELS[model])),
                Said::Nothing | Said::Header(_) => (!field.is_empty()).then(|| field.to_owned()),
            };
            let ask = QueryPoints {
                collection_name,
                query: Some(qdrant::Query {
                    variant: Some(query::Variant::Nearest(nearest)),
                }),
                using,
                limit: Some(POINTS * 2),
                with_payload: Some(true.into()),
                params: Some(SearchParams {
                    exact: Some(true),
                    ..SearchParams::default()
                }),
                ..QueryPoints::default()
            };
            ("/qdrant.Points/Query", ask.encode_to_vec())
        }
        Read::Get(ids) => {
            let ask = GetPoints {
                collection_name,
                ids: ids.iter().map(|id| PointId::from(*id)).collect(),
                with_payload: Some(true.into()),
                with_vectors: Some(true.into()),
                ..GetPoints::default()
            };
            ("/qdrant.Points/Get", ask.encode_to_vec())
        }
        Read::Scroll => {
            let limit = Some(u32::try_from(POINTS * 2).unwrap());
            let ask = ScrollPoints {
                collection_name,
                limit,
                with_payload: Some(true.into()),
                with_vectors: Some(true.into()),
                ..ScrollPoints::default()
            };
            ("/qdrant.Points/Scroll", ask.encode_to_vec())
        }
    }
}

/// What came back on success.
pub fn decode(request: &Request, field: &str, data: &[u8]) -> Answer {
    let message = data.get(FRAME_HEAD_BYTES..).unwrap_or_default();
    match &request.body {
        Body::Writes(_) => Answer::Written,
        Body::Read(Read::Nearest(_)) => {
            let found = QueryResponse::decode(message).unwrap().result;
            let hit = |hit: qdrant::ScoredPoint| Hit {
                score: hit.score,
                record: record(hit.id, hit.payload, hit.vectors, field),
            };
            Answer::Hits(found.into_iter().map(hit).collect())
        }
        Body::Read(Read::Get(_)) => records(GetResponse::decode(message).unwrap().result, field),
        Body::Read(Read::Scroll) => records(ScrollResponse::decode(message).unwrap().result, field),
    }
}

fn records(found: Vec<qdrant::RetrievedPoint>, field: &str) -> Answer {
    let one = |point: qdrant::RetrievedPoint| record(point.id, point.payload, point.vectors, field);
    Answer::Records(found.into_iter().map(one).collect())
}

fn record(
    id: Option<PointId>,
    payload: HashMap<String, qdrant::Value>,
    vectors: Option<VectorsOutput>,
    field: &str,
) -> Record {
    let mut named = by_name(vectors);
    let vector = named.remove(field).or_else(|| named.remove(""));
    Record {
        id: number(&id.unwrap()),
        payload: json(payload),
        vector,
        extra: named.into_keys().collect(),
    }
}

pub fn number(id: &PointId) -> u64 {
    interlock::upstream::calls::spelled(id).parse().unwrap()
}

pub fn json(payload: HashMap<String, qdrant::Value>) -> serde_json::Map<String, Json> {
    payload
        .into_iter()
        .map(|(key, value)| (key, value.into_json()))
        .collect()
}

#[allow(deprecated)] // an upstream may answer in the older field
pub fn by_name(vectors: Option<VectorsOutput>) -> HashMap<String, Vec<f32>> {
    let dense = |output: VectorOutput| match output.vector {
        Some(vector_output::Vector::Dense(dense)) => dense.data,
        Some(other) => panic!("not dense: {other:?}"),
        None => output.data,
    };
    match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(vectors_output::VectorsOptions::Vector(one)) => HashMap::from([(String::new(), dense(one))]),
        Some(vectors_output::VectorsOptions::Vectors(all)) => {
            let all = all.vectors.into_iter();
            all.map(|(name, one)| (name, dense(one))).collect()
        }
        None => HashMap::new(),
    }
}
