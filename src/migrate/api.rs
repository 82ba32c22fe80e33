//! What the operator's verbs take and give. These go out as JSON as they stand.

mod rehearsal;
mod release;
mod start;
mod when;

use serde::{Deserialize, Serialize};

use super::pace::ThrottleStatus;
use crate::domain::audit::Finding;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::gate::{Reason, Verdict};
use crate::domain::ids::{CollectionName, Epoch, FieldKey, VectorName};
use crate::domain::model::{Fingerprint, Model, ModelId, ModelRef};
use crate::domain::phase::{Appointment, PhaseName};
use crate::domain::quarantine::Quarantine;
use crate::domain::source::SourceTemplate;
use crate::domain::table::{OnEmbedFailure, StandbyPolicy, StandbyState, Undeclared};
use crate::domain::verify::Verification;

pub use rehearsal::{Rehearsal, Rehearse};
pub use release::{Release, Released, ReleasedVector};
pub use start::Start;
pub use when::When;

/// A registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The model.
    pub model: Model,
    /// The hash of everything that defines it.
    pub fingerprint: Fingerprint,
    /// How its vectors are computed.
    pub embedder: EmbedderSpec,
}

/// What came of registering a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelAdded {
    /// The model as it stands now.
    #[serde(flatten)]
    pub row: ModelRow,
    /// Whether it was registered before, with the same definition. Its embedder is then the one given now.
    pub was_known: bool,
    /// The table's version.
    pub epoch: Epoch,
}

/// A collection to put under management. Each of its vectors is named once, as a field or as opaque.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The collection, by its name or an alias.
    pub collection: CollectionName,
    /// Its vectors that have a model.
    pub vectors: Vec<AdoptVector>,
    /// Its vectors that pass untagged and unchecked.
    #[serde(default)]
    pub opaque: Vec<VectorName>,
}

/// One vector of a collection to adopt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptVector {
    /// The vector's name; absent: the collection's only one.
    #[serde(default)]
    pub name: Option<VectorName>,
    /// The model that made the vectors that are there.
    pub model: ModelRef,
    /// The text that the vectors are made from. Without it, clients bring the vectors of both models, and there is no
    /// backfill.
    #[serde(default)]
    pub source: Option<SourceTemplate>,
    /// What a request means that declares no model; absent: pinned to `model`.
    #[serde(default)]
    pub undeclared: Option<UndeclaredChoice>,
    /// What a write does when the other space's vector cannot be computed.
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

/// What came of an adoption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    /// The collection's real name.
    pub collection: CollectionName,
    /// The alias that it was called by, where it was one.
    pub alias: Option<String>,
    /// Its fields.
    pub fields: Vec<AdoptedField>,
    /// Its vectors that pass untagged and unchecked.
    pub opaque: Vec<VectorName>,
    /// Points that it holds now. They carry no tag yet and count as the adopted model's.
    pub points: u64,
    /// The table's version; from it on, every write is tagged.
    pub epoch: Epoch,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// A field as it was adopted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdoptedField {
    /// The field.
    pub key: FieldKey,
    /// Its model.
    pub model: ModelId,
    /// The policy for requests that declare no model.
    pub undeclared: Undeclared,
    /// The text that its vectors are made from.
    pub source: Option<SourceTemplate>,
    /// The policy for a failing embedder of the standby.
    pub on_embed_failure: OnEmbedFailure,
}

/// Points whose payload does not give the source text: they cannot be backfilled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsourced {
    /// How many, as of the last whole pass.
    pub count: u64,
    /// The ids of some of them, as Qdrant spells them.
    pub examples: Vec<String>,
    /// What the embedder said of the last text that it refuses: such points count here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A migration, as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationStatus {
    /// The field.
    pub key: FieldKey,
    /// The model that served when it started.
    pub from: ModelId,
    /// The target.
    pub to: ModelId,
    /// The space of `from`.
    pub from_space: VectorName,
    /// The space of `to`.
    pub to_space: VectorName,
    /// Where it stands.
    pub phase: PhaseName,
    /// What a write does after the cutover when the space that is kept for the way back cannot be written.
    #[serde(default)]
    pub standby: StandbyPolicy,
    /// The table's version.
    pub epoch: Epoch,
    /// When it was started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Points of the collection that have the field, as of the last count.
    pub total: u64,
    /// Those of them that the standby space holds fresh.
    pub done: u64,
    /// Those of them that it does not.
    pub pending: u64,
    /// Absent while nothing is backfilled.
    pub points_per_second: Option<f64>,
    /// Absent while it cannot be told.
    pub seconds_left: Option<f64>,
    /// Points that cannot be backfilled.
    pub unsourced: Unsourced,
    /// Why the gate would say no now; empty: it would say go. As of the last count.
    pub reasons: Vec<Reason>,
    /// Everything for and against a flip, as of the last count; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Verdict>,
    /// A cutover to come, or one that was not made at its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// The last error that is being retried; gone when the retry succeeds.
    pub last_error: Option<String>,
    /// Who still reads the space that is being retired, and when it goes; absent in other phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brownout: Option<BrownoutStatus>,
    /// The last comparison of both spaces, or the one that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// How fast the backfill may go, and what it has spent; absent before its first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleStatus>,
}

