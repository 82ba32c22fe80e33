//! The requests that are measured: what is asked, how large, in which encoding.

use bytes::{BufMut, Bytes, BytesMut};
use clap::{Args, ValueEnum};
use http::Method;
use prost::Message;
use qdrant_client::qdrant::{
    NamedVectors, PointStruct, Query, QueryBatchPoints, QueryPoints, UpsertPoints, Value, Vector,
    VectorInput, Vectors,
};
use serde_json::json;

/// How many results each query of a request has: says so to the upstream, which does not read bodies.
pub const RESULTS_HEADER: &str = "bench-results";

const VECTOR: &str = "text";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    Grpc,
    Rest,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A nearest-neighbour query, or a batch of them.
    Read,
    /// An upsert of points with one vector each.
    Write,
    /// An upsert of points with the vectors of two models, each of half the dimension, so of the same size.
    Dual,
}

/// What a request's body weighs, in kilobytes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Size {
    #[value(name = "0.2")]
    Tiny,
    #[value(name = "6.4")]
    One,
    #[value(name = "64")]
    Ten,
    #[value(name = "643")]
    Hundred,
}

#[derive(Args)]
pub struct CaseArgs {
    #[arg(long)]
    pub protocol: Protocol,
    #[arg(long)]
    pub kind: Kind,
    #[arg(long)]
    pub size: Size,
    /// The collection's name; the vector's dimension is put behind it.
    #[arg(long)]
    pub collection: String,
    /// For a dual write: the name of the other model's vector; `{dimension}` in it stands for that.
    #[arg(long, default_value = "")]
    pub second_vector: String,
    /// Another dimension than the size's own.
    #[arg(long)]
    pub dimension: Option<usize>,
    /// The collection is managed: tags are hidden, and the answer names the routing epoch.
    #[arg(long)]
    pub managed: bool,
}

/// One request, ready to be sent again and again, and what its answer must be.
pub struct Case {
    pub protocol: Protocol,
    pub is_managed: bool,
    pub kind: Kind,
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// How many queries or points it holds.
    pub count: usize,
}

/// Dimension of a vector, and points or queries of a request.
fn shape(protocol: Protocol, kind: Kind, size: Size) -> (usize, usize) {
    // A component is 4 bytes in protobuf and some 12 in JSON.
    let (dimension, count) = match (protocol, size) {
        (Protocol::Grpc, Size::Tiny) => (40, 1),
        (Protocol::Rest, Size::Tiny) => (12, 1),
        (_, Size::One) => (1536, 1),
        (Protocol::Grpc, Size::Ten) => (1536, 10),
        (Protocol::Grpc, Size::Hundred) => (1536, 100),
        (Protocol::Rest, Size::Ten) => (1536, 4),
        (Protocol::Rest, Size::Hundred) => (1536, 36),
    };
    match kind {
        Kind::Read | Kind::Write => (dimension, count),
        Kind::Dual => (dimension / 2, count),
    }
}

/// Results of each query: batches ask for the nearest alone.
pub fn limit(count: usize) -> usize {
    if count == 1 { 10 } else { 1 }
}

/// Components with as many digits as an embedding's have.
fn components(dimension: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..dimension).map(|_| next()).collect()
}

/// As JSON numbers with the digits that an `f32` needs, as embedding APIs write them.
fn decimals(dimension: usize, seed: u64) -> serde_json::Value {
    let shortest = |component: f32| component.to_string().parse::<f64>().unwrap_or_default();
    components(dimension, seed).into_iter().map(shortest).collect()
}

fn payload(id: u64) -> serde_json::Value {
    json!({
        "title": format!("A title of some words, number {id}, as it stands in a shop's catalogue"),
        "category": "garden/tools",
        "price_cents": 1999 + id,
        "in_stock": true,
        "stars": 4.5,
    })
}

