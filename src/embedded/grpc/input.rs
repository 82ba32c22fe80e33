//! Protobuf to the engine's own: ids, vectors, selectors, writes. Floats are moved, never printed.

use std::collections::HashMap;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::Operation;
use qdrant_edge::{
    JsonPath, Payload, PointId, PointStructPersisted, PointVectorsPersisted, SparseVector, UpdateMode,
    VectorPersisted, VectorStructPersisted, WithPayloadInterface, WithVector,
};
use qdrant_edge::{PayloadSelectorExclude, PayloadSelectorInclude};

use super::filter;
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::writes::{Selector, Write};

/// # Errors
/// The id is absent or not a UUID.
pub fn id(id: Option<pb::PointId>) -> ApiResult<PointId> {
    use pb::point_id::PointIdOptions;
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(number)) => Ok(PointId::NumId(number)),
        Some(PointIdOptions::Uuid(text)) => text
            .parse()
            .map(PointId::Uuid)
            .map_err(|_| ApiError::format(format!("Unable to parse UUID: {text}"))),
        None => Err(ApiError::format("Empty ID is not allowed")),
    }
}

/// # Errors
/// As [`id`].
pub fn ids(ids: Vec<pb::PointId>) -> ApiResult<Vec<PointId>> {
    ids.into_iter().map(|one| id(Some(one))).collect()
}

/// # Errors
/// The path is malformed.
pub fn path(text: &str) -> ApiResult<JsonPath> {
    text.parse()
        .map_err(|()| ApiError::format(format!("Invalid json path: \'{text}\'")))
}

/// The oneof wins over the deprecated fields, as in Qdrant.
pub fn vector(vector: pb::Vector) -> ApiResult<VectorPersisted> {
    use pb::vector::Vector as Kind;
    let pb::Vector {
        data,
        indices,
        vectors_count,
        vector,
    } = vector;
    match vector {
        Some(Kind::Dense(dense)) => Ok(VectorPersisted::Dense(dense.data)),
        Some(Kind::Sparse(sparse)) => Ok(VectorPersisted::Sparse(SparseVector {
            indices: sparse.indices,
            values: sparse.values,
        })),
        Some(Kind::MultiDense(multi)) => Ok(VectorPersisted::MultiDense(
            multi.vectors.into_iter().map(|row| row.data).collect(),
        )),
        Some(Kind::Document(_) | Kind::Image(_) | Kind::Object(_)) => Err(no_inference()),
        None => match (indices, vectors_count) {
            (Some(indices), _) => Ok(VectorPersisted::Sparse(SparseVector {
                indices: indices.data,
                values: data,
            })),
            (None, Some(rows)) if rows > 0 => multi(data, rows as usize),
            (None, _) => Ok(VectorPersisted::Dense(data)),
        },
    }
}

fn multi(data: Vec<f32>, rows: usize) -> ApiResult<VectorPersisted> {
    if data.is_empty() || !data.len().is_multiple_of(rows) {
        let text = format!("Can not convert {} values into {rows} vectors", data.len());
        return Err(ApiError::format(text));
    }
    let rows = data.chunks(data.len() / rows).map(<[f32]>::to_vec).collect();
    Ok(VectorPersisted::MultiDense(rows))
}

/// The refusal of what would have to be embedded.
pub fn no_inference() -> ApiError {
    ApiError::unimplemented("inference")
}

fn vectors(vectors: Option<pb::Vectors>) -> ApiResult<VectorStructPersisted> {
    use pb::vectors::VectorsOptions;
    match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(VectorsOptions::Vector(one)) => Ok(match vector(one)? {
            VectorPersisted::Dense(vector) => VectorStructPersisted::Single(vector),
            VectorPersisted::MultiDense(rows) => VectorStructPersisted::MultiDense(rows),
            sparse @ VectorPersisted::Sparse(_) => {
                VectorStructPersisted::Named([(String::new(), sparse)].into())
            }
        }),
        Some(VectorsOptions::Vectors(named)) => {
            let named = named
                .vectors
                .into_iter()
                .map(|(name, one)| Ok((name, vector(one)?)));
            Ok(VectorStructPersisted::Named(named.collect::<ApiResult<_>>()?))
        }
        None => Err(ApiError::format("Expected some vectors")),
    }
}

/// A payload from its protobuf form.
pub fn payload(map: HashMap<String, pb::Value>) -> Payload {
    Payload(
        map.into_iter()
            .map(|(key, value)| (key, value.into_json()))
            .collect(),
    )
}

fn point(point: pb::PointStruct) -> ApiResult<PointStructPersisted> {
    let payload = payload(point.payload);
    Ok(PointStructPersisted {
        id: id(point.id)?,
        vector: vectors(point.vectors)?,
        // Protobuf cannot tell an empty payload from none.
        payload: (!payload.is_empty()).then_some(payload),
    })
}

fn mode(mode: Option<i32>) -> UpdateMode {
    match mode.map(pb::UpdateMode::try_from) {
        Some(Ok(pb::UpdateMode::InsertOnly)) => UpdateMode::InsertOnly,
        Some(Ok(pb::UpdateMode::UpdateOnly)) => UpdateMode::UpdateOnly,
        // A mode that this version does not know is an upsert, as in Qdrant.
        Some(Ok(pb::UpdateMode::Upsert) | Err(_)) | None => UpdateMode::Upsert,
    }
}

pub fn upsert(
    points: Vec<pb::PointStruct>,
    filter: Option<pb::Filter>,
    update_mode: Option<i32>,
) -> ApiResult<Write> {
    if points.is_empty() {
        return Err(ApiError::bad_request("Empty update request"));
    }
    let points = points.into_iter().map(point).collect::<ApiResult<Vec<_>>>()?;
    points
        .iter()
        .enumerate()
        .try_for_each(|(place, point)| check(place, &point.vector))?;
    Ok(Write::Upsert {
        points,
        filter: filter::optional(filter)?,
        mode: mode(update_mode),
    })
}

