//! The requests of the JSON API that the control takes as separate arguments, and the documents around its answers.
//! Everything else goes in and out as the migration's own types.

use serde::{Deserialize, Serialize};

use crate::domain::embedder::EmbedderSpec;
use crate::domain::ids::{CollectionName, FieldKey, VectorName};
use crate::domain::model::{Model, ModelRef};
use crate::domain::table::StandbyPolicy;
use crate::migrate::api::{AdoptVector, MigrationStatus, ModelRow, When};

/// A model to register: `POST /v1/models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddModel {
    /// The model.
    pub model: Model,
    /// How its vectors are computed; absent: clients bring them.
    #[serde(default)]
    pub embedder: EmbedderSpec,
}

/// Every registered model: `GET /v1/models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelList {
    /// The models.
    pub models: Vec<ModelRow>,
}

/// The body of `POST /v1/collections/{collection}/adopt`: an adoption without the collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptBody {
    /// The vectors that have a model.
    pub vectors: Vec<AdoptVector>,
    /// The vectors that pass untagged and unchecked.
    #[serde(default)]
    pub opaque: Vec<VectorName>,
}

/// A migration to start: `POST /v1/migrations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartMigration {
    /// The collection.
    pub collection: CollectionName,
    /// The vector; absent: the unnamed one.
    #[serde(default = "unnamed")]
    pub vector: VectorName,
    /// The target model.
    pub to: ModelRef,
    /// Points per second that the backfill is held to; 0: as many as it can; absent: as before.
    #[serde(default)]
    pub points_per_second: Option<u32>,
    /// What a write does after the cutover when the space that is kept for the way back cannot be written.
    #[serde(default)]
    pub standby: Option<StandbyPolicy>,
}

/// The body of a change of the backfill's rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceBody {
    /// 0: as many as it can.
    pub points_per_second: u32,
}

impl StartMigration {
    /// The field.
    pub fn key(&self) -> FieldKey {
        FieldKey {
            collection: self.collection.clone(),
            field: self.vector.clone(),
        }
    }
}

fn unnamed() -> VectorName {
    "".into()
}

/// The body of a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutoverBody {
    /// The model that shall serve.
    pub to: ModelRef,
    /// Why it shall, in spite of those of the gate's reasons that can be forced.
    #[serde(default)]
    pub force: Option<String>,
}

/// The body of a cutover that is not made at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppointBody {
    /// The model that shall serve.
    pub to: ModelRef,
    /// When.
    pub when: When,
}

/// The body of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlipBody {
    /// The model that shall serve.
    pub to: ModelRef,
}

/// Every migration, as `interlock migrate status --json` prints them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationList {
    /// The migrations.
    pub migrations: Vec<MigrationStatus>,
}
