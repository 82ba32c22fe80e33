//! The operator's verbs.

use std::sync::Arc;

use tokio::sync::watch;

use super::api::{Adopt, Adopted, CutoverReport, MigrationStatus, ModelAdded, ModelRow, Status};
use super::error::ControlError;
use super::settings::Settings;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::model::{Model, ModelRef};
use crate::embed::Embedders;
use crate::registry::Registry;
use crate::store::{Store, StoredState};
use crate::upstream::Upstream;

/// What a [`Control`] is made of.
pub struct Parts {
    /// The routing table.
    pub registry: Arc<Registry>,
    /// Where models, migrations and the table survive.
    pub store: Arc<dyn Store>,
    /// The Qdrant.
    pub upstream: Arc<dyn Upstream>,
    /// Every model's embedder; shared with the engine.
    pub embedders: Arc<Embedders>,
    /// Bounds and names.
    pub settings: Settings,
}

/// The control loop's handle. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    parts: Arc<Parts>,
}

impl Control {
    /// Makes a control from what was stored. Nothing runs before [`Self::resume`] or a verb.
    pub fn new(parts: Parts, stored: &StoredState) -> Result<Self, ControlError> {
        todo!()
    }

    /// Registers a model, or, where it is registered with the same definition, gives it this embedder.
    pub async fn add_model(&self, model: Model, embedder: EmbedderSpec) -> Result<ModelAdded, ControlError> {
        todo!()
    }

    /// Every registered model.
    pub fn models(&self) -> Vec<ModelRow> {
        todo!()
    }

    /// Puts a collection under management. The same request again changes nothing; one that differs only in policies
    /// changes those.
    pub async fn adopt(&self, request: Adopt) -> Result<Adopted, ControlError> {
        todo!()
    }

    /// Starts a migration, or takes up the one to the same target. Answers when dual writing is open, or earlier with
    /// the state reached after a bounded wait; the work goes on.
    pub async fn start(&self, key: &FieldKey, to: &ModelRef) -> Result<MigrationStatus, ControlError> {
        todo!()
    }

    /// The field's migration, now and after each change.
    pub fn watch(&self, key: &FieldKey) -> Result<watch::Receiver<MigrationStatus>, ControlError> {
        todo!()
    }

    /// The field's migration, counted anew.
    pub async fn migration(&self, key: &FieldKey) -> Result<MigrationStatus, ControlError> {
        todo!()
    }

    /// Flips to the target if the gate says go. When it returns, every answer begun under the earlier table has been
    /// delivered.
    pub async fn cutover(&self, key: &FieldKey, to: &ModelRef) -> Result<CutoverReport, ControlError> {
        todo!()
    }

    /// Flips back to the space that served before the cutover, whose model is `to`.
    pub async fn rollback(&self, key: &FieldKey, to: &ModelRef) -> Result<CutoverReport, ControlError> {
        todo!()
    }

    /// What is managed, counted exactly: everything, or one collection.
    pub async fn status(&self, filter: Option<&CollectionName>) -> Result<Status, ControlError> {
        todo!()
    }

    /// Takes up every migration that is stored. Once, at start-up.
    pub async fn resume(&self) {
        todo!()
    }

    /// Says that a write left points of this field pending: they are looked for soon. Never waits.
    pub fn poke(&self, key: &FieldKey) {
        todo!()
    }

    /// Ends the backfills at the next safe point and waits for them.
    pub async fn shutdown(&self) {
        todo!()
    }
}
