//! What the operator's verbs take and give: the JSON API's documents, and what the gRPC face is converted to and from.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CollectionName, Epoch, VectorName};
use crate::domain::model::{Fingerprint, Model, ModelId, ModelRef};
use crate::domain::source::SourceTemplate;
use crate::domain::table::{OnEmbedFailure, Space, StandbyState, Undeclared};

/// How a model's vectors are computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EmbedderSpec {
    /// An HTTP endpoint of the OpenAI shape.
    Openai {
        /// Its base; `/embeddings` is asked below it.
        url: String,
        /// The name that the endpoint knows the model by.
        api_model: String,
        /// The environment variable of the server that holds the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api_key_env: Option<String>,
        /// Most texts in one call; absent for the default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_max: Option<u32>,
    },
    /// Words hashed into components.
    HashedWords {},
    /// Character n-grams hashed into components, weighted by inverse document frequency.
    CharNgrams {},
    /// Interlock cannot compute them: clients send them.
    None {},
}

/// A model to register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddModel {
    /// The model.
    pub model: Model,
    /// How its vectors are computed.
    pub embedder: EmbedderSpec,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The model.
    pub model: Model,
    /// How its vectors are computed.
    pub embedder: EmbedderSpec,
    /// The hash of everything that defines it.
    pub fingerprint: Fingerprint,
}

/// One vector of a collection to adopt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptField {
    /// The vector's name.
    #[serde(default = "unnamed")]
    pub vector: VectorName,
    /// The model that made what is there.
    pub model: ModelRef,
    /// The text that the vectors are made from.
    #[serde(default)]
    pub source: Option<SourceTemplate>,
    /// Absent: pinned to `model`.
    #[serde(default)]
    pub undeclared: Option<UndeclaredChoice>,
    /// The policy for a failing embedder of the standby.
    #[serde(default)]
    pub on_embed_failure: OnEmbedFailure,
}

/// An [`Undeclared`] as an operator writes it: the model may lack its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndeclaredChoice {
    /// Raw vectors are this model's.
    Pinned(ModelRef),
    /// Refused.
    Reject,
}

fn unnamed() -> VectorName {
    "".into()
}

/// A collection to put under management, each of its vectors a field or opaque.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// The collection.
    pub collection: CollectionName,
    /// Its vectors that have a model.
    pub fields: Vec<AdoptField>,
    /// Its vectors that pass untagged and unchecked.
    pub opaque: Vec<VectorName>,
}

/// A vector of a managed collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldRef {
    /// The collection.
    pub collection: CollectionName,
    /// The vector, by the name that clients use.
    #[serde(default = "unnamed")]
    pub vector: VectorName,
}

impl std::fmt::Display for FieldRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.vector.is_unnamed() {
            true => write!(f, "{}", self.collection),
            false => write!(f, "{}/{}", self.collection, self.vector),
        }
    }
}

/// A migration to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartMigration {
    /// The field.
    #[serde(flatten)]
    pub field: FieldRef,
    /// The target model.
    pub to: ModelRef,
}

/// A field with the spaces behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldInfo {
    /// The name that clients use.
    pub vector: VectorName,
    /// The space that answers by default.
    pub serving: Space,
    /// The space that is being filled or kept.
    pub standby: Option<StandbyInfo>,
    /// The policy for requests that declare no model.
    pub undeclared: Undeclared,
    /// The text that the vectors are made from.
    pub source: Option<SourceTemplate>,
    /// The policy for a failing embedder of the standby.
    pub on_embed_failure: OnEmbedFailure,
}

/// A standby space and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandbyInfo {
    /// The space.
    #[serde(flatten)]
    pub space: Space,
    /// Whether it may be read.
    pub state: StandbyState,
}

/// A managed collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionInfo {
    /// Its real name.
    pub collection: CollectionName,
    /// Its fields.
    pub fields: Vec<FieldInfo>,
    /// Its vectors that pass untagged and unchecked.
    pub opaque: Vec<VectorName>,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Stored, nothing done.
    Planned,
    /// Writes go to both spaces.
    DualWriting,
    /// What was there is copied.
    Backfilling,
    /// The gate's facts are gathered.
    Validating,
    /// A cutover can be made.
    Ready,
    /// The new space serves, the old one is kept fresh.
    ServingNew,
    /// The old space is taken down.
    Retiring,
    /// Over.
    Done,
    /// Stopped until an operator resumes it.
    Paused,
    /// Given up before the flip.
    Cancelled,
    /// Flipped back.
    RolledBack,
}

/// A migration, as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationInfo {
    /// The field.
    #[serde(flatten)]
    pub field: FieldRef,
    /// The model that serves, or served.
    pub from: ModelId,
    /// The target.
    pub to: ModelId,
    /// Where it stands.
    pub phase: Phase,
    /// Points of the collection.
    pub points_total: u64,
    /// Points that the standby space holds fresh.
    pub points_fresh: u64,
    /// Absent while nothing is backfilled.
    pub points_per_second: Option<f64>,
    /// Absent while it cannot be told.
    pub seconds_left: Option<f64>,
    /// Why a cutover would be refused now; empty: it would be made.
    pub gate_reasons: Vec<String>,
    /// The last error that the backfill retries, or that paused it.
    pub last_error: Option<String>,
}

/// A flip that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlipInfo {
    /// The field.
    #[serde(flatten)]
    pub field: FieldRef,
    /// The model that serves now.
    pub serving: ModelId,
    /// The table's version since the flip.
    pub epoch: Epoch,
}

/// Everything that Interlock manages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// Interlock's own version.
    pub version: String,
    /// The table's version.
    pub epoch: Epoch,
    /// The managed collections.
    pub collections: Vec<CollectionInfo>,
    /// The migrations that are known.
    pub migrations: Vec<MigrationInfo>,
}
