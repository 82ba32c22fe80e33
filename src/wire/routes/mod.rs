//! What a request's head means: which verb on which collection, or why it is none. Called by `engine` to route and by
//! `server` to label. Pure tables: no body, no policy, no table of managed collections.
//!
//! Matching is exact. What neither table names exists nowhere, so that a newer server's new way to read vectors does
//! not slip through.

mod canonical;
mod grpc;
mod rest;
mod table;

use std::borrow::Cow;

use crate::domain::ids::PointId;
use crate::domain::op::Verb;

pub use self::grpc::{grpc, grpc_path};
pub use self::rest::{rest, rest_path};

/// What a request's head means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// A verb on one collection, whose body is scanned where the collection is managed.
    Verb {
        /// What is called.
        verb: Verb,
        /// REST: the name in the path, decoded. gRPC: `None`; it stands in the message's field 1.
        collection: Option<Cow<'a, str>>,
    },
    /// A call about one collection that is refused where the collection is managed, and passes elsewhere.
    Closed {
        /// Names the call, for people and for metrics.
        what: &'static str,
        /// As for a verb.
        collection: Option<Cow<'a, str>>,
    },
    /// Changes aliases; the body says of which collections.
    Aliases,
    /// Concerns no single collection and cannot reach managed data.
    Global {
        /// Names the call.
        what: &'static str,
    },
    /// Could reach or replace managed data without naming it: passes only while nothing is managed.
    Guarded {
        /// Names the call.
        what: &'static str,
    },
    /// Exists nowhere: 404 with an empty body, or UNIMPLEMENTED.
    Unknown,
}

impl Route<'_> {
    /// The call's name, out of a closed set: fit for metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Route::Verb { verb, .. } => verb_label(*verb),
            Route::Closed { what, .. } | Route::Global { what } | Route::Guarded { what } => what,
            Route::Aliases => "update aliases",
            Route::Unknown => "unknown",
        }
    }
}

/// The head of a REST request, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestHead<'a> {
    /// What it means.
    pub route: Route<'a>,
    /// The path to forward: what Qdrant would have matched, in one spelling. Without the query.
    pub canonical: Cow<'a, str>,
    /// The point of [`Verb::GetOne`], where Qdrant would read the segment as an id.
    pub point: Option<PointId>,
}

/// A verb's name in metrics and logs.
pub fn verb_label(verb: Verb) -> &'static str {
    match verb {
        Verb::Upsert => "upsert",
        Verb::Delete => "delete",
        Verb::Get => "get",
        Verb::GetOne => "get one",
        Verb::UpdateVectors => "update vectors",
        Verb::DeleteVectors => "delete vectors",
        Verb::SetPayload => "set payload",
        Verb::OverwritePayload => "overwrite payload",
        Verb::DeletePayload => "delete payload",
        Verb::ClearPayload => "clear payload",
        Verb::UpdateBatch => "update batch",
        Verb::CreateFieldIndex => "create field index",
        Verb::DeleteFieldIndex => "delete field index",
        Verb::Search => "search",
        Verb::SearchBatch => "search batch",
        Verb::SearchGroups => "search groups",
        Verb::Scroll => "scroll",
        Verb::Recommend => "recommend",
        Verb::RecommendBatch => "recommend batch",
        Verb::RecommendGroups => "recommend groups",
        Verb::Discover => "discover",
        Verb::DiscoverBatch => "discover batch",
        Verb::Count => "count",
        Verb::Facet => "facet",
        Verb::Query => "query",
        Verb::QueryBatch => "query batch",
        Verb::QueryGroups => "query groups",
        Verb::SearchMatrixPairs => "search matrix pairs",
        Verb::SearchMatrixOffsets => "search matrix offsets",
        Verb::ShardGet => "shard get",
        Verb::ShardScroll => "shard scroll",
        Verb::ShardCount => "shard count",
        Verb::CollectionInfo => "collection info",
        Verb::CollectionExists => "collection exists",
    }
}
