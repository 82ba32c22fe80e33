//! HTTP/2 with one client: a task for the connection, and one for each stream. Called by `connection`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use h2::RecvStream;
use h2::server::{self, Connection, SendResponse};
use http::{Request, Response};
use http_body::Body as _;
use tokio::net::TcpStream;

use super::drain::Draining;
use super::exchange::{Context, exchange};
use super::preface::Prefixed;
use crate::upstream::Body;
use crate::upstream::http2::{Gathered, Heard, KeepAlive, Pieces, Received, SendError, Sending};

/// What one stream may send before it is read: a few large upserts' worth, so that one of them is not paced by round
/// trips.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Connection window over stream window is how many unread streams freeze all others: 8.
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;

/// Official clients open one connection and assume 100 until told; without a bound one client takes all memory.
const STREAMS_MAX: u32 = 256;

/// A JWT with many claims passes 16 KiB, the library's default.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;

/// A large upsert comes in a quarter as many frames as at the protocol's least, each of which has its price; and other
/// streams of the client wait for one frame no longer than a millisecond on any network that carries such upserts.
const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// What is buffered of one stream's answer: a slow reader costs this much, not the answer's size.
const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// A client that vanished without a word is noticed after interval and timeout together.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Resets of streams that nobody has looked at yet, before the connection counts as an attack (rapid reset).
const PENDING_RESETS_MAX: usize = 64;

/// A turn in a connection's life.
enum Event {
    /// It is over.
    Ended(Option<h2::Error>),
    /// It cannot be written to.
    Broken(io::Error),
    /// The client left a ping unanswered.
    Vanished,
    /// The drain stops it.
    Stop,
}

/// Serves one connection to its end. When the drain stops it, its requests finish first.
pub(super) async fn serve_http2(stream: Prefixed<TcpStream>, context: Arc<Context>, draining: &Draining) {
    let (stream, signs) = Heard::new(stream);
    let (stream, gathering) = Gathered::new(stream);
    let made = server::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .handshake(stream);
    let made = tokio::time::timeout(PING_INTERVAL, made).await;
    let Ok(Ok(mut connection)) = made else {
        return tracing::debug!("a client's connection ended in its first frames");
    };
    gathering.start();
    let mut alive = KeepAlive::new(connection.ping_pong(), signs, PING_INTERVAL, PING_TIMEOUT);
    let (moved, mut draining) = (draining.clone(), draining.clone());
    let mut stopping: BoxFuture<'static, ()> = Box::pin(async move { draining.stopping().await });
    let (mut is_asked, mut is_stopping) = (false, false);
    loop {
        let event = poll_fn(|cx| {
            if let Poll::Ready(event) = poll_connection(&mut connection, &context, cx) {
                return Poll::Ready(event);
            }
            if let Poll::Ready(Err(error)) = gathering.poll_release(cx) {
                return Poll::Ready(Event::Broken(error));
            }
            // Asked once it wakes this task when there is something new.
            if !is_stopping && (!is_asked || moved.has_moved()) {
                is_asked = true;
                if stopping.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Stop);
                }
            }
            Pin::new(&mut alive).poll(cx).map(|()| Event::Vanished)
        });
        match event.await {
            Event::Stop => {
                is_stopping = true;
                connection.graceful_shutdown();
            }
            Event::Broken(error) => return tracing::debug!(%error, "a client cannot be written to"),
            Event::Vanished => return tracing::debug!("a client vanished"),
            Event::Ended(None) => return,
            Event::Ended(Some(error)) => return tracing::debug!(%error, "a client's connection ended"),
        }
    }
}

/// Starts each request that comes, until the connection ends.
fn poll_connection(
    connection: &mut Connection<Gathered<Heard<Prefixed<TcpStream>>>, Pieces>,
    context: &Arc<Context>,
    cx: &mut std::task::Context<'_>,
) -> Poll<Event> {
    loop {
        match ready!(connection.poll_accept(cx)) {
            Some(Ok((request, respond))) => {
                tokio::spawn(serve_stream(Arc::clone(context), request, respond));
            }
            Some(Err(error)) => return Poll::Ready(Event::Ended(Some(error))),
            None => return Poll::Ready(Event::Ended(None)),
        }
    }
}

/// Answers one request, unless its client gives it up first.
async fn serve_stream(
    context: Arc<Context>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Pieces>,
) {
    let request = request.map(Received::new);
    let mut answer = pin!(exchange(&context, request));
    let response = poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    });
    let Some(response) = response.await else {
        return tracing::debug!("a client gave its request up");
    };
    if let Err(error) = send(&mut respond, response).await {
        tracing::debug!(?error, "an answer was not taken");
    }
}

async fn send(respond: &mut SendResponse<Pieces>, response: Response<Body>) -> Result<(), SendError> {
    let (head, body) = response.into_parts();
    let is_whole = body.is_end_stream();
    let stream = respond.send_response(Response::from_parts(head, ()), is_whole)?;
    if is_whole {
        return Ok(());
    }
    let mut sending = Sending::new(stream, body);
    let done = Pin::new(&mut sending).await;
    if let Err(SendError::Body(error)) = &done {
        // A REST answer that broke; gRPC's end in trailers that say so.
        tracing::warn!(%error, "an answer broke off");
        sending.reset();
    }
    done
}
