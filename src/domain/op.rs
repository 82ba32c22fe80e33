//! A request as a value, the same for gRPC and REST: what it reads, what it writes, and where in the body each part
//! stands. The wire layer makes it; `route` decides on it. Text is borrowed from the body; no vector is decoded.

use std::borrow::Cow;

use super::few::Few;
use super::ids::PointId;

/// A place in the body that can be edited. Only the wire layer that made it can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site(pub u32);

/// What is called, in the words of gRPC; REST routes map onto the same verbs. Each has its row in `wire::routes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::EnumCount, strum::VariantArray)]
#[allow(missing_docs)] // each is the RPC of its name
pub enum Verb {
    Upsert,
    Delete,
    Get,
    /// REST only: `GET …/points/{id}`, which always answers with every vector.
    GetOne,
    UpdateVectors,
    DeleteVectors,
    SetPayload,
    OverwritePayload,
    DeletePayload,
    ClearPayload,
    UpdateBatch,
    CreateFieldIndex,
    DeleteFieldIndex,
    Search,
    SearchBatch,
    SearchGroups,
    Scroll,
    Recommend,
    RecommendBatch,
    RecommendGroups,
    Discover,
    DiscoverBatch,
    Count,
    Facet,
    Query,
    QueryBatch,
    QueryGroups,
    SearchMatrixPairs,
    SearchMatrixOffsets,
    /// REST only, like the next two: `POST …/shards/{shard}/points`, of that shard alone.
    ShardGet,
    ShardScroll,
    ShardCount,
    CollectionInfo,
    CollectionExists,
}

/// A scanned request to one collection.
#[derive(Debug)]
pub struct Op<'a> {
    /// What is called.
    pub verb: Verb,
    /// The collection as the client spells it; perhaps an alias.
    pub collection: Cow<'a, str>,
    /// What it does.
    pub kind: OpKind<'a>,
}

impl Op<'_> {
    /// Every collection that it looks up in, as the client spells it.
    pub fn lookups(&self) -> impl Iterator<Item = &str> {
        let reads: &[Read<'_>] = match &self.kind {
            OpKind::Reads(reads) => reads,
            OpKind::Writes(_) | OpKind::Info => &[],
        };
        reads.iter().flat_map(|read| {
            let from = read.nodes.iter().filter_map(|node| node.lookup_from.as_ref());
            from.map(|from| from.collection.as_ref())
                .chain(read.lookup.iter().map(|lookup| lookup.collection.as_ref()))
        })
    }
}

/// What a request does.
#[derive(Debug)]
pub enum OpKind<'a> {
    /// One read, or the items of a batch in order.
    Reads(Vec<Read<'a>>),
    /// One write, or the operations of a batch in order.
    Writes(Vec<Write<'a>>),
    /// Asks about the collection itself.
    Info,
}

/// One read: a tree of query nodes and what it returns.
#[derive(Debug, Default)]
pub struct Read<'a> {
    /// Every node of the query tree, the root first, parents before children. Empty where the verb has no query
    /// (get, scroll, count, facet).
    pub nodes: Vec<Node<'a>>,
    /// Which vectors come back.
    pub with_vectors: Option<Selecting<VectorSelection<'a>>>,
    /// Which payload comes back.
    pub with_payload: Option<Selecting<PayloadSelection<'a>>>,
    /// Conditions and keys anywhere in it.
    pub filters: Filters<'a>,
    /// `with_lookup` of a grouped read.
    pub lookup: Option<WithLookup<'a>>,
}

/// A selector with the place where it stands, or would stand if it is absent.
#[derive(Debug)]
pub struct Selecting<T> {
    /// Where to set it.
    pub site: Site,
    /// What the client said, defaults applied as Qdrant applies them for this verb and API.
    pub value: T,
}

/// `with_vectors`.
#[derive(Debug, PartialEq, Eq)]
pub enum VectorSelection<'a> {
    /// No vectors.
    None,
    /// Every vector.
    All,
    /// These.
    Names(Vec<Cow<'a, str>>),
}

/// `with_payload`.
#[derive(Debug, PartialEq, Eq)]
pub enum PayloadSelection<'a> {
    /// No payload.
    None,
    /// All of it.
    All,
    /// These JSON paths.
    Include(Vec<Cow<'a, str>>),
    /// All but these JSON paths.
    Exclude(Vec<Cow<'a, str>>),
}

/// What filters (and formulas, orders, groups, facets, indexes) refer to.
#[derive(Debug, Default)]
pub struct Filters<'a> {
    /// Each `has_vector`, at any depth, its name replaceable at its site.
    pub has_vectors: Vec<(Site, Cow<'a, str>)>,
    /// Each payload key, a JSON path as the client spells it. Keys inside a `nested` filter are left out: they are
    /// relative to the nested key, which is here.
    pub keys: Vec<Cow<'a, str>>,
}

/// One node of a query tree: a query, or a prefetch.
#[derive(Debug)]
pub struct Node<'a> {
    /// Where `using` can be set.
    pub site: Site,
    /// What it ranks by.
    pub ranking: Ranking,
    /// The vector name as given; absent is `""`.
    pub using: Option<Cow<'a, str>>,
    /// Every example, target, context member and nearest input of the query.
    pub inputs: Few<Input<'a>>,
    /// Where point ids are looked up instead of here.
    pub lookup_from: Option<LookupFrom<'a>>,
}

