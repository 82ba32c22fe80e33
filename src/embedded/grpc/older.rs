//! The RPCs that the query RPC replaced: search, recommend, discover. They become queries.

use qdrant_client::qdrant as pb;
use qdrant_edge::VectorPersisted;

use super::filter;
use super::input::{self, id, path, with_payload, with_vectors};
use super::query::{internal, lookup, strategy, with_lookup};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{
    GroupsRequest, Input, Lookup, Pair, Prefetch as Node, Query as Tree, QueryRequest,
};

/// What the older RPCs share.
struct Older {
    query: Tree,
    using: Option<String>,
    filter: Option<pb::Filter>,
    params: Option<pb::SearchParams>,
    score_threshold: Option<f32>,
    limit: u64,
    offset: Option<u64>,
    with_payload: Option<pb::WithPayloadSelector>,
    with_vectors: Option<pb::WithVectorsSelector>,
    lookup_from: Option<pb::LookupLocation>,
}

impl Older {
    fn request(self) -> ApiResult<QueryRequest> {
        // Here a lookup without a name means the unnamed vector; in the query RPC it means the query's own.
        let unnamed = |lookup: Lookup| Lookup {
            vector: Some(lookup.vector.unwrap_or_default()),
            ..lookup
        };
        Ok(QueryRequest {
            root: Node {
                query: Some(self.query),
                using: self.using.unwrap_or_default(),
                filter: filter::optional(self.filter)?,
                params: filter::params(self.params)?,
                score_threshold: self.score_threshold,
                limit: self.limit as usize,
                lookup_from: lookup(self.lookup_from).map(unnamed),
                ..Node::default()
            },
            offset: self.offset.unwrap_or_default() as usize,
            with_vector: with_vectors(self.with_vectors),
            with_payload: with_payload(self.with_payload, false)?,
        })
    }
}

/// # Errors
/// As [`request`].
pub fn search(given: pb::SearchPoints) -> ApiResult<QueryRequest> {
    let vector = match given.sparse_indices {
        Some(indices) => VectorPersisted::Sparse(qdrant_edge::SparseVector {
            indices: indices.data,
            values: given.vector,
        }),
        None => VectorPersisted::Dense(given.vector),
    };
    Older {
        query: Tree::Nearest(Input::Vector(internal(vector)?)),
        using: given.vector_name,
        filter: given.filter,
        params: given.params,
        score_threshold: given.score_threshold,
        limit: given.limit,
        offset: given.offset,
        with_payload: given.with_payload,
        with_vectors: given.with_vectors,
        lookup_from: None,
    }
    .request()
}

/// # Errors
/// As [`request`].
pub fn search_groups(given: pb::SearchPointGroups) -> ApiResult<GroupsRequest> {
    let query = search(pb::SearchPoints {
        vector: given.vector,
        filter: given.filter,
        limit: u64::from(given.limit),
        with_payload: given.with_payload,
        params: given.params,
        score_threshold: given.score_threshold,
        vector_name: given.vector_name,
        with_vectors: given.with_vectors,
        sparse_indices: given.sparse_indices,
        ..pb::SearchPoints::default()
    })?;
    let (group_by, group_size) = (path(&given.group_by)?, given.group_size as usize);
    Ok(GroupsRequest {
        query,
        group_by,
        group_size,
        with_lookup: with_lookup(given.with_lookup)?,
    })
}

fn examples(points: Vec<pb::PointId>, vectors: Vec<pb::Vector>) -> ApiResult<Vec<Input>> {
    let by_id = points.into_iter().map(|point| Ok(Input::Id(id(Some(point))?)));
    let by_vector = vectors
        .into_iter()
        .map(|vector| Ok(Input::Vector(internal(input::vector(vector)?)?)));
    by_id.chain(by_vector).collect()
}

/// # Errors
/// As [`request`].
pub fn recommend(given: pb::RecommendPoints) -> ApiResult<QueryRequest> {
    Older {
        query: Tree::Recommend {
            positive: examples(given.positive, given.positive_vectors)?,
            negative: examples(given.negative, given.negative_vectors)?,
            strategy: strategy(given.strategy)?,
        },
        using: given.using,
        filter: given.filter,
        params: given.params,
        score_threshold: given.score_threshold,
        limit: given.limit,
        offset: given.offset,
        with_payload: given.with_payload,
        with_vectors: given.with_vectors,
        lookup_from: given.lookup_from,
    }
    .request()
}

/// # Errors
/// As [`request`].
pub fn recommend_groups(given: pb::RecommendPointGroups) -> ApiResult<GroupsRequest> {
    let query = recommend(pb::RecommendPoints {
        positive: given.positive,
        negative: given.negative,
        filter: given.filter,
        limit: u64::from(given.limit),
        with_payload: given.with_payload,
        params: given.params,
        score_threshold: given.score_threshold,
        using: given.using,
        with_vectors: given.with_vectors,
        lookup_from: given.lookup_from,
        strategy: given.strategy,
        positive_vectors: given.positive_vectors,
        negative_vectors: given.negative_vectors,
        ..pb::RecommendPoints::default()
    })?;
    let (group_by, group_size) = (path(&given.group_by)?, given.group_size as usize);
    Ok(GroupsRequest {
        query,
        group_by,
        group_size,
        with_lookup: with_lookup(given.with_lookup)?,
    })
}

fn example(given: Option<pb::VectorExample>) -> ApiResult<Input> {
    use pb::vector_example::Example;
    match given.and_then(|given| given.example) {
        Some(Example::Id(point)) => Ok(Input::Id(id(Some(point))?)),
        Some(Example::Vector(vector)) => Ok(Input::Vector(internal(input::vector(vector)?)?)),
        None => Err(ApiError::format("Vector example is missing")),
    }
}

/// # Errors
/// As [`request`]; or there is neither target nor context.
pub fn discover(given: pb::DiscoverPoints) -> ApiResult<QueryRequest> {
    let target = match given.target.and_then(|target| target.target) {
        Some(pb::target_vector::Target::Single(one)) => Some(example(Some(one))?),
        None => None,
    };
    let pair = |pair: pb::ContextExamplePair| {
        Ok(Pair {
            positive: example(pair.positive)?,
            negative: example(pair.negative)?,
        })
    };
    let context = given
        .context
        .into_iter()
        .map(pair)
        .collect::<ApiResult<Vec<_>>>()?;
    Older {
        query: Tree::discover_or_context(target, context)?,
        using: given.using,
        filter: given.filter,
        params: given.params,
        score_threshold: None,
        limit: given.limit,
        offset: given.offset,
        with_payload: given.with_payload,
        with_vectors: given.with_vectors,
        lookup_from: given.lookup_from,
    }
    .request()
}
