//! The routing table: every managed collection with its fields and their spaces. Immutable; published whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{CollectionName, Epoch, VectorName};
use super::model::{Model, ModelId};
use super::quarantine::Standing;
use super::source::SourceTemplate;

/// What Qdrant holds for a field: a vector name filled by exactly one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// The real vector name.
    pub vector: VectorName,
    /// The one model of all its vectors.
    pub model: ModelId,
}

/// What may be done with a standby space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyState {
    /// Being filled: written, not readable.
    Filling,
    /// Complete and kept fresh: its model's clients may read it, and a flip to it is one step.
    Kept,
    /// Complete and kept fresh, but about to be dropped: reads of it are refused.
    Closed,
}

/// The space that does not answer by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// The space.
    pub space: Space,
    /// Whether it may be read.
    pub state: StandbyState,
    /// The migration's policy for a failing embedder of this space; absent: the field's decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<StandbyPolicy>,
}

/// What a write does when a space that was kept for the way back cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyPolicy {
    /// It is made without that space's vector; the point is pending there. Trouble of the standby is not the client's.
    #[default]
    Isolate,
    /// It is refused, nothing is written: the way back is never behind.
    Strict,
}

impl StandbyPolicy {
    /// Stable, snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Strict => "strict",
        }
    }
}

/// What a request means that says nothing of its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undeclared {
    /// Its raw vectors are this model's, also after a cutover.
    Pinned(ModelId),
    /// It is refused.
    Reject,
}

/// What a write does when the other space's vector cannot be computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnEmbedFailure {
    /// The write is refused, nothing is written.
    Fail,
    /// The write is made without the standby's vector; the point is pending there.
    #[default]
    Defer,
}

/// A vector as clients see it, with the spaces behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name that clients use.
    pub name: VectorName,
    /// The space that answers by default.
    pub serving: Space,
    /// The space that is being filled or kept.
    pub standby: Option<Standby>,
    /// The policy for requests that declare no model.
    pub undeclared: Undeclared,
    /// The text that the vectors are made from, where the payload holds it.
    pub source: Option<SourceTemplate>,
    /// The policy for a failing embedder of a standby that is being filled.
    pub on_embed_failure: OnEmbedFailure,
}

impl Field {
    /// Serving first, then standby.
    pub fn spaces(&self) -> impl Iterator<Item = &Space> {
        std::iter::once(&self.serving).chain(self.standby.as_ref().map(|standby| &standby.space))
    }

    /// The space that holds `model`'s vectors.
    pub fn space_of(&self, model: &ModelId) -> Option<&Space> {
        self.spaces().find(|space| space.model == *model)
    }

    /// What a write does when the standby's vector cannot be computed: while a space is being filled, what the field says;
    /// after a flip, what the migration says.
    pub fn on_standby_failure(&self) -> OnEmbedFailure {
        match self.standby.as_ref().and_then(|standby| standby.policy) {
            None => self.on_embed_failure,
            Some(StandbyPolicy::Isolate) => OnEmbedFailure::Defer,
            Some(StandbyPolicy::Strict) => OnEmbedFailure::Fail,
        }
    }

    /// What stands against reading the space; `None` where clients may read it.
    pub fn unreadable(&self, space: &Space) -> Option<Unreadable> {
        let standby = self.standby.as_ref().filter(|standby| standby.space == *space)?;
        match standby.state {
            StandbyState::Filling => Some(Unreadable::Filling),
            StandbyState::Kept => None,
            StandbyState::Closed => Some(Unreadable::Closed),
        }
    }
}

/// Why clients may not read a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not complete yet.
    Filling,
    /// It is about to be dropped.
    Closed,
}

/// A collection in the table: each of its vectors is a field or opaque.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// Its fields, by the name that clients use.
    pub fields: BTreeMap<VectorName, Field>,
    /// Vectors that pass untagged and unchecked.
    #[serde(default)]
    pub opaque: Vec<VectorName>,
    /// What it was marked with at its adoption: a collection of the same name without this mark is another one. Absent
    /// where it was adopted before there were marks.
    #[serde(default)]
    pub mark: Option<Uuid>,
    /// Whether its data calls are answered.
    #[serde(default)]
    pub standing: Standing,
}

impl Managed {
    /// The payload keys that the fields' source templates read.
    pub fn source_keys(&self) -> impl Iterator<Item = &str> {
        self.fields
            .values()
            .filter_map(|field| field.source.as_ref())
            .flat_map(SourceTemplate::keys)
    }
}

/// The routing table. A request pins one and uses no other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its version.
    pub epoch: Epoch,
    /// Every registered model.
    pub models: BTreeMap<ModelId, Model>,
    /// Every managed collection, by real name.
    pub collections: BTreeMap<CollectionName, Managed>,
}

impl Table {
    /// The managed collection of this real name.
    pub fn managed(&self, collection: &str) -> Option<&Managed> {
        self.collections.get(collection)
    }

    /// How many managed collections are quarantined.
    pub fn quarantined(&self) -> usize {
        let held = |managed: &&Managed| !managed.standing.is_open();
        self.collections.values().filter(held).count()
    }

    /// A registered model.
    pub fn model(&self, id: &ModelId) -> Option<&Model> {
        self.models.get(id)
    }
}
