//! Who may speak to the operator's port, and how much at once: checked before either face sees a request.
//!
//! A browser is the one client that can be made to speak for somebody else. Hence a request from a foreign page is
//! refused by its `Origin`, and without a token also by its `Host`, which a page cannot choose.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use subtle::ConstantTimeEq;

use super::error::{AdminError, ErrorKind};

/// Most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest time that a request's body may take to arrive.
const BODY_READ_MAX: Duration = Duration::from_secs(10);
/// A gRPC message's length prefix, which the bound leaves out.
const GRPC_PREFIX_BYTES: usize = 5;

/// The operator's secret. Never shown.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// A token; `None` where the text is empty or blank, which would let anybody in.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Compares in a time that does not depend on where the two differ.
    fn admits(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Whether a request speaks gRPC, so that its errors do too.
pub(super) fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The error in the words of the face that asked.
pub(super) fn say(error: AdminError, grpc: bool) -> Response {
    match grpc {
        true => tonic::Status::from(error).into_http::<Body>(),
        false => error.into_response(),
    }
}

/// The layer: lets a request in with its whole body read, or answers it.
pub(super) async fn guard(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    let grpc = is_grpc(&request);
    match admit(token.as_ref(), request, grpc).await {
        Ok(request) => next.run(request).await,
        Err(error) => say(error, grpc),
    }
}

async fn admit(token: Option<&Token>, request: Request, grpc: bool) -> Result<Request, AdminError> {
    let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !is_probe {
        check_sender(token, &request)?;
    }
    let (head, body) = request.into_parts();
    let bound_bytes = match grpc {
        true => BODY_BYTES_MAX + GRPC_PREFIX_BYTES,
        false => BODY_BYTES_MAX,
    };
    let read = tokio::time::timeout(BODY_READ_MAX, Limited::new(body, bound_bytes).collect());
    let body = match read.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(AdminError::new(
                ErrorKind::TooLarge,
                format!("the request's body is over {BODY_BYTES_MAX} bytes"),
            ));
        }
        Ok(Err(error)) => {
            return Err(AdminError::invalid(format!(
                "the request's body broke off: {error}"
            )));
        }
        Err(_elapsed) => {
            return Err(AdminError::invalid(format!(
                "the request's body did not arrive within {} s",
                BODY_READ_MAX.as_secs()
            )));
        }
    };
    Ok(Request::from_parts(head, Body::from(body)))
}

fn check_sender(token: Option<&Token>, request: &Request) -> Result<(), AdminError> {
    let host = match request.headers().get(HOST) {
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Authority>().ok()),
        None => request.uri().authority().cloned(),
    };
    if let Some(origin) = request.headers().get(ORIGIN) {
        let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let same = matches!((origin, &host), (Some((_, origin)), Some(host)) if *host == *origin);
        if !same {
            return Err(AdminError::new(
                ErrorKind::Forbidden,
                "the request comes from a page of another origin",
            ));
        }
    }
    match token {
        Some(token) => check_token(token, request),
        None if host.as_ref().is_none_or(is_loopback) => Ok(()),
        None => Err(AdminError::new(
            ErrorKind::Forbidden,
            "without a token the operator's port is reached as localhost, 127.0.0.1 or [::1] only: set a token",
        )),
    }
}

fn check_token(token: &Token, request: &Request) -> Result<(), AdminError> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(b"Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    match given {
        Some((_, given)) if token.admits(given) => Ok(()),
        Some(_) => Err(AdminError::new(
            ErrorKind::Unauthenticated,
            "this is not the token",
        )),
        None => Err(AdminError::new(
            ErrorKind::Unauthenticated,
            "a token is needed: send `authorization: Bearer TOKEN`",
        )),
    }
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}
