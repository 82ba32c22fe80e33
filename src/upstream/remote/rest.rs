//! HTTP/1.1 connections to the REST API, kept and bounded.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client as Pooled};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RemoteOptions;
use super::abandon::Sent;
use super::answer::Answer;
use super::target::Target;
use crate::upstream::{Body, Hold, UpstreamError};

/// Qdrant closes a connection that is idle for 5 s. Ours go first, lest a request meets the closing on its way: whether
/// it was processed could then not be told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The pool.
pub(super) struct Client {
    target: Target,
    pool: Pooled<HttpConnector, Body>,
    in_flight: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    wait: Duration,
    answer_timeout: Duration,
}

/// Freed when an answer's body is dropped.
struct Places {
    _in_flight: OwnedSemaphorePermit,
    _connection: OwnedSemaphorePermit,
}

impl Client {
    pub(super) fn new(target: Target, options: &RemoteOptions) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(options.connect_timeout));
        let pool = Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(options.rest_idle_max)
            // Sends again only what a kept connection gave back untouched.
            .retry_canceled_requests(true)
            .build(connector);
        Self {
            target,
            pool,
            in_flight: Arc::new(Semaphore::new(options.in_flight_max)),
            connections: Arc::new(Semaphore::new(options.rest_connections_max)),
            wait: options.connect_timeout,
            answer_timeout: options.answer_timeout,
        }
    }

    /// Sends one request.
    pub(super) async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let places = self.places().await?;
        self.target
            .aim(&mut request, Version::HTTP_11)
            .map_err(|error| UpstreamError::Unprocessed(error.into()))?;
        let hold: Option<Hold> = request.extensions_mut().remove();
        let answer = self.pool.request(request).boxed();
        let (done, (places, _)) = Sent::new(answer, (places, hold), self.answer_timeout).await;
        match done {
            Ok(response) => Ok(response.map(|body| Answer::new(body, None, false, places).boxed_unsync())),
            Err(error) => Err(classify(error)),
        }
    }

    async fn places(&self) -> Result<Places, UpstreamError> {
        let full = || UpstreamError::Full;
        let in_flight = Arc::clone(&self.in_flight)
            .try_acquire_owned()
            .map_err(|_| full())?;
        let connection = Arc::clone(&self.connections).acquire_owned();
        let connection = tokio::time::timeout(self.wait, connection)
            .await
            .map_err(|_| full())?;
        Ok(Places {
            _in_flight: in_flight,
            _connection: connection.map_err(|_| full())?,
        })
    }
}

fn classify(error: legacy::Error) -> UpstreamError {
    if error.is_connect() {
        UpstreamError::Unreachable(error.into())
    } else {
        UpstreamError::Unknown(error.into())
    }
}
