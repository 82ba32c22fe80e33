//! Calls over connections that are kept, every answer checked: status, trailers, content.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::Outcome;
use crate::answers::Check;
use crate::case::{Case, Protocol};
use crate::upstream::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};

/// What Interlock puts on its answers for managed collections.
const EPOCH_HEADER: &str = "routing-epoch";

enum Pool {
    /// Streams are spread over the connections in turn.
    Http2 {
        senders: Vec<h2::client::SendRequest<Bytes>>,
        next: AtomicUsize,
    },
    /// One call at a time on each connection: others wait for a free one.
    Http1 {
        free: Mutex<Vec<http1::SendRequest<Full<Bytes>>>>,
        permits: Semaphore,
    },
}

/// Sends one request again and again.
pub struct Client {
    case: Case,
    address: SocketAddr,
    pool: Pool,
    check: Check,
}

struct Answer {
    status: http::StatusCode,
    headers: http::HeaderMap,
    trailers: http::HeaderMap,
    body: Bytes,
}

impl Client {
    pub async fn connect(address: SocketAddr, case: Case, connections: usize) -> Outcome<Self> {
        let pool = match case.protocol {
            Protocol::Grpc => {
                let mut senders = Vec::new();
                for _ in 0..connections {
                    senders.push(http2(address).await?);
                }
                Pool::Http2 {
                    senders,
                    next: AtomicUsize::new(0),
                }
            }
            Protocol::Rest => {
                let mut free = Vec::new();
                for _ in 0..connections {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    free.push(sender);
                }
                Pool::Http1 {
                    free: Mutex::new(free),
                    permits: Semaphore::new(connections),
                }
            }
        };
        Ok(Self {
            case,
            address,
            pool,
            check: Check::default(),
        })
    }

    /// One call. An error is an answer that is not what it must be, or none.
    pub async fn call(&self) -> Outcome<()> {
        let answer = match &self.pool {
            Pool::Http2 { senders, next } => {
                let at = next.fetch_add(1, Ordering::Relaxed) % senders.len();
                self.call_http2(senders[at].clone()).await?
            }
            Pool::Http1 { free, permits } => {
                let _permit = permits.acquire().await?;
                let sender = free.lock().map_err(|_| "a call panicked")?.pop();
                let mut sender = sender.ok_or("no connection is left")?;
                let answer = self.call_http1(&mut sender).await?;
                free.lock().map_err(|_| "a call panicked")?.push(sender);
                answer
            }
        };
        let is_status_good = answer.status == 200
            && (self.case.protocol == Protocol::Rest
                || answer
                    .trailers
                    .get("grpc-status")
                    .is_some_and(|status| status == "0"));
        let is_route_good = answer.headers.contains_key(EPOCH_HEADER) == self.case.is_managed;
        if is_status_good && is_route_good && self.check.is_good(&self.case, &answer.body) {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&answer.body[..answer.body.len().min(600)]).into_owned();
        let (headers, trailers) = (answer.headers, answer.trailers);
        Err(format!(
            "{}: not the answer that was expected: {} {headers:?} {trailers:?} {shown}",
            self.case.path, answer.status
        )
        .into())
    }

    fn request<B>(&self, uri: String, body: B) -> Outcome<Request<B>> {
        let mut request = Request::builder()
            .method(self.case.method.clone())
            .uri(uri)
            .header("user-agent", "workload");
        for (name, value) in &self.case.headers {
            request = request.header(*name, value);
        }
        Ok(request.body(body)?)
    }

    async fn call_http2(&self, sender: h2::client::SendRequest<Bytes>) -> Outcome<Answer> {
        let request = self.request(format!("http://{}{}", self.address, self.case.path), ())?;
        let (response, mut stream) = sender.ready().await?.send_request(request, false)?;
        stream.send_data(self.case.body.clone(), true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut whole = Bytes::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            whole = if whole.is_empty() {
                data
            } else {
                joined(whole, &data)
            };
        }
        let trailers = body.trailers().await?.unwrap_or_default();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            trailers,
            body: whole,
        })
    }

    async fn call_http1(&self, sender: &mut http1::SendRequest<Full<Bytes>>) -> Outcome<Answer> {
        let mut request = self.request(self.case.path.clone(), Full::new(self.case.body.clone()))?;
        let host = http::HeaderValue::from_str(&self.address.to_string())?;
        request.headers_mut().insert("host", host);
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            trailers: http::HeaderMap::new(),
            body: body.collect().await?.to_bytes(),
        })
    }
}

fn joined(head: Bytes, tail: &[u8]) -> Bytes {
    let mut whole = head
        .try_into_mut()
        .unwrap_or_else(|head| BytesMut::from(&head[..]));
    whole.extend_from_slice(tail);
    whole.freeze()
}

async fn http2(address: SocketAddr) -> Outcome<h2::client::SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}
