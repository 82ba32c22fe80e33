//! The engine's answers to protobuf. Floats are moved, never printed.

use std::collections::HashMap;

use qdrant_client::qdrant as pb;
use qdrant_edge::{
    FacetHit, FacetValue, OrderValue, Payload, PointId, Record, ScoredPoint, VectorInternal,
    VectorStructInternal,
};

use crate::embedded::query::groups::{Group, GroupId};
use crate::embedded::query::matrix::Matrix;

/// A point's id.
pub fn id(id: PointId) -> pb::PointId {
    use pb::point_id::PointIdOptions;
    let options = match id {
        PointId::NumId(number) => PointIdOptions::Num(number),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    pb::PointId {
        point_id_options: Some(options),
    }
}

/// A payload; none is an empty one.
pub fn payload(payload: Option<Payload>) -> HashMap<String, pb::Value> {
    let pairs = payload.map(|payload| payload.0).into_iter().flatten();
    pairs.map(|(key, value)| (key, pb::Value::from(value))).collect()
}

/// The deprecated fields stay empty: current clients read the oneof.
fn vector(vector: VectorInternal) -> pb::VectorOutput {
    use pb::vector_output::Vector as Kind;
    let kind = match vector {
        VectorInternal::Dense(data) => Kind::Dense(pb::DenseVector { data }),
        VectorInternal::Sparse(sparse) => Kind::Sparse(pb::SparseVector {
            values: sparse.values,
            indices: sparse.indices,
        }),
        VectorInternal::MultiDense(multi) => {
            let vectors = multi
                .into_multi_vectors()
                .into_iter()
                .map(|data| pb::DenseVector { data })
                .collect();
            Kind::MultiDense(pb::MultiDenseVector { vectors })
        }
    };
    pb::VectorOutput {
        data: Vec::new(),
        indices: None,
        vectors_count: None,
        vector: Some(kind),
    }
}

fn vectors(vectors: VectorStructInternal) -> pb::VectorsOutput {
    use pb::vectors_output::VectorsOptions;
    let options = match vectors {
        VectorStructInternal::Single(data) => VectorsOptions::Vector(vector(VectorInternal::Dense(data))),
        VectorStructInternal::MultiDense(rows) => {
            VectorsOptions::Vector(vector(VectorInternal::MultiDense(rows)))
        }
        VectorStructInternal::Named(map) => {
            let vectors = map.into_iter().map(|(name, one)| (name, vector(one))).collect();
            VectorsOptions::Vectors(pb::NamedVectorsOutput { vectors })
        }
    };
    pb::VectorsOutput {
        vectors_options: Some(options),
    }
}

fn order_value(value: OrderValue) -> pb::OrderValue {
    use pb::order_value::Variant;
    let variant = match value {
        OrderValue::Int(number) => Variant::Int(number),
        OrderValue::Float(number) => Variant::Float(number),
    };
    pb::OrderValue {
        variant: Some(variant),
    }
}

/// A point read.
pub fn record(record: Record) -> pb::RetrievedPoint {
    pb::RetrievedPoint {
        id: Some(id(record.id)),
        payload: payload(record.payload),
        vectors: record.vector.map(vectors),
        shard_key: None,
        order_value: record.order_value.map(order_value),
    }
}

/// Points found.
pub fn scored(points: Vec<ScoredPoint>) -> Vec<pb::ScoredPoint> {
    let one = |point: ScoredPoint| pb::ScoredPoint {
        id: Some(id(point.id)),
        payload: payload(point.payload),
        score: point.score,
        version: point.version,
        vectors: point.vector.map(vectors),
        shard_key: None,
        order_value: point.order_value.map(order_value),
    };
    points.into_iter().map(one).collect()
}

/// The answers of a batch.
pub fn batch(batch: Vec<Vec<ScoredPoint>>) -> Vec<pb::BatchResult> {
    batch
        .into_iter()
        .map(|points| pb::BatchResult {
            result: scored(points),
        })
        .collect()
}

/// Groups found.
pub fn groups(groups: Vec<Group>) -> pb::GroupsResult {
    use pb::group_id::Kind;
    let one = |group: Group| {
        let kind = match group.id {
            GroupId::Unsigned(number) => Kind::UnsignedValue(number),
            GroupId::Signed(number) => Kind::IntegerValue(number),
            GroupId::Text(text) => Kind::StringValue(text),
        };
        pb::PointGroup {
            id: Some(pb::GroupId { kind: Some(kind) }),
            hits: scored(group.hits),
            lookup: group.lookup.map(record),
        }
    };
    pb::GroupsResult {
        groups: groups.into_iter().map(one).collect(),
    }
}

/// A facet's value.
pub fn facet(hit: FacetHit<FacetValue>) -> pb::FacetHit {
    use pb::facet_value::Variant;
    let variant = match hit.value {
        FacetValue::Keyword(text) => Variant::StringValue(text),
        FacetValue::Int(number) => Variant::IntegerValue(number),
        FacetValue::Bool(flag) => Variant::BoolValue(flag),
        FacetValue::Uuid(bits) => Variant::StringValue(uuid::Uuid::from_u128(bits).to_string()),
    };
    pb::FacetHit {
        value: Some(pb::FacetValue {
            variant: Some(variant),
        }),
        count: hit.count as u64,
    }
}

/// A matrix as pairs.
pub fn pairs(matrix: &Matrix) -> pb::SearchMatrixPairs {
    let rows = matrix.ids.iter().zip(&matrix.nearest);
    let pairs = rows.flat_map(|(a, row)| {
        row.iter().map(|(b, score)| pb::SearchMatrixPair {
            a: Some(id(*a)),
            b: Some(id(*b)),
            score: *score,
        })
    });
    pb::SearchMatrixPairs {
        pairs: pairs.collect(),
    }
}

/// A matrix as offsets into its ids.
pub fn offsets(matrix: Matrix) -> pb::SearchMatrixOffsets {
    let (offsets_row, offsets_col, scores) = matrix.offsets();
    let ids = matrix.ids.into_iter().map(id).collect();
    pb::SearchMatrixOffsets {
        offsets_row,
        offsets_col,
        scores,
        ids,
    }
}
