//! What the suite speaks to: the engine in process, or a real Qdrant.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use interlock::embedded::{Embedded, Options};
use interlock::upstream::{Body, BoxError, Face, Upstream};
use serde_json::Value;
use tonic::transport::Channel;

/// An answer of the REST face.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// One of the two.
#[derive(Clone)]
pub enum Target {
    Engine(Arc<Embedded>),
    Real {
        rest: String,
        http: reqwest::Client,
        channel: Channel,
    },
}

/// A gRPC transport to either.
impl tower_service::Service<Request<tonic::body::Body>> for Target {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Engine(_) => Poll::Ready(Ok(())),
            Self::Real { channel, .. } => {
                tower_service::Service::<Request<tonic::body::Body>>::poll_ready(channel, context)
                    .map_err(Into::into)
            }
        }
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        match self {
            Self::Engine(engine) => {
                let engine = Arc::clone(engine);
                let request =
                    request.map(|body| body.map_err(|error| -> BoxError { error.into() }).boxed_unsync());
                Box::pin(async move { Ok(engine.call(Face::Grpc, request).await?) })
            }
            Self::Real { channel, .. } => {
                let answer = channel.call(request);
                Box::pin(async move {
                    let answer = answer.await?;
                    Ok(answer.map(|body| body.map_err(|error| -> BoxError { error.into() }).boxed_unsync()))
                })
            }
        }
    }
}

impl Target {
    /// The engine on a folder.
    pub fn engine(dir: &Path) -> Self {
        Self::Engine(Arc::new(Embedded::open(dir, Options::default()).unwrap()))
    }

    /// The real one, where the environment names it.
    pub fn real() -> Option<Self> {
        let (Ok(rest), Ok(grpc)) = (env::var("QDRANT_URL"), env::var("QDRANT_GRPC_URL")) else {
            println!("not run against a real Qdrant: QDRANT_URL and QDRANT_GRPC_URL are not set");
            return None;
        };
        let channel = Channel::from_shared(grpc).unwrap().connect_lazy();
        Some(Self::Real {
            rest,
            http: reqwest::Client::new(),
            channel,
        })
    }

    /// Sends one REST request. A body that is a JSON string goes as it is, so that broken JSON can be sent.
    pub async fn rest(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = match body {
            Value::Null => String::new(),
            Value::String(raw) => raw.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => body.to_string(),
        };
        match self {
            Self::Engine(engine) => {
                let body = Full::new(Bytes::from(text))
                    .map_err(|never| match never {})
                    .boxed_unsync();
                let request = Request::builder().method(method).uri(path).body(body).unwrap();
                let answer = engine.call(Face::Rest, request).await.unwrap();
                let status = answer.status().as_u16();
                let bytes = answer.into_body().collect().await.unwrap().to_bytes();
                Answer {
                    status,
                    body: read(&bytes),
                }
            }
            Self::Real { rest, http, .. } => {
                let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
                let request = http.request(method, format!("{rest}{path}"));
                let request = request.header("content-type", "application/json").body(text);
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                Answer {
                    status,
                    body: read(&answer.bytes().await.unwrap()),
                }
            }
        }
    }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
