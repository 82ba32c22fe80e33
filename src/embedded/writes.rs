//! Writes: what a client asks, checked and turned into the crate's operations with every condition resolved to ids,
//! so that the journal replays to the same state. Called by both faces; atomic by operation, ordered by `shard`.

use std::collections::HashSet;

use ahash::AHashSet;
use qdrant_edge::{
    Condition, CreateIndex, DeletePayloadOp, EdgeShard, FieldIndexOperations, Filter, HasIdCondition,
    JsonPath, Payload, PayloadFieldSchema, PayloadOps, PointId, PointIdsList, PointInsertOperations,
    PointOperations, PointStructPersisted, PointVectorsPersisted, ScrollRequest, SetPayloadOp, UpdateMode,
    UpdateOperation, UpdateVectorsOp, VectorOperations, WithPayloadInterface, WithVector,
};

use super::collections::{Collection, Core};
use super::errors::{ApiError, ApiResult};
use super::vectors;

/// The points that a write goes to.
#[derive(Clone, Debug)]
pub enum Selector {
    /// By id.
    Points(Vec<PointId>),
    /// All that match when the write is applied.
    Filter(Filter),
}

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Whole points: vectors and payload that are not named are gone afterwards.
    Upsert {
        points: Vec<PointStructPersisted>,
        filter: Option<Filter>,
        mode: UpdateMode,
    },
    /// Removes points.
    Delete(Selector),
    /// Sets the named vectors of existing points.
    UpdateVectors {
        points: Vec<PointVectorsPersisted>,
        filter: Option<Filter>,
    },
    /// Removes the named vectors.
    DeleteVectors {
        selectors: Vec<Selector>,
        names: Vec<String>,
    },
    /// Merges into the payload, at `key` if given.
    SetPayload {
        payload: Payload,
        selector: Selector,
        key: Option<JsonPath>,
    },
    /// Replaces the payload.
    OverwritePayload { payload: Payload, selector: Selector },
    /// Removes keys of the payload.
    DeletePayload { keys: Vec<JsonPath>, selector: Selector },
    /// Removes the payload.
    ClearPayload(Selector),
    /// Indexes a payload key.
    CreateIndex {
        field: JsonPath,
        schema: Option<PayloadFieldSchema>,
    },
    /// Drops the index of a payload key.
    DeleteIndex(JsonPath),
}

impl Core {
    /// Applies one write and gives back its number.
    ///
    /// # Errors
    /// The collection or a point is not there, the write contradicts the schema, or the disk refused.
    pub fn write(&self, name: &str, write: Write) -> ApiResult<u64> {
        let collection = self.collection(name)?;
        check(&collection, &write)?;
        collection.shard.write(|edge| plan(edge, write))
    }

    /// Applies writes in order. The first that fails ends them; those before it stay, as in Qdrant.
    ///
    /// # Errors
    /// As [`Core::write`].
    pub fn write_batch(&self, name: &str, writes: Vec<Write>) -> ApiResult<Vec<u64>> {
        self.collection(name)?;
        writes.into_iter().map(|write| self.write(name, write)).collect()
    }
}

/// What can be refused without looking at the points, before anything is applied.
fn check(collection: &Collection, write: &Write) -> ApiResult<()> {
    match write {
        Write::Upsert { points, .. } => {
            vectors::check_all(collection, points.iter().map(|point| &point.vector))
        }
        Write::UpdateVectors { points, .. } => {
            vectors::check_all(collection, points.iter().map(|point| &point.vector))
        }
        Write::DeleteVectors { names, .. } => names
            .iter()
            .try_for_each(|name| vectors::check_name(&collection.config, name)),
        Write::Delete(_)
        | Write::SetPayload { .. }
        | Write::OverwritePayload { .. }
        | Write::DeletePayload { .. }
        | Write::ClearPayload(_)
        | Write::CreateIndex { .. }
        | Write::DeleteIndex(_) => Ok(()),
    }
}

fn plan(edge: &EdgeShard, write: Write) -> ApiResult<Vec<UpdateOperation>> {
    let operation = match write {
        Write::Upsert { points, filter, mode } => {
            let points = points_to_upsert(edge, points, filter, mode)?;
            let list = PointInsertOperations::PointsList(points);
            UpdateOperation::PointOperation(PointOperations::UpsertPoints(list))
        }
        Write::Delete(selector) => {
            let ids = match selector {
                Selector::Points(ids) => ids,
                Selector::Filter(filter) => matching(edge, filter)?,
            };
            UpdateOperation::PointOperation(PointOperations::DeletePoints { ids })
        }
        Write::UpdateVectors { points, filter } => {
            let points = vectors_to_update(edge, points, filter)?;
            let update = UpdateVectorsOp {
                points,
                update_filter: None,
            };
            UpdateOperation::VectorOperation(VectorOperations::UpdateVectors(update))
        }
        Write::DeleteVectors { selectors, names } => {
            let mut ids = Vec::new();
            for selector in selectors {
                ids.extend(select(edge, selector)?);
            }
            let delete = VectorOperations::DeleteVectors(PointIdsList::from(ids), names);
            UpdateOperation::VectorOperation(delete)
        }
        Write::SetPayload { .. }
        | Write::OverwritePayload { .. }
        | Write::DeletePayload { .. }
        | Write::ClearPayload(_) => UpdateOperation::PayloadOperation(plan_payload(edge, write)?),
        Write::CreateIndex { field, schema } => {
            let create = CreateIndex {
                field_name: field,
                field_schema: schema,
            };
            UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(create))
        }
        Write::DeleteIndex(field) => {
            UpdateOperation::FieldIndexOperation(FieldIndexOperations::DeleteIndex(field))
        }
    };
    let empty = operation.point_ids().is_some_and(|ids| ids.is_empty());
    Ok(if empty { Vec::new() } else { vec![operation] })
}

