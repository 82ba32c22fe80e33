//! JSON bodies of queries, and the tree that they become.

use qdrant_edge::{
    Filter, JsonPath, OrderByInterface, PointId, SearchParams, SparseVector, TypedMultiDenseVector,
    VectorInternal, WithPayloadInterface, WithVector,
};
use serde::Deserialize;

use super::expression::Formula;
use super::writes::{Inference, sparse_fault};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{
    GroupsRequest, Input, Lookup, MatrixRequest, Pair, Prefetch as Node, Query as Tree, QueryRequest,
    Strategy, WithLookup,
};

const DEFAULT_LIMIT: usize = 10;
const DEFAULT_GROUP_SIZE: usize = 3;
const DEFAULT_MATRIX_SAMPLE: usize = 10;
const DEFAULT_MATRIX_LIMIT: usize = 3;

/// One, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    Many(Vec<T>),
    One(Box<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![*one],
            Self::Many(many) => many,
        }
    }
}

/// A vector or a point's id.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum VectorInput {
    DenseVector(Vec<f32>),
    SparseVector(SparseVector),
    MultiDenseVector(Vec<Vec<f32>>),
    Id(PointId),
    Inference(Inference),
}

#[derive(Deserialize)]
struct Mmr {
    diversity: Option<f32>,
    candidates_limit: Option<usize>,
}

#[derive(Deserialize)]
struct Recommend {
    positive: Option<Vec<VectorInput>>,
    negative: Option<Vec<VectorInput>>,
    strategy: Option<Strategy>,
}

/// A positive and a negative example.
#[derive(Deserialize)]
pub struct ContextPair {
    positive: VectorInput,
    negative: VectorInput,
}

