//! The upstream: queries and upserts are answered at once; whatever else Interlock asks, such as at an adoption, a Qdrant
//! behind it answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::answers::answer;
use crate::case::{Protocol, RESULTS_HEADER};

/// As Interlock's own, so that neither end paces the other.
pub const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
pub const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// By the results header: 0 for writes.
const COUNTS: [usize; 6] = [0, 1, 4, 10, 36, 100];

/// One face: what it answers itself, and who answers the rest.
struct Face {
    ready: HashMap<HeaderValue, Bytes>,
    behind: Client<HttpConnector, Full<Bytes>>,
    address: Uri,
}

impl Face {
    fn new(protocol: Protocol, address: Uri) -> Self {
        let ready = COUNTS.map(|count| (HeaderValue::from(count), answer(protocol, count)));
        Self {
            ready: ready.into(),
            behind: Client::builder(TokioExecutor::new())
                .http2_only(protocol == Protocol::Grpc)
                .build_http(),
            address,
        }
    }

    /// The answer to a measured call: those say how many results they want.
    fn ready(&self, headers: &HeaderMap) -> Option<Bytes> {
        headers
            .get(RESULTS_HEADER)
            .and_then(|count| self.ready.get(count))
            .cloned()
    }

    async fn pass(&self, parts: http::request::Parts, body: Bytes) -> Outcome<Response<Incoming>> {
        let mut address = self.address.clone().into_parts();
        address.path_and_query = parts.uri.path_and_query().cloned();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method;
        *request.headers_mut() = parts.headers;
        request.headers_mut().remove("host");
        *request.uri_mut() = Uri::from_parts(address)?;
        if request.method() == Method::GET {
            request.headers_mut().remove("content-length");
        }
        Ok(self.behind.request(request).await?)
    }
}

pub async fn serve(grpc: SocketAddr, rest: SocketAddr, behind_grpc: Uri, behind_rest: Uri) -> Outcome<()> {
    let (grpc, rest) = (TcpListener::bind(grpc).await?, TcpListener::bind(rest).await?);
    let grpc_face = Arc::new(Face::new(Protocol::Grpc, behind_grpc));
    let rest_face = Arc::new(Face::new(Protocol::Rest, behind_rest));
    println!("ready");
    loop {
        tokio::select! {
            accepted = grpc.accept() => {
                let stream = accepted?.0;
                stream.set_nodelay(true)?;
                tokio::spawn(serve_grpc(stream, grpc_face.clone()));
            }
            accepted = rest.accept() => {
                let stream = accepted?.0;
                stream.set_nodelay(true)?;
                let face = rest_face.clone();
                let service = service_fn(move |request| answer_rest(request, face.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        }
    }
}

async fn serve_grpc(stream: tokio::net::TcpStream, face: Arc<Face>) -> Outcome<()> {
    let mut connection = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let face = face.clone();
        tokio::spawn(async move {
            // A client that goes away is seen by the client.
            let _gone = answer_grpc(request, respond, &face).await;
        });
    }
    Ok(())
}

async fn answer_grpc(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    face: &Face,
) -> Outcome<()> {
    let (parts, mut body) = request.into_parts();
    let Some(ready) = face.ready(&parts.headers) else {
        return pass_grpc(parts, body, respond, face).await;
    };
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data?.len())?;
    }
    let mut head = Response::new(());
    head.headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(ready, false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)?;
    Ok(())
}

async fn pass_grpc(
    parts: http::request::Parts,
    mut body: h2::RecvStream,
    mut respond: h2::server::SendResponse<Bytes>,
    face: &Face,
) -> Outcome<()> {
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.extend_from_slice(&data);
    }
    let (head, answer) = face.pass(parts, whole.into()).await?.into_parts();
    let answer = answer.collect().await?;
    let trailers = answer.trailers().cloned();
    let mut response = Response::new(());
    *response.headers_mut() = head.headers;
    let answer = answer.to_bytes();
    let is_head_alone = answer.is_empty() && trailers.is_none();
    let mut stream = respond.send_response(response, is_head_alone)?;
    if !is_head_alone {
        stream.send_data(answer, false)?;
        stream.send_trailers(trailers.unwrap_or_default())?;
    }
    Ok(())
}

async fn answer_rest(request: Request<Incoming>, face: Arc<Face>) -> Outcome<Response<Full<Bytes>>> {
    let (parts, mut body) = request.into_parts();
    let Some(ready) = face.ready(&parts.headers) else {
        let body = body.collect().await?.to_bytes();
        let (head, answer) = face.pass(parts, body).await?.into_parts();
        let mut response = Response::new(Full::new(answer.collect().await?.to_bytes()));
        *response.status_mut() = head.status;
        if let Some(kind) = head.headers.get("content-type") {
            response.headers_mut().insert("content-type", kind.clone());
        }
        return Ok(response);
    };
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let mut response = Response::new(Full::new(ready));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    Ok(response)
}