impl Case {
    pub fn new(args: &CaseArgs) -> Self {
        let (own, count) = shape(args.protocol, args.kind, args.size);
        let dimension = args.dimension.unwrap_or(own);
        let collection = format!("{}-{dimension}", args.collection);
        let is_read = args.kind == Kind::Read;
        let (method, path, body) = match args.protocol {
            Protocol::Grpc => {
                let call = match (is_read, count) {
                    (true, 1) => "Query",
                    (true, _) => "QueryBatch",
                    (false, _) => "Upsert",
                };
                let body = grpc_body(args, &collection, dimension, count);
                (Method::POST, format!("/qdrant.Points/{call}"), framed(&body))
            }
            Protocol::Rest => {
                let (method, end) = match (is_read, count) {
                    (true, 1) => (Method::POST, "points/query"),
                    (true, _) => (Method::POST, "points/query/batch"),
                    (false, _) => (Method::PUT, "points?wait=true"),
                };
                let body = rest_body(args, dimension, count).to_string();
                (method, format!("/collections/{collection}/{end}"), body.into())
            }
        };
        let mut headers = match args.protocol {
            Protocol::Grpc => vec![
                ("content-type", "application/grpc".to_owned()),
                ("te", "trailers".to_owned()),
            ],
            Protocol::Rest => vec![("content-type", "application/json".to_owned())],
        };
        headers.push((RESULTS_HEADER, if is_read { count } else { 0 }.to_string()));
        Self {
            protocol: args.protocol,
            is_managed: args.managed,
            kind: args.kind,
            method,
            path,
            headers,
            body,
            count,
        }
    }
}

/// A message behind gRPC's prefix.
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

fn vectors<T>(args: &CaseArgs, dimension: usize, id: u64, vector: fn(usize, u64) -> T) -> Vec<(String, T)> {
    let mut vectors = vec![(VECTOR.to_owned(), vector(dimension, id))];
    if args.kind == Kind::Dual {
        let name = args.second_vector.replace("{dimension}", &dimension.to_string());
        vectors.push((name, vector(dimension, !id)));
    }
    vectors
}

fn point(id: u64, vectors: Vec<(String, Vec<f32>)>) -> PointStruct {
    let payload = payload(id);
    let payload = payload.as_object().into_iter().flatten();
    let named = vectors.into_iter();
    PointStruct {
        id: Some(id.into()),
        payload: payload
            .map(|(key, value)| (key.clone(), Value::from(value.clone())))
            .collect(),
        vectors: Some(Vectors::from(NamedVectors {
            vectors: named.map(|(name, values)| (name, Vector::from(values))).collect(),
        })),
    }
}

/// An upsert that stores these points.
pub fn upsert(collection: &str, ids: std::ops::Range<u64>, dimension: usize) -> UpsertPoints {
    let point = |id: u64| point(id, vec![(VECTOR.to_owned(), components(dimension, id))]);
    UpsertPoints {
        collection_name: collection.to_owned(),
        wait: Some(true),
        points: ids.map(point).collect(),
        ..UpsertPoints::default()
    }
}

fn grpc_body(args: &CaseArgs, collection: &str, dimension: usize, count: usize) -> Vec<u8> {
    let query = |id: u64| QueryPoints {
        collection_name: collection.to_owned(),
        query: Some(Query::new_nearest(VectorInput::new_dense(components(
            dimension, id,
        )))),
        using: Some(VECTOR.to_owned()),
        limit: Some(limit(count) as u64),
        with_payload: Some(true.into()),
        ..QueryPoints::default()
    };
    let point = |id: u64| point(id, vectors(args, dimension, id, components));
    let ids = 1..=count as u64;
    match (args.kind, count) {
        (Kind::Read, 1) => query(1).encode_to_vec(),
        (Kind::Read, _) => QueryBatchPoints {
            collection_name: collection.to_owned(),
            query_points: ids.map(query).collect(),
            ..QueryBatchPoints::default()
        }
        .encode_to_vec(),
        (Kind::Write | Kind::Dual, _) => UpsertPoints {
            collection_name: collection.to_owned(),
            wait: Some(true),
            points: ids.map(point).collect(),
            ..UpsertPoints::default()
        }
        .encode_to_vec(),
    }
}

fn rest_body(args: &CaseArgs, dimension: usize, count: usize) -> serde_json::Value {
    let query = |id: u64| {
        json!({
            "query": decimals(dimension, id),
            "using": VECTOR,
            "limit": limit(count),
            "with_payload": true,
        })
    };
    let point = |id: u64| {
        let named = vectors(args, dimension, id, decimals);
        let named: serde_json::Map<_, _> = named.into_iter().collect();
        json!({"id": id, "vector": named, "payload": payload(id)})
    };
    let ids = 1..=count as u64;
    match (args.kind, count) {
        (Kind::Read, 1) => query(1),
        (Kind::Read, _) => json!({"searches": ids.map(query).collect::<Vec<_>>()}),
        (Kind::Write | Kind::Dual, _) => json!({"points": ids.map(point).collect::<Vec<_>>()}),
    }
}
