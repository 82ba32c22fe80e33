//! Lists of alias actions against a world of managed and unmanaged collections.

use super::*;
use crate::domain::ids::VectorName;
use crate::domain::table::{Field, OnEmbedFailure, Space, Undeclared};

fn managed(model: &str, opaque: &[&str]) -> Managed {
    let id: crate::domain::model::ModelId = model.parse().unwrap();
    let field = Field {
        name: "".into(),
        serving: Space {
            vector: "".into(),
            model: id.clone(),
        },
        standby: None,
        undeclared: Undeclared::Pinned(id),
        source: None,
        on_embed_failure: OnEmbedFailure::Defer,
    };
    Managed {
        fields: [(VectorName::from(""), field)].into(),
        opaque: opaque.iter().map(|name| VectorName::from(*name)).collect(),
        ..Managed::default()
    }
}

fn outcome(actions: &[Action]) -> Result<Vec<String>, &'static str> {
    let table = Table {
        collections: [
            ("docs", managed("old@1", &[])),
            ("docs2", managed("old@1", &[])),
            ("other", managed("new@1", &[])),
            ("more", managed("old@1", &["clip"])),
        ]
        .map(|(name, managed)| (CollectionName::from(name), managed))
        .into(),
        ..Table::default()
    };
    let aliases = [("live", "docs"), ("plain", "free"), ("shadow", "free")]
        .map(|(alias, real)| (alias.to_owned(), CollectionName::from(real)))
        .into();
    let collections = ["docs", "docs2", "other", "more", "free", "free2"]
        .map(str::to_owned)
        .into();
    let world = World {
        table: &table,
        aliases: &aliases,
        collections: &collections,
    };
    match decide(world, actions) {
        Ok(Change::Unconcerned) => Ok(Vec::new()),
        Ok(Change::Concerned { names }) => Ok(names.into_iter().collect()),
        Err(refusal) => Err(refusal.reason),
    }
}

fn create(alias: &str, collection: &str) -> Action {
    Action::Create {
        alias: alias.to_owned(),
        collection: collection.to_owned(),
    }
}

fn rename(old: &str, new: &str) -> Action {
    Action::Rename {
        old: old.to_owned(),
        new: new.to_owned(),
    }
}

fn delete(alias: &str) -> Action {
    Action::Delete {
        alias: alias.to_owned(),
    }
}

#[test]
fn new_spellings_renames_and_removals_are_made() {
    assert_eq!(outcome(&[create("now", "docs")]), Ok(vec!["now".to_owned()]));
    assert_eq!(outcome(&[delete("live")]), Ok(vec!["live".to_owned()]));
    assert_eq!(
        outcome(&[rename("live", "now")]),
        Ok(vec!["live".to_owned(), "now".to_owned()])
    );
    assert_eq!(outcome(&[create("live", "docs")]), Ok(vec!["live".to_owned()]));
}

#[test]
fn what_concerns_no_managed_collection_passes() {
    for actions in [
        vec![create("x", "free")],
        vec![create("plain", "free2")],
        vec![rename("plain", "y")],
        vec![delete("plain"), delete("nothing")],
        // Half-applied by Qdrant itself, as without Interlock.
        vec![delete("plain"), rename("nothing", "z")],
        vec![rename("plain", "free2")],
        vec![],
    ] {
        assert_eq!(outcome(&actions), Ok(vec![]), "{actions:?}");
    }
}

#[test]
fn an_alias_is_pointed_anew_only_where_the_models_are_the_same() {
    assert_eq!(outcome(&[create("live", "docs2")]), Ok(vec!["live".to_owned()]));
    for target in ["other", "more", "free"] {
        assert_eq!(
            outcome(&[create("live", target)]),
            Err("alias_unlike"),
            "{target}"
        );
        assert_eq!(
            outcome(&[delete("live"), create("live", target)]),
            Err("alias_unlike"),
            "{target}"
        );
    }
    assert_eq!(outcome(&[create("plain", "docs")]), Err("alias_unlike"));
    assert_eq!(outcome(&[rename("live", "plain")]), Err("alias_unlike"));
    assert_eq!(outcome(&[rename("plain", "live")]), Err("alias_unlike"));
    // Only what is left in the end counts: the names are closed in between.
    assert_eq!(
        outcome(&[create("live", "other"), create("live", "docs2")]),
        Ok(vec!["live".to_owned()])
    );
}

#[test]
fn no_alias_hides_a_collection() {
    assert_eq!(outcome(&[rename("plain", "docs")]), Err("alias_shadows"));
    assert_eq!(outcome(&[rename("live", "free")]), Err("alias_shadows"));
    assert_eq!(outcome(&[rename("live", "docs2")]), Err("alias_shadows"));
}

#[test]
fn a_list_that_would_stop_half_way_is_refused_whole() {
    assert_eq!(
        outcome(&[create("a", "docs"), rename("nothing", "b")]),
        Err("alias_list")
    );
    assert_eq!(
        outcome(&[create("a", "docs"), create("b", "nowhere")]),
        Err("alias_list")
    );
    assert_eq!(
        outcome(&[create("a", "docs"), create("free", "docs")]),
        Err("alias_list")
    );
    // What an earlier action made counts.
    assert!(outcome(&[create("a", "docs"), rename("a", "b"), delete("b")]).is_ok());
    // Nothing stands before the first: Qdrant refuses it itself.
    assert_eq!(outcome(&[create("docs", "docs2")]), Ok(vec!["docs".to_owned()]));
    assert_eq!(outcome(&[create("a", "live")]), Ok(vec!["a".to_owned()]));
}
