//! Queries from protobuf: the query RPCs' own tree, and the older RPCs that become one.

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::query::Variant;
use qdrant_edge::{TypedMultiDenseVector, VectorInternal, VectorPersisted};

use super::expression::formula;
use super::input::{no_inference, path, with_payload, with_vectors};
use super::{filter, input::id};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{
    GroupsRequest, Input, Lookup, MatrixRequest, Pair, Prefetch as Node, Query as Tree, QueryRequest,
    Strategy, WithLookup,
};
use crate::embedded::vectors::check_sparse;

const DEFAULT_LIMIT: u64 = 10;
const DEFAULT_GROUP_SIZE: u64 = 3;
const DEFAULT_MATRIX_SAMPLE: u64 = 10;
const DEFAULT_MATRIX_LIMIT: u64 = 3;

/// A vector of a query.
///
/// # Errors
/// A sparse or multi vector is malformed.
pub fn internal(vector: VectorPersisted) -> ApiResult<VectorInternal> {
    match vector {
        VectorPersisted::Dense(vector) => Ok(VectorInternal::Dense(vector)),
        VectorPersisted::Sparse(vector) => {
            check_sparse(&vector)?;
            Ok(VectorInternal::Sparse(vector))
        }
        VectorPersisted::MultiDense(rows) => Ok(VectorInternal::MultiDense(
            TypedMultiDenseVector::try_from_matrix(rows)?,
        )),
    }
}

fn vector_input(given: Option<pb::VectorInput>) -> ApiResult<Input> {
    use pb::vector_input::Variant as Kind;
    let variant = given.and_then(|given| given.variant);
    let vector = match variant.ok_or_else(|| ApiError::format("VectorInput variant is missing"))? {
        Kind::Id(point) => return Ok(Input::Id(id(Some(point))?)),
        Kind::Dense(dense) => VectorPersisted::Dense(dense.data),
        Kind::Sparse(sparse) => VectorPersisted::Sparse(qdrant_edge::SparseVector {
            indices: sparse.indices,
            values: sparse.values,
        }),
        Kind::MultiDense(multi) => {
            VectorPersisted::MultiDense(multi.vectors.into_iter().map(|row| row.data).collect())
        }
        Kind::Document(_) | Kind::Image(_) | Kind::Object(_) => return Err(no_inference()),
    };
    Ok(Input::Vector(internal(vector)?))
}

fn inputs(given: Vec<pb::VectorInput>) -> ApiResult<Vec<Input>> {
    given.into_iter().map(|one| vector_input(Some(one))).collect()
}

fn pairs(context: Option<pb::ContextInput>) -> ApiResult<Vec<Pair>> {
    let pair = |pair: pb::ContextInputPair| {
        Ok(Pair {
            positive: vector_input(pair.positive)?,
            negative: vector_input(pair.negative)?,
        })
    };
    context
        .map(|context| context.pairs)
        .unwrap_or_default()
        .into_iter()
        .map(pair)
        .collect()
}

/// # Errors
/// A strategy that this version does not know.
pub fn strategy(strategy: Option<i32>) -> ApiResult<Strategy> {
    match strategy.map(pb::RecommendStrategy::try_from) {
        Some(Ok(pb::RecommendStrategy::AverageVector)) | None => Ok(Strategy::AverageVector),
        Some(Ok(pb::RecommendStrategy::BestScore)) => Ok(Strategy::BestScore),
        Some(Ok(pb::RecommendStrategy::SumScores)) => Ok(Strategy::SumScores),
        Some(Err(_)) => Err(ApiError::format("Unknown recommend strategy")),
    }
}

fn tree(query: pb::Query) -> ApiResult<Tree> {
    match query
        .variant
        .ok_or_else(|| ApiError::format("Query variant is missing"))?
    {
        Variant::Nearest(nearest) => Ok(Tree::Nearest(vector_input(Some(nearest))?)),
        Variant::NearestWithMmr(pb::NearestInputWithMmr { nearest, mmr }) => {
            let mmr = mmr.ok_or_else(|| ApiError::format("`mmr` is required in NearestInputWithMmr"))?;
            Ok(Tree::Mmr {
                nearest: vector_input(nearest)?,
                diversity: mmr.diversity,
                candidates_limit: mmr.candidates_limit.map(|limit| limit as usize),
            })
        }
        Variant::Recommend(recommend) => Ok(Tree::Recommend {
            positive: inputs(recommend.positive)?,
            negative: inputs(recommend.negative)?,
            strategy: strategy(recommend.strategy)?,
        }),
        Variant::Discover(discover) => Ok(Tree::Discover {
            target: vector_input(discover.target)?,
            context: pairs(discover.context)?,
        }),
        Variant::Context(context) => Ok(Tree::Context(pairs(Some(context))?)),
        Variant::OrderBy(order_by) => Ok(Tree::OrderBy(filter::order_by(order_by)?)),
        Variant::Fusion(fusion) => match pb::Fusion::try_from(fusion) {
            Ok(pb::Fusion::Rrf) => Ok(Tree::Rrf {
                k: None,
                weights: None,
            }),
            Ok(pb::Fusion::Dbsf) => Ok(Tree::Dbsf),
            Err(_) => Err(ApiError::format("Unknown fusion")),
        },
        Variant::Rrf(pb::Rrf { k, weights }) => {
            let weights = (!weights.is_empty()).then_some(weights);
            Ok(Tree::Rrf {
                k: k.map(|k| k as usize),
                weights,
            })
        }
        Variant::Sample(_) => Ok(Tree::Sample),
        Variant::Formula(given) => Ok(Tree::Formula(formula(given)?)),
        Variant::RelevanceFeedback(given) => feedback(given),
        Variant::Text(_) => Err(ApiError::unimplemented("text queries")),
    }
}

