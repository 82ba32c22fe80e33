//! What the fields of each request mean: one role for one number. Lets one function read all reads and another all
//! writes; `rewrite` uses the same tables to move a write into a batch.

use super::super::schema::{self, Message};
use crate::domain::op::Ranking;

/// What a field of a read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ReadRole {
    Collection,
    Using,
    Query,
    Prefetch,
    /// Ids, vectors or examples of the legacy verbs.
    Inputs,
    /// The floats of a legacy search, and the indices that make them sparse.
    Floats,
    Indices,
    Filter,
    Params,
    OrderBy,
    /// A payload key: `group_by`, or what a facet counts.
    Key,
    WithPayload,
    WithVectors,
    LookupFrom,
    WithLookup,
}

fn role<R: Copy>(roles: &[(u32, R)], number: u32) -> Option<R> {
    // Most roles are those of the first fields, without gaps.
    match roles.get((number as usize).wrapping_sub(1)) {
        Some((known, role)) if *known == number => Some(*role),
        Some(_) | None => roles
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, role)| *role),
    }
}

/// One read message.
#[derive(Debug)]
pub(in super::super) struct ReadShape {
    pub schema: &'static Message,
    /// What its node ranks by before its query is read.
    pub ranking: Ranking,
    /// Whether `lookup_from` without a vector means the unnamed one.
    pub is_legacy: bool,
    /// Whether an absent `with_payload` means all of it.
    pub payload_by_default: bool,
    pub roles: &'static [(u32, ReadRole)],
}

impl ReadShape {
    pub fn role(&self, number: u32) -> Option<ReadRole> {
        role(self.roles, number)
    }

    pub fn number(&self, role: ReadRole) -> Option<u32> {
        self.roles.iter().find(|(_, r)| *r == role).map(|(n, _)| *n)
    }
}

macro_rules! reads {
    ($($name:ident = $schema:ident, $ranking:ident, legacy $legacy:literal, payload $payload:literal
        [$($number:literal $role:ident),* $(,)?];)*) => {
        $(pub(in super::super) static $name: ReadShape = ReadShape {
            schema: &schema::$schema,
            ranking: Ranking::$ranking,
            is_legacy: $legacy,
            payload_by_default: $payload,
            roles: &[$(($number, ReadRole::$role)),*],
        };)*
    };
}

reads! {
    GET = GET_POINTS, Unranked, legacy false, payload false [1 Collection, 4 WithPayload, 5 WithVectors];
    // Alone among the verbs, a scroll over gRPC that says nothing of the payload gets all of it.
    SCROLL = SCROLL_POINTS, Unranked, legacy false, payload true
        [1 Collection, 2 Filter, 6 WithPayload, 7 WithVectors, 10 OrderBy];
    COUNT = COUNT_POINTS, Unranked, legacy false, payload false [1 Collection, 2 Filter];
    FACET = FACET_COUNTS, Unranked, legacy false, payload false [1 Collection, 2 Key, 3 Filter];
    SEARCH = SEARCH_POINTS, Vectors, legacy true, payload false
        [1 Collection, 2 Floats, 3 Filter, 6 WithPayload, 7 Params, 10 Using, 11 WithVectors, 15 Indices];
    SEARCH_GROUPS = SEARCH_GROUPS, Vectors, legacy true, payload false
        [1 Collection, 2 Floats, 3 Filter, 5 WithPayload, 6 Params, 8 Using, 9 WithVectors, 10 Key, 13 WithLookup,
         16 Indices];
    RECOMMEND = RECOMMEND_POINTS, Vectors, legacy true, payload false
        [1 Collection, 2 Inputs, 3 Inputs, 4 Filter, 7 WithPayload, 8 Params, 11 Using, 12 WithVectors,
         13 LookupFrom, 17 Inputs, 18 Inputs];
    RECOMMEND_GROUPS = RECOMMEND_GROUPS, Vectors, legacy true, payload false
        [1 Collection, 2 Inputs, 3 Inputs, 4 Filter, 6 WithPayload, 7 Params, 9 Using, 10 WithVectors,
         11 LookupFrom, 12 Key, 15 WithLookup, 18 Inputs, 19 Inputs];
    DISCOVER = DISCOVER_POINTS, Vectors, legacy true, payload false
        [1 Collection, 2 Inputs, 3 Inputs, 4 Filter, 6 WithPayload, 7 Params, 9 Using, 10 WithVectors,
         11 LookupFrom];
    QUERY = QUERY_POINTS, Unranked, legacy false, payload false
        [1 Collection, 2 Prefetch, 3 Query, 4 Using, 5 Filter, 6 Params, 10 WithVectors, 11 WithPayload,
         14 LookupFrom];
    QUERY_GROUPS = QUERY_GROUPS, Unranked, legacy false, payload false
        [1 Collection, 2 Prefetch, 3 Query, 4 Using, 5 Filter, 6 Params, 8 WithPayload, 9 WithVectors,
         10 LookupFrom, 13 Key, 15 WithLookup];
    // No query: the vectors that it compares are those of `using`.
    SEARCH_MATRIX = SEARCH_MATRIX, Vectors, legacy false, payload false [1 Collection, 2 Filter, 5 Using];
    PREFETCH = PREFETCH_QUERY, Unranked, legacy false, payload false
        [1 Prefetch, 2 Query, 3 Using, 4 Filter, 5 Params, 8 LookupFrom];
}

