//! JSON bodies of queries, and the tree that they become.

use qdrant_edge::{
    Filter, OrderByInterface, PointId, SearchParams, SparseVector, TypedMultiDenseVector, VectorInternal,
    WithPayloadInterface, WithVector,
};
use serde::Deserialize;

use super::expression::Formula;
use super::vectors::{Inference, sparse_fault};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{
    Input, Lookup, Pair, Prefetch as Node, Query as Tree, QueryRequest, Strategy,
};

const DEFAULT_LIMIT: usize = 10;

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

impl Recommend {
    fn into_tree(self) -> ApiResult<Tree> {
        if self.positive.is_none() && self.negative.is_none() {
            let text = "At least one positive or negative vector/id must be provided";
            return Err(ApiError::validation(format!(
                "internal.query.recommend.positives, negatives: Validation error: {text} [{{}}]"
            )));
        }
        Ok(Tree::Recommend {
            positive: inputs(self.positive.unwrap_or_default())?,
            negative: inputs(self.negative.unwrap_or_default())?,
            strategy: self.strategy.unwrap_or_default(),
        })
    }
}

impl Feedback {
    fn into_tree(self) -> ApiResult<Tree> {
        let NaiveWeights { a, b, c } = self.strategy.naive;
        let item = |item: FeedbackItem| Ok((item.example.into_input()?, item.score));
        Ok(Tree::Feedback {
            target: self.target.into_input()?,
            feedback: self.feedback.into_iter().map(item).collect::<ApiResult<_>>()?,
            weights: [a, b, c],
        })
    }
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
            Query::Recommend { recommend } => recommend.into_tree()?,
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
            Query::Feedback { relevance_feedback } => relevance_feedback.into_tree()?,
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
