//! JSON bodies of the routes that the query route replaced: search, recommend, discover. They become queries.

use qdrant_edge::{
    Filter, PointId, SearchParams, SparseVector, VectorInternal, WithPayloadInterface, WithVector,
};
use serde::Deserialize;

use super::groups::GroupBy;
use super::query::{ContextPair, OneOrMany, VectorInput, pairs};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{
    GroupsRequest, Input, Lookup, Prefetch as Node, Query as Tree, QueryRequest, Strategy,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum NamedVector {
    Default(Vec<f32>),
    Dense { name: String, vector: Vec<f32> },
    Sparse { name: String, vector: SparseVector },
}

/// What all of them share.
#[derive(Deserialize)]
struct Common {
    filter: Option<Filter>,
    params: Option<SearchParams>,
    #[serde(alias = "top")]
    limit: usize,
    offset: Option<usize>,
    with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    score_threshold: Option<f32>,
}

/// `POST …/points/search`.
#[derive(Deserialize)]
pub struct SearchBody {
    vector: NamedVector,
    #[serde(flatten)]
    common: Common,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Using {
    Name(String),
}

/// `POST …/points/recommend`.
#[derive(Deserialize)]
pub struct RecommendBody {
    #[serde(default)]
    positive: Vec<VectorInput>,
    #[serde(default)]
    negative: Vec<VectorInput>,
    strategy: Option<Strategy>,
    using: Option<Using>,
    lookup_from: Option<Lookup>,
    #[serde(flatten)]
    common: Common,
}

/// `POST …/points/discover`.
#[derive(Deserialize)]
pub struct DiscoverBody {
    target: Option<VectorInput>,
    context: Option<OneOrMany<ContextPair>>,
    using: Option<Using>,
    lookup_from: Option<Lookup>,
    #[serde(flatten)]
    common: Common,
}

/// A batch of one kind.
#[derive(Deserialize)]
pub struct Searches<T> {
    pub searches: Vec<T>,
}

/// One kind, grouped.
#[derive(Deserialize)]
pub struct Grouped<T> {
    #[serde(flatten)]
    query: T,
    #[serde(flatten)]
    groups: GroupBy,
}

/// A body that becomes a query.
pub trait IntoRequest {
    /// # Errors
    /// It asks for inference, or for nothing.
    fn into_request(self, at: &str) -> ApiResult<QueryRequest>;

    /// What the body's fields stand under in validation errors.
    const AT: &'static str;
}

impl Common {
    fn check(&self, at: &str) -> ApiResult<()> {
        match self.limit {
            0 => Err(ApiError::too_small(&format!("{at}.limit"), 0, 1)),
            _ => Ok(()),
        }
    }

    fn into_request(self, query: Tree, using: String, lookup_from: Option<Lookup>) -> QueryRequest {
        QueryRequest {
            root: Node {
                query: Some(query),
                using,
                filter: self.filter,
                params: self.params,
                score_threshold: self.score_threshold,
                limit: self.limit,
                lookup_from: lookup_from.map(unnamed_by_default),
                ..Node::default()
            },
            offset: self.offset.unwrap_or_default(),
            with_vector: self.with_vector.unwrap_or(WithVector::Bool(false)),
            with_payload: self.with_payload.unwrap_or(WithPayloadInterface::Bool(false)),
        }
    }
}

/// Here a lookup without a name means the unnamed vector; in the query route it means the query's own.
pub fn unnamed_by_default(lookup: Lookup) -> Lookup {
    Lookup {
        vector: Some(lookup.vector.unwrap_or_default()),
        ..lookup
    }
}

impl IntoRequest for SearchBody {
    const AT: &'static str = "search_request";

    fn into_request(self, at: &str) -> ApiResult<QueryRequest> {
        self.common.check(at)?;
        let (vector, name) = match self.vector {
            NamedVector::Default(vector) => (VectorInternal::Dense(vector), String::new()),
            NamedVector::Dense { name, vector } => (VectorInternal::Dense(vector), name),
            NamedVector::Sparse { name, vector } => (VectorInternal::Sparse(vector), name),
        };
        Ok(self
            .common
            .into_request(Tree::Nearest(Input::Vector(vector)), name, None))
    }
}

impl IntoRequest for RecommendBody {
    const AT: &'static str = "recommend_request";

    fn into_request(self, at: &str) -> ApiResult<QueryRequest> {
        self.common.check(at)?;
        let inputs = |inputs: Vec<VectorInput>| -> ApiResult<Vec<Input>> {
            inputs.into_iter().map(VectorInput::into_input).collect()
        };
        let average = self.strategy.unwrap_or_default() == Strategy::AverageVector;
        if average && self.positive.is_empty() && !at.starts_with("search_group_request") {
            let text = "At least one positive vector ID required with this strategy";
            return Err(ApiError::bad_request(text));
        }
        let query = Tree::Recommend {
            positive: inputs(self.positive)?,
            negative: inputs(self.negative)?,
            strategy: self.strategy.unwrap_or_default(),
        };
        Ok(self
            .common
            .into_request(query, name(self.using), self.lookup_from))
    }
}

impl IntoRequest for DiscoverBody {
    const AT: &'static str = "discover_request";

    fn into_request(self, at: &str) -> ApiResult<QueryRequest> {
        self.common.check(at)?;
        let target = self.target.map(VectorInput::into_input).transpose()?;
        let query = Tree::discover_or_context(target, pairs(self.context)?)?;
        Ok(self
            .common
            .into_request(query, name(self.using), self.lookup_from))
    }
}

fn name(using: Option<Using>) -> String {
    match using {
        Some(Using::Name(name)) => name,
        None => String::new(),
    }
}

impl<T: IntoRequest> Grouped<T> {
    /// # Errors
    /// As the query's.
    pub fn into_request(self) -> ApiResult<GroupsRequest> {
        self.groups
            .into_request(self.query.into_request("search_group_request.group_request")?)
    }
}

/// A point's id as it stands in a path.
///
/// # Errors
/// It is neither a number nor a UUID.
pub fn id_in_path(text: &str) -> ApiResult<PointId> {
    text.parse()
        .map_err(|()| ApiError::bad_input(format!("Can not recognize \"{text}\" as point id")))
}
