//! Typed gRPC calls over an [`Upstream`], for Interlock's own work: what the migration and the engine ask of Qdrant
//! beyond forwarding. Called by `migrate` and `engine`. Never carries a client's request, and retries nothing: what
//! may be repeated only the caller knows.

mod collections;
pub mod filters;
mod keeping;
mod points;
mod shapes;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use prost::Message;

use super::{Body, Face, Upstream, UpstreamError};

pub use keeping::{is_strict, keeping, replicas};
pub use shapes::{found, vectors};

pub use points::{Page, PageQuery, parse_id, proto_id, spelled, typed_id};

/// A frame's compression flag and length.
const FRAME_HEAD_BYTES: usize = 5;

/// gRPC codes that callers tell apart.
pub mod code {
    /// Success.
    pub const OK: i32 = 0;
    /// The request is wrong.
    pub const INVALID_ARGUMENT: i32 = 3;
    /// Time ran out at the server.
    pub const DEADLINE_EXCEEDED: i32 = 4;
    /// Nothing of that name or id.
    pub const NOT_FOUND: i32 = 5;
    /// It is there already.
    pub const ALREADY_EXISTS: i32 = 6;
    /// The server does not know the call.
    pub const UNIMPLEMENTED: i32 = 12;
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Qdrant answered with an error.
    #[error("Qdrant refuses: {message} (code {code})")]
    Status {
        /// gRPC's code.
        code: i32,
        /// Qdrant's message.
        message: String,
    },
    /// No answer in time: it may have been applied.
    #[error("Qdrant did not answer within {timeout_ms} ms")]
    Timeout {
        /// The bound, in milliseconds.
        timeout_ms: u128,
    },
    /// Qdrant took the write, but had not applied it when its own time ran out. It will be, in order.
    #[error("Qdrant took the write, but has not applied it yet")]
    NotApplied,
    /// The answer is larger than the bound.
    #[error("Qdrant's answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// What came is not an answer.
    #[error("Qdrant's answer cannot be read: {0}")]
    Broken(String),
}

impl CallError {
    /// Qdrant's gRPC code, where Qdrant answered.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Upstream(_)
            | Self::Timeout { .. }
            | Self::NotApplied
            | Self::TooLarge { .. }
            | Self::Broken(_) => None,
        }
    }

    /// Whether Qdrant said that there is nothing of that name or id.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(code::NOT_FOUND)
    }

    /// Whether the server does not know the call.
    pub fn is_unimplemented(&self) -> bool {
        self.code() == Some(code::UNIMPLEMENTED)
    }
}

/// Bounds of a call.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// From the request's start to the answer's end.
    pub timeout: Duration,
    /// Size of one answer, in bytes.
    pub answer_bytes_max: usize,
}

/// Calls to one Qdrant, with Interlock's own key. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    upstream: Arc<dyn Upstream>,
    api_key: Option<HeaderValue>,
    limits: CallLimits,
}

impl Calls {
    /// Calls to `upstream`.
    pub fn new(upstream: Arc<dyn Upstream>, api_key: Option<HeaderValue>, limits: CallLimits) -> Self {
        Self {
            upstream,
            api_key,
            limits,
        }
    }

    /// The same, with another bound on a call's time.
    pub fn bounded(&self, timeout: Duration) -> Self {
        let mut calls = self.clone();
        calls.limits.timeout = timeout;
        calls
    }

    /// One call: `path` as `/qdrant.Points/Scroll`.
    pub async fn unary<Q: Message, A: Message + Default>(
        &self,
        path: &'static str,
        ask: &Q,
    ) -> Result<A, CallError> {
        let timeout = self.limits.timeout;
        match tokio::time::timeout(timeout, self.exchange(path, ask)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(CallError::Timeout {
                timeout_ms: timeout.as_millis(),
            }),
        }
    }

    async fn exchange<Q: Message, A: Message + Default>(
        &self,
        path: &'static str,
        ask: &Q,
    ) -> Result<A, CallError> {
        let response = self.upstream.call(Face::Grpc, self.request(path, ask)?).await?;
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            return Err(CallError::Broken(format!("HTTP status {}", head.status)));
        }
        // An error without a message comes with its status among the headers.
        if let Some(status) = status_of(&head.headers)
            && let Some(error) = status.into_error()
        {
            return Err(error);
        }
        let (message, trailers) = self.read(body).await?;
        let status = trailers.as_ref().and_then(status_of);
        match status.or_else(|| status_of(&head.headers)) {
            Some(status) => match status.into_error() {
                Some(error) => Err(error),
                None => decode(message),
            },
            // An answer that was cut off must not pass for a success.
            None => Err(CallError::Broken("it ends without a status".to_owned())),
        }
    }

    fn request<Q: Message>(&self, path: &'static str, ask: &Q) -> Result<Request<Body>, CallError> {
        let length = ask.encoded_len();
        let frame_length =
            u32::try_from(length).map_err(|_| CallError::Broken("the request is over 4 GiB".to_owned()))?;
        let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + length);
        frame.put_u8(0);
        frame.put_u32(frame_length);
        ask.encode(&mut frame)
            .map_err(|error| CallError::Broken(error.to_string()))?;
        let body = Full::new(frame.freeze()).map_err(|never| match never {});
        let mut request = Request::post(path)
            .version(Version::HTTP_2)
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .header("grpc-accept-encoding", "identity")
            .header("grpc-timeout", format!("{}m", self.limits.timeout.as_millis()))
            .body(Body::new(body))
            .map_err(|error| CallError::Broken(error.to_string()))?;
        if let Some(key) = &self.api_key {
            request.headers_mut().insert("api-key", key.clone());
        }
        Ok(request)
    }

    async fn read(&self, mut body: Body) -> Result<(Bytes, Option<HeaderMap>), CallError> {
        let bytes_max = self.limits.answer_bytes_max;
        let mut data = BytesMut::new();
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(UpstreamError::Unknown)?;
            match frame.into_data() {
                Ok(chunk) if data.len() + chunk.len() > bytes_max => {
                    return Err(CallError::TooLarge { bytes_max });
                }
                Ok(chunk) => data.extend_from_slice(&chunk),
                Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
            }
        }
        Ok((data.freeze(), trailers))
    }
}

struct GrpcStatus {
    code: i32,
    message: String,
}

impl GrpcStatus {
    fn into_error(self) -> Option<CallError> {
        (self.code != code::OK).then_some(CallError::Status {
            code: self.code,
            message: self.message,
        })
    }
}

fn status_of(headers: &HeaderMap) -> Option<GrpcStatus> {
    const UNKNOWN: i32 = 2;
    let code = headers.get("grpc-status")?;
    let code = code
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(UNKNOWN);
    let message = headers
        .get("grpc-message")
        .map(|text| percent_encoding::percent_decode(text.as_bytes()).decode_utf8_lossy())
        .unwrap_or_default();
    Some(GrpcStatus {
        code,
        message: message.into_owned(),
    })
}

fn decode<A: Message + Default>(mut data: Bytes) -> Result<A, CallError> {
    let broken = |what: &str| CallError::Broken(what.to_owned());
    if data.len() < FRAME_HEAD_BYTES {
        return Err(broken("it holds no message"));
    }
    if data.get_u8() != 0 {
        return Err(broken("it is compressed, which was not asked for"));
    }
    let length = data.get_u32() as usize;
    if data.len() != length {
        return Err(broken("its length is not the one that it says"));
    }
    A::decode(data).map_err(|error| CallError::Broken(error.to_string()))
}

#[cfg(test)]
mod tests;