/// # Errors
/// The unnamed vector of the point at `place` has no values.
fn check(place: usize, vectors: &VectorStructPersisted) -> ApiResult<()> {
    match vectors {
        VectorStructPersisted::Single(vector) if vector.is_empty() => {
            let text = "vector.vector: dense vector must not be empty";
            Err(ApiError::bad_input(format!("points[{place}].{text}")))
        }
        VectorStructPersisted::Single(_)
        | VectorStructPersisted::MultiDense(_)
        | VectorStructPersisted::Named(_) => Ok(()),
    }
}

pub fn update_vectors(points: Vec<pb::PointVectors>, filter: Option<pb::Filter>) -> ApiResult<Write> {
    let point = |point: pb::PointVectors| {
        Ok(PointVectorsPersisted {
            id: id(point.id)?,
            vector: vectors(point.vectors)?,
        })
    };
    let points = points.into_iter().map(point).collect::<ApiResult<_>>()?;
    Ok(Write::UpdateVectors {
        points,
        filter: filter::optional(filter)?,
    })
}

/// # Errors
/// There is none.
pub fn selector(selector: Option<pb::PointsSelector>) -> ApiResult<Selector> {
    match selector.and_then(|selector| selector.points_selector_one_of) {
        Some(PointsSelectorOneOf::Points(list)) => Ok(Selector::Points(ids(list.ids)?)),
        Some(PointsSelectorOneOf::Filter(filter)) => Ok(Selector::Filter(filter::filter(filter)?)),
        None => Err(ApiError::format("PointSelector is missing")),
    }
}

pub fn delete_vectors(
    points: Option<pb::PointsSelector>,
    names: Option<pb::VectorsSelector>,
) -> ApiResult<Write> {
    let names = names.map(|names| names.names).unwrap_or_default();
    Ok(Write::DeleteVectors {
        selectors: vec![selector(points)?],
        names,
    })
}

pub fn set_payload(
    new: HashMap<String, pb::Value>,
    points: Option<pb::PointsSelector>,
    key: Option<String>,
) -> ApiResult<Write> {
    let key = key.as_deref().map(path).transpose()?;
    Ok(Write::SetPayload {
        payload: payload(new),
        selector: selector(points)?,
        key,
    })
}

pub fn overwrite_payload(
    new: HashMap<String, pb::Value>,
    points: Option<pb::PointsSelector>,
) -> ApiResult<Write> {
    Ok(Write::OverwritePayload {
        payload: payload(new),
        selector: selector(points)?,
    })
}

pub fn delete_payload(keys: Vec<String>, points: Option<pb::PointsSelector>) -> ApiResult<Write> {
    let keys = keys.iter().map(|key| path(key)).collect::<ApiResult<_>>()?;
    Ok(Write::DeletePayload {
        keys,
        selector: selector(points)?,
    })
}

/// One of a batch. An operation with nothing in it is refused when its turn comes.
pub fn operation(operation: pb::PointsUpdateOperation) -> ApiResult<Write> {
    match operation.operation {
        Some(Operation::Upsert(list)) => upsert(list.points, list.update_filter, list.update_mode),
        Some(Operation::DeletePoints(delete)) => Ok(Write::Delete(selector(delete.points)?)),
        Some(Operation::DeleteDeprecated(points)) => Ok(Write::Delete(selector(Some(points))?)),
        Some(Operation::SetPayload(set)) => set_payload(set.payload, set.points_selector, set.key),
        Some(Operation::OverwritePayload(set)) => overwrite_payload(set.payload, set.points_selector),
        Some(Operation::DeletePayload(delete)) => delete_payload(delete.keys, delete.points_selector),
        Some(Operation::ClearPayload(clear)) => Ok(Write::ClearPayload(selector(clear.points)?)),
        Some(Operation::ClearPayloadDeprecated(points)) => Ok(Write::ClearPayload(selector(Some(points))?)),
        Some(Operation::UpdateVectors(update)) => update_vectors(update.points, update.update_filter),
        Some(Operation::DeleteVectors(delete)) => delete_vectors(delete.points_selector, delete.vectors),
        None => Err(ApiError::format("Operation is missing")),
    }
}

/// # Errors
/// A path is malformed.
pub fn with_payload(
    selector: Option<pb::WithPayloadSelector>,
    default: bool,
) -> ApiResult<WithPayloadInterface> {
    use pb::with_payload_selector::SelectorOptions;
    let paths = |fields: Vec<String>| {
        fields
            .iter()
            .map(|field| path(field))
            .collect::<ApiResult<Vec<_>>>()
    };
    match selector.and_then(|selector| selector.selector_options) {
        Some(SelectorOptions::Enable(flag)) => Ok(WithPayloadInterface::Bool(flag)),
        Some(SelectorOptions::Include(include)) => {
            Ok(PayloadSelectorInclude::new(paths(include.fields)?).into())
        }
        Some(SelectorOptions::Exclude(exclude)) => Ok(PayloadSelectorExclude {
            exclude: paths(exclude.fields)?,
        }
        .into()),
        None => Ok(WithPayloadInterface::Bool(default)),
    }
}

/// None is none.
pub fn with_vectors(selector: Option<pb::WithVectorsSelector>) -> WithVector {
    use pb::with_vectors_selector::SelectorOptions;
    match selector.and_then(|selector| selector.selector_options) {
        Some(SelectorOptions::Enable(flag)) => WithVector::Bool(flag),
        Some(SelectorOptions::Include(include)) => WithVector::Selector(include.names),
        None => WithVector::Bool(false),
    }
}