/// What a field of a write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum WriteRole {
    Collection,
    Wait,
    Ordering,
    Timeout,
    Points,
    Selector,
    VectorNames,
    Payload,
    /// The path that a payload goes under.
    Path,
    /// Payload paths to delete.
    Paths,
    /// An index's key.
    FieldName,
    ShardKey,
    UpdateFilter,
    UpdateMode,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum WriteForm {
    Upsert,
    Delete,
    SetPayload,
    OverwritePayload,
    DeletePayload,
    ClearPayload,
    UpdateVectors,
    DeleteVectors,
    FieldIndex,
}

/// One write message: a request of its own, or a member of a batch's oneof.
#[derive(Debug)]
pub(in super::super) struct WriteShape {
    pub schema: &'static Message,
    pub form: WriteForm,
    /// The member of the batch's oneof; 0 for a request of its own.
    pub member: u32,
    /// Empty where the message is the selector itself.
    pub roles: &'static [(u32, WriteRole)],
}

impl WriteShape {
    pub fn role(&self, number: u32) -> Option<WriteRole> {
        role(self.roles, number)
    }

    pub fn number(&self, role: WriteRole) -> Option<u32> {
        self.roles.iter().find(|(_, r)| *r == role).map(|(n, _)| *n)
    }
}

macro_rules! writes {
    ($($name:ident = $schema:ident, $form:ident, $member:literal [$($number:literal $role:ident),* $(,)?];)*) => {
        $(pub(in super::super) static $name: WriteShape = WriteShape {
            schema: &schema::$schema,
            form: WriteForm::$form,
            member: $member,
            roles: &[$(($number, WriteRole::$role)),*],
        };)*
    };
}

writes! {
    UPSERT = UPSERT_POINTS, Upsert, 0
        [1 Collection, 2 Wait, 3 Points, 4 Ordering, 5 ShardKey, 6 UpdateFilter, 7 Timeout, 8 UpdateMode];
    DELETE = DELETE_POINTS, Delete, 0 [1 Collection, 2 Wait, 3 Selector, 4 Ordering, 5 ShardKey, 6 Timeout];
    UPDATE_VECTORS = UPDATE_VECTORS, UpdateVectors, 0
        [1 Collection, 2 Wait, 3 Points, 4 Ordering, 5 ShardKey, 6 UpdateFilter, 7 Timeout];
    DELETE_VECTORS = DELETE_VECTORS, DeleteVectors, 0
        [1 Collection, 2 Wait, 3 Selector, 4 VectorNames, 5 Ordering, 6 ShardKey, 7 Timeout];
    SET_PAYLOAD = SET_PAYLOAD, SetPayload, 0
        [1 Collection, 2 Wait, 3 Payload, 5 Selector, 6 Ordering, 7 ShardKey, 8 Path, 9 Timeout];
    OVERWRITE_PAYLOAD = SET_PAYLOAD, OverwritePayload, 0
        [1 Collection, 2 Wait, 3 Payload, 5 Selector, 6 Ordering, 7 ShardKey, 8 Path, 9 Timeout];
    DELETE_PAYLOAD = DELETE_PAYLOAD, DeletePayload, 0
        [1 Collection, 2 Wait, 3 Paths, 5 Selector, 6 Ordering, 7 ShardKey, 8 Timeout];
    CLEAR_PAYLOAD = CLEAR_PAYLOAD, ClearPayload, 0
        [1 Collection, 2 Wait, 3 Selector, 4 Ordering, 5 ShardKey, 6 Timeout];
    CREATE_FIELD_INDEX = CREATE_FIELD_INDEX, FieldIndex, 0 [1 Collection, 2 Wait, 3 FieldName];
    DELETE_FIELD_INDEX = DELETE_FIELD_INDEX, FieldIndex, 0 [1 Collection, 2 Wait, 3 FieldName];

    BATCH_UPSERT = BATCH_UPSERT, Upsert, 1 [1 Points, 2 ShardKey, 3 UpdateFilter, 4 UpdateMode];
    BATCH_DELETE_BARE = POINTS_SELECTOR, Delete, 2 [];
    BATCH_SET_PAYLOAD = BATCH_SET_PAYLOAD, SetPayload, 3 [1 Payload, 2 Selector, 3 ShardKey, 4 Path];
    BATCH_OVERWRITE_PAYLOAD = BATCH_SET_PAYLOAD, OverwritePayload, 4 [1 Payload, 2 Selector, 3 ShardKey, 4 Path];
    BATCH_DELETE_PAYLOAD = BATCH_DELETE_PAYLOAD, DeletePayload, 5 [1 Paths, 2 Selector, 3 ShardKey];
    BATCH_CLEAR_BARE = POINTS_SELECTOR, ClearPayload, 6 [];
    BATCH_UPDATE_VECTORS = BATCH_UPDATE_VECTORS, UpdateVectors, 7 [1 Points, 2 ShardKey, 3 UpdateFilter];
    BATCH_DELETE_VECTORS = BATCH_DELETE_VECTORS, DeleteVectors, 8 [1 Selector, 2 VectorNames, 3 ShardKey];
    BATCH_DELETE = BATCH_SELECTED, Delete, 9 [1 Selector, 2 ShardKey];
    BATCH_CLEAR = BATCH_SELECTED, ClearPayload, 10 [1 Selector, 2 ShardKey];
}

/// Every member of the batch's oneof. Where two do the same, the one that is not deprecated stands first.
pub(in super::super) static BATCH_MEMBERS: [&WriteShape; 10] = [
    &BATCH_UPSERT,
    &BATCH_DELETE,
    &BATCH_SET_PAYLOAD,
    &BATCH_OVERWRITE_PAYLOAD,
    &BATCH_DELETE_PAYLOAD,
    &BATCH_CLEAR,
    &BATCH_UPDATE_VECTORS,
    &BATCH_DELETE_VECTORS,
    &BATCH_DELETE_BARE,
    &BATCH_CLEAR_BARE,
];
