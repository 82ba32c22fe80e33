//! One request of a managed collection on its way to the upstream, in the client's own encoding and with the client's
//! own credentials.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::domain::op::Verb;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::registry::Pinned;
use crate::upstream::{Body, Face};
use crate::wire::{Outgoing, frame, routes};

use super::call::{Call, GRPC_ENCODING, MODEL_HEADER, PROVENANCE_HEADER, content};
use super::{Engine, body};

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_NOT_FOUND: &str = "5";
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(super) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

impl Engine {
    /// Sends a rewritten body. With `must_read`, the answer is asked for uncompressed. The table stays pinned while the
    /// request can still run upstream, also after its client went away: a flip must not overtake a write.
    pub(super) async fn send(
        &self,
        call: &Call,
        table: &Pinned,
        outgoing: Outgoing,
        must_read: bool,
    ) -> Result<Response<Body>, Refusal> {
        let mut request = request(call, outgoing, must_read)?;
        request.extensions_mut().insert(table.hold());
        let sent = self.upstream.call(call.face, request).await;
        let answer = sent.map_err(|error| self.lost(error))?;
        let code = answer.headers().get(GRPC_STATUS);
        if answer.status() == StatusCode::NOT_FOUND || code.is_some_and(|code| code == GRPC_NOT_FOUND) {
            self.aliases.suspect();
        }
        Ok(answer)
    }

    /// Sends a request of ours for the client, with its credentials, and reads the answer whole.
    pub(super) async fn ask(&self, call: &Call, outgoing: Outgoing) -> Result<Bytes, Halt> {
        let request = request(call, outgoing, true)?;
        let answer = self
            .upstream
            .call(call.face, request)
            .await
            .map_err(|error| self.lost(error))?;
        let bytes_max = self.settings.answer_bytes_max;
        let (mut head, rest) = answer.into_parts();
        let collected = body::collect(call.face, Default::default(), rest, bytes_max).await?;
        if error_text(call.face, &head, &collected).is_some() {
            return Err(Halt::Answered(Box::new((head, collected))));
        }
        Ok(answer_content(
            call.face,
            &mut head.headers,
            &collected.data,
            bytes_max,
        )?)
    }
}

/// Why a request goes no further.
pub(super) enum Halt {
    /// Interlock refuses it.
    Refused(Refusal),
    /// Qdrant refused what it needs: what Qdrant says is the client's answer, as it would be without Interlock.
    Answered(Box<(http::response::Parts, body::Collected)>),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An answer's message. It was asked for plain; what stands before Qdrant may have packed it all the same, so it goes
/// on as what it is now.
pub(super) fn answer_content(
    face: Face,
    headers: &mut HeaderMap,
    data: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    let message = content(face, headers, data, bytes_max).map_err(|refusal| match refusal.kind {
        RefusalKind::TooLarge => refusal,
        // The client's request was right: this is no error of its own.
        RefusalKind::Invalid
        | RefusalKind::NotFound
        | RefusalKind::NotReady
        | RefusalKind::Forbidden
        | RefusalKind::Busy
        | RefusalKind::Unavailable
        | RefusalKind::Unknown => {
            Refusal::unavailable("answer_unread", format!("Qdrant's answer: {}", refusal.message))
        }
    })?;
    headers.remove(CONTENT_ENCODING);
    headers.remove(GRPC_ENCODING);
    Ok(message)
}

/// What the upstream said, where its answer is an error.
pub(super) fn error_text(
    face: Face,
    head: &http::response::Parts,
    collected: &body::Collected,
) -> Option<String> {
    match face {
        Face::Rest => {
            (!head.status.is_success()).then(|| String::from_utf8_lossy(&collected.data).into_owned())
        }
        Face::Grpc => {
            let status = |headers: &HeaderMap| headers.get(GRPC_STATUS).cloned();
            let trailers = collected.trailers.as_ref();
            let found = trailers.and_then(status).or_else(|| status(&head.headers));
            let is_ok = found.is_some_and(|status| status == "0");
            let message = trailers
                .and_then(|t| t.get(GRPC_MESSAGE))
                .or_else(|| head.headers.get(GRPC_MESSAGE));
            (!is_ok).then(|| {
                let text = message.map(|message| percent_decode_str(message.to_str().unwrap_or_default()));
                text.map(|text| text.decode_utf8_lossy().into_owned())
                    .unwrap_or_default()
            })
        }
    }
}

fn request(call: &Call, outgoing: Outgoing, must_read: bool) -> Result<Request<Body>, Refusal> {
    let verb = outgoing.verb.unwrap_or(call.verb);
    let parts = match call.face {
        Face::Grpc => frame::frame(outgoing.parts)?,
        Face::Rest => outgoing.parts,
    };
    let mut request = Request::new(body::parts(parts, None));
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = call.head.uri.clone();
    *request.version_mut() = call.head.version;
    *request.extensions_mut() = call.head.extensions.clone();
    *request.headers_mut() = headers(call, must_read);
    if verb != call.verb {
        let (method, uri) = target(call, verb)?;
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        if call.face == Face::Rest {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    Ok(request)
}

/// The client's headers, without what was meant for Interlock and what its body's old form was.
fn headers(call: &Call, must_read: bool) -> HeaderMap {
    let mut headers = call.head.headers.clone();
    for name in [CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    for name in [MODEL_HEADER, PROVENANCE_HEADER, GRPC_ENCODING] {
        headers.remove(name);
    }
    if must_read {
        headers.remove(ACCEPT_ENCODING);
        headers.remove(GRPC_ACCEPT_ENCODING);
    } else {
        readable_only(&mut headers);
    }
    headers
}

/// Asks for no encoding that an error could not be read in: it may name vectors as the client does not know them.
fn readable_only(headers: &mut HeaderMap) {
    let Some(asked) = headers.get(ACCEPT_ENCODING) else {
        return;
    };
    let accepts_gzip = asked.to_str().is_ok_and(|asked| {
        asked
            .split(',')
            .any(|one| one.trim().eq_ignore_ascii_case("gzip"))
    });
    if accepts_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        headers.remove(ACCEPT_ENCODING);
    }
}

/// Where another verb of the same collection is called. A write's query (wait, ordering, timeout) stays; a look-up of
/// ours has none of it.
fn target(call: &Call, verb: Verb) -> Result<(Method, Uri), Refusal> {
    let malformed = || Refusal::invalid("malformed", "the collection's name cannot stand in a path");
    match call.face {
        Face::Grpc => {
            let path = routes::grpc_path(verb).ok_or_else(malformed)?;
            Ok((Method::POST, Uri::from_static(path)))
        }
        Face::Rest => {
            let (method, path) = routes::rest_path(verb, &call.spelled).ok_or_else(malformed)?;
            let query = call.head.uri.query().filter(|_| verb == Verb::UpdateBatch);
            let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
            Ok((method, Uri::try_from(target).map_err(|_| malformed())?))
        }
    }
}
