//! What stands against a point whose origin is in doubt: everything in its vectors that its tag does not prove. Called by
//! an audit, once a point; knows the table and what the point holds.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::VectorName;
use super::shape::Shape;
use super::table::{Field, Managed, Table};

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It has a field's vector and no tag of the field: nothing says which model made it.
    Untagged,
    /// Its tag names a model or a space that is not the field's.
    ForeignClaim,
    /// Its tag names a space in which it has no vector.
    EmptyClaim,
    /// It has a vector that the table does not know.
    UnknownVector,
    /// It has a vector of another length than its model makes.
    WrongDimension,
}

impl Finding {
    /// Stable, snake_case.
    pub fn code(self) -> &'static str {
        match self {
            Self::Untagged => "untagged",
            Self::ForeignClaim => "foreign_claim",
            Self::EmptyClaim => "empty_claim",
            Self::UnknownVector => "unknown_vector",
            Self::WrongDimension => "wrong_dimension",
        }
    }

    /// Whether it goes away with the vectors of its field, the tag of the field written anew.
    pub fn is_mendable(self) -> bool {
        match self {
            Self::Untagged | Self::ForeignClaim | Self::EmptyClaim | Self::WrongDimension => true,
            Self::UnknownVector => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untagged => "a vector without a tag",
            Self::ForeignClaim => "a tag of another model or space",
            Self::EmptyClaim => "a tag without its vector",
            Self::UnknownVector => "a vector that is not in the table",
            Self::WrongDimension => "a vector of another length than its model's",
        })
    }
}

/// What a point holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Its vectors by real name, with the components of each; 0 for a sparse one.
    pub vectors: Vec<(VectorName, u64)>,
    /// The value of the reserved payload key.
    pub tag: Option<Value>,
}

impl Held {
    fn components(&self, space: &str) -> Option<u64> {
        let mut vectors = self.vectors.iter();
        vectors
            .find(|(name, _)| name.as_str() == space)
            .map(|(_, components)| *components)
    }
}

/// What was found in one point, each with the field, or, where there is none, the vector.
pub fn examine(table: &Table, managed: &Managed, held: &Held) -> Vec<(Finding, VectorName)> {
    let mut found = Vec::new();
    let is_known = |name: &VectorName| {
        managed.opaque.contains(name)
            || managed
                .fields
                .values()
                .any(|field| field.spaces().any(|space| space.vector == *name))
    };
    for (name, _) in held.vectors.iter().filter(|(name, _)| !is_known(name)) {
        found.push((Finding::UnknownVector, name.clone()));
    }
    for field in managed.fields.values() {
        let of_field = field_findings(table, field, held).into_iter();
        found.extend(of_field.map(|finding| (finding, field.name.clone())));
    }
    found
}

fn field_findings(table: &Table, field: &Field, held: &Held) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut has_vector = false;
    for space in field.spaces() {
        let Some(components) = held.components(space.vector.as_str()) else {
            continue;
        };
        has_vector = true;
        let needed = table
            .model(&space.model)
            .map(|model| Shape::needed_by(model).dimension);
        if needed != Some(components) {
            found.push(Finding::WrongDimension);
        }
    }
    let entry = held.tag.as_ref().and_then(|tag| tag.get(field.name.as_str()));
    let claims = entry.and_then(|entry| entry.get("models")?.as_object());
    let has_id = entry.is_some_and(|entry| entry.get("write_id").is_some_and(Value::is_string));
    let Some(claims) = claims.filter(|_| has_id) else {
        found.extend(has_vector.then_some(Finding::Untagged));
        return found;
    };
    for (name, mark) in claims {
        let space = field.spaces().find(|space| space.vector.as_str() == name);
        let ours = space
            .and_then(|space| table.model(&space.model))
            .map(|model| model.mark());
        if ours.is_none() || ours.as_deref() != mark.as_str() {
            found.push(Finding::ForeignClaim);
        } else if held.components(name).is_none() {
            found.push(Finding::EmptyClaim);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::{Distance, Kind, Model};
    use crate::domain::table::{OnEmbedFailure, Space, Undeclared};
    use serde_json::json;

    fn model(id: &str) -> Model {
        Model {
            id: id.parse().unwrap(),
            kind: Kind::Dense,
            dimension: 4,
            distance: Distance::Cosine,
            query_prompt: String::new(),
            document_prompt: String::new(),
        }
    }

    fn findings(vectors: &[(&str, u64)], tag: Option<Value>) -> Vec<Finding> {
        let field = Field {
            name: "text".into(),
            serving: Space {
                vector: "text".into(),
                model: "m@1".parse().unwrap(),
            },
            standby: None,
            undeclared: Undeclared::Reject,
            source: None,
            on_embed_failure: OnEmbedFailure::Defer,
        };
        let managed = Managed {
            fields: [(VectorName::from("text"), field)].into(),
            opaque: vec!["clip".into()],
            ..Managed::default()
        };
        let table = Table {
            models: [("m@1".parse().unwrap(), model("m@1"))].into(),
            ..Table::default()
        };
        let held = Held {
            vectors: vectors
                .iter()
                .map(|(name, size)| (VectorName::from(*name), *size))
                .collect(),
            tag,
        };
        examine(&table, &managed, &held)
            .into_iter()
            .map(|(finding, _)| finding)
            .collect()
    }

    fn tag(claims: &Value) -> Option<Value> {
        Some(json!({"text": {"write_id": "w", "models": claims}}))
    }

    #[test]
    fn a_point_is_clean_where_its_tag_proves_its_vectors() {
        let mark = model("m@1").mark();
        assert_eq!(
            findings(&[("text", 4), ("clip", 9)], tag(&json!({"text": mark}))),
            []
        );
        // Pending, and without the field: nothing is claimed.
        assert_eq!(findings(&[("text", 4)], tag(&json!({}))), []);
        assert_eq!(findings(&[("clip", 9)], None), []);
        assert_eq!(findings(&[], None), []);
    }

    #[test]
    fn what_nothing_proves_is_found() {
        let mark = model("m@1").mark();
        let other = model("m@2").mark();
        for (vectors, tag, expected) in [
            (vec![("text", 4)], None, Finding::Untagged),
            (vec![("text", 4)], Some(json!({})), Finding::Untagged),
            (
                vec![("text", 4)],
                Some(json!({"text": {"models": {"text": mark}}})),
                Finding::Untagged,
            ),
            (
                vec![("text", 4)],
                tag(&json!({"text": other})),
                Finding::ForeignClaim,
            ),
            (
                vec![("text", 4)],
                tag(&json!({"text@n@1": mark})),
                Finding::ForeignClaim,
            ),
            (vec![("text", 4)], tag(&json!({"text": 7})), Finding::ForeignClaim),
            (vec![], tag(&json!({"text": mark})), Finding::EmptyClaim),
            (
                vec![("text", 5)],
                tag(&json!({"text": mark})),
                Finding::WrongDimension,
            ),
            (vec![("stray", 4)], None, Finding::UnknownVector),
        ] {
            assert_eq!(findings(&vectors, tag.clone()), [expected], "{vectors:?} {tag:?}");
        }
    }
}
