//! A Qdrant behind the network: gRPC over a few HTTP/2 connections, REST over a pool of HTTP/1.1 ones. Made by `app`
//! from the configuration. Bodies go frame by frame both ways. No request is sent twice unless it provably never left.
//!
//! TLS to the upstream is absent so far: such URLs are refused when they are read.

mod abandon;
mod answer;
mod deadline;
mod error;
mod exchange;
mod grpc;
mod late;
mod rest;
mod target;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Request, Response};
use http_body::Body as _;

use self::late::Waiting;
pub use self::target::{Target, TargetError};
use super::{Body, Face, Upstream, UpstreamError};
use crate::telemetry;

/// Bounds of the connections to one Qdrant.
#[derive(Clone, Copy, Debug)]
pub struct RemoteOptions {
    /// HTTP/2 connections. One is served by one task, so one is one core at most.
    pub connections: usize,
    /// Requests of one face whose answers are not read to their end; one more is refused.
    pub in_flight_max: usize,
    /// HTTP/1.1 connections; a request waits for one as long as for a connection to be made.
    pub rest_connections_max: usize,
    /// HTTP/1.1 connections that are kept while nobody needs them.
    pub rest_idle_max: usize,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// From a request to its answer's head.
    pub answer_timeout: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            connections: 2,
            in_flight_max: 4_096,
            rest_connections_max: 256,
            rest_idle_max: 64,
            connect_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(300),
        }
    }
}

/// A Qdrant at two addresses. Connects when it is first called, and again after each loss.
pub struct Remote {
    grpc: grpc::Pool,
    rest: rest::Client,
    waiting: Waiting,
}

impl Remote {
    /// A Qdrant whose gRPC and REST APIs stand at these addresses.
    pub fn new(grpc: Target, rest: Target, options: RemoteOptions) -> Self {
        Self {
            grpc: grpc::Pool::new(grpc, &options),
            rest: rest::Client::new(rest, &options),
            waiting: Waiting::new(options.answer_timeout),
        }
    }

    async fn send(&self, face: Face, mut request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        correct_length(&mut request);
        deadline::pass_on(&mut request);
        let sent = match face {
            Face::Grpc => self.waiting.within(self.grpc.call(request)).await,
            Face::Rest => self.waiting.within(self.rest.call(request)).await,
        };
        sent.unwrap_or_else(|late| Err(UpstreamError::Unknown(late.into())))
    }
}

/// A length that the body's own contradicts would shift every later request on an HTTP/1.1 connection.
fn correct_length(request: &mut Request<Body>) {
    if request.headers().contains_key(CONTENT_LENGTH)
        && let Some(length) = request.body().size_hint().exact()
    {
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

impl Upstream for Remote {
    fn call(
        &self,
        face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        async move {
            let done = self.send(face, request).await;
            let outcome = match &done {
                Ok(_) => "answered",
                Err(error) => error.as_str(),
            };
            telemetry::upstream_call(face.as_str(), outcome);
            done
        }
        .boxed()
    }
}
