//! Bytes to values and back, for both of Qdrant's APIs. Scans a body into an [`Op`] without decoding a vector, applies
//! a plan's edits as splices, and takes out of answers what clients must not see. Called by `engine`; knows no table,
//! no policy and no connection.
//!
//! `pb` and `json` have the same shape: `scan`, `rewrite`, `unwrite`, `unbatch`, and `info` for collection info.

pub mod aliases;
pub mod collections;
pub mod frame;
pub mod inflate;
pub mod json;
pub mod pb;
pub mod routes;
pub mod scanned;
pub mod unary;

use bytes::Bytes;

use crate::domain::ids::{PointId, VectorName};
use crate::domain::op::{Op, Verb};

/// What a scan is told besides the body.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    /// The payload key that no client may write.
    pub reserved_key: &'a str,
    /// The top-level payload keys whose strings are wanted in [`crate::domain::op::Point::texts`].
    pub source_keys: &'a [&'a str],
    /// Bounds that Qdrant lacks.
    pub limits: Limits,
}

/// Bounds of one body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of prefetch.
    pub prefetch_depth_max: usize,
    /// Levels of protobuf messages.
    pub message_depth_max: usize,
    /// Levels of JSON arrays and objects.
    pub json_depth_max: usize,
    /// Reads or writes in one batch.
    pub batch_items_max: usize,
    /// Points in one write.
    pub points_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            prefetch_depth_max: 32,
            message_depth_max: 100,
            json_depth_max: 128,
            batch_items_max: 1_000,
            points_max: 100_000,
        }
    }
}

/// A scanned body: the operation, and where each of its sites stands.
#[derive(Debug)]
pub struct Scan<'a, Places> {
    /// What it says.
    pub op: Op<'a>,
    /// What [`crate::domain::op::Site`] means in this body.
    pub places: Places,
}

/// A body on its way out: slices of what came in, with new bytes between them.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// The verb that it is a body of: the client's, or `UpdateBatch` where the plan has more than one step.
    pub verb: Option<Verb>,
    /// The body, in order. Without gRPC's length prefix.
    pub parts: Vec<Bytes>,
}

/// How collection info is shown: as the client would see it without Interlock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InfoView {
    /// Vectors that are shown: real name, then the client's. Others are left out. If only the unnamed one is left, the
    /// single-vector shape is restored.
    pub vectors: Vec<(VectorName, VectorName)>,
    /// The key of ours in the collection's metadata, left out with those beside it.
    pub metadata_key: String,
    /// The payload key of ours: indexes on it are left out of the payload schema.
    pub payload_key: String,
}

/// A page of what payloads hold, read to replace or clear them without touching tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// The points of the page.
    pub ids: Vec<PointId>,
    /// Top-level payload keys, each once, without the reserved one.
    pub keys: std::collections::BTreeSet<String>,
    /// Where the next page starts.
    pub next: Option<PointId>,
}

/// Strings that points hold under the payload keys that were asked for: key and string.
pub type StoredTexts = std::collections::HashMap<PointId, Vec<(String, String)>>;
