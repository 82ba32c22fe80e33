//! The gRPC face: Qdrant's generated services over the engine, behind tonic's router. A service or method that is not
//! here answers UNIMPLEMENTED.

// Clients of older versions still send the deprecated fields, and read them.
#![allow(deprecated)]

mod collections;
mod config;
mod expression;
mod filter;
mod index;
mod info;
mod input;
mod older;
mod output;
mod points;
mod query;
mod reads;
mod writes;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::{Qdrant, QdrantServer};
use tonic::Status;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tower_service::Service;

use self::collections::CollectionsService;
use self::points::PointsService;
use super::errors::ApiError;
use super::{COMMIT, Engine, TITLE, VERSION};
use crate::upstream::{Body, BoxError};

const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
/// Qdrant's services that the engine lacks.
const NOT_SERVED: [(&str, &str); 2] = [
    ("/qdrant.Snapshots/", "snapshots"),
    ("/qdrant.StorageRead/", "reads of storage files"),
];
/// One frame with `HealthCheckResponse { status: SERVING }`.
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 0x08, 0x01];

/// The gRPC face.
#[derive(Clone)]
pub(super) struct Grpc {
    routes: Routes,
}

struct Health;

#[tonic::async_trait]
impl Qdrant for Health {
    async fn health_check(
        &self,
        _request: tonic::Request<pb::HealthCheckRequest>,
    ) -> Result<tonic::Response<pb::HealthCheckReply>, Status> {
        let commit = Some(COMMIT.to_owned());
        let reply = pb::HealthCheckReply {
            title: TITLE.to_owned(),
            version: VERSION.to_owned(),
            commit,
        };
        Ok(tonic::Response::new(reply))
    }
}

impl Grpc {
    /// The services of one engine. Messages have no bound of their own, as in Qdrant; the caller has one.
    pub fn new(engine: &Engine) -> Self {
        let points = PointsServer::new(PointsService(engine.clone()))
            .accept_compressed(Gzip)
            .send_compressed(Gzip)
            .max_decoding_message_size(usize::MAX);
        let collections = CollectionsServer::new(CollectionsService(engine.clone()))
            .accept_compressed(Gzip)
            .send_compressed(Gzip)
            .max_decoding_message_size(usize::MAX);
        let health = QdrantServer::new(Health)
            .accept_compressed(Gzip)
            .send_compressed(Gzip);
        let routes = Routes::new(points)
            .add_service(collections)
            .add_service(health)
            .prepare();
        Self { routes }
    }

    /// Serves one request. Every failure is an answer.
    pub async fn serve(&self, request: Request<Body>) -> Response<Body> {
        if request.uri().path() == HEALTH_CHECK {
            return serving();
        }
        for (service, what) in NOT_SERVED {
            if request.uri().path().starts_with(service) {
                return own(Status::from(ApiError::unimplemented(what)).into_http());
            }
        }
        let mut routes = self.routes.clone();
        let answer: Result<Response<tonic::body::Body>, _> = routes.call(request).await;
        let answer = answer.unwrap_or_else(|error| Status::internal(error.to_string()).into_http());
        own(answer)
    }
}

fn own(answer: Response<tonic::body::Body>) -> Response<Body> {
    answer.map(|body| body.map_err(|error| Box::new(error) as BoxError).boxed_unsync())
}

fn serving() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [
        Frame::data(Bytes::from_static(SERVING)),
        Frame::trailers(trailers),
    ];
    let frames = frames.map(Ok::<_, Infallible>);
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut response = Response::new(
        body.map_err(|never| -> BoxError { match never {} })
            .boxed_unsync(),
    );
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}
