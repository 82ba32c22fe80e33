//! JSON bodies of writes, and what of `writes` they become.

use std::collections::HashMap;

use qdrant_edge::{
    Filter, JsonPath, Payload, PayloadFieldSchema, PointId, PointStructPersisted, PointVectorsPersisted,
    UpdateMode, VectorPersisted, VectorStructPersisted,
};
use serde::Deserialize;

use super::vectors::{Vector, VectorStruct};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::writes::{Selector, Write};

#[derive(Deserialize)]
struct Point {
    id: PointId,
    #[serde(alias = "vectors")]
    vector: VectorStruct,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BatchVectors {
    Single(Vec<Vec<f32>>),
    MultiDense(Vec<Vec<Vec<f32>>>),
    Named(HashMap<String, Vec<Vector>>),
}

#[derive(Deserialize)]
struct Batch {
    ids: Vec<PointId>,
    vectors: BatchVectors,
    payloads: Option<Vec<Option<Payload>>>,
}

/// `PUT …/points`. A `batch` goes before `points`, as in Qdrant.
#[derive(Deserialize)]
pub struct Upsert {
    batch: Option<Batch>,
    points: Option<Vec<Point>>,
    update_filter: Option<Filter>,
    #[serde(default)]
    update_mode: UpdateMode,
}

/// Points by id or filter.
#[derive(Deserialize)]
pub struct Target {
    points: Option<Vec<PointId>>,
    filter: Option<Filter>,
}

#[derive(Deserialize)]
struct PointVectors {
    id: PointId,
    #[serde(alias = "vectors")]
    vector: VectorStruct,
}

/// `PUT …/points/vectors`.
#[derive(Deserialize)]
pub struct UpdateVectors {
    points: Vec<PointVectors>,
    update_filter: Option<Filter>,
}

/// `POST …/points/vectors/delete`. Both targets are done where both are given, as in Qdrant.
#[derive(Deserialize)]
pub struct DeleteVectors {
    #[serde(flatten)]
    target: Target,
    #[serde(alias = "vectors")]
    vector: Vec<String>,
}

/// `POST` and `PUT …/points/payload`.
#[derive(Deserialize)]
pub struct SetPayload {
    payload: Payload,
    #[serde(flatten)]
    target: Target,
    key: Option<JsonPath>,
}

/// `POST …/points/payload/delete`.
#[derive(Deserialize)]
pub struct DeletePayload {
    keys: Vec<JsonPath>,
    #[serde(flatten)]
    target: Target,
}

/// `PUT …/index`.
#[derive(Deserialize)]
pub struct CreateIndex {
    field_name: JsonPath,
    #[serde(alias = "field_type")]
    field_schema: Option<PayloadFieldSchema>,
}

/// One of a batch: the first key in this order that parses counts, as in Qdrant.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum UpdateOperation"
)]
pub enum Operation {
    Upsert { upsert: Upsert },
    Delete { delete: Target },
    SetPayload { set_payload: SetPayload },
    OverwritePayload { overwrite_payload: SetPayload },
    DeletePayload { delete_payload: DeletePayload },
    ClearPayload { clear_payload: Target },
    UpdateVectors { update_vectors: UpdateVectors },
    DeleteVectors { delete_vectors: DeleteVectors },
}

/// `POST …/points/batch`.
#[derive(Deserialize)]
pub struct Operations {
    pub operations: Vec<Operation>,
}

impl Upsert {
    pub fn into_write(self) -> ApiResult<Write> {
        let points = match (self.batch, self.points) {
            (Some(batch), _) => batch.into_points()?,
            (None, Some(points)) => {
                points
                    .iter()
                    .enumerate()
                    .try_for_each(|(place, point)| point.vector.check(place))?;
                points
                    .into_iter()
                    .map(Point::into_point)
                    .collect::<ApiResult<_>>()?
            }
            (None, None) => {
                return Err(ApiError::format(
                    "Format error in JSON body: Invalid PointInsertOperations format",
                ));
            }
        };
        if points.is_empty() {
            return Err(ApiError::bad_request("Empty update request"));
        }
        Ok(Write::Upsert {
            points,
            filter: self.update_filter,
            mode: self.update_mode,
        })
    }
}

impl Point {
    fn into_point(self) -> ApiResult<PointStructPersisted> {
        Ok(PointStructPersisted {
            id: self.id,
            vector: self.vector.try_into()?,
            payload: self.payload,
        })
    }
}

