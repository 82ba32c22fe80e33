//! One client's connection: its protocol, its settings, its end. A task of `accept` for each.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;

use super::drain::Draining;
use super::exchange::{Context, exchange};
use super::http2::serve_http2;
use super::preface::{Prefixed, Protocol, detect};
use crate::upstream::{Body, Face};

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
        (Face::Grpc | Face::Rest, Protocol::Http2) => serve_http2(stream, context, &draining).await,
        (Face::Rest, Protocol::Http1) => serve_http1(stream, context, head_timeout, &mut draining).await,
        (Face::Grpc, Protocol::Http1) => tracing::debug!("HTTP/1 on the gRPC port: closed"),
    }
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
            service_fn(move |request| answer_http1(Arc::clone(&context), request)),
        );
    drive(connection, draining).await;
}

async fn answer_http1(
    context: Arc<Context>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(exchange(&context, request).await)
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
