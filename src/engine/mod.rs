//! One request, from pin to reply.

use futures_util::future::BoxFuture;
use http::{Request, Response};

use crate::domain::refusal::Refusal;
use crate::upstream::{Body, Face};

/// What the listeners serve.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. A refusal is encoded by the listener in its API's own error shape.
    fn handle(&self, face: Face, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Refusal>>;
}
