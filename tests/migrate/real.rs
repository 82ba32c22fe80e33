//! A real Qdrant as an upstream, where `QDRANT_GRPC_URL` names one: one HTTP/2 connection, no pool.

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use interlock::upstream::{Body, Face, Upstream, UpstreamError};
use tokio::net::TcpStream;

/// A connection to a Qdrant's gRPC port.
pub struct Real {
    authority: String,
    sender: SendRequest<Body>,
}

impl Real {
    /// Connects to `http://host:port`.
    pub async fn connect(url: &str) -> Self {
        let uri: Uri = url.parse().unwrap();
        let authority = uri.authority().unwrap().to_string();
        let stream = TcpStream::connect(&authority).await.unwrap();
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        // It ends with the runtime, or with an error that the next call shows.
        tokio::spawn(async move { connection.await.is_ok() });
        Self { authority, sender }
    }
}

impl Upstream for Real {
    fn call(
        &self,
        face: Face,
        mut request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        assert_eq!(face, Face::Grpc, "the migration speaks gRPC alone");
        let mut sender = self.sender.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            *request.uri_mut() = format!("http://{}{path}", self.authority).parse().unwrap();
            sender
                .ready()
                .await
                .map_err(|error| UpstreamError::Unreachable(error.into()))?;
            let sent = sender.send_request(request).await;
            let response = sent.map_err(|error| UpstreamError::Unknown(error.into()))?;
            Ok(response.map(|body| Body::new(body.map_err(Into::into))))
        })
    }
}