impl Batch {
    fn into_points(self) -> ApiResult<Vec<PointStructPersisted>> {
        let count = self.ids.len();
        let lengths = |what: &str, len: usize| {
            if len == count {
                return Ok(());
            }
            let text = format!("number of ids and {what} must be equal ({count} != {len})");
            Err(ApiError::validation(format!("batch.batch: {text}")))
        };
        let vectors: Vec<VectorStructPersisted> = match self.vectors {
            BatchVectors::Single(vectors) => vectors.into_iter().map(VectorStructPersisted::Single).collect(),
            BatchVectors::MultiDense(vectors) => vectors
                .into_iter()
                .map(VectorStructPersisted::MultiDense)
                .collect(),
            BatchVectors::Named(columns) => {
                let mut rows: Vec<HashMap<String, VectorPersisted>> = vec![HashMap::new(); count];
                for (name, column) in columns {
                    lengths("vectors", column.len())?;
                    for (row, vector) in rows.iter_mut().zip(column) {
                        row.insert(name.clone(), vector.try_into()?);
                    }
                }
                rows.into_iter().map(VectorStructPersisted::Named).collect()
            }
        };
        lengths("vectors", vectors.len())?;
        let payloads = self.payloads.unwrap_or_else(|| vec![None; count]);
        lengths("payloads", payloads.len())?;
        let points = self.ids.into_iter().zip(vectors).zip(payloads);
        Ok(points
            .map(|((id, vector), payload)| PointStructPersisted { id, vector, payload })
            .collect())
    }
}

impl Target {
    /// Ids go before a filter.
    fn selector(self) -> ApiResult<Selector> {
        match (self.points, self.filter) {
            (Some(points), _) => Ok(Selector::Points(points)),
            (None, Some(filter)) => Ok(Selector::Filter(filter)),
            (None, None) => Err(ApiError::format(
                "Format error in JSON body: Either list of point ids or filter must be provided",
            )),
        }
    }

    /// In the words of the routes whose whole body is the target.
    fn only(self) -> ApiResult<Selector> {
        self.selector().map_err(|_| {
            let text = "data did not match any variant of untagged enum PointsSelector";
            ApiError::format(format!("Format error in JSON body: {text}"))
        })
    }

    pub fn into_delete(self) -> ApiResult<Write> {
        Ok(Write::Delete(self.only()?))
    }

    pub fn into_clear(self) -> ApiResult<Write> {
        Ok(Write::ClearPayload(self.only()?))
    }
}

impl UpdateVectors {
    pub fn into_write(self) -> ApiResult<Write> {
        if self.points.is_empty() {
            return Err(ApiError::validation("points: must specify points to update"));
        }
        let point = |point: PointVectors| {
            Ok(PointVectorsPersisted {
                id: point.id,
                vector: point.vector.try_into()?,
            })
        };
        let points = self.points.into_iter().map(point).collect::<ApiResult<_>>()?;
        Ok(Write::UpdateVectors {
            points,
            filter: self.update_filter,
        })
    }
}

impl DeleteVectors {
    pub fn into_write(self) -> ApiResult<Write> {
        let by_filter = self.target.filter.map(Selector::Filter);
        let selectors: Vec<_> = by_filter
            .into_iter()
            .chain(self.target.points.map(Selector::Points))
            .collect();
        if self.vector.is_empty() {
            return Err(ApiError::validation(
                "vector: must specify vector names to delete",
            ));
        }
        if selectors.is_empty() {
            return Err(ApiError::bad_request("No filter or points provided"));
        }
        Ok(Write::DeleteVectors {
            selectors,
            names: self.vector,
        })
    }
}

impl SetPayload {
    pub fn into_set(self) -> ApiResult<Write> {
        Ok(Write::SetPayload {
            payload: self.payload,
            selector: self.target.selector()?,
            key: self.key,
        })
    }

    pub fn into_overwrite(self) -> ApiResult<Write> {
        Ok(Write::OverwritePayload {
            payload: self.payload,
            selector: self.target.selector()?,
        })
    }
}

impl DeletePayload {
    pub fn into_write(self) -> ApiResult<Write> {
        Ok(Write::DeletePayload {
            keys: self.keys,
            selector: self.target.selector()?,
        })
    }
}

impl CreateIndex {
    pub fn into_write(self) -> Write {
        Write::CreateIndex {
            field: self.field_name,
            schema: self.field_schema,
        }
    }
}

impl Operation {
    pub fn into_write(self) -> ApiResult<Write> {
        match self {
            Self::Upsert { upsert } => upsert.into_write(),
            Self::Delete { delete } => delete.into_delete(),
            Self::SetPayload { set_payload } => set_payload.into_set(),
            Self::OverwritePayload { overwrite_payload } => overwrite_payload.into_overwrite(),
            Self::DeletePayload { delete_payload } => delete_payload.into_write(),
            Self::ClearPayload { clear_payload } => clear_payload.into_clear(),
            Self::UpdateVectors { update_vectors } => update_vectors.into_write(),
            Self::DeleteVectors { delete_vectors } => delete_vectors.into_write(),
        }
    }
}
