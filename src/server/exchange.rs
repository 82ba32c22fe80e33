//! One request and its answer: id, deadline, span, the call, the headers on both ways.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use super::body::{Bounded, Ended};
use super::headers::{REQUEST_ID, grpc_timeout, request_id, strip_hop_by_hop};
use super::leftover::{Loan, lend};
use super::respond::{self, Answer};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::engine::Service;
use crate::telemetry::{self, Outcome};
use crate::upstream::{Body, BoxError, Deadline, Face};
use crate::wire::routes;

/// What all requests of a listener share.
pub(super) struct Context {
    pub face: Face,
    pub service: Arc<dyn Service>,
    pub body_idle_timeout: Duration,
}

/// Answers one request.
pub(super) async fn exchange<B>(context: &Context, request: Request<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (mut head, body) = request.into_parts();
    let id = request_id(&mut head.headers);
    let call = label(context.face, &head);
    // A span that is on costs as much as a tenth of a small request: warnings name the request themselves.
    let span = tracing::debug_span!(
        "request",
        face = context.face.as_str(),
        call,
        request_id = id.to_str().unwrap_or_default(),
        status = field::Empty,
        reason = field::Empty,
        elapsed_us = field::Empty,
    );
    let deadline = match context.face {
        Face::Grpc => grpc_timeout(&head.headers).map(|given| Instant::now() + given),
        Face::Rest => None,
    };
    if let Some(deadline) = deadline {
        head.extensions.insert(Deadline(deadline));
    }
    if (context.face, head.version) != (Face::Grpc, Version::HTTP_2) {
        // HTTP/2 knows no such headers and its library takes none, but REST goes on over HTTP/1.1.
        strip_hop_by_hop(&mut head.headers);
    }
    let body = Bounded::new(body, context.body_idle_timeout);
    let (body, loan) = match (context.face, head.version) {
        (Face::Rest, Version::HTTP_10 | Version::HTTP_11) => {
            let (lent, loan) = lend(body);
            (lent.boxed_unsync(), Some(loan))
        }
        _ => (body.boxed_unsync(), None),
    };
    let request = Request::from_parts(head, body);
    let watch = Watch::new(context.face, call);
    answer(context, request, deadline, (id, loan), watch)
        .instrument(span)
        .await
}

async fn answer<B>(
    context: &Context,
    request: Request<Body>,
    deadline: Option<Instant>,
    (id, loan): (HeaderValue, Option<Loan<Bounded<B>>>),
    mut watch: Watch,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let call = context.service.handle(context.face, request);
    let done = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, call).await.ok(),
        None => Some(call.await),
    };
    let is_refused = !matches!(done, Some(Ok(_)));
    let mut response = match done {
        Some(Ok(response)) => {
            watch.end(Outcome::Answered, response.status().as_u16(), None);
            forwarded(context.face, response, deadline)
        }
        Some(Err(refusal)) => {
            let Answer { response, status } = respond::refusal(context.face, &refusal);
            let outcome = outcome(&refusal);
            if outcome == Outcome::Unavailable {
                let request_id = id.to_str().unwrap_or_default();
                tracing::warn!(request_id, call = watch.call, reason = refusal.reason, why = %refusal.message, "unavailable");
            } else {
                tracing::debug!(reason = refusal.reason, why = %refusal.message, "refused");
            }
            watch.end(outcome, status, Some(refusal.reason));
            response
        }
        None => {
            let (reason, Answer { response, status }) = respond::late();
            watch.end(Outcome::Late, status, Some(reason));
            response
        }
    };
    response.headers_mut().insert(REQUEST_ID, id);
    if is_refused
        && let Some(loan) = loan
        && !loan.read().await
    {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn forwarded(face: Face, response: Response<Body>, deadline: Option<Instant>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = match face {
        Face::Grpc => Ended::new(body, deadline).boxed_unsync(),
        // A broken HTTP/1.1 body breaks the connection, which no client takes for an end.
        Face::Rest => {
            strip_hop_by_hop(&mut head.headers);
            body
        }
    };
    Response::from_parts(head, body)
}

/// The call's name out of a closed list, whatever the path says.
fn label(face: Face, head: &http::request::Parts) -> &'static str {
    match face {
        Face::Grpc => routes::grpc(head.uri.path()).name,
        Face::Rest => match routes::rest(&head.method, head.uri.path()) {
            Ok(head) => head.row.name,
            Err(_) => "bad path",
        },
    }
}

fn outcome(refusal: &Refusal) -> Outcome {
    match refusal.kind {
        RefusalKind::Unavailable => Outcome::Unavailable,
        RefusalKind::Invalid
        | RefusalKind::NotFound
        | RefusalKind::NotReady
        | RefusalKind::Forbidden
        | RefusalKind::TooLarge
        | RefusalKind::Busy
        | RefusalKind::Unknown => Outcome::Refused,
    }
}

/// Counts a request once, also where the client goes away and the future is dropped.
struct Watch {
    face: Face,
    call: &'static str,
    started: Instant,
    is_ended: bool,
}

impl Watch {
    fn new(face: Face, call: &'static str) -> Self {
        Self {
            face,
            call,
            started: Instant::now(),
            is_ended: false,
        }
    }

    fn end(&mut self, outcome: Outcome, status: u16, reason: Option<&'static str>) {
        self.is_ended = true;
        let elapsed = self.started.elapsed();
        telemetry::request(self.face.as_str(), self.call, outcome, elapsed);
        if let Some(reason) = reason {
            telemetry::refusal(self.face.as_str(), reason);
        }
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        span.record("status", status);
        span.record("reason", reason);
        span.record(
            "elapsed_us",
            u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        );
        tracing::debug!(outcome = outcome.as_str(), "answered");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_ended {
            let elapsed = self.started.elapsed();
            telemetry::request(self.face.as_str(), self.call, Outcome::Cancelled, elapsed);
        }
    }
}