/// What a node ranks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// Nothing, or the order of ids.
    Unranked,
    /// Vectors of the space that `using` names.
    Vectors,
    /// Its prefetches' results: fusion or a formula. `using` is meaningless.
    Prefetches,
    /// A payload key or chance. `using` is meaningless.
    Other,
    /// Text in a payload field, which `using` names.
    Text,
}

/// A vector that a client gives or points at.
#[derive(Debug)]
pub struct Input<'a> {
    /// Where it stands; an embedding can take its place.
    pub site: Site,
    /// What it is.
    pub value: InputValue<'a>,
}

/// What a client gives as a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputValue<'a> {
    /// A dense vector of so many components.
    Dense(usize),
    /// A sparse vector.
    Sparse,
    /// A multivector: components of its first row.
    Multi(usize),
    /// A stored vector, by its point's id.
    Point(PointId),
    /// A text to embed.
    Document(Document<'a>),
    /// An image or object to embed: only the server itself can.
    Other {
        /// The model that the client named.
        model: Cow<'a, str>,
    },
}

/// A text with the model that should embed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// The model as the client named it; `auto` is the field's serving model. Empty where the client left it out.
    pub model: Cow<'a, str>,
    /// Whether the client sent model options, which change what the model makes.
    pub has_options: bool,
}

/// `lookup_from`.
#[derive(Debug)]
pub struct LookupFrom<'a> {
    /// The other collection (perhaps this one, perhaps by an alias).
    pub collection: Cow<'a, str>,
    /// The vector name; where absent, the verb's default: `using` for Query, `""` for the legacy verbs.
    pub vector: Option<Cow<'a, str>>,
    /// Where the vector name can be set.
    pub vector_site: Site,
    /// Whether an absent name means `""` (legacy recommend and discover) and not `using`.
    pub defaults_to_unnamed: bool,
}

/// `with_lookup`.
#[derive(Debug)]
pub struct WithLookup<'a> {
    /// The other collection.
    pub collection: Cow<'a, str>,
    /// Its vectors that come back.
    pub with_vectors: Selecting<VectorSelection<'a>>,
    /// Its payload that comes back.
    pub with_payload: Selecting<PayloadSelection<'a>>,
}

/// One write operation.
#[derive(Debug)]
pub struct Write<'a> {
    /// What it does.
    pub kind: WriteKind<'a>,
    /// Conditions of its selector and of `update_filter`.
    pub filters: Filters<'a>,
    /// Whether it may skip some of its points: it has an `update_filter`, or an `update_mode` other than `upsert`. The
    /// answer does not say which.
    pub is_conditional: bool,
}

/// What a write does.
#[derive(Debug)]
pub enum WriteKind<'a> {
    /// Replaces whole points.
    Upsert(Vec<Point<'a>>),
    /// Sets named vectors of points, keeps the rest.
    UpdateVectors(Vec<Point<'a>>),
    /// Removes named vectors.
    DeleteVectors {
        /// Where the list of names can be set.
        site: Site,
        /// The names.
        names: Vec<Cow<'a, str>>,
        /// Which points.
        selector: Selector,
    },
    /// Removes points.
    Delete,
    /// Merges a payload: its top-level keys, and the path that it goes under.
    SetPayload {
        /// Top-level keys, decoded.
        keys: Vec<Cow<'a, str>>,
        /// JSON path.
        path: Option<Cow<'a, str>>,
    },
    /// Replaces the payload.
    OverwritePayload {
        /// Top-level keys, decoded.
        keys: Vec<Cow<'a, str>>,
        /// Which points.
        selector: Selector,
    },
    /// Removes payload keys: JSON paths.
    DeletePayload {
        /// The paths.
        keys: Vec<Cow<'a, str>>,
    },
    /// Removes the whole payload.
    ClearPayload {
        /// Which points.
        selector: Selector,
    },
    /// Makes or drops an index on a payload key (the key stands in `filters`).
    FieldIndex,
}

/// Which points a write applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By id.
    Ids(Vec<PointId>),
    /// By filter: where it stands in the body.
    Filter(Site),
}

/// A point as a client writes it.
#[derive(Debug)]
pub struct Point<'a> {
    /// Where its vectors and its tag can be set.
    pub site: Site,
    /// Its id.
    pub id: PointId,
    /// Its vectors, in the order of the body.
    pub vectors: Few<PointVector<'a>>,
    /// Whether it has a payload.
    pub has_payload: bool,
    /// Whether its payload holds the reserved key.
    pub has_reserved_key: bool,
    /// The payload's strings under the keys that were asked for, decoded.
    pub texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// One vector of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointVector<'a> {
    /// Its name; `""` for the unnamed one, however it was written.
    pub name: Cow<'a, str>,
    /// What was given. Never [`InputValue::Point`].
    pub value: InputValue<'a>,
}

impl PointVector<'_> {
    /// Whether both are equal, told at once where their names are the very same text.
    #[inline]
    pub fn is(&self, other: &Self) -> bool {
        let is_named = std::ptr::eq(&*self.name, &*other.name) || self.name == other.name;
        let is_same = match (&self.value, &other.value) {
            (InputValue::Dense(one), InputValue::Dense(other)) => one == other,
            (one, other) => one == other,
        };
        is_named && is_same
    }
}
