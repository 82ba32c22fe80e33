//! The registration of models.

use std::mem::discriminant;

use serde_json::json;

use super::api::{ModelAdded, ModelRow};
use super::audit;
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, lock};
use crate::domain::embedder::EmbedderSpec;
use crate::domain::model::{Kind, Model, ModelId};
use crate::domain::table::Table;
use crate::store::Commit;

impl Inner {
    pub(super) fn rows(&self) -> Vec<ModelRow> {
        let table = self.registry.pin();
        table.models.values().map(|model| self.row(model)).collect()
    }

    fn row(&self, model: &Model) -> ModelRow {
        ModelRow {
            model: model.clone(),
            fingerprint: model.fingerprint(),
            embedder: self.spec(&model.id),
        }
    }

    /// How a model's vectors are computed.
    pub(super) fn spec(&self, model: &ModelId) -> EmbedderSpec {
        lock(&self.specs).get(model).cloned().unwrap_or_default()
    }

    pub(super) async fn add_model(
        &self,
        model: Model,
        embedder: EmbedderSpec,
    ) -> Result<ModelAdded, ControlError> {
        check_shape(&model)?;
        let _turn = self.adding.lock().await;
        let table = self.registry.pin();
        let known = table.model(&model.id);
        if let Some(known) = known {
            if known.fingerprint() != model.fingerprint() {
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    format!(
                        "model `{}` is registered with another definition: give the new one another version, e.g. `{}@NEXT`",
                        model.id,
                        model.id.name()
                    ),
                ));
            }
            self.check_embedder(&table, &model.id, &embedder)?;
        }
        let was_known = known.is_some();
        let before = self.spec(&model.id);
        self.embedders
            .insert(&model, &embedder)
            .map_err(|error| ControlError::new(ErrorKind::Invalid, error.to_string()))?;
        if before != embedder {
            // What the old one made, the operator may have had reason not to trust.
            self.cache.forget();
        }
        if was_known && before == embedder {
            return Ok(self.added(&model, true));
        }
        let rest = Commit {
            embedder: Some((model.id.clone(), embedder.clone())),
            audit: Some(audit::line(
                "model registered",
                json!({ "model": model.id, "fingerprint": model.fingerprint(), "embedder": embedder }),
            )),
            ..Commit::default()
        };
        let insert = |table: &mut Table| {
            table.models.insert(model.id.clone(), model.clone());
            Ok(())
        };
        drop(table);
        if let Err(error) = self.publish(insert, rest).await {
            // What computes must be what is stored.
            if was_known && let Err(undo) = self.embedders.insert(&model, &before) {
                tracing::error!(model = %model.id, %undo, "the embedder that was not stored stays until the restart");
            }
            return Err(error);
        }
        lock(&self.specs).insert(model.id.clone(), embedder);
        Ok(self.added(&model, was_known))
    }

    fn added(&self, model: &Model, was_known: bool) -> ModelAdded {
        ModelAdded {
            row: self.row(model),
            was_known,
            epoch: self.registry.current_epoch(),
        }
    }

    /// Vectors of a model that is in use must go on being made the same way. An endpoint may move.
    fn check_embedder(&self, table: &Table, model: &ModelId, new: &EmbedderSpec) -> Result<(), ControlError> {
        let old = self.spec(model);
        let moves = matches!((&old, new), (EmbedderSpec::OpenAi(_), EmbedderSpec::OpenAi(_)));
        let begins_or_ends = [&old, new]
            .iter()
            .any(|spec| discriminant(*spec) == discriminant(&EmbedderSpec::None));
        let in_use = table
            .collections
            .values()
            .flat_map(|managed| managed.fields.values())
            .any(|field| field.space_of(model).is_some());
        if !in_use || old == *new || moves || begins_or_ends {
            return Ok(());
        }
        Err(ControlError::new(
            ErrorKind::Conflict,
            format!(
                "model `{model}` is in use, and another embedder would make other vectors: register it under another version, e.g. `{}@NEXT`",
                model.name()
            ),
        ))
    }
}

fn check_shape(model: &Model) -> Result<(), ControlError> {
    let why = match (model.kind, model.dimension) {
        (Kind::Sparse, 0) => return Ok(()),
        (Kind::Sparse, _) => "a sparse model has no dimension: leave it out, or write 0",
        (Kind::Dense | Kind::Multivector, 0) => "a dense model needs a dimension",
        (Kind::Dense | Kind::Multivector, 1..=65_536) => return Ok(()),
        (Kind::Dense | Kind::Multivector, _) => "Qdrant takes at most 65536 components",
    };
    Err(ControlError::new(
        ErrorKind::Invalid,
        format!("model `{}`: {why}", model.id),
    ))
}
