//! What a request's head means: one table decides every RPC and every REST route that any Qdrant from 1.16 to 1.19
//! serves, the undocumented ones too. Called by `engine` to route and by `server` to label. No body, no configuration,
//! no table of managed collections.
//!
//! Matching is exact. What the table does not name exists nowhere, so that a newer server's new way to read vectors
//! does not slip through.

mod canonical;
mod grpc;
mod rest;
mod table;

use std::borrow::Cow;

use crate::domain::access::Group;
use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::schema::SchemaCall;

pub use self::grpc::{grpc, grpc_path};
pub use self::rest::{rest, rest_path};
pub use self::table::rows;

/// One call: its name, where it is reached, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Names it, for people and for metrics: the names are a closed set.
    pub name: &'static str,
    /// Its gRPC paths. The first is the one that Interlock itself calls.
    pub grpc: &'static [&'static str],
    /// Its REST routes: method, a space, pattern. A `*` is one segment of any spelling, a closing `**` any number of
    /// them; the collection, where there is one, is the second segment.
    pub rest: &'static [&'static str],
    /// What becomes of it.
    pub treatment: Treatment,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Passes, whatever is managed: it shows and changes no vector, and no name of a standby space.
    Passed,
    /// About one collection. Where that is managed, its body is scanned, decided and rewritten; elsewhere it passes.
    Scanned(Verb),
    /// Changes aliases; the body says of which collections.
    Aliases,
    /// Makes, changes or drops a collection or a vector name: decided by the names in it.
    Schema(SchemaCall),
    /// Refused where it could reach a managed collection, unless it is opened; elsewhere it passes.
    Closed(Closed),
    /// Refused always, with the reason: 404 with an empty body, or UNIMPLEMENTED.
    Refused(&'static str),
}

/// A call that could get past Interlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which collections it could reach.
    pub reach: Reach,
    /// What an operator opens it with. `None`: nothing opens it.
    pub group: Option<Group>,
    /// What it would do, as the end of the sentence "it could …".
    pub could: &'static str,
    /// Whether it replaces vectors, so that a managed collection must be audited after it.
    pub replaces: bool,
}

/// Which collections a call could reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The one that it names.
    Named,
    /// Any: it names none, or it can be told to read another one's files.
    Any,
}

/// The head of a request, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// What it means.
    pub row: &'static Row,
    /// REST: the collection's name in the path, decoded. gRPC: `None`; it stands in the message's field 1.
    pub collection: Option<Cow<'a, str>>,
    /// The path to forward: what Qdrant would have matched, in one spelling. Without the query.
    pub canonical: Cow<'a, str>,
    /// The point of [`Verb::GetOne`], where Qdrant would read the segment as an id.
    pub point: Option<PointId>,
}
