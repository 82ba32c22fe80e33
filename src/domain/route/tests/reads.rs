//! Reads: what they rank by.

use super::*;
use crate::domain::op::{Document, Filters, LookupFrom};
use crate::domain::plan::Purpose;
use crate::domain::refusal::RefusalKind;

const DENSE: InputValue<'static> = InputValue::Dense(4);

fn text(model: &'static str) -> InputValue<'static> {
    InputValue::Document(Document {
        text: "q".into(),
        model: model.into(),
        has_options: false,
    })
}

fn name(name: &str) -> Edit {
    Edit::Name(name.into())
}

#[test]
fn an_undeclared_vector_stays_with_the_model_it_was_pinned_to() {
    let before = plan(
        &table(Stage::Before),
        reads(vec![node(1, Some("text"), DENSE)]),
        &With::default(),
    )
    .unwrap();
    assert_eq!((before.edits.len(), before.models), (0, vec![id(OLD)]));
    let after = plan(
        &table(Stage::Flipped),
        reads(vec![node(1, Some("text"), DENSE)]),
        &With::default(),
    )
    .unwrap();
    assert_eq!((after.edits.len(), after.models), (0, vec![id(OLD)]));
}

#[test]
fn text_for_the_serving_model_follows_the_flip() {
    for (stage, model, using) in [
        (Stage::Filling, OLD, None),
        (Stage::Flipped, NEW, Some(name("text@new@1"))),
    ] {
        let plan = plan(
            &table(stage),
            reads(vec![node(1, Some("text"), text("auto"))]),
            &With::default(),
        )
        .unwrap();
        assert_eq!(edit_at(&plan, 1), using.as_ref());
        assert_eq!(
            (plan.embeds[0].model.clone(), plan.embeds[0].purpose),
            (id(model), Purpose::Query)
        );
        assert!(matches!(edit_at(&plan, 101), Some(Edit::Embedding(_))));
    }
}

#[test]
fn each_way_of_declaring_leads_to_the_same_space() {
    let table = table(Stage::Flipped);
    let by_header = With {
        header: vec!["new"],
        ..With::default()
    };
    for (using, value, with) in [
        ("text", DENSE, by_header),
        ("text@new", DENSE, With::default()),
        ("text@new@1", DENSE, With::default()),
        ("text", text("new@1"), With::default()),
    ] {
        let plan = plan(&table, reads(vec![node(1, Some(using), value)]), &with).unwrap();
        assert_eq!(plan.models, [id(NEW)], "{using}");
        let expected = name("text@new@1");
        assert_eq!(
            edit_at(&plan, 1),
            (using != "text@new@1").then_some(&expected),
            "{using}"
        );
    }
}

#[test]
fn the_key_says_the_model_of_who_says_nothing_else() {
    let table = table(Stage::Flipped);
    let bound = |key: &[&'static str], header: &[&'static str]| With {
        key: key.to_vec(),
        header: header.to_vec(),
        ..With::default()
    };
    let asked = |value| reads(vec![node(1, Some("text"), value)]);
    // Undeclared vectors are pinned to the old model here.
    for (with, model) in [
        (bound(&[], &[]), OLD),
        (bound(&[OLD], &[]), OLD),
        (bound(&[NEW], &[]), NEW),
        (bound(&["elsewhere@1", NEW], &[]), NEW),
        (bound(&[NEW], &[NEW]), NEW),
        (bound(&[OLD, NEW], &[NEW]), NEW),
        (bound(&["elsewhere@1"], &[OLD]), OLD),
    ] {
        let plan = plan(&table, asked(DENSE), &with).unwrap();
        assert_eq!(plan.models, [id(model)], "{:?} {:?}", with.key, with.header);
    }
    for (with, why) in [
        (bound(&[NEW], &[OLD]), "contradicting_models"),
        (bound(&[OLD, NEW], &[]), "contradicting_models"),
        (bound(&["elsewhere@1"], &[]), "wrong_space"),
    ] {
        let refused = reason(plan(&table, asked(DENSE), &with));
        assert_eq!(refused, why, "{:?} {:?}", with.key, with.header);
    }
    let contradicted = plan(&table, asked(text(OLD)), &bound(&[NEW], &[]));
    assert_eq!(reason(contradicted), "contradicting_models");
}

#[test]
fn declarations_that_contradict_each_other_are_refused() {
    let table = table(Stage::Flipped);
    let old = With {
        header: vec![OLD],
        ..With::default()
    };
    let contradicting = [
        reads(vec![node(1, Some("text@new"), DENSE)]),
        reads(vec![node(1, Some("text"), text("new"))]),
    ];
    for kind in contradicting {
        assert_eq!(reason(plan(&table, kind, &old)), "contradicting_models");
    }
    let both = With {
        header: vec![OLD, NEW],
        ..With::default()
    };
    assert_eq!(
        reason(plan(&table, reads(vec![node(1, Some("text"), DENSE)]), &both)),
        "contradicting_models"
    );
}

#[test]
fn a_space_that_is_being_filled_is_not_readable() {
    let refusal = plan(
        &table(Stage::Filling),
        reads(vec![node(1, Some("text@new"), DENSE)]),
        &With::default(),
    )
    .unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.reason),
        (RefusalKind::NotReady, "space_not_ready")
    );
}

