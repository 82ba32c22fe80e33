//! Scripted services, listeners and clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use interlock::domain::refusal::Refusal;
use interlock::engine::Service;
use interlock::server::{Drain, Options, Served, serve};
use interlock::upstream::remote::{Remote, RemoteOptions, Target};
use interlock::upstream::{Body, BoxError, Face};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a script answers.
pub type Scripted = BoxFuture<'static, Result<Response<Body>, Refusal>>;

/// A service that is one function.
pub struct Script<F>(pub F);

impl<F> Service for Script<F>
where
    F: Fn(Face, Request<Body>) -> Scripted + Send + Sync + 'static,
{
    fn handle(&self, face: Face, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Refusal>> {
        self.0(face, request)
    }
}

/// A listener that serves a script.
pub struct Running {
    pub address: SocketAddr,
    pub drain: Arc<Drain>,
    pub served: JoinHandle<Served>,
}

impl Running {
    /// A URI on it.
    pub fn uri(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.address).parse().expect("a URI")
    }
}

/// Starts a listener; the drain has no grace.
pub async fn start<F>(face: Face, options: Options, script: F) -> Running
where
    F: Fn(Face, Request<Body>) -> Scripted + Send + Sync + 'static,
{
    start_with(
        Arc::new(Drain::new(Duration::ZERO)),
        face,
        options,
        Arc::new(Script(script)),
    )
    .await
}

/// Starts a listener of a shared drain.
pub async fn start_with(
    drain: Arc<Drain>,
    face: Face,
    options: Options,
    service: Arc<dyn Service>,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(serve(listener, face, service, options, drain.watch()));
    Running {
        address,
        drain,
        served,
    }
}

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Data, then what may follow it.
pub fn frames(data: &'static str, last: Result<HeaderMap, BoxError>) -> Body {
    let data = Ok(http_body::Frame::data(Bytes::from_static(data.as_bytes())));
    let frames = [data, last.map(http_body::Frame::trailers)];
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

pub fn trailers(status: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().expect("a value"));
    trailers
}

/// A client: one HTTP/2 connection, or as many HTTP/1.1 ones as there are requests at once.
pub fn client(is_h2: bool) -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new())
        .http2_only(is_h2)
        .build_http()
}

pub fn post(uri: Uri, body: Body) -> Request<Body> {
    Request::post(uri).body(body).expect("a request")
}

/// A call as the engine makes it: only the path of the URI counts.
pub fn call() -> Request<Body> {
    post(Uri::from_static("/qdrant.Points/Query"), full("question"))
}

/// A remote whose two APIs stand at one address.
pub fn remote(address: SocketAddr, options: RemoteOptions) -> Arc<Remote> {
    let target = Target::parse(&format!("http://{address}")).expect("a target");
    Arc::new(Remote::new(target.clone(), target, options))
}

/// Waits until a condition holds, for ten seconds at most.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    for _ in 0..5_000 {
        ticks.tick().await;
        if holds() {
            return;
        }
    }
    panic!("not in time: {what}");
}
