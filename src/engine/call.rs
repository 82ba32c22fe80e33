//! A request to a managed collection: its parts, and what its head claims.

use std::collections::VecDeque;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::domain::ids::CollectionName;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;
use crate::domain::route::Claims;
use crate::upstream::{Body, Face};
use crate::wire::Lens;
use crate::wire::frame::{Compression, inflate, unframe};
use crate::wire::scanned::Encoding;

use super::pass::Unmanaged;
use super::{Settings, body};

/// Header or metadata: the models of the request's vectors, comma-separated.
pub(super) const MODEL_HEADER: &str = "embedding-model";
/// Header or metadata: `include` shows tags.
pub(super) const PROVENANCE_HEADER: &str = "embedding-provenance";
pub(super) const GRPC_ENCODING: &str = "grpc-encoding";

/// Where a request leads.
pub(super) enum Reach {
    /// To no managed collection.
    Unmanaged(Unmanaged),
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
}

/// A body of which a part has been read.
pub(super) struct Pending {
    pub read: VecDeque<Bytes>,
    pub rest: Body,
}

/// A whole body's content: the gRPC message, or the JSON text.
pub(super) fn content(
    face: Face,
    headers: &HeaderMap,
    data: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    match face {
        Face::Grpc => unframe(
            data,
            Compression::from_header(headers.get(GRPC_ENCODING))?,
            bytes_max,
        ),
        Face::Rest => inflate(
            data,
            Compression::from_header(headers.get(header::CONTENT_ENCODING))?,
            bytes_max,
        ),
    }
}

impl Call {
    /// The request's content: the gRPC message, or the JSON text.
    pub async fn content(&self, pending: Pending, bytes_max: usize) -> Result<Bytes, Refusal> {
        let collected = body::collect(pending.read, pending.rest, bytes_max).await?;
        content(self.face, &self.head.headers, &collected.data, bytes_max)
    }

    /// How its bodies are encoded.
    pub fn encoding(&self) -> Encoding {
        match self.face {
            Face::Grpc => Encoding::Protobuf,
            Face::Rest => Encoding::Json,
        }
    }

    /// What the client says of its model in the head.
    pub fn claims(&self) -> Result<Claims, Refusal> {
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
        Ok(Claims {
            header,
            key: None,
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
        Refusal::invalid("not_managed", format!("`{}` is not managed", self.collection))
    }
}
