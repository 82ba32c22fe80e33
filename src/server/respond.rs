//! Refusals as answers, in each API's own error shape. The one place where a refusal's kind meets a status.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::domain::refusal::{Refusal, RefusalKind};
use crate::upstream::{Body, Face};

/// Says, stably and for machines, why Interlock answered itself.
pub(super) const REASON: HeaderName = HeaderName::from_static("interlock-reason");

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The gRPC specification's set for `grpc-message`: what is not printable ASCII, and the escape itself. Spaces too: HTTP/2
/// allows none at a value's ends, and a message may end with an empty name.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// Clients take 8 KiB of headers at least; an escape triples a byte.
const MESSAGE_BYTES_MAX: usize = 2_048;

/// An answer that Interlock makes itself.
pub(super) struct Answer {
    /// The answer.
    pub response: Response<Body>,
    /// HTTP status for REST, gRPC code for gRPC.
    pub status: u16,
}

/// What a client gets instead of the upstream's answer.
pub(super) fn refusal(face: Face, refusal: &Refusal) -> Answer {
    match face {
        Face::Grpc => grpc(code(refusal.kind), refusal.reason, &refusal.message),
        Face::Rest if refusal.kind == RefusalKind::Unknown => {
            rest(StatusCode::NOT_FOUND, refusal.reason, None)
        }
        Face::Rest => rest(status(refusal.kind), refusal.reason, Some(&refusal.message)),
    }
}

const LATE: &str = "deadline_exceeded";
const LATE_MESSAGE: &str = "The call's own deadline passed. If it was a write, it may have been applied.";

/// The reason and answer of a call whose `grpc-timeout` passed.
pub(super) fn late() -> (&'static str, Answer) {
    (LATE, grpc(DEADLINE_EXCEEDED, LATE, LATE_MESSAGE))
}

/// Trailers that end an answer whose call's `grpc-timeout` passed after its head was sent.
pub(super) fn late_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    put_status(&mut trailers, DEADLINE_EXCEEDED, LATE, LATE_MESSAGE);
    trailers
}

/// Trailers that end an answer which broke after its head was sent.
pub(super) fn broken_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    put_status(
        &mut trailers,
        UNAVAILABLE,
        "answer_lost",
        "The answer broke off. If the request was a write, it may have been applied.",
    );
    trailers
}

const DEADLINE_EXCEEDED: u16 = 4;
const UNAVAILABLE: u16 = 14;

fn status(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Invalid => StatusCode::BAD_REQUEST,
        RefusalKind::NotFound | RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::NotReady => StatusCode::CONFLICT,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn code(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Invalid => 3,
        RefusalKind::NotFound => 5,
        RefusalKind::NotReady => 9,
        RefusalKind::Forbidden => 7,
        RefusalKind::TooLarge | RefusalKind::Busy => 8,
        RefusalKind::Unavailable => UNAVAILABLE,
        RefusalKind::Unknown => 12,
    }
}

/// Trailers only: the status stands in the head, and no body follows.
fn grpc(code: u16, reason: &'static str, message: &str) -> Answer {
    let mut response = Response::new(empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    put_status(headers, code, reason, message);
    Answer {
        response,
        status: code,
    }
}

fn put_status(headers: &mut HeaderMap, code: u16, reason: &'static str, message: &str) {
    headers.insert(GRPC_STATUS, HeaderValue::from(code));
    headers.insert(REASON, HeaderValue::from_static(reason));
    let escaped = utf8_percent_encode(shortened(message), MESSAGE).to_string();
    // Escaped text is printable ASCII, which is always a header value.
    if let Ok(message) = HeaderValue::from_str(&escaped) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// Qdrant's error object; with no message, an empty body.
fn rest(status: StatusCode, reason: &'static str, message: Option<&Cow<'static, str>>) -> Answer {
    let body = match message {
        Some(message) => {
            let error = serde_json::json!({ "status": { "error": message }, "time": 0.0 });
            Full::new(Bytes::from(error.to_string()))
                .map_err(|never| match never {})
                .boxed_unsync()
        }
        None => empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(REASON, HeaderValue::from_static(reason));
    if message.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Answer {
        response,
        status: status.as_u16(),
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn shortened(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(RefusalKind, u16, u16); 8] = [
        (RefusalKind::Invalid, 400, 3),
        (RefusalKind::NotFound, 404, 5),
        (RefusalKind::NotReady, 409, 9),
        (RefusalKind::Forbidden, 403, 7),
        (RefusalKind::TooLarge, 413, 8),
        (RefusalKind::Busy, 429, 8),
        (RefusalKind::Unavailable, 503, 14),
        (RefusalKind::Unknown, 404, 12),
    ];

    async fn body(answer: Answer) -> Bytes {
        answer
            .response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes()
    }

    #[tokio::test]
    async fn each_kind_has_its_status_and_its_code() {
        for (kind, http, code) in KINDS {
            let given = Refusal::new(kind, "some_reason", "Why, and what to do.");
            let rest = refusal(Face::Rest, &given);
            assert_eq!(
                (rest.status, rest.response.status().as_u16()),
                (http, http),
                "{kind:?}"
            );
            assert_eq!(rest.response.headers()[REASON], "some_reason");
            let text = body(rest).await;
            if kind == RefusalKind::Unknown {
                assert!(text.is_empty());
            } else {
                let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                assert_eq!(json["status"]["error"], "Why, and what to do.");
                assert_eq!(json["time"], 0.0);
            }
            let grpc = refusal(Face::Grpc, &given);
            let headers = grpc.response.headers();
            assert_eq!(grpc.response.status(), 200);
            assert_eq!(headers[GRPC_STATUS], code.to_string().as_str(), "{kind:?}");
            assert_eq!(headers[REASON], "some_reason");
            assert!(body(grpc).await.is_empty());
        }
    }

    #[test]
    fn messages_are_escaped_as_grpc_wants_and_bounded() {
        let given = Refusal::invalid("r", "100 %\nü ");
        let answer = refusal(Face::Grpc, &given);
        assert_eq!(answer.response.headers()[GRPC_MESSAGE], "100%20%25%0A%C3%BC%20");
        let long = Refusal::invalid("r", "ü".repeat(10_000));
        let answer = refusal(Face::Grpc, &long);
        assert_eq!(
            answer.response.headers()[GRPC_MESSAGE].len(),
            MESSAGE_BYTES_MAX * 3
        );
    }
}
