//! The tag: what a point's payload says of the models that made its vectors.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::few::Few;
use super::ids::{VectorName, WriteId};
use super::model::Model;

/// What one write of one field leaves in a point's tag. It replaces the field's earlier entry whole, so a space that
/// is not named here is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEntry {
    /// The field, as clients name it.
    pub field: VectorName,
    /// Unique to this point and this write.
    pub write_id: WriteId,
    /// [`super::source::source_hash`] of the embedded text, where there was one.
    pub source_hash: Option<String>,
    /// Each space that this write filled, with its model's [`Model::mark`]. Shared: the points of a request mostly fill
    /// the same ones.
    pub models: Arc<Vec<(VectorName, String)>>,
}

impl TagEntry {
    /// Names a space as filled by this write.
    pub fn claim(&mut self, space: VectorName, model: &Model) {
        Arc::make_mut(&mut self.models).push((space, model.mark()));
    }

    /// Whether another entry is of the same field and shares this one's models.
    pub fn is_shared(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.models, &other.models) && self.field.is(&other.field)
    }

    /// The entry as it is stored under its field's name.
    pub fn to_json(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("write_id".into(), self.write_id.to_string().into());
        if let Some(hash) = &self.source_hash {
            entry.insert("source_hash".into(), hash.as_str().into());
        }
        let models = self
            .models
            .iter()
            .map(|(space, mark)| (space.to_string(), mark.as_str().into()));
        entry.insert("models".into(), Value::Object(models.collect()));
        Value::Object(entry)
    }
}

/// A whole tag: one entry for each field that the write filled; mostly one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag(pub Few<TagEntry>);

impl Tag {
    /// The value of the reserved payload key.
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|e| (e.field.to_string(), e.to_json()))
                .collect(),
        )
    }
}

/// JSON paths into the tag, in Qdrant's grammar, with the names quoted.
#[derive(Clone, Copy, Debug)]
pub struct TagPaths<'a> {
    /// The reserved payload key.
    pub key: &'a str,
    /// The field.
    pub field: &'a str,
}

impl TagPaths<'_> {
    /// The field's entry.
    pub fn entry(&self) -> String {
        format!("\"{}\".\"{}\"", self.key, self.field)
    }

    /// The field's write id.
    pub fn write_id(&self) -> String {
        format!("{}.write_id", self.entry())
    }

    /// The mark of the model that filled `space`; absent while the point is pending there.
    pub fn model_of(&self, space: &str) -> String {
        format!("{}.models.\"{space}\"", self.entry())
    }
}

/// Whether a JSON path, or a plain payload key, starts at `reserved`, in any of the spellings that Qdrant reads.
pub fn path_touches(path: &str, reserved: &str) -> bool {
    if path == reserved {
        return true;
    }
    let first = match path.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None => path.split(['.', '[']).next().unwrap_or(path),
    };
    first == reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_reserved_key_is_seen() {
        for path in [
            "_embedding",
            "\"_embedding\"",
            "_embedding.x",
            "_embedding[]",
            "_embedding[0].a",
            "\"_embedding\".b",
        ] {
            assert!(path_touches(path, "_embedding"), "{path}");
        }
        for path in [
            "_embeddings",
            "a._embedding",
            "\"_embedding.x\"",
            "_Embedding",
            "",
        ] {
            assert!(!path_touches(path, "_embedding"), "{path}");
        }
    }
}
