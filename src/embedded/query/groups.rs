//! Results grouped by a payload field: the query is run with growing limits until the groups are full. Exact, where
//! Qdrant stops after a few rounds.

use std::collections::HashMap;

use qdrant_edge::{
    JsonPath, PayloadSelectorInclude, PointId, Record, ScoredPoint, WithPayloadInterface, WithVector,
};
use serde_json::Value;

use super::request::{GroupsRequest, WithLookup};
use super::run::fill;
use crate::embedded::collections::{Collection, Core};
use crate::embedded::errors::{ApiError, ApiResult};

/// Points fetched per group in the first round, beyond its size.
const FIRST_ROUND_FACTOR: usize = 4;
const ROUND_FACTOR: usize = 4;

/// A group's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum GroupId {
    /// A non-negative number.
    Unsigned(u64),
    /// A negative number.
    Signed(i64),
    /// A string.
    Text(String),
}

/// One group, best point first.
#[derive(Clone, Debug)]
pub struct Group {
    /// The value that its points share.
    pub id: GroupId,
    /// Its points.
    pub hits: Vec<ScoredPoint>,
    /// The record of that id in the lookup collection.
    pub lookup: Option<Record>,
}

impl Core {
    /// The best groups of a query, best first.
    ///
    /// # Errors
    /// As a query's; and where the lookup collection is not there.
    pub fn query_groups(&self, name: &str, request: GroupsRequest) -> ApiResult<Vec<Group>> {
        let collection = self.collection(name)?;
        let GroupsRequest {
            query,
            group_by,
            group_size,
            with_lookup,
        } = request;
        if group_size == 0 {
            return Err(ApiError::too_small("group_size", 0, 1));
        }
        let groups_limit = query.root.limit;
        let points = collection.shard.read(|edge| Ok(edge.info().points_count))?.max(1);
        let mut bare = query.clone();
        bare.with_payload = WithPayloadInterface::Bool(false);
        bare.with_vector = WithVector::Bool(false);
        let mut limit = groups_limit
            .saturating_mul(group_size)
            .saturating_mul(FIRST_ROUND_FACTOR);
        let mut groups = loop {
            bare.root.limit = if groups_limit == 0 { 0 } else { limit.min(points) };
            let found = self.query_in(&collection, bare.clone())?;
            let exhausted = found.len() < bare.root.limit || limit >= points;
            let groups = group(&collection, found, &group_by, groups_limit, group_size)?;
            let full =
                groups.len() == groups_limit && groups.iter().all(|group| group.hits.len() == group_size);
            if full || exhausted {
                break groups;
            }
            limit = limit.saturating_mul(ROUND_FACTOR);
        };
        for group in &mut groups {
            let hits = std::mem::take(&mut group.hits);
            group.hits = fill(
                &collection,
                hits,
                query.with_payload.clone(),
                query.with_vector.clone(),
            )?;
        }
        if let Some(lookup) = with_lookup {
            self.look_up(&mut groups, lookup)?;
        }
        Ok(groups)
    }

    fn look_up(&self, groups: &mut [Group], lookup: WithLookup) -> ApiResult<()> {
        let missing = |_| ApiError::not_found(format!("Collection {} not found", lookup.collection));
        let collection = self.collection(&lookup.collection).map_err(missing)?;
        let ids: Vec<PointId> = groups.iter().filter_map(|group| point_id(&group.id)).collect();
        let (payload, vector) = (lookup.with_payload, lookup.with_vector);
        let records = collection
            .shard
            .read(|edge| Ok(edge.retrieve(&ids, Some(payload), Some(vector))?))?;
        let records: HashMap<_, _> = records.into_iter().map(|record| (record.id, record)).collect();
        for group in groups {
            group.lookup = point_id(&group.id).and_then(|id| records.get(&id).cloned());
        }
        Ok(())
    }
}

fn point_id(id: &GroupId) -> Option<PointId> {
    match id {
        GroupId::Unsigned(number) => Some(PointId::NumId(*number)),
        GroupId::Signed(_) => None,
        GroupId::Text(text) => text.parse().ok().map(PointId::Uuid),
    }
}

fn group(
    collection: &Collection,
    found: Vec<ScoredPoint>,
    group_by: &JsonPath,
    groups_limit: usize,
    group_size: usize,
) -> ApiResult<Vec<Group>> {
    let field = WithPayloadInterface::from(PayloadSelectorInclude::new(vec![
        group_by.strip_wildcard_suffix(),
    ]));
    let found = fill(collection, found, field, WithVector::Bool(false))?;
    let mut groups: Vec<Group> = Vec::new();
    let mut place: HashMap<GroupId, usize> = HashMap::new();
    for mut point in found {
        for id in point
            .payload
            .take()
            .map(|payload| values(&payload.0, group_by))
            .unwrap_or_default()
        {
            let at = match place.get(&id) {
                Some(at) => *at,
                None if groups.len() < groups_limit => {
                    place.insert(id.clone(), groups.len());
                    groups.push(Group {
                        id,
                        hits: Vec::new(),
                        lookup: None,
                    });
                    groups.len() - 1
                }
                None => continue,
            };
            if groups[at].hits.len() < group_size {
                groups[at].hits.push(point.clone());
            }
        }
    }
    Ok(groups)
}

/// The distinct strings and whole numbers under the path; a point is in the group of each.
fn values(payload: &serde_json::Map<String, Value>, path: &JsonPath) -> Vec<GroupId> {
    let mut ids = Vec::new();
    let mut push = |value: &Value| {
        let id = match value {
            Value::String(text) => Some(GroupId::Text(text.clone())),
            Value::Number(number) => number
                .as_u64()
                .map(GroupId::Unsigned)
                .or_else(|| number.as_i64().map(GroupId::Signed)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if let Some(id) = id
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    };
    for value in path.value_get(payload) {
        match value {
            Value::Array(values) => values.iter().for_each(&mut push),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                push(value)
            }
        }
    }
    ids
}
