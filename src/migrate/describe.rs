//! Writes what a collection holds into its own metadata, for those who read it without Interlock. Nothing here reads it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::error::ControlError;
use super::inner::Inner;
use crate::domain::ids::CollectionName;
use crate::domain::table::{Managed, Table};

impl Inner {
    /// Describes a collection as the current table has it.
    pub(super) async fn describe(&self, collection: &CollectionName) -> Result<(), ControlError> {
        let table = self.registry.pin();
        match table.managed(collection.as_str()) {
            Some(managed) => self.describe_as(collection, managed, &table).await,
            None => Ok(()),
        }
    }

    /// Describes a collection as `managed`.
    pub(super) async fn describe_as(
        &self,
        collection: &CollectionName,
        managed: &Managed,
        table: &Table,
    ) -> Result<(), ControlError> {
        let description = document(managed, table, &self.settings.reserved_key);
        let metadata = HashMap::from([(self.settings.metadata_key.clone(), description.into())]);
        Ok(self.calls.set_metadata(collection.as_str(), metadata).await?)
    }
}

fn document(managed: &Managed, table: &Table, reserved_key: &str) -> Value {
    let fields: Map<String, Value> = managed
        .fields
        .values()
        .map(|field| {
            let spaces: Map<String, Value> = field
                .spaces()
                .map(|space| {
                    let model = table.model(&space.model);
                    let described = json!({
                        "model": space.model,
                        "fingerprint": model.map(|model| model.fingerprint()),
                        "serving": *space == field.serving,
                    });
                    (space.vector.to_string(), described)
                })
                .collect();
            (
                field.name.to_string(),
                json!({ "spaces": spaces, "source": field.source }),
            )
        })
        .collect();
    json!({ "tag_key": reserved_key, "fields": fields, "opaque": managed.opaque })
}