/// A brownout, as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrownoutStatus {
    /// The earliest moment at which the space is dropped, in milliseconds since 1970.
    pub until_ms: u64,
    /// Whose reads were refused, the latest first. While there are any within the brownout, the space stays.
    pub callers: Vec<String>,
}

/// What an operator may tell a migration that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Let the backfill rest. Writes go to both spaces all the same.
    Pause,
    /// Let it go on.
    Resume,
    /// Drop the new space; the old one serves as before.
    Cancel,
    /// End the brownout of the old space: it stays.
    Keep,
}

/// How the space that served before shall go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Refused unless nobody read the space for so long, in seconds.
    #[serde(default = "Retire::default_quiet_seconds")]
    pub quiet_seconds: u64,
    /// How long reads of it are refused before it is dropped, in seconds.
    #[serde(default = "Retire::default_brownout_seconds")]
    pub brownout_seconds: u64,
    /// What requests that declare no model mean afterwards; absent: as before.
    #[serde(default)]
    pub undeclared: Option<UndeclaredChoice>,
    /// Why it shall go although somebody may read it; goes into the audit log.
    #[serde(default)]
    pub force: Option<String>,
}

impl Retire {
    /// A day.
    pub fn default_quiet_seconds() -> u64 {
        86_400
    }

    /// Ten minutes.
    pub fn default_brownout_seconds() -> u64 {
        600
    }
}

/// A flip that was made, or had been made before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverReport {
    /// The field.
    pub key: FieldKey,
    /// The model that serves now.
    pub serving: ModelId,
    /// The model of the space that is kept fresh for the way back.
    pub kept: ModelId,
    /// The table's version since the flip.
    pub epoch: Epoch,
    /// Whether the model served before the command came: nothing was changed then.
    pub was_serving: bool,
    /// How long the answers begun under the earlier table took to be delivered, in milliseconds.
    pub drained_ms: u64,
    /// Points that became pending in the serving space between the gate's count and the flip; they are being filled.
    /// Absent where the upstream did not answer.
    pub pending_after: Option<u64>,
}

/// A collection to audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The collection, by its name or an alias.
    pub collection: CollectionName,
    /// Take out the vectors that no tag proves, and say so in the tags: they are pending then.
    #[serde(default)]
    pub drop_unproven: bool,
    /// The operator vouches that the adopted model made what has no tag, as at an adoption.
    #[serde(default)]
    pub trust_untagged: bool,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// The collection's real name.
    pub collection: CollectionName,
    /// Points that were looked at.
    pub points: u64,
    /// What stands against them; empty: nothing.
    pub findings: Vec<Found>,
    /// Points whose unproven vectors were taken out.
    pub mended: u64,
    /// Whether a quarantine was lifted.
    pub lifted: bool,
    /// The quarantine that stands.
    pub quarantine: Option<Quarantine>,
    /// The table's version.
    pub epoch: Epoch,
}

/// A kind of finding, counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What was found.
    pub finding: Finding,
    /// How often.
    pub points: u64,
    /// The ids of some of the points, as Qdrant spells them.
    pub examples: Vec<String>,
}

/// Everything that is managed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The table's version.
    pub epoch: Epoch,
    /// The managed collections.
    pub collections: Vec<CollectionStatus>,
}

/// A managed collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionStatus {
    /// Its real name.
    pub collection: CollectionName,
    /// Its points, counted exactly; absent where the upstream did not answer.
    pub points: Option<u64>,
    /// Its fields.
    pub fields: Vec<FieldStatus>,
    /// Its vectors that pass untagged and unchecked.
    pub opaque: Vec<VectorName>,
    /// Why its data calls are refused, where they are.
    pub quarantine: Option<Quarantine>,
    /// Why its counts are absent.
    pub error: Option<String>,
}

/// A field with the spaces behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldStatus {
    /// The field.
    pub key: FieldKey,
    /// Serving first, then standby.
    pub spaces: Vec<SpaceStatus>,
    /// The policy for requests that declare no model.
    pub undeclared: Undeclared,
    /// The text that its vectors are made from.
    pub source: Option<SourceTemplate>,
    /// The policy for a failing embedder of the standby.
    pub on_embed_failure: OnEmbedFailure,
    /// Its migration, where it has one.
    pub migration: Option<MigrationStatus>,
}

/// What a space is to its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers by default.
    Serving,
    /// Is being filled: written, not readable.
    Filling,
    /// Is complete and kept fresh.
    Kept,
    /// Is complete and kept fresh, but about to be dropped: reads of it are refused.
    Closed,
}

impl From<StandbyState> for Role {
    fn from(state: StandbyState) -> Self {
        match state {
            StandbyState::Filling => Self::Filling,
            StandbyState::Kept => Self::Kept,
            StandbyState::Closed => Self::Closed,
        }
    }
}

/// A space, counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceStatus {
    /// The real vector name.
    pub vector: VectorName,
    /// The one model of its vectors.
    pub model: ModelId,
    /// What it is to its field.
    pub role: Role,
    /// How its model's vectors are computed.
    pub embedder: EmbedderSpec,
    /// Points that have a vector in it, counted exactly; absent where the upstream did not answer.
    pub vectors: Option<u64>,
    /// Points of the field that it does not hold fresh, counted exactly; absent where the upstream did not answer.
    pub pending: Option<u64>,
}
