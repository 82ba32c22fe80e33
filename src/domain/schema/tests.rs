//! Schema changes by name.

use super::*;
use crate::domain::model::{Distance, Kind, Model, ModelId};
use crate::domain::quarantine::Standing;
use crate::domain::table::{Field, OnEmbedFailure, Space, Standby, Undeclared};

fn id(text: &str) -> ModelId {
    text.parse().unwrap()
}

fn table() -> Table {
    let model = Model {
        id: id("m@1"),
        kind: Kind::Dense,
        dimension: 4,
        distance: Distance::Cosine,
        query_prompt: String::new(),
        document_prompt: String::new(),
    };
    Table {
        models: [(id("m@1"), model)].into(),
        ..Table::default()
    }
}

fn managed(state: Option<StandbyState>) -> Managed {
    let space = |vector: &str, model| Space {
        vector: vector.into(),
        model: id(model),
    };
    let field = Field {
        name: "text".into(),
        serving: space("text", "m@1"),
        standby: state.map(|state| Standby {
            space: space("text@n@1", "n@1"),
            state,
            policy: None,
        }),
        undeclared: Undeclared::Reject,
        source: None,
        on_embed_failure: OnEmbedFailure::Defer,
    };
    Managed {
        fields: [(VectorName::from("text"), field)].into(),
        opaque: vec!["clip".into()],
        ..Managed::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> &'static str {
    outcome.unwrap_err().reason
}

#[test]
fn metadata_of_ours_is_protected_and_other_metadata_passes() {
    assert_eq!(
        check_metadata(&names(&["team", "interlocked"]), "interlock"),
        Ok(())
    );
    for key in ["interlock", "interlock.mark"] {
        let outcome = check_metadata(&names(&["team", key]), "interlock");
        assert_eq!(reason(outcome), "reserved_metadata", "{key}");
    }
    assert_eq!(
        reason(check_metadata(&names(&["ours"]), "ours")),
        "reserved_metadata"
    );
}

#[test]
fn names_like_spaces_and_names_that_look_alike_are_refused_once_there_are_models() {
    let table = table();
    for bad in [["text", "text@m"], ["x@", "y"], ["@", "y"]] {
        assert_eq!(
            reason(check_new_names(&table, &names(&bad), &[])),
            "reserved_name"
        );
    }
    for bad in [
        ["Text", "text"],
        ["text", "text "],
        ["caf\u{e9}", "cafe\u{301}"],
        ["ﬁ", "fi"],
    ] {
        assert_eq!(
            reason(check_new_names(&table, &names(&bad), &[])),
            "look_alike",
            "{bad:?}"
        );
    }
    assert_eq!(
        check_new_names(&table, &names(&["text", "texts", ""]), &[]),
        Ok(())
    );
    assert_eq!(
        check_new_names(&Table::default(), &names(&["a@b", "A@b"]), &[]),
        Ok(())
    );
}

#[test]
fn a_managed_name_is_free_only_once_its_collection_was_dropped() {
    let docs = CollectionName::from("docs");
    let mut managed = managed(None);
    assert_eq!(reason(check_creation(&docs, &managed)), "already_managed");
    managed.standing = Standing::Open.after(Cause::Restored, 0);
    assert_eq!(reason(check_creation(&docs, &managed)), "already_managed");
    managed.standing = Standing::Open.after(Cause::Dropped, 0);
    assert_eq!(check_creation(&docs, &managed), Ok(()));
}

#[test]
fn a_collection_is_not_dropped_while_a_space_is_filled() {
    let docs = CollectionName::from("docs");
    assert_eq!(check_deletion(&docs, &managed(None)), Ok(()));
    assert_eq!(check_deletion(&docs, &managed(Some(StandbyState::Kept))), Ok(()));
    let outcome = check_deletion(&docs, &managed(Some(StandbyState::Filling)));
    assert_eq!(reason(outcome), "migration_open");
}

#[test]
fn a_configuration_goes_to_every_space_of_its_vector_and_to_no_other() {
    let managed = managed(Some(StandbyState::Filling));
    let spaces = |name| spaces_of(&managed, name);
    assert_eq!(spaces("text"), Ok(vec!["text".into(), "text@n@1".into()]));
    assert_eq!(spaces("clip"), Ok(vec!["clip".into()]));
    for name in ["text@n@1", "", "Text"] {
        assert_eq!(reason(spaces(name)), "unknown_vector", "{name}");
    }
}

#[test]
fn a_vector_without_a_model_is_not_made() {
    let (table, managed) = (table(), managed(None));
    for (name, expected) in [
        ("text", "already_managed"),
        ("clip", "already_managed"),
        ("Text", "look_alike"),
        ("clip ", "look_alike"),
        ("text@m@1", "reserved_name"),
        ("", "unregistered_vector"),
        ("new", "unregistered_vector"),
    ] {
        assert_eq!(new_vector(&table, &managed, name).reason, expected, "{name}");
    }
}

#[test]
fn only_an_opaque_vector_is_dropped() {
    let managed = managed(Some(StandbyState::Kept));
    assert_eq!(check_vector_deletion(&managed, "clip"), Ok(()));
    for (name, expected) in [
        ("text", "managed_vector"),
        ("text@n@1", "managed_vector"),
        ("", "unknown_vector"),
        ("new", "unknown_vector"),
    ] {
        assert_eq!(reason(check_vector_deletion(&managed, name)), expected, "{name}");
    }
}
