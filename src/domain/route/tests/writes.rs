//! Writes.

use std::collections::HashMap;

use super::*;
use crate::domain::ids::PointId;
use crate::domain::op::{Document, Point, PointVector, Selector, WriteKind};
use crate::domain::plan::{Extra, PointEdit, Step, VectorFrom};
use crate::domain::route::{FoundPayloads, Lookup};
use crate::domain::source::source_hash;

pub(super) fn point(
    vectors: Vec<(&'static str, InputValue<'static>)>,
    body: Option<&'static str>,
) -> Point<'static> {
    Point {
        site: Site(1),
        id: PointId::Num(5),
        vectors: vectors
            .into_iter()
            .map(|(name, value)| PointVector {
                name: name.into(),
                value,
            })
            .collect(),
        has_payload: body.is_some(),
        has_reserved_key: false,
        texts: body
            .map(|body| ("body".into(), body.into()))
            .into_iter()
            .collect(),
    }
}

fn upsert(point: Point<'static>) -> OpKind<'static> {
    writes(vec![WriteKind::Upsert(vec![point])])
}

pub(super) fn outgoing(plan: &Plan) -> &PointEdit {
    match edit_at(plan, 1) {
        Some(Edit::Point(edit)) => edit,
        other => panic!("{other:?}"),
    }
}

fn names(edit: &PointEdit) -> Vec<(&str, bool)> {
    edit.vectors
        .iter()
        .map(|v| (v.name.as_str(), matches!(v.from, VectorFrom::Kept(_))))
        .collect()
}

const DENSE: InputValue<'static> = InputValue::Dense(4);

#[test]
fn a_write_is_tagged_with_the_model_that_made_its_vector() {
    let plan = plan(
        &table(Stage::Before),
        upsert(point(vec![("text", DENSE)], Some("b"))),
        &With::default(),
    )
    .unwrap();
    let edit = outgoing(&plan);
    assert_eq!(names(edit), [("text", true)]);
    let entry = &edit.tag.as_ref().unwrap().0[0];
    let mark = table(Stage::Before).model(&id(OLD)).unwrap().mark();
    assert_eq!(
        (entry.field.as_str(), entry.models.as_slice()),
        ("text", [("text".into(), mark)].as_slice())
    );
    assert_eq!(entry.source_hash.as_deref(), Some(source_hash("b").as_str()));
    assert_eq!(plan.steps, [Step::Client(0)]);
}

#[test]
fn while_a_migration_is_open_the_other_space_is_embedded_from_the_source_text() {
    for stage in [Stage::Filling, Stage::Flipped] {
        let plan = plan(
            &table(stage),
            upsert(point(vec![("text", DENSE)], Some("b"))),
            &With::default(),
        )
        .unwrap();
        assert_eq!(names(outgoing(&plan)), [("text", true), ("text@new@1", false)]);
        assert_eq!((plan.embeds.len(), plan.embeds[0].model.clone()), (1, id(NEW)));
        // The serving space cannot do without; the standby's vector can be deferred.
        assert_eq!(plan.embeds[0].required, stage == Stage::Flipped);
        assert_eq!(outgoing(&plan).tag.as_ref().unwrap().0[0].models.len(), 2);
    }
}

#[test]
fn a_client_can_bring_the_vectors_of_both_models() {
    let both = point(vec![("text", DENSE), ("text@new", DENSE)], None);
    let plan = plan(&table(Stage::Filling), upsert(both), &With::default()).unwrap();
    assert_eq!(names(outgoing(&plan)), [("text", true), ("text@new@1", true)]);
    assert!(plan.embeds.is_empty());
    let twice = point(vec![("text", DENSE), ("text@old", DENSE)], None);
    let refused = super::plan(&table(Stage::Filling), upsert(twice), &With::default());
    assert_eq!(reason(refused), "contradicting_models");
}

#[test]
fn what_is_deferred_is_not_claimed_and_what_may_linger_is_dropped() {
    let with = With {
        deferred: true,
        retains: true,
        ..With::default()
    };
    let plan = plan(
        &table(Stage::Filling),
        upsert(point(vec![("text", DENSE)], Some("b"))),
        &with,
    )
    .unwrap();
    let edit = outgoing(&plan);
    assert_eq!(names(edit), [("text", true)]);
    assert_eq!(edit.tag.as_ref().unwrap().0[0].models.len(), 1);
    let dropped: Vec<_> = plan.steps[1..]
        .iter()
        .map(|step| match step {
            Step::Extra(
                0,
                Extra::DropUnclaimed {
                    space,
                    claim_path,
                    ids,
                    written: None,
                },
            ) => {
                assert_eq!(ids, &[PointId::Num(5)]);
                (space.to_string(), claim_path.clone())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let path = |field: &str, space: &str| format!("\"_embedding\".\"{field}\".models.\"{space}\"");
    assert_eq!(
        dropped,
        [
            ("text@new@1".to_owned(), path("text", "text@new@1")),
            ("words".to_owned(), path("words", "words"))
        ]
    );
}

#[test]
fn a_write_that_would_leave_the_serving_space_behind_is_refused() {
    let new_only = point(vec![("text@new", DENSE)], None);
    let refused = plan(&table(Stage::Filling), upsert(new_only), &With::default());
    assert_eq!(reason(refused), "no_source_text");
}

#[test]
fn a_text_is_embedded_for_both_models() {
    let document = InputValue::Document(Document {
        text: "t".into(),
        model: "auto".into(),
        has_options: false,
    });
    let plan = plan(
        &table(Stage::Filling),
        upsert(point(vec![("text", document)], None)),
        &With::default(),
    )
    .unwrap();
    let models: Vec<_> = plan
        .embeds
        .iter()
        .map(|e| (e.model.clone(), e.text.as_str(), e.required))
        .collect();
    assert_eq!(models, [(id(OLD), "t", true), (id(NEW), "t", false)]);
}

#[test]
fn no_client_writes_the_tag() {
    let table = table(Stage::Before);
    let mut forged = point(vec![("text", DENSE)], None);
    forged.has_reserved_key = true;
    let selector = || Selector::Ids(vec![PointId::Num(1)]);
    let set = |key: &'static str, path: Option<&'static str>| WriteKind::SetPayload {
        keys: vec![key.into()],
        path: path.map(Cow::Borrowed),
    };
    let tampering = [
        WriteKind::Upsert(vec![forged]),
        set(KEY, None),
        set("x", Some(KEY)),
        set("x", Some("\"_embedding\".text")),
        WriteKind::DeletePayload {
            keys: vec!["a".into(), "_embedding.text".into()],
        },
        WriteKind::OverwritePayload {
            keys: vec![KEY.into()],
            selector: selector(),
        },
    ];
    for kind in tampering {
        let shown = format!("{kind:?}");
        assert_eq!(
            reason(plan(&table, writes(vec![kind]), &With::default())),
            "tag_tampering",
            "{shown}"
        );
    }
    assert!(plan(&table, writes(vec![set(KEY, Some("mine"))]), &With::default()).is_ok());
}

#[test]
fn replacing_a_payload_names_what_goes_and_leaves_the_tag() {
    let table = table(Stage::Before);
    let kind = || {
        let selector = Selector::Filter(Site(8));
        writes(vec![WriteKind::OverwritePayload {
            keys: vec!["a".into()],
            selector,
        }])
    };
    let asked = decision(&table, kind(), &With::default()).unwrap();
    assert!(matches!(asked, Decision::Needs(lookups, _) if lookups == [Lookup::Payloads { write: 0 }]));
    let ids = vec![PointId::Num(1), PointId::Num(2)];
    let found = FoundPayloads {
        ids: ids.clone(),
        keys: vec!["a".into(), "b c".into()],
    };
    let known = Known {
        payloads: HashMap::from([(0, found)]),
        sources: None,
    };
    let plan = plan(
        &table,
        kind(),
        &With {
            known,
            ..With::default()
        },
    )
    .unwrap();
    let gone = Extra::DeletePayloadOf {
        ids: ids.clone(),
        paths: vec!["\"b c\"".into()],
    };
    assert_eq!(plan.steps, [Step::SetInstead(0, Some(ids)), Step::Extra(0, gone)]);
}

#[test]
fn deleting_a_field_deletes_all_its_spaces_and_its_claim() {
    let delete = |name: &'static str| {
        let selector = Selector::Ids(vec![PointId::Num(1)]);
        writes(vec![WriteKind::DeleteVectors {
            site: Site(2),
            names: vec![name.into()],
            selector,
        }])
    };
    let plan = plan(&table(Stage::Filling), delete("text"), &With::default()).unwrap();
    assert_eq!(
        edit_at(&plan, 2),
        Some(&Edit::Names(vec!["text".into(), "text@new@1".into()]))
    );
    let claim = Extra::DeletePayload {
        paths: vec!["\"_embedding\".\"text\"".into()],
    };
    assert_eq!(plan.steps, [Step::Extra(0, claim), Step::Client(0)]);
    let refused = super::plan(&table(Stage::Filling), delete("text@new"), &With::default());
    assert_eq!(reason(refused), "wrong_space");
}

#[test]
fn replacements_in_a_batch_see_what_came_before_them() {
    let clear = || WriteKind::ClearPayload {
        selector: Selector::Ids(vec![PointId::Num(1)]),
    };
    let kind = writes(vec![
        WriteKind::Delete,
        clear(),
        WriteKind::Delete,
        clear(),
        clear(),
    ]);
    let op = Op {
        verb: Verb::UpdateBatch,
        collection: "docs".into(),
        kind,
    };
    assert_eq!(*super::super::runs(&op), [0..1, 1..3, 3..4, 4..5]);
}

#[test]
fn a_vector_update_in_a_batch_sees_the_texts_that_came_before_it() {
    let update = || WriteKind::UpdateVectors(Vec::new());
    let set = || WriteKind::SetPayload {
        keys: vec!["body".into()],
        path: None,
    };
    let runs = |kinds| {
        super::super::runs(&Op {
            verb: Verb::UpdateBatch,
            collection: "docs".into(),
            kind: writes(kinds),
        })
    };
    assert_eq!(*runs(vec![set(), update(), update(), set()]), [0..1, 1..4]);
    let whole = 0..2;
    assert_eq!(*runs(vec![WriteKind::Delete, update()]), [whole]);
}