#[derive(Deserialize)]
struct Discover {
    target: VectorInput,
    context: Option<OneOrMany<ContextPair>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fusion {
    Rrf,
    Dbsf,
}

#[derive(Deserialize)]
struct Rrf {
    k: Option<usize>,
    weights: Option<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sample {
    Random,
}

#[derive(Deserialize)]
struct FeedbackItem {
    example: VectorInput,
    score: f32,
}

#[derive(Deserialize)]
struct NaiveWeights {
    a: f32,
    b: f32,
    c: f32,
}

#[derive(Deserialize)]
struct NaiveStrategy {
    naive: NaiveWeights,
}

#[derive(Deserialize)]
struct Feedback {
    target: VectorInput,
    feedback: Vec<FeedbackItem>,
    strategy: NaiveStrategy,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Query {
    Nearest { nearest: VectorInput, mmr: Option<Mmr> },
    Recommend { recommend: Recommend },
    Discover { discover: Discover },
    Context { context: OneOrMany<ContextPair> },
    OrderBy { order_by: OrderByInterface },
    Fusion { fusion: Fusion },
    Rrf { rrf: Rrf },
    Formula(Formula),
    Sample { sample: Sample },
    Feedback { relevance_feedback: Feedback },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "Expected some form of vector, id, or a type of query")]
enum QueryInterface {
    Nearest(VectorInput),
    Query(Query),
}

/// A node below the root.
#[derive(Deserialize)]
pub struct Prefetch {
    prefetch: Option<OneOrMany<Prefetch>>,
    query: Option<QueryInterface>,
    using: Option<String>,
    filter: Option<Filter>,
    params: Option<SearchParams>,
    score_threshold: Option<f32>,
    limit: Option<usize>,
    lookup_from: Option<Lookup>,
}

/// `POST …/points/query`.
#[derive(Deserialize)]
pub struct QueryBody {
    #[serde(flatten)]
    root: Prefetch,
    offset: Option<usize>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    with_payload: Option<WithPayloadInterface>,
}

/// `POST …/points/query/batch`.
#[derive(Deserialize)]
pub struct QueryBatchBody {
    pub searches: Vec<QueryBody>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LookupInterface {
    Collection(String),
    WithLookup {
        collection: String,
        with_payload: Option<WithPayloadInterface>,
        #[serde(alias = "with_vector")]
        with_vectors: Option<WithVector>,
    },
}

/// What a request for groups adds to its query.
#[derive(Deserialize)]
pub struct GroupBy {
    group_by: JsonPath,
    group_size: Option<usize>,
    with_lookup: Option<LookupInterface>,
}

/// `POST …/points/query/groups`.
#[derive(Deserialize)]
pub struct QueryGroupsBody {
    #[serde(flatten)]
    query: QueryBody,
    #[serde(flatten)]
    groups: GroupBy,
}

/// `POST …/points/search/matrix/…`.
#[derive(Deserialize)]
pub struct MatrixBody {
    filter: Option<Filter>,
    sample: Option<usize>,
    limit: Option<usize>,
    using: Option<String>,
}

impl VectorInput {
    pub fn into_input(self) -> ApiResult<Input> {
        match self {
            Self::DenseVector(vector) => Ok(Input::Vector(VectorInternal::Dense(vector))),
            Self::SparseVector(vector) => {
                if let Some(fault) = sparse_fault(&vector) {
                    return Err(ApiError::validation(format!("internal.query.{fault}")));
                }
                Ok(Input::Vector(VectorInternal::Sparse(vector)))
            }
            Self::MultiDenseVector(vectors) => {
                let vectors = TypedMultiDenseVector::try_from_matrix(vectors)?;
                Ok(Input::Vector(VectorInternal::MultiDense(vectors)))
            }
            Self::Id(id) => Ok(Input::Id(id)),
            Self::Inference(inference) => Err(inference.refused()),
        }
    }
}

fn inputs(inputs: Vec<VectorInput>) -> ApiResult<Vec<Input>> {
    inputs.into_iter().map(VectorInput::into_input).collect()
}

/// The pairs of a context.
pub fn pairs(context: Option<OneOrMany<ContextPair>>) -> ApiResult<Vec<Pair>> {
    let pair = |pair: ContextPair| {
        Ok(Pair {
            positive: pair.positive.into_input()?,
            negative: pair.negative.into_input()?,
        })
    };
    context
        .map(OneOrMany::into_vec)
        .unwrap_or_default()
        .into_iter()
        .map(pair)
        .collect()
}

impl QueryInterface {
    fn into_tree(self) -> ApiResult<Tree> {
        let query = match self {
            Self::Nearest(input) => return Ok(Tree::Nearest(input.into_input()?)),
            Self::Query(query) => query,
        };
        Ok(match query {
            Query::Nearest { nearest, mmr: None } => Tree::Nearest(nearest.into_input()?),
            Query::Nearest {
                nearest,
                mmr:
                    Some(Mmr {
                        diversity,
                        candidates_limit,
                    }),
            } => Tree::Mmr {
                nearest: nearest.into_input()?,
                diversity,
                candidates_limit,
            },
            Query::Recommend {
                recommend:
                    Recommend {
                        positive: None,
                        negative: None,
                        ..
                    },
            } => {
                let text = "At least one positive or negative vector/id must be provided";
                return Err(ApiError::validation(format!(
                    "internal.query.recommend.positives, negatives: Validation error: {text} [{{}}]"
                )));
            }
            Query::Recommend { recommend } => Tree::Recommend {
                positive: inputs(recommend.positive.unwrap_or_default())?,
                negative: inputs(recommend.negative.unwrap_or_default())?,
                strategy: recommend.strategy.unwrap_or_default(),
            },
            Query::Discover { discover } => Tree::Discover {
                target: discover.target.into_input()?,
                context: pairs(discover.context)?,
            },
            Query::Context { context } => Tree::Context(pairs(Some(context))?),
            Query::OrderBy { order_by } => Tree::OrderBy(order_by.into()),
            Query::Fusion { fusion: Fusion::Rrf } => Tree::Rrf {
                k: None,
                weights: None,
            },
            Query::Fusion { fusion: Fusion::Dbsf } => Tree::Dbsf,
            Query::Rrf { rrf } => Tree::Rrf {
                k: rrf.k,
                weights: rrf.weights,
            },
            Query::Formula(formula) => Tree::Formula(formula.into()),
            Query::Sample {
                sample: Sample::Random,
            } => Tree::Sample,
            Query::Feedback { relevance_feedback } => {
                let NaiveWeights { a, b, c } = relevance_feedback.strategy.naive;
                let item = |item: FeedbackItem| Ok((item.example.into_input()?, item.score));
                Tree::Feedback {
                    target: relevance_feedback.target.into_input()?,
                    feedback: relevance_feedback
                        .feedback
                        .into_iter()
                        .map(item)
                        .collect::<ApiResult<_>>()?,
                    weights: [a, b, c],
                }
            }
        })
    }
}

impl Prefetch {
    fn into_node(self, at: &str) -> ApiResult<Node> {
        if self.limit == Some(0) {
            return Err(ApiError::too_small(&format!("{at}.limit"), 0, 1));
        }
        let below = self.prefetch.map(OneOrMany::into_vec).unwrap_or_default();
        let below_at =
            |(place, below): (usize, Prefetch)| below.into_node(&format!("{at}.prefetch[{place}]"));
        Ok(Node {
            prefetch: below
                .into_iter()
                .enumerate()
                .map(below_at)
                .collect::<ApiResult<_>>()?,
            query: self.query.map(QueryInterface::into_tree).transpose()?,
            using: self.using.unwrap_or_default(),
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT),
            lookup_from: self.lookup_from,
        })
    }
}

impl QueryBody {
    /// `at` is where the body stands in what was sent, for validation errors.
    pub fn into_request(self, at: &str) -> ApiResult<QueryRequest> {
        Ok(QueryRequest {
            root: self.root.into_node(at)?,
            offset: self.offset.unwrap_or_default(),
            with_vector: self.with_vector.unwrap_or(WithVector::Bool(false)),
            with_payload: self.with_payload.unwrap_or(WithPayloadInterface::Bool(false)),
        })
    }
}

impl GroupBy {
    pub fn into_request(self, query: QueryRequest) -> ApiResult<GroupsRequest> {
        if self.group_size == Some(0) {
            return Err(ApiError::too_small(
                "search_group_request.group_request.group_size",
                0,
                1,
            ));
        }
        let with_lookup = self.with_lookup.map(|lookup| match lookup {
            LookupInterface::Collection(collection) => WithLookup {
                collection,
                with_payload: WithPayloadInterface::Bool(true),
                with_vector: WithVector::Bool(false),
            },
            LookupInterface::WithLookup {
                collection,
                with_payload,
                with_vectors,
            } => WithLookup {
                collection,
                with_payload: with_payload.unwrap_or(WithPayloadInterface::Bool(true)),
                with_vector: with_vectors.unwrap_or(WithVector::Bool(false)),
            },
        });
        let group_size = self.group_size.unwrap_or(DEFAULT_GROUP_SIZE);
        Ok(GroupsRequest {
            query,
            group_by: self.group_by,
            group_size,
            with_lookup,
        })
    }
}

impl QueryGroupsBody {
    pub fn into_request(self) -> ApiResult<GroupsRequest> {
        let at = "search_group_request";
        let query = self.query.into_request(&format!("{at}.group_request"))?;
        self.groups.into_request(query)
    }
}

impl MatrixBody {
    /// # Errors
    /// A bound is too small.
    pub fn into_request(self) -> ApiResult<MatrixRequest> {
        if let Some(sample @ 0..2) = self.sample {
            return Err(ApiError::too_small("search_request.sample", sample, 2));
        }
        if self.limit == Some(0) {
            return Err(ApiError::too_small("search_request.limit", 0, 1));
        }
        Ok(MatrixRequest {
            filter: self.filter,
            sample: self.sample.unwrap_or(DEFAULT_MATRIX_SAMPLE),
            limit: self.limit.unwrap_or(DEFAULT_MATRIX_LIMIT),
            using: self.using.unwrap_or_default(),
        })
    }
}
