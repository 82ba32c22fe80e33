//! A few HTTP/2 connections that carry all gRPC calls in turn, each made anew after its loss.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use h2::RecvStream;
use h2::client::{self, SendRequest};
use http::{Request, Response, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::RemoteOptions;
use super::abandon::Sent;
use super::answer::{Answer, GRPC_STATUS};
use super::exchange::{Exchange, Upload};
use super::target::Target;
use crate::telemetry::{self, ConnectOutcome};
use crate::upstream::http2::{Gathered, Heard, KeepAlive, Pieces, Received, Sending};
use crate::upstream::{Body, BoxError, Hold, UpstreamError};

/// One answer's unread bytes: a page of points with large vectors, without a round trip in between.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Eight slow readers have to stall before the others on a connection do.
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;

/// As the listeners take from clients: a large answer comes in a quarter as many frames as at the protocol's least.
const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// What is buffered of one request while the upstream takes it slowly.
const SEND_BUFFER_BYTES_MAX: usize = 1024 * 1024;

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

/// A connection that takes requests.
#[derive(Clone)]
struct Live {
    sender: SendRequest<Pieces>,
    /// It ended, or takes no more.
    is_over: Arc<AtomicBool>,
}

/// A place for one connection.
#[derive(Default)]
struct Slot {
    /// Held for a clone only, never across an await; no other core uses it.
    live: Mutex<Option<Live>>,
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

    /// Sends one call. Tries a second connection only where the first one took nothing of it.
    pub(super) async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let place = Arc::clone(&self.in_flight)
            .try_acquire_owned()
            .map_err(|_| UpstreamError::Full)?;
        let kept = (place, request.extensions_mut().remove::<Hold>());
        self.target
            .aim(&mut request, Version::HTTP_2)
            .map_err(|error| UpstreamError::Unprocessed(error.into()))?;
        let mut sender = self.ready().await?;
        let (head, body) = request.into_parts();
        let is_whole = body.is_end_stream();
        let (answer, stream) = sender
            .send_request(Request::from_parts(head, ()), is_whole)
            .map_err(|error| UpstreamError::Unprocessed(error.into()))?;
        let upload = (!is_whole).then(|| Sending::new(stream, body));
        let exchange = Exchange::new(answer, upload);
        let (done, (place, _)) = Sent::new(exchange, kept, self.answer_timeout).await;
        let (response, upload) = done?;
        Ok(received(response, upload, place))
    }

    /// A connection that takes a request now.
    async fn ready(&self) -> Result<SendRequest<Pieces>, UpstreamError> {
        let mut live = self.connected().await?;
        if poll_fn(|cx| live.sender.poll_ready(cx)).await.is_ok() {
            return Ok(live.sender);
        }
        // It ended, or said GOAWAY, since it was last used: nothing was sent.
        telemetry::upstream_retry();
        live.is_over.store(true, Ordering::Relaxed);
        let mut live = self.connected().await?;
        match poll_fn(|cx| live.sender.poll_ready(cx)).await {
            Ok(()) => Ok(live.sender),
            Err(error) => {
                live.is_over.store(true, Ordering::Relaxed);
                Err(UpstreamError::Unprocessed(error.into()))
            }
        }
    }

    /// The next live connection in turn; where there is none, the first that can be made.
    async fn connected(&self) -> Result<Live, UpstreamError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.slots.len();
        let mut failure: BoxError = io::Error::from(io::ErrorKind::NotConnected).into();
        for slot in self.slots.iter().cycle().skip(first % count).take(count) {
            match self.live(slot).await {
                Ok(live) => return Ok(live),
                Err(error) => failure = error,
            }
        }
        Err(UpstreamError::Unreachable(failure))
    }

    async fn live(&self, slot: &Slot) -> Result<Live, BoxError> {
        if let Some(live) = slot.live() {
            return Ok(live);
        }
        let mut backoff = slot.backoff.lock().await;
        if let Some(live) = slot.live() {
            return Ok(live);
        }
        if backoff.until.is_some_and(|until| Instant::now() < until) {
            return Err("the upstream refused a moment ago".into());
        }
        let made = tokio::time::timeout(self.connect_timeout, self.connect()).await;
        match made.map_err(BoxError::from).flatten() {
            Ok(live) => {
                telemetry::upstream_connect(ConnectOutcome::Connected);
                *backoff = Backoff::default();
                slot.put(live.clone());
                Ok(live)
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

    async fn connect(&self) -> Result<Live, BoxError> {
        let stream = TcpStream::connect(self.target.address()).await?;
        stream.set_nodelay(true)?;
        let (stream, signs) = Heard::new(stream);
        let (stream, gathering) = Gathered::new(stream);
        let (sender, mut connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .max_frame_size(FRAME_BYTES_MAX)
            .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
            .enable_push(false)
            .handshake(stream)
            .await?;
        gathering.start();
        let mut alive = KeepAlive::new(connection.ping_pong(), signs, PING_INTERVAL, PING_TIMEOUT);
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        // Ends with the connection; its requests see the same error, so here it is a log line only.
        tokio::spawn(async move {
            let ended = poll_fn(|cx| {
                if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                    return Poll::Ready(ended.map_err(BoxError::from));
                }
                if let Poll::Ready(Err(error)) = gathering.poll_release(cx) {
                    return Poll::Ready(Err(error.into()));
                }
                Pin::new(&mut alive)
                    .poll(cx)
                    .map(|()| Err("the upstream left a ping unanswered".into()))
            })
            .await;
            ends.store(true, Ordering::Relaxed);
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the upstream ended");
            }
        });
        Ok(Live { sender, is_over })
    }
}

impl Slot {
    fn live(&self) -> Option<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.as_ref()
            .filter(|live| !live.is_over.load(Ordering::Relaxed))
            .cloned()
    }

    fn put(&self, live: Live) {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }
}

fn received(response: Response<RecvStream>, upload: Upload, place: OwnedSemaphorePermit) -> Response<Body> {
    let lacks_status = !response.headers().contains_key(GRPC_STATUS);
    response.map(|stream| {
        let inner = Received::new(stream);
        Answer::new(inner, upload, lacks_status, place).boxed_unsync()
    })
}