#[test]
fn two_models_of_one_field_never_meet_in_a_request() {
    let table = table(Stage::Flipped);
    let mixed = vec![node(1, Some("text@old"), DENSE), node(2, Some("text@new"), DENSE)];
    assert_eq!(
        reason(plan(&table, reads(mixed), &With::default())),
        "mixed_space"
    );
    let batch = OpKind::Reads(vec![
        Read {
            nodes: vec![node(1, Some("text@old"), DENSE)],
            ..Read::default()
        },
        Read {
            nodes: vec![node(2, Some("text@new"), DENSE)],
            ..Read::default()
        },
    ]);
    assert_eq!(reason(plan(&table, batch, &With::default())), "mixed_space");
    let hybrid = vec![
        node(1, Some("text@new"), DENSE),
        node(2, Some("words"), InputValue::Sparse),
    ];
    assert_eq!(
        plan(&table, reads(hybrid), &With::default()).unwrap().models,
        [id(NEW), id("bm25@1")]
    );
}

#[test]
fn vectors_that_cannot_be_the_models_are_refused() {
    let table = table(Stage::Before);
    for (using, value, expected) in [
        (Some("text"), InputValue::Dense(5), "wrong_dimension"),
        (Some("text"), InputValue::Sparse, "wrong_kind"),
        (Some("words"), DENSE, "wrong_kind"),
        (Some("nowhere"), DENSE, "unknown_vector"),
        (None, DENSE, "unknown_vector"),
        (Some("text@other"), DENSE, "wrong_space"),
        (
            Some("text"),
            InputValue::Other { model: "clip".into() },
            "unsupported_input",
        ),
    ] {
        let refused = plan(&table, reads(vec![node(1, using, value)]), &With::default());
        assert_eq!(reason(refused), expected, "{using:?}");
    }
    assert!(
        plan(
            &table,
            reads(vec![node(1, Some("image"), InputValue::Dense(99))]),
            &With::default()
        )
        .is_ok()
    );
}

#[test]
fn looked_up_vectors_must_be_of_the_same_model() {
    let table = table(Stage::Flipped);
    let looking = |using, collection: &'static str, vector: Option<&'static str>| {
        let mut node = node(
            1,
            Some(using),
            InputValue::Point(crate::domain::ids::PointId::Num(1)),
        );
        node.lookup_from = Some(LookupFrom {
            collection: collection.into(),
            vector: vector.map(Cow::Borrowed),
            vector_site: Site(9),
            defaults_to_unnamed: false,
        });
        plan(&table, reads(vec![node]), &With::default())
    };
    assert!(
        looking("text@new", "docs", None)
            .unwrap()
            .edits
            .iter()
            .all(|(site, _)| *site != Site(9))
    );
    let renamed = looking("text@new", "docs", Some("text")).unwrap();
    assert_eq!(edit_at(&renamed, 9), Some(&name("text@new@1")));
    assert_eq!(
        reason(looking("text@new", "docs", Some("text@old"))),
        "wrong_space"
    );
    assert_eq!(
        reason(looking("text@new", "elsewhere", Some("text"))),
        "wrong_space"
    );
}