fn feedback(given: pb::RelevanceFeedbackInput) -> ApiResult<Tree> {
    use pb::feedback_strategy::Variant as Kind;
    let strategy = given.strategy.and_then(|strategy| strategy.variant);
    let Some(Kind::Naive(pb::NaiveFeedbackStrategy { a, b, c })) = strategy else {
        return Err(ApiError::format("Feedback strategy is missing"));
    };
    let item = |item: pb::FeedbackItem| Ok((vector_input(item.example)?, item.score));
    let feedback = given.feedback.into_iter().map(item).collect::<ApiResult<_>>()?;
    Ok(Tree::Feedback {
        target: vector_input(given.target)?,
        feedback,
        weights: [a, b, c],
    })
}

/// Where named points are looked up.
pub fn lookup(given: Option<pb::LookupLocation>) -> Option<Lookup> {
    given.map(|given| Lookup {
        collection: given.collection_name,
        vector: given.vector_name,
    })
}

fn node(given: pb::PrefetchQuery, depth: usize) -> ApiResult<Node> {
    // The walk is recursive: a hostile depth must not reach the end of the stack.
    const MAX_DEPTH: usize = 64;
    if depth > MAX_DEPTH {
        return Err(ApiError::bad_request(format!(
            "prefetches depth {depth} exceeds max depth {MAX_DEPTH}"
        )));
    }
    Ok(Node {
        prefetch: given
            .prefetch
            .into_iter()
            .map(|one| node(one, depth + 1))
            .collect::<ApiResult<_>>()?,
        query: given.query.map(tree).transpose()?,
        using: given.using.unwrap_or_default(),
        filter: filter::optional(given.filter)?,
        params: filter::params(given.params)?,
        score_threshold: given.score_threshold,
        limit: given.limit.unwrap_or(DEFAULT_LIMIT) as usize,
        lookup_from: lookup(given.lookup_from),
    })
}

/// # Errors
/// The tree is malformed, too deep, or asks for what the engine does not do.
pub fn request(given: pb::QueryPoints) -> ApiResult<QueryRequest> {
    let root = pb::PrefetchQuery {
        prefetch: given.prefetch,
        query: given.query,
        using: given.using,
        filter: given.filter,
        params: given.params,
        score_threshold: given.score_threshold,
        limit: given.limit,
        lookup_from: given.lookup_from,
    };
    Ok(QueryRequest {
        root: node(root, 0)?,
        offset: given.offset.unwrap_or_default() as usize,
        with_vector: with_vectors(given.with_vectors),
        with_payload: with_payload(given.with_payload, false)?,
    })
}

/// # Errors
/// A path is malformed.
pub fn with_lookup(given: Option<pb::WithLookup>) -> ApiResult<Option<WithLookup>> {
    let convert = |given: pb::WithLookup| {
        Ok(WithLookup {
            collection: given.collection,
            with_payload: with_payload(given.with_payload, true)?,
            with_vector: with_vectors(given.with_vectors),
        })
    };
    given.map(convert).transpose()
}

/// # Errors
/// As [`request`].
pub fn groups(given: pb::QueryPointGroups) -> ApiResult<GroupsRequest> {
    let query = request(pb::QueryPoints {
        prefetch: given.prefetch,
        query: given.query,
        using: given.using,
        filter: given.filter,
        params: given.params,
        score_threshold: given.score_threshold,
        limit: given.limit,
        with_vectors: given.with_vectors,
        with_payload: given.with_payload,
        lookup_from: given.lookup_from,
        ..pb::QueryPoints::default()
    })?;
    let group_size = given.group_size.unwrap_or(DEFAULT_GROUP_SIZE) as usize;
    let group_by = path(&given.group_by)?;
    Ok(GroupsRequest {
        query,
        group_by,
        group_size,
        with_lookup: with_lookup(given.with_lookup)?,
    })
}

/// # Errors
/// The filter is malformed.
pub fn matrix(given: pb::SearchMatrixPoints) -> ApiResult<MatrixRequest> {
    Ok(MatrixRequest {
        filter: filter::optional(given.filter)?,
        sample: given.sample.unwrap_or(DEFAULT_MATRIX_SAMPLE) as usize,
        limit: given.limit.unwrap_or(DEFAULT_MATRIX_LIMIT) as usize,
        using: given.using.unwrap_or_default(),
    })
}