fn plan_payload(edge: &EdgeShard, write: Write) -> ApiResult<PayloadOps> {
    let set = |payload, points, key| SetPayloadOp {
        payload,
        points: Some(points),
        filter: None,
        key,
    };
    match write {
        Write::SetPayload {
            payload,
            selector,
            key,
        } => Ok(PayloadOps::SetPayload(set(payload, select(edge, selector)?, key))),
        Write::OverwritePayload { payload, selector } => Ok(PayloadOps::OverwritePayload(set(
            payload,
            select(edge, selector)?,
            None,
        ))),
        Write::DeletePayload { keys, selector } => {
            let points = Some(select(edge, selector)?);
            Ok(PayloadOps::DeletePayload(DeletePayloadOp {
                keys,
                points,
                filter: None,
            }))
        }
        Write::ClearPayload(selector) => Ok(PayloadOps::ClearPayload {
            points: select(edge, selector)?,
        }),
        Write::Upsert { .. }
        | Write::Delete(_)
        | Write::UpdateVectors { .. }
        | Write::DeleteVectors { .. }
        | Write::CreateIndex { .. }
        | Write::DeleteIndex(_) => Err(ApiError::service("not a write of payload")),
    }
}

/// Drops the points that mode and filter exclude. Of two with one id the last stands, as in Qdrant.
fn points_to_upsert(
    edge: &EdgeShard,
    mut points: Vec<PointStructPersisted>,
    filter: Option<Filter>,
    mode: UpdateMode,
) -> ApiResult<Vec<PointStructPersisted>> {
    let mut seen = HashSet::new();
    points.reverse();
    points.retain(|point| seen.insert(point.id));
    points.reverse();
    if filter.is_none() && mode == UpdateMode::Upsert {
        return Ok(points);
    }
    let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
    let existing = existing(edge, &ids)?;
    let matching = match filter {
        Some(filter) if mode != UpdateMode::InsertOnly => matching_of(edge, &ids, filter)?,
        Some(_) | None => existing.clone(),
    };
    points.retain(|point| {
        let exists = existing.contains(&point.id);
        match mode {
            UpdateMode::Upsert => !exists || matching.contains(&point.id),
            UpdateMode::InsertOnly => !exists,
            UpdateMode::UpdateOnly => exists && matching.contains(&point.id),
        }
    });
    Ok(points)
}

fn vectors_to_update(
    edge: &EdgeShard,
    mut points: Vec<PointVectorsPersisted>,
    filter: Option<Filter>,
) -> ApiResult<Vec<PointVectorsPersisted>> {
    let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
    require(edge, &ids)?;
    if let Some(filter) = filter {
        let matching = matching_of(edge, &ids, filter)?;
        points.retain(|point| matching.contains(&point.id));
    }
    Ok(points)
}

/// The ids behind a selector; those named must exist.
fn select(edge: &EdgeShard, selector: Selector) -> ApiResult<Vec<PointId>> {
    match selector {
        Selector::Points(ids) => {
            require(edge, &ids)?;
            Ok(ids)
        }
        Selector::Filter(filter) => matching(edge, filter),
    }
}

fn require(edge: &EdgeShard, ids: &[PointId]) -> ApiResult<()> {
    let existing = existing(edge, ids)?;
    match ids.iter().find(|id| !existing.contains(id)) {
        Some(missing) => Err(ApiError::no_point(missing)),
        None => Ok(()),
    }
}

fn existing(edge: &EdgeShard, ids: &[PointId]) -> ApiResult<HashSet<PointId>> {
    let neither = (
        Some(WithPayloadInterface::Bool(false)),
        Some(WithVector::Bool(false)),
    );
    Ok(edge
        .retrieve(ids, neither.0, neither.1)?
        .into_iter()
        .map(|record| record.id)
        .collect())
}

fn matching_of(edge: &EdgeShard, ids: &[PointId], filter: Filter) -> ApiResult<HashSet<PointId>> {
    let ids: AHashSet<PointId> = ids.iter().copied().collect();
    let among = Filter::new_must(Condition::HasId(HasIdCondition::from(ids)));
    Ok(matching(edge, among.merge_owned(filter))?.into_iter().collect())
}

/// All ids that match now.
fn matching(edge: &EdgeShard, filter: Filter) -> ApiResult<Vec<PointId>> {
    let all = edge.info().points_count;
    let request = ScrollRequest {
        offset: None,
        limit: Some(all),
        filter: Some(filter),
        with_payload: Some(WithPayloadInterface::Bool(false)),
        with_vector: WithVector::Bool(false),
        order_by: None,
    };
    Ok(edge
        .scroll(request)?
        .0
        .into_iter()
        .map(|record| record.id)
        .collect())
}