#[test]
fn a_search_without_a_vector_of_its_own_reads_the_clients_space() {
    // As a matrix search does: the space is the one of the client's model, and no other.
    let matrix = |stage, using, header| {
        let node = Node {
            inputs: Few::default(),
            ..node(1, Some(using), DENSE)
        };
        let with = With {
            header,
            ..With::default()
        };
        plan(&table(stage), reads(vec![node]), &with)
    };
    let new = name("text@new@1");
    let pinned = matrix(Stage::Flipped, "text", Vec::new()).unwrap();
    assert_eq!((edit_at(&pinned, 1), &pinned.models), (None, &vec![id(OLD)]));
    for (using, header) in [("text", vec!["new"]), ("text@new", Vec::new())] {
        let plan = matrix(Stage::Flipped, using, header).unwrap();
        assert_eq!((edit_at(&plan, 1), &plan.models), (Some(&new), &vec![id(NEW)]));
    }
    let filling = matrix(Stage::Filling, "text@new", Vec::new());
    assert_eq!(reason(filling), "space_not_ready");
    assert_eq!(
        reason(matrix(Stage::Before, "nowhere", Vec::new())),
        "unknown_vector"
    );
}

#[test]
fn a_name_that_is_no_vectors_is_left_as_it_is() {
    for (ranking, using) in [
        (Ranking::Unranked, "anything"),
        (Ranking::Other, "anything"),
        (Ranking::Prefetches, "anything"),
        (Ranking::Text, "title"),
    ] {
        let node = Node {
            ranking,
            inputs: Few::default(),
            ..node(1, Some(using), DENSE)
        };
        let plan = plan(&table(Stage::Flipped), reads(vec![node]), &With::default()).unwrap();
        assert!(plan.edits.is_empty(), "{ranking:?}");
    }
    let of_tags = Node {
        ranking: Ranking::Text,
        ..node(1, Some("_embedding.text.source_hash"), DENSE)
    };
    let refused = plan(&table(Stage::Flipped), reads(vec![of_tags]), &With::default());
    assert_eq!(reason(refused), "reserved_key");
}

#[test]
fn a_condition_on_another_space_than_the_one_ranked_is_refused() {
    for (stage, named, expected) in [
        (Stage::Flipped, "text@new", "mixed_space"),
        (Stage::Filling, "text@new", "space_not_ready"),
        (Stage::Flipped, "elsewhere", "unknown_vector"),
    ] {
        let read = Read {
            nodes: vec![node(1, Some("text"), DENSE)],
            filters: Filters {
                has_vectors: vec![(Site(5), named.into())],
                keys: Vec::new(),
            },
            ..Read::default()
        };
        let refused = plan(&table(stage), OpKind::Reads(vec![read]), &With::default());
        assert_eq!(reason(refused), expected, "{named}");
    }
}

#[test]
fn conditions_mean_the_clients_space_and_never_the_tag() {
    let table = table(Stage::Flipped);
    let filtered = |key: &'static str| {
        let filters = Filters {
            has_vectors: vec![(Site(5), "text".into())],
            keys: vec![key.into()],
        };
        let read = Read {
            nodes: vec![node(1, Some("text@new"), DENSE)],
            filters,
            ..Read::default()
        };
        plan(&table, OpKind::Reads(vec![read]), &With::default())
    };
    assert_eq!(edit_at(&filtered("city").unwrap(), 5), Some(&name("text@new@1")));
    for key in [KEY, "\"_embedding\".x", "_embedding[]"] {
        assert_eq!(reason(filtered(key)), "reserved_key", "{key}");
    }
}

#[test]
fn a_condition_on_a_space_that_is_not_readable_is_refused() {
    let conditioned = |stage, named: &'static str| {
        let table = table(stage);
        let filters = Filters {
            has_vectors: vec![(Site(5), named.into())],
            ..Filters::default()
        };
        let read = Read {
            filters,
            ..Read::default()
        };
        plan(&table, OpKind::Reads(vec![read]), &With::default())
    };
    for named in ["text@new", "text@new@1"] {
        assert_eq!(reason(conditioned(Stage::Filling, named)), "space_not_ready");
        assert_eq!(reason(conditioned(Stage::Before, named)), "wrong_space");
    }
    let flipped = conditioned(Stage::Flipped, "text@new").unwrap();
    assert_eq!(edit_at(&flipped, 5), Some(&name("text@new@1")));
    assert!(conditioned(Stage::Filling, "text").is_ok());
}
