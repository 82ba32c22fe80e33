//! Where requests go: a Qdrant behind HTTP, or the embedded engine. Called by the engine, the migration and the
//! data path's cut-through; knows nothing of tables, models or spaces.

pub mod calls;
pub mod http2;
pub mod remote;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::Instant;

/// The error of a body that broke while it was read.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or an answer's body: frames as they come, trailers last.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Which of Qdrant's two APIs a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// `qdrant.*` over HTTP/2: one length-prefixed message a request, the status in trailers.
    Grpc,
    /// JSON over HTTP/1.1.
    Rest,
}

impl Face {
    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Face::Grpc => "grpc",
            Face::Rest => "rest",
        }
    }
}

/// What has to live while a request can still run upstream. Rides in the request's extensions; an upstream keeps it until
/// the answer's head is there or the request is known dead, also where its caller goes away.
#[derive(Clone)]
pub struct Hold {
    _held: Arc<dyn Any + Send + Sync>,
}

impl Hold {
    /// Keeps `held`.
    pub fn new(held: Arc<dyn Any + Send + Sync>) -> Self {
        Self { _held: held }
    }
}

/// When a call's own time ends. Rides in the request's extensions: a gRPC upstream is given what is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// Why no answer came. An error that the upstream itself gave is an answer, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection; nothing was sent.
    #[error("the upstream cannot be reached")]
    Unreachable(#[source] BoxError),
    /// Refused before it was processed; nothing was applied.
    #[error("the upstream refused the request unprocessed")]
    Unprocessed(#[source] BoxError),
    /// The connection broke, or time ran out, after the request left: it may have been applied.
    #[error("the upstream's answer was lost: the outcome is unknown")]
    Unknown(#[source] BoxError),
    /// The request's own body broke off, or was refused on its way: it never arrived whole, so nothing was applied.
    #[error("the request's body did not go out whole")]
    Incomplete(#[source] BoxError),
    /// A bound of ours was reached before anything was sent.
    #[error("too many requests wait for the upstream")]
    Full,
}

impl UpstreamError {
    /// Its kind in metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            UpstreamError::Unreachable(_) => "unreachable",
            UpstreamError::Unprocessed(_) => "unprocessed",
            UpstreamError::Unknown(_) => "unknown",
            UpstreamError::Incomplete(_) => "incomplete",
            UpstreamError::Full => "full",
        }
    }
}

/// A Qdrant. Requests carry Qdrant's own paths, headers and bodies, and a [`Hold`] and a [`Deadline`] where they have
/// one; answers come back unread.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and resolves when the head of the answer is there.
    fn call(
        &self,
        face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>>;
}
