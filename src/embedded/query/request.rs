//! A query as both faces say it: a tree whose leaves may name points instead of vectors.

use qdrant_edge::{
    Filter, Formula, JsonPath, OrderBy, PointId, SearchParams, VectorInternal, WithPayloadInterface,
    WithVector,
};

use crate::embedded::errors::{ApiError, ApiResult};

/// A query and how much of its answer is wanted.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// The tree below the root.
    pub root: Prefetch,
    /// Results skipped from the front.
    pub offset: usize,
    /// Which vectors come back.
    pub with_vector: WithVector,
    /// Which payload comes back.
    pub with_payload: WithPayloadInterface,
}

/// One node of the tree.
#[derive(Clone, Debug, Default)]
pub struct Prefetch {
    /// The nodes whose results this one ranks or fuses.
    pub prefetch: Vec<Prefetch>,
    /// How it ranks; none reads by id.
    pub query: Option<Query>,
    /// The vector's name; empty is the unnamed one.
    pub using: String,
    /// Which points count.
    pub filter: Option<Filter>,
    /// Search settings.
    pub params: Option<SearchParams>,
    /// Worse results are dropped.
    pub score_threshold: Option<f32>,
    /// At most this many results.
    pub limit: usize,
    /// Where named points are looked up, if not here.
    pub lookup_from: Option<Lookup>,
}

/// Where points named in a query are looked up.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Lookup {
    /// A collection or alias, as the client said it.
    pub collection: String,
    /// The vector there; the query's own name where absent.
    #[serde(default)]
    pub vector: Option<String>,
}

/// A vector, or a point that has it.
#[derive(Clone, Debug)]
pub enum Input {
    /// The point's stored vector.
    Id(PointId),
    /// This one.
    Vector(VectorInternal),
}

/// How examples are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// One vector is averaged from them.
    #[default]
    AverageVector,
    /// A point's score is its best against them.
    BestScore,
    /// A point's score is its sum over them.
    SumScores,
}

/// A positive and a negative example.
#[derive(Clone, Debug)]
pub struct Pair {
    pub positive: Input,
    pub negative: Input,
}

/// How a node ranks.
#[derive(Clone, Debug)]
pub enum Query {
    /// Nearest first.
    Nearest(Input),
    /// Nearest, then spread out.
    Mmr {
        nearest: Input,
        diversity: Option<f32>,
        candidates_limit: Option<usize>,
    },
    /// Like these, unlike those.
    Recommend {
        positive: Vec<Input>,
        negative: Vec<Input>,
        strategy: Strategy,
    },
    /// Near the target, on the positive side of each pair.
    Discover { target: Input, context: Vec<Pair> },
    /// On the positive side of each pair.
    Context(Vec<Pair>),
    /// The target, corrected by scored examples: `a`, `b` and `c` are the strategy's weights.
    Feedback {
        target: Input,
        feedback: Vec<(Input, f32)>,
        weights: [f32; 3],
    },
    /// By a payload field.
    OrderBy(OrderBy),
    /// Reciprocal ranks of the prefetches.
    Rrf {
        k: Option<usize>,
        weights: Option<Vec<f32>>,
    },
    /// Scores of the prefetches, normalised by their distribution.
    Dbsf,
    /// A formula over scores and payload.
    Formula(Formula),
    /// At random.
    Sample,
}

impl Query {
    /// Every vector or point of this node.
    pub fn inputs<'q>(&'q self) -> Vec<&'q Input> {
        let both = |pair: &'q Pair| [&pair.positive, &pair.negative];
        match self {
            Self::Nearest(input) | Self::Mmr { nearest: input, .. } => vec![input],
            Self::Recommend {
                positive, negative, ..
            } => positive.iter().chain(negative).collect(),
            Self::Discover { target, context } => {
                let mut inputs = vec![target];
                inputs.extend(context.iter().flat_map(both));
                inputs
            }
            Self::Context(context) => context.iter().flat_map(both).collect(),
            Self::Feedback { target, feedback, .. } => std::iter::once(target)
                .chain(feedback.iter().map(|(input, _)| input))
                .collect(),
            Self::OrderBy(_) | Self::Rrf { .. } | Self::Dbsf | Self::Formula(_) | Self::Sample => Vec::new(),
        }
    }

    /// A discovery, or a context search where there is no target.
    ///
    /// # Errors
    /// There is neither.
    pub fn discover_or_context(target: Option<Input>, context: Vec<Pair>) -> ApiResult<Self> {
        match target {
            Some(target) => Ok(Self::Discover { target, context }),
            None if context.is_empty() => Err(ApiError::bad_request(
                "target and/or context_pairs must be specified",
            )),
            None => Ok(Self::Context(context)),
        }
    }

    /// The points that this node names.
    pub fn ids(&self) -> Vec<PointId> {
        let id = |input: &Input| match input {
            Input::Id(id) => Some(*id),
            Input::Vector(_) => None,
        };
        self.inputs().into_iter().filter_map(id).collect()
    }
}

/// A query whose results are grouped by a payload field.
#[derive(Clone, Debug)]
pub struct GroupsRequest {
    /// The query; its limit is that of groups.
    pub query: QueryRequest,
    /// The field.
    pub group_by: JsonPath,
    /// At most this many points a group.
    pub group_size: usize,
    /// Where a group's own record is looked up.
    pub with_lookup: Option<WithLookup>,
}

/// See [`GroupsRequest::with_lookup`].
#[derive(Clone, Debug)]
pub struct WithLookup {
    /// A collection or alias.
    pub collection: String,
    /// Which payload comes back.
    pub with_payload: WithPayloadInterface,
    /// Which vectors come back.
    pub with_vector: WithVector,
}

/// A request for the distances among a sample.
#[derive(Clone, Debug)]
pub struct MatrixRequest {
    /// Which points count.
    pub filter: Option<Filter>,
    /// How many points are sampled.
    pub sample: usize,
    /// How many neighbours of each.
    pub limit: usize,
    /// The vector's name.
    pub using: String,
}
