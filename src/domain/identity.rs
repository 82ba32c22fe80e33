//! Whether a collection is still the one that was adopted. Qdrant gives a collection no identity of its own before 1.20,
//! so it carries a mark in its metadata: dropped and made again, it has lost it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::ids::VectorName;
use super::quarantine::Cause;
use super::shape::Shape;
use super::table::{Managed, Table};

/// What was found under a managed collection's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The mark in its metadata.
    pub mark: Option<Uuid>,
    /// Its vectors.
    pub vectors: BTreeMap<VectorName, Shape>,
}

/// The key of the mark in a collection's metadata, beside `metadata_key`, which holds the description: so that whoever
/// writes the description anew cannot mark another collection by it.
pub fn mark_key(metadata_key: &str) -> String {
    format!("{metadata_key}.mark")
}

/// Whether a key of a collection's metadata is ours: the description's, or one beside it.
pub fn is_ours(key: &str, metadata_key: &str) -> bool {
    let rest = key.strip_prefix(metadata_key);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What happened to a managed collection, where anything did. `None`: nothing of that name was found.
pub fn verdict(managed: &Managed, table: &Table, found: Option<&Found>) -> Option<Cause> {
    let Some(found) = found else {
        return Some(Cause::Dropped);
    };
    if managed.mark.is_some() && managed.mark != found.mark {
        return Some(Cause::Dropped);
    }
    let mut spaces = managed.fields.values().flat_map(|field| field.spaces());
    let is_there = spaces.all(|space| {
        let needed = table.model(&space.model).map(Shape::needed_by);
        needed.is_some() && found.vectors.get(&space.vector).copied() == needed
    });
    (!is_there).then_some(Cause::Reshaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::{Distance, Kind, Model};
    use crate::domain::table::{Field, OnEmbedFailure, Space, Undeclared};

    const MARK: Uuid = Uuid::from_u128(7);

    fn table() -> Table {
        let model = Model {
            id: "m@1".parse().unwrap(),
            kind: Kind::Dense,
            dimension: 4,
            distance: Distance::Cosine,
            query_prompt: String::new(),
            document_prompt: String::new(),
        };
        let field = Field {
            name: "".into(),
            serving: Space {
                vector: "".into(),
                model: model.id.clone(),
            },
            standby: None,
            undeclared: Undeclared::Reject,
            source: None,
            on_embed_failure: OnEmbedFailure::Defer,
        };
        let managed = Managed {
            fields: [(VectorName::from(""), field)].into(),
            mark: Some(MARK),
            ..Managed::default()
        };
        Table {
            models: [(model.id.clone(), model)].into(),
            collections: [("docs".into(), managed)].into(),
            ..Table::default()
        }
    }

    fn found(mark: Option<Uuid>, dimension: u64) -> Found {
        let shape = Shape {
            kind: Kind::Dense,
            dimension,
            distance: Some(Distance::Cosine),
        };
        Found {
            mark,
            vectors: [(VectorName::from(""), shape), ("more".into(), Shape::SPARSE)].into(),
        }
    }

    #[test]
    fn a_collection_is_known_by_its_mark_and_its_vectors() {
        let table = table();
        let managed = &table.collections["docs"];
        let of = |found: Option<Found>| verdict(managed, &table, found.as_ref());
        assert_eq!(of(Some(found(Some(MARK), 4))), None);
        assert_eq!(of(None), Some(Cause::Dropped));
        assert_eq!(of(Some(found(None, 4))), Some(Cause::Dropped));
        assert_eq!(of(Some(found(Some(Uuid::from_u128(8)), 4))), Some(Cause::Dropped));
        assert_eq!(of(Some(found(Some(MARK), 5))), Some(Cause::Reshaped));
        let bare = Found {
            mark: Some(MARK),
            vectors: BTreeMap::new(),
        };
        assert_eq!(of(Some(bare)), Some(Cause::Reshaped));
    }

    #[test]
    fn what_was_never_marked_is_known_by_its_vectors_alone() {
        let mut table = table();
        table.collections.get_mut("docs").unwrap().mark = None;
        let managed = &table.collections["docs"];
        assert_eq!(verdict(managed, &table, Some(&found(None, 4))), None);
        assert_eq!(verdict(managed, &table, None), Some(Cause::Dropped));
    }

    #[test]
    fn the_keys_beside_the_description_are_ours_too() {
        for (key, ours) in [
            ("interlock", true),
            ("interlock.mark", true),
            ("interlock.x.y", true),
            ("interlocked", false),
            ("Interlock", false),
            ("interloc", false),
            ("", false),
        ] {
            assert_eq!(is_ours(key, "interlock"), ours, "{key}");
        }
    }
}
