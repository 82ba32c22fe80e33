//! What a release takes and gives.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CollectionName, Epoch, VectorName};
use crate::domain::model::ModelId;

/// A collection to release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The collection, by its name or an alias.
    pub collection: CollectionName,
    /// Take the tags out of its points' payloads.
    #[serde(default)]
    pub strip_tags: bool,
}

/// What came of a release, so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The collection's real name: what apps use from now on.
    pub collection: CollectionName,
    /// Whether the collection that was adopted is there. Another one of its name is not touched.
    pub is_there: bool,
    /// Whether it had left the table before this command came, which went on with what was left undone.
    pub was_released: bool,
    /// What apps use in the place of its fields; empty where `was_released`.
    pub vectors: Vec<ReleasedVector>,
    /// Its vectors that were not managed.
    pub opaque: Vec<VectorName>,
    /// Tags that this command took out.
    pub tags_taken: u64,
    /// Points that still have a tag; absent where they stay. While there are any, the command is to be given again.
    pub tags_left: Option<u64>,
    /// Whether nothing of Interlock's is left to do.
    pub is_done: bool,
    /// The table's version.
    pub epoch: Epoch,
}

/// A field without Interlock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedVector {
    /// The vector name that clients said.
    pub said: VectorName,
    /// The one that they say from now on.
    pub vector: VectorName,
    /// The model of its vectors.
    pub model: ModelId,
}
