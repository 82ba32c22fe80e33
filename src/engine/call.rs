//! A request to a managed collection: its parts, and what its head claims.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use crate::domain::access::Access;
use crate::domain::ids::CollectionName;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;
use crate::domain::route::Claims;
use crate::upstream::{Body, Face};
use crate::wire::Lens;
use crate::wire::frame::unframe;
use crate::wire::inflate::{Compression, inflate};
use crate::wire::scanned::Encoding;

use super::aliases::Names;
use super::change::ChangeCall;
use super::pass::Unmanaged;
use super::turns::Turn;
use super::{Settings, body};

/// Header or metadata: the models of the request's vectors, comma-separated.
pub(super) const MODEL_HEADER: HeaderName = HeaderName::from_static("embedding-model");
/// Header or metadata: `include` shows tags.
pub(super) const PROVENANCE_HEADER: HeaderName = HeaderName::from_static("embedding-provenance");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
pub(super) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Where a request leads.
pub(super) enum Reach {
    /// To no managed collection.
    Unmanaged(Unmanaged),
    /// To the points of these managed collections, past all tags: they are quarantined first.
    Restore(Vec<CollectionName>, Unmanaged),
    /// To what names mean: decided on its own.
    Change(ChangeCall),
    /// To a managed one, its body unread.
    Managed(Call, Pending),
}

/// A request to a managed collection.
pub(super) struct Call {
    pub face: Face,
    pub verb: Verb,
    /// The collection as the client spells it. Goes upstream like this: credentials may be scoped to the spelling.
    pub spelled: String,
    /// Its real name.
    pub collection: CollectionName,
    /// The request's head, REST's path in its canonical form.
    pub head: Parts,
    /// The reading of the names that it is decided on.
    pub names: Arc<Names>,
    /// The names that must not change their meaning while it is under way.
    pub turns: Vec<Turn>,
}

/// A body of which a part has been read.
pub(super) struct Pending {
    pub read: VecDeque<Bytes>,
    pub rest: Body,
}

/// The API key of a request, found where Qdrant finds it.
pub(super) fn api_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    text(API_KEY).or_else(|| text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")))
}

/// A whole body's content: the gRPC message, or the JSON text.
pub(super) fn content(
    face: Face,
    headers: &HeaderMap,
    data: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    match face {
        Face::Grpc => unframe(data, Compression::of_grpc(headers.get(GRPC_ENCODING))?, bytes_max),
        Face::Rest => inflate(
            data,
            Compression::of_rest(headers.get(header::CONTENT_ENCODING))?,
            bytes_max,
        ),
    }
}

impl Call {
    /// The request's content: the gRPC message, or the JSON text.
    pub async fn content(&self, pending: Pending, bytes_max: usize) -> Result<Bytes, Refusal> {
        let collected = body::collect(self.face, pending.read, pending.rest, bytes_max).await?;
        content(self.face, &self.head.headers, &collected.data, bytes_max)
    }

    /// How its bodies are encoded.
    pub fn encoding(&self) -> Encoding {
        match self.face {
            Face::Grpc => Encoding::Protobuf,
            Face::Rest => Encoding::Json,
        }
    }

    /// What the client says of its model in the head, or by its key.
    pub fn claims(&self, access: &Access) -> Result<Claims, Refusal> {
        let mut header = Vec::new();
        for value in self.head.headers.get_all(MODEL_HEADER) {
            let text = value.to_str().map_err(|_| {
                Refusal::invalid("unknown_model", "the `embedding-model` header is not plain text")
            })?;
            for model in text.split(',').map(str::trim).filter(|model| !model.is_empty()) {
                header.push(
                    model
                        .parse()
                        .map_err(|bad| Refusal::invalid("unknown_model", format!("{bad}")))?,
                );
            }
        }
        let shows_tags = self
            .head
            .headers
            .get(PROVENANCE_HEADER)
            .is_some_and(|value| value == "include");
        let client = access.client(api_key(&self.head.headers));
        Ok(Claims {
            header,
            key: client
                .map(|client| Arc::clone(&client.models))
                .unwrap_or_default(),
            shows_tags,
        })
    }

    /// What its scan must look for.
    pub fn lens<'a>(&self, settings: &'a Settings, source_keys: &'a [&'a str]) -> Lens<'a> {
        Lens {
            reserved_key: &settings.reserved_key,
            source_keys,
            limits: settings.limits,
        }
    }

    /// The pinned table has no such collection: it was decided on another one.
    pub fn vanished(&self) -> Refusal {
        Refusal::invalid("not_managed", format!("`{}` is not managed", self.spelled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_qdrant_finds_it() {
        type Fields<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Fields<'_>, Option<&str>); 8] = [
            (&[], None),
            (&[("api-key", b"k")], Some("k")),
            (&[("authorization", b"Bearer k")], Some("k")),
            (&[("authorization", b"bearer k")], None),
            (&[("authorization", b"Basic k")], None),
            (
                &[("api-key", b"k"), ("authorization", b"Bearer other")],
                Some("k"),
            ),
            (&[("api-key", b"k"), ("api-key", b"other")], Some("k")),
            (&[("api-key", b"\xff"), ("authorization", b"Bearer k")], Some("k")),
        ];
        for (fields, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                let value = HeaderValue::from_bytes(value).expect("a value");
                headers.append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
            }
            assert_eq!(api_key(&headers), expected, "{fields:?}");
        }
    }
}
