//! One visitor for both encodings: a scanned body, whichever API it came by.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::domain::ids::PointId;
use crate::domain::op::{Op, Site, Verb};
use crate::domain::plan::{Edit, Embedding, Plan, Unwrite};
use crate::domain::refusal::Refusal;

use super::{InfoView, KeyPage, Lens, Outgoing, Scan, StoredTexts, json, pb};

/// The encoding of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// gRPC's messages.
    Protobuf,
    /// REST's bodies.
    Json,
}

/// A scanned body.
#[derive(Debug)]
pub enum Scanned<'a> {
    /// Of gRPC.
    Protobuf(Scan<'a, pb::Places>),
    /// Of REST.
    Json(Scan<'a, json::Places>),
}

impl<'a> Scanned<'a> {
    /// Scans a body. `collection` comes from the path; gRPC's stands in the message and must not be given.
    ///
    /// # Errors
    /// A body that is malformed, over a bound, or not understood whole.
    pub fn scan(
        encoding: Encoding,
        verb: Verb,
        collection: &'a str,
        body: &'a [u8],
        lens: &Lens<'_>,
    ) -> Result<Self, Refusal> {
        match encoding {
            Encoding::Protobuf => pb::scan(verb, body, lens).map(Self::Protobuf),
            Encoding::Json => json::scan(verb, collection, body, lens).map(Self::Json),
        }
    }

    /// What the body says.
    pub fn op(&self) -> &Op<'a> {
        match self {
            Self::Protobuf(scan) => &scan.op,
            Self::Json(scan) => &scan.op,
        }
    }

    /// Applies a plan to the body that was scanned.
    ///
    /// # Errors
    /// A body that cannot be made, e.g. over a length that the encoding can say.
    pub fn rewrite(
        &self,
        body: &Bytes,
        plan: &Plan,
        embeddings: &[Embedding],
        reserved_key: &str,
    ) -> Result<Outgoing, Refusal> {
        match self {
            Self::Protobuf(scan) => pb::rewrite(scan, body, plan, embeddings, reserved_key),
            Self::Json(scan) => json::rewrite(scan, body, plan, embeddings, reserved_key),
        }
    }

    /// A scroll over the points of a write's selector, its filter edited as the write will be, payloads without the
    /// reserved key.
    ///
    /// # Errors
    /// A write without a selector.
    pub fn scroll_of(
        &self,
        body: &Bytes,
        edits: &[(Site, Edit)],
        write: usize,
        offset: Option<PointId>,
        limit: u32,
        reserved_key: &str,
    ) -> Result<Bytes, Refusal> {
        match self {
            Self::Protobuf(scan) => pb::scroll_of(scan, body, edits, write, offset, limit, reserved_key),
            Self::Json(scan) => json::scroll_of(scan, body, edits, write, offset, limit, reserved_key),
        }
    }
}

impl Encoding {
    /// Whether a read looks up in a second collection, or might. What says no is sure of it.
    pub fn may_look_up(self, verb: Verb, message: &[u8]) -> bool {
        match self {
            Self::Protobuf => pb::may_look_up(verb, message),
            // Its keys are not known before it is read whole.
            Self::Json => true,
        }
    }

    /// What such a scroll answered.
    ///
    /// # Errors
    /// An answer that is not a scroll's.
    pub fn key_page(self, answer: &Bytes) -> Result<KeyPage, Refusal> {
        match self {
            Self::Protobuf => pb::key_page(answer),
            Self::Json => json::key_page(answer),
        }
    }

    /// A retrieval of points with these top-level payload keys alone.
    pub fn get_texts(self, collection: &str, ids: &[PointId], keys: &BTreeSet<&str>) -> Bytes {
        match self {
            Self::Protobuf => pb::get_texts(collection, ids, keys),
            Self::Json => json::get_texts(ids, keys),
        }
    }

    /// The strings that such a retrieval answered.
    ///
    /// # Errors
    /// An answer that is not a retrieval's.
    pub fn texts(self, answer: &Bytes) -> Result<StoredTexts, Refusal> {
        match self {
            Self::Protobuf => pb::texts(answer),
            Self::Json => json::texts(answer),
        }
    }

    /// Takes out of an answer what clients must not see.
    ///
    /// # Errors
    /// An answer that is not understood: it is then not passed on.
    pub fn unwrite(self, verb: Verb, answer: &Bytes, unwrite: &Unwrite) -> Result<Vec<Bytes>, Refusal> {
        match self {
            Self::Protobuf => pb::unwrite(verb, answer, unwrite),
            Self::Json => json::unwrite(verb, answer, unwrite),
        }
    }

    /// From the answer of a batch of ours to the answer of the client's verb.
    ///
    /// # Errors
    /// An answer that is not a batch's.
    pub fn unbatch(self, verb: Verb, answer: &Bytes, owners: &[usize]) -> Result<Bytes, Refusal> {
        match self {
            Self::Protobuf => pb::unbatch(verb, answer, owners),
            Self::Json => json::unbatch(verb, answer, owners),
        }
    }

    /// Collection info as the client would see it without Interlock.
    ///
    /// # Errors
    /// An answer that is not collection info.
    pub fn info(self, answer: &Bytes, view: &InfoView) -> Result<Bytes, Refusal> {
        match self {
            Self::Protobuf => pb::info(answer, view),
            Self::Json => json::info(answer, view),
        }
    }
}
