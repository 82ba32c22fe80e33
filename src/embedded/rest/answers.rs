//! What the REST face answers with, as Qdrant shapes it. Numbers are written as the `f32` that they are.

use std::collections::BTreeMap;

use qdrant_edge::{
    FacetResponse, FacetValue, OrderValue, Payload, PayloadIndexInfo, PointId, Record, ScoredPoint,
    ShardInfo, SparseVector, VectorInternal, VectorStructInternal,
};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::embedded::config::CollectionConfig;
use crate::embedded::query::groups::{Group, GroupId};
use crate::embedded::query::matrix::Matrix;

/// One vector.
#[derive(Serialize)]
#[serde(untagged)]
enum VectorOut<'a> {
    Dense(&'a [f32]),
    Sparse(&'a SparseVector),
    Multi(Vec<&'a [f32]>),
}

impl<'a> From<&'a VectorInternal> for VectorOut<'a> {
    fn from(vector: &'a VectorInternal) -> Self {
        match vector {
            VectorInternal::Dense(vector) => Self::Dense(vector),
            VectorInternal::Sparse(vector) => Self::Sparse(vector),
            VectorInternal::MultiDense(vectors) => Self::Multi(vectors.multi_vectors().collect()),
        }
    }
}

/// A point's vectors: an array where there is one and it is the unnamed one, else a map.
struct VectorsOut<'a>(&'a VectorStructInternal);

impl Serialize for VectorsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            VectorStructInternal::Single(vector) => vector.serialize(serializer),
            VectorStructInternal::MultiDense(vectors) => {
                let mut rows = serializer.serialize_seq(None)?;
                vectors
                    .multi_vectors()
                    .try_for_each(|row| rows.serialize_element(row))?;
                rows.end()
            }
            VectorStructInternal::Named(named) => {
                let mut map = serializer.serialize_map(Some(named.len()))?;
                for (name, vector) in named {
                    map.serialize_entry(name, &VectorOut::from(vector))?;
                }
                map.end()
            }
        }
    }
}

/// A point read by id or scrolled.
#[derive(Serialize)]
pub struct RecordOut<'a> {
    id: PointId,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<VectorsOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_value: Option<OrderValue>,
}

impl<'a> From<&'a Record> for RecordOut<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            id: record.id,
            payload: record.payload.as_ref(),
            vector: record.vector.as_ref().map(VectorsOut),
            order_value: record.order_value,
        }
    }
}

/// A list of points read.
pub fn records(records: &[Record]) -> Vec<RecordOut<'_>> {
    records.iter().map(RecordOut::from).collect()
}

/// A page of a scroll.
#[derive(Serialize)]
pub struct PageOut<'a> {
    pub points: Vec<RecordOut<'a>>,
    pub next_page_offset: Option<PointId>,
}

/// A point found.
#[derive(Serialize)]
pub struct ScoredOut<'a> {
    id: PointId,
    version: u64,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<VectorsOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_value: Option<OrderValue>,
}

impl<'a> From<&'a ScoredPoint> for ScoredOut<'a> {
    fn from(point: &'a ScoredPoint) -> Self {
        Self {
            id: point.id,
            version: point.version,
            score: point.score,
            payload: point.payload.as_ref(),
            vector: point.vector.as_ref().map(VectorsOut),
            order_value: point.order_value,
        }
    }
}

/// A list of points found.
pub fn scored(points: &[ScoredPoint]) -> Vec<ScoredOut<'_>> {
    points.iter().map(ScoredOut::from).collect()
}

/// The query routes wrap their list.
#[derive(Serialize)]
pub struct PointsOut<'a> {
    pub points: Vec<ScoredOut<'a>>,
}

#[derive(Serialize)]
struct GroupOut<'a> {
    hits: Vec<ScoredOut<'a>>,
    id: &'a GroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<RecordOut<'a>>,
}

/// The groups of a query.
#[derive(Serialize)]
pub struct GroupsOut<'a> {
    groups: Vec<GroupOut<'a>>,
}

impl<'a> From<&'a Vec<Group>> for GroupsOut<'a> {
    fn from(groups: &'a Vec<Group>) -> Self {
        let group = |group: &'a Group| GroupOut {
            hits: scored(&group.hits),
            id: &group.id,
            lookup: group.lookup.as_ref().map(RecordOut::from),
        };
        Self {
            groups: groups.iter().map(group).collect(),
        }
    }
}

/// A write's outcome.
#[derive(Serialize)]
pub struct UpdateOut {
    pub operation_id: u64,
    pub status: &'static str,
}

/// A facet's values.
#[derive(Serialize)]
pub struct FacetOut {
    hits: Vec<serde_json::Value>,
}

impl From<FacetResponse> for FacetOut {
    fn from(response: FacetResponse) -> Self {
        let hit =
            |value: serde_json::Value, count: usize| serde_json::json!({"value": value, "count": count});
        let hits = response.hits.into_iter().map(|found| match found.value {
            FacetValue::Keyword(text) => hit(text.into(), found.count),
            FacetValue::Int(number) => hit(number.into(), found.count),
            FacetValue::Bool(flag) => hit(flag.into(), found.count),
            FacetValue::Uuid(bits) => hit(uuid::Uuid::from_u128(bits).to_string().into(), found.count),
        });
        Self { hits: hits.collect() }
    }
}

#[derive(Serialize)]
struct PairOut {
    a: PointId,
    b: PointId,
    score: f32,
}

/// A matrix as pairs.
#[derive(Serialize)]
pub struct PairsOut {
    pairs: Vec<PairOut>,
}

impl From<&Matrix> for PairsOut {
    fn from(matrix: &Matrix) -> Self {
        let rows = matrix.ids.iter().zip(&matrix.nearest);
        let pairs = rows.flat_map(|(a, row)| {
            row.iter()
                .map(|(b, score)| PairOut {
                    a: *a,
                    b: *b,
                    score: *score,
                })
                .collect::<Vec<_>>()
        });
        Self {
            pairs: pairs.collect(),
        }
    }
}

/// A matrix as offsets into its ids.
#[derive(Serialize)]
pub struct OffsetsOut {
    pub offsets_row: Vec<u64>,
    pub offsets_col: Vec<u64>,
    pub scores: Vec<f32>,
    pub ids: Vec<PointId>,
}

impl From<Matrix> for OffsetsOut {
    fn from(matrix: Matrix) -> Self {
        let (offsets_row, offsets_col, scores) = matrix.offsets();
        Self {
            offsets_row,
            offsets_col,
            scores,
            ids: matrix.ids,
        }
    }
}

/// What `GET` of a collection shows.
#[derive(Serialize)]
pub struct InfoOut<'a> {
    status: &'static str,
    optimizer_status: &'static str,
    indexed_vectors_count: usize,
    points_count: usize,
    segments_count: usize,
    config: &'a CollectionConfig,
    payload_schema: BTreeMap<String, &'a PayloadIndexInfo>,
    update_queue: QueueOut,
}

#[derive(Serialize)]
struct QueueOut {
    length: usize,
}

impl<'a> InfoOut<'a> {
    /// Nothing runs in the background, so a collection is always green.
    pub fn new(config: &'a CollectionConfig, info: &'a ShardInfo) -> Self {
        let schema = info.payload_schema.iter();
        Self {
            status: "green",
            optimizer_status: "ok",
            indexed_vectors_count: info.indexed_vectors_count,
            points_count: info.points_count,
            segments_count: info.segments_count,
            config,
            payload_schema: schema.map(|(key, info)| (key.to_string(), info)).collect(),
            update_queue: QueueOut { length: 0 },
        }
    }
}
