//! One client's connection: its protocol, its settings, its end. A task of `accept` for each.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;

use super::drain::Draining;
use super::exchange::{Context, exchange};
use super::preface::{Prefixed, Protocol, detect};
use crate::upstream::Face;

/// What one stream may send before it is read: a few large upserts' worth, so that one of them is not paced by round
/// trips.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Connection window over stream window is how many unread streams freeze all others: 8.
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;

/// Official clients open one connection and assume 100 until told; without a bound one client takes all memory.
const STREAMS_MAX: u32 = 256;

/// A JWT with many claims passes 16 KiB, the library's default.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;

/// The protocol's least: larger frames make other streams wait longer and save nothing with vectored writes.
const FRAME_BYTES_MAX: u32 = 16 * 1024;

/// What is buffered of one stream's answer: a slow reader costs this much, not the answer's size.
const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// A client that vanished without a word is noticed after interval and timeout together.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Resets of streams that nobody has looked at yet, before the connection counts as an attack (rapid reset).
const PENDING_RESETS_MAX: usize = 64;

/// Serves one connection to its end. Errors concern this client alone and are logged, not returned.
pub(super) async fn serve_connection(
    stream: TcpStream,
    context: Arc<Context>,
    head_timeout: Duration,
    mut draining: Draining,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    let detected = tokio::select! {
        detected = tokio::time::timeout(head_timeout, detect(stream)) => detected,
        // It asked for nothing yet, so nothing is lost.
        () = draining.stopping() => return,
    };
    let (protocol, stream) = match detected {
        Ok(Ok(Some(found))) => found,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return tracing::debug!(%error, "a connection broke before its first byte"),
        Err(_) => return tracing::debug!("a connection sent nothing in time"),
    };
    match (context.face, protocol) {
        (Face::Grpc | Face::Rest, Protocol::Http2) => serve_http2(stream, context, &mut draining).await,
        (Face::Rest, Protocol::Http1) => serve_http1(stream, context, head_timeout, &mut draining).await,
        (Face::Grpc, Protocol::Http1) => tracing::debug!("HTTP/1 on the gRPC port: closed"),
    }
}

async fn serve_http2(stream: Prefixed<TcpStream>, context: Arc<Context>, draining: &mut Draining) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| exchange(Arc::clone(&context), request)),
        );
    drive(connection, draining).await;
}

async fn serve_http1(
    stream: Prefixed<TcpStream>,
    context: Arc<Context>,
    head_timeout: Duration,
    draining: &mut Draining,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| exchange(Arc::clone(&context), request)),
        );
    drive(connection, draining).await;
}

/// Polls a connection until it ends; when the drain stops it, lets its requests finish.
async fn drive<C>(connection: C, draining: &mut Draining)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection ended");
    }
}
