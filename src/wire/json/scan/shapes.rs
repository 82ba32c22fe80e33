//! Which keys each read body takes, and what the server does where they are absent. Data only.

use crate::domain::op::Ranking;

/// The body of one read route.
#[derive(Debug)]
pub(super) struct Shape {
    /// What it is called in errors.
    pub name: &'static str,
    /// Its keys, aliases included.
    pub keys: &'static [&'static str],
    /// What its query node ranks by before its query is read; `None` where it has no node.
    pub ranking: Option<Ranking>,
    /// Whether it can return vectors and payload.
    pub is_selecting: bool,
    /// Whether the payload comes back where `with_payload` is absent.
    pub payload_by_default: bool,
    /// Whether a `lookup_from` without a vector means the unnamed one.
    pub is_legacy: bool,
}

/// `POST …/points/query`, and the items of its batch.
pub(super) const QUERY: Shape = Shape {
    name: "a query",
    keys: &[
        "prefetch",
        "query",
        "using",
        "filter",
        "params",
        "score_threshold",
        "limit",
        "offset",
        "with_vector",
        "with_vectors",
        "with_payload",
        "lookup_from",
        "shard_key",
    ],
    ranking: Some(Ranking::Unranked),
    is_selecting: true,
    payload_by_default: false,
    is_legacy: false,
};

/// A prefetch of a query.
pub(super) const PREFETCH: Shape = Shape {
    name: "a prefetch",
    keys: &[
        "prefetch",
        "query",
        "using",
        "filter",
        "params",
        "score_threshold",
        "limit",
        "lookup_from",
    ],
    is_selecting: false,
    ..QUERY
};

/// `POST …/points/query/groups`: here the server does not know `with_vectors`.
pub(super) const QUERY_GROUPS: Shape = Shape {
    name: "a grouped query",
    keys: &[
        "prefetch",
        "query",
        "using",
        "filter",
        "params",
        "score_threshold",
        "with_vector",
        "with_payload",
        "lookup_from",
        "group_by",
        "group_size",
        "limit",
        "with_lookup",
        "shard_key",
    ],
    ..QUERY
};

/// `POST …/points/search`.
pub(super) const SEARCH: Shape = Shape {
    name: "a search",
    keys: &[
        "vector",
        "filter",
        "params",
        "limit",
        "top",
        "offset",
        "with_payload",
        "with_vector",
        "with_vectors",
        "score_threshold",
        "shard_key",
    ],
    ranking: Some(Ranking::Vectors),
    is_legacy: true,
    ..QUERY
};

/// `POST …/points/search/groups`.
pub(super) const SEARCH_GROUPS: Shape = Shape {
    name: "a grouped search",
    keys: &[
        "vector",
        "filter",
        "params",
        "with_payload",
        "with_vector",
        "with_vectors",
        "score_threshold",
        "group_by",
        "group_size",
        "limit",
        "with_lookup",
        "shard_key",
    ],
    ..SEARCH
};

/// `POST …/points/recommend`.
pub(super) const RECOMMEND: Shape = Shape {
    name: "a recommendation",
    keys: &[
        "positive",
        "negative",
        "strategy",
        "filter",
        "params",
        "limit",
        "top",
        "offset",
        "with_payload",
        "with_vector",
        "with_vectors",
        "score_threshold",
        "using",
        "lookup_from",
        "shard_key",
    ],
    ..SEARCH
};

/// `POST …/points/recommend/groups`.
pub(super) const RECOMMEND_GROUPS: Shape = Shape {
    name: "a grouped recommendation",
    keys: &[
        "positive",
        "negative",
        "strategy",
        "filter",
        "params",
        "with_payload",
        "with_vector",
        "with_vectors",
        "score_threshold",
        "using",
        "lookup_from",
        "group_by",
        "group_size",
        "limit",
        "with_lookup",
        "shard_key",
    ],
    ..SEARCH
};

/// `POST …/points/discover`: here too the server does not know `with_vectors`.
pub(super) const DISCOVER: Shape = Shape {
    name: "a discovery",
    keys: &[
        "target",
        "context",
        "filter",
        "params",
        "limit",
        "top",
        "offset",
        "with_payload",
        "with_vector",
        "using",
        "lookup_from",
        "shard_key",
    ],
    ..SEARCH
};

/// `POST …/points`.
pub(super) const GET: Shape = Shape {
    name: "a retrieval",
    keys: &["ids", "with_payload", "with_vector", "with_vectors", "shard_key"],
    ranking: None,
    is_selecting: true,
    payload_by_default: false,
    is_legacy: false,
};

/// `POST …/points/scroll`.
pub(super) const SCROLL: Shape = Shape {
    name: "a scroll",
    keys: &[
        "offset",
        "limit",
        "filter",
        "with_payload",
        "with_vector",
        "with_vectors",
        "order_by",
        "shard_key",
    ],
    payload_by_default: true,
    ..GET
};

/// `POST …/points/count`.
pub(super) const COUNT: Shape = Shape {
    name: "a count",
    keys: &["filter", "exact", "shard_key"],
    is_selecting: false,
    ..GET
};

/// `POST …/facet`.
pub(super) const FACET: Shape = Shape {
    name: "a facet",
    keys: &["key", "limit", "filter", "exact", "shard_key"],
    is_selecting: false,
    ..GET
};

/// `POST …/points/search/matrix/pairs` and `…/offsets`: no query, the vectors that it compares are those of `using`.
pub(super) const SEARCH_MATRIX: Shape = Shape {
    name: "a matrix search",
    keys: &["filter", "sample", "limit", "using", "shard_key"],
    ranking: Some(Ranking::Vectors),
    is_selecting: false,
    ..QUERY
};

/// `POST …/shards/{shard}/points`.
pub(super) const SHARD_GET: Shape = Shape {
    keys: &["ids", "with_payload", "with_vector", "with_vectors"],
    ..GET
};

/// `POST …/shards/{shard}/points/scroll`.
pub(super) const SHARD_SCROLL: Shape = Shape {
    keys: &[
        "offset",
        "limit",
        "filter",
        "with_payload",
        "with_vector",
        "with_vectors",
        "order_by",
        "hash_ring_filter",
    ],
    ..SCROLL
};

/// `POST …/shards/{shard}/points/count`.
pub(super) const SHARD_COUNT: Shape = Shape {
    keys: &["filter", "exact", "hash_ring_filter"],
    ..COUNT
};
