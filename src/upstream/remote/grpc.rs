//! A few HTTP/2 connections that carry all gRPC calls in turn, each made anew after its loss.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::RemoteOptions;
use super::abandon::Sent;
use super::answer::{Answer, GRPC_STATUS};
use super::error::classify;
use super::target::Target;
use crate::telemetry::{self, ConnectOutcome};
use crate::upstream::{Body, BoxError, Hold, UpstreamError};

/// One answer's unread bytes: a page of points with large vectors, without a round trip in between.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Eight slow readers have to stall before the others on a connection do.
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;

/// As the listeners take from clients, so that a forwarded answer's trailers fit.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;

/// A Qdrant that vanished without a word is noticed after both together, well before a client's own timeout.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a failed connection: doubled with each failure in a row, so that a dead upstream is not stormed, and
/// short at most, so that one that is back is used at once.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// The connections.
pub(super) struct Pool {
    target: Target,
    slots: Vec<Slot>,
    next: AtomicUsize,
    in_flight: Arc<Semaphore>,
    connect_timeout: Duration,
    answer_timeout: Duration,
}

/// A place for one connection.
#[derive(Default)]
struct Slot {
    /// The live connection. Held for a clone only, never across an await.
    sender: Mutex<Option<SendRequest<Body>>>,
    /// Held while a connection is made, so that one is made at a time.
    backoff: tokio::sync::Mutex<Backoff>,
}

#[derive(Default)]
struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Pool {
    pub(super) fn new(target: Target, options: &RemoteOptions) -> Self {
        Self {
            target,
            slots: std::iter::repeat_with(Slot::default)
                .take(options.connections.max(1))
                .collect(),
            next: AtomicUsize::new(0),
            in_flight: Arc::new(Semaphore::new(options.in_flight_max)),
            connect_timeout: options.connect_timeout,
            answer_timeout: options.answer_timeout,
        }
    }

    /// Sends one call. Sends it a second time only if the first connection gave it back untouched.
    pub(super) async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let place = Arc::clone(&self.in_flight)
            .try_acquire_owned()
            .map_err(|_| UpstreamError::Full)?;
        let mut kept = (place, request.extensions_mut().remove::<Hold>());
        self.target
            .aim(&mut request, Version::HTTP_2)
            .map_err(|error| UpstreamError::Unprocessed(error.into()))?;
        let mut is_retry = false;
        loop {
            let mut sender = self.connected().await?;
            let answer = sender.try_send_request(request).boxed();
            let (done, freed) = Sent::new(answer, kept, self.answer_timeout).await;
            let mut error = match done {
                Ok(response) => return Ok(received(response, freed.0)),
                Err(error) => error,
            };
            match error.take_message() {
                Some(unsent) if !is_retry => {
                    telemetry::upstream_retry();
                    is_retry = true;
                    request = unsent;
                    kept = freed;
                }
                Some(_) => return Err(UpstreamError::Unprocessed(error.into_error().into())),
                None => return Err(classify(error.into_error())),
            }
        }
    }

    /// The next live connection in turn; where there is none, the first that can be made.
    async fn connected(&self) -> Result<SendRequest<Body>, UpstreamError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.slots.len();
        let mut failure: BoxError = io::Error::from(io::ErrorKind::NotConnected).into();
        for slot in self.slots.iter().cycle().skip(first % count).take(count) {
            match self.sender_of(slot).await {
                Ok(sender) => return Ok(sender),
                Err(error) => failure = error,
            }
        }
        Err(UpstreamError::Unreachable(failure))
    }

    async fn sender_of(&self, slot: &Slot) -> Result<SendRequest<Body>, BoxError> {
        if let Some(sender) = slot.live() {
            return Ok(sender);
        }
        let mut backoff = slot.backoff.lock().await;
        if let Some(sender) = slot.live() {
            return Ok(sender);
        }
        if backoff.until.is_some_and(|until| Instant::now() < until) {
            return Err("the upstream refused a moment ago".into());
        }
        let made = tokio::time::timeout(self.connect_timeout, self.connect()).await;
        match made.map_err(BoxError::from).flatten() {
            Ok(sender) => {
                telemetry::upstream_connect(ConnectOutcome::Connected);
                *backoff = Backoff::default();
                slot.put(sender.clone());
                Ok(sender)
            }
            Err(error) => {
                telemetry::upstream_connect(ConnectOutcome::Failed);
                let pause = BACKOFF_FIRST * 2u32.saturating_pow(backoff.failures.min(8));
                backoff.failures = backoff.failures.saturating_add(1);
                backoff.until = Some(Instant::now() + pause.min(BACKOFF_MAX));
                tracing::warn!(target = %self.target, %error, "cannot connect to the upstream");
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, BoxError> {
        let stream = TcpStream::connect(self.target.address()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends with the connection; its requests see the same error, so here it is a log line only.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the upstream ended");
            }
        });
        Ok(sender)
    }
}

impl Slot {
    fn live(&self) -> Option<SendRequest<Body>> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().filter(|sender| !sender.is_closed()).cloned()
    }

    fn put(&self, sender: SendRequest<Body>) {
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }
}

fn received(response: Response<Incoming>, place: OwnedSemaphorePermit) -> Response<Body> {
    let lacks_status = !response.headers().contains_key(GRPC_STATUS);
    response.map(|body| Answer::new(body, lacks_status, place).boxed_unsync())
}
