//! Writes whose points must be told apart: skipped ones, ones of different fields, one that stands there twice.

use std::collections::HashMap;

use super::*;
use crate::domain::ids::PointId;
use crate::domain::op::{Point, PointVector, WriteKind};
use crate::domain::plan::{Extra, Step, VectorFrom, Written};
use crate::domain::refusal::RefusalKind;

fn point(site: u32, id: u64, names: &[&'static str]) -> Point<'static> {
    let vectors = names.iter().map(|name| PointVector {
        name: (*name).into(),
        value: match *name {
            "words" => InputValue::Sparse,
            _ => InputValue::Dense(4),
        },
    });
    Point {
        site: Site(site),
        id: PointId::Num(id),
        vectors: vectors.collect(),
        has_payload: false,
        has_reserved_key: false,
        texts: Vec::new(),
    }
}

fn extras(plan: &Plan) -> Vec<&Extra> {
    let extra = |step| match step {
        &Step::Extra(0, ref extra) => Some(extra),
        _ => None,
    };
    plan.steps.iter().filter_map(extra).collect()
}

/// Nothing more to look up, on an upstream that may keep vectors.
fn looked_up() -> With {
    With {
        retains: true,
        known: Known {
            sources: Some(HashMap::new()),
            ..Known::default()
        },
        ..With::default()
    }
}

#[test]
fn what_a_conditional_upsert_leaves_out_is_dropped_only_where_it_wrote() {
    let upsert = |is_conditional| {
        let points = vec![point(1, 5, &["text"]), point(2, 6, &["words"]), point(3, 7, &[])];
        OpKind::Writes(vec![Write {
            kind: WriteKind::Upsert(points),
            filters: Default::default(),
            is_conditional,
        }])
    };
    let drops = |plan: &Plan| -> Vec<(Vec<PointId>, String, Option<Written>)> {
        extras(plan)
            .into_iter()
            .map(|extra| match extra {
                Extra::DropUnclaimed {
                    ids, space, written, ..
                } => (ids.clone(), space.to_string(), written.clone()),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let plain = plan(&table(Stage::Before), upsert(false), &looked_up()).unwrap();
    let ids = |ids: &[u64]| ids.iter().copied().map(PointId::Num).collect::<Vec<_>>();
    assert_eq!(
        drops(&plain),
        [
            (ids(&[5, 7]), "words".to_owned(), None),
            (ids(&[6, 7]), "text".to_owned(), None)
        ]
    );
    let conditional = plan(&table(Stage::Before), upsert(true), &looked_up()).unwrap();
    let written = |field: &str, site: u32| {
        let Some(Edit::Point(edit)) = edit_at(&conditional, site) else {
            panic!("no point");
        };
        Some(Written {
            path: format!("\"_embedding\".\"{field}\".write_id"),
            ids: vec![edit.tag.as_ref().unwrap().0[0].write_id],
        })
    };
    assert_eq!(
        drops(&conditional),
        [
            (ids(&[5]), "words".to_owned(), written("text", 1)),
            (ids(&[6]), "text".to_owned(), written("words", 2))
        ]
    );
}

#[test]
fn a_vector_update_takes_away_no_claim_but_those_that_it_replaces() {
    let points = vec![
        point(1, 5, &["text"]),
        point(2, 6, &["words"]),
        point(3, 7, &["text"]),
    ];
    let update = writes(vec![WriteKind::UpdateVectors(points)]);
    let plan = plan(&table(Stage::Before), update, &looked_up()).unwrap();
    let tags: Vec<_> = extras(&plan)
        .into_iter()
        .map(|extra| match extra {
            Extra::SetTag { ids, tag, .. } => {
                let fields: Vec<_> = tag.0.iter().map(|entry| entry.field.to_string()).collect();
                (ids.clone(), fields, tag.0[0].models.len())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let row = |ids: &[u64], field: &str, claims| {
        let ids: Vec<_> = ids.iter().copied().map(PointId::Num).collect();
        (ids, vec![field.to_owned()], claims)
    };
    assert_eq!(
        tags,
        [
            row(&[5, 7], "text", 0),
            row(&[6], "words", 0),
            row(&[5], "text", 1),
            row(&[6], "words", 1),
            row(&[7], "text", 1)
        ]
    );
}

#[test]
fn a_point_that_is_updated_twice_in_one_request_is_one_point() {
    let points = vec![
        point(1, 5, &["text", "words"]),
        point(2, 6, &["text@old", "text@new"]),
        point(3, 5, &["text@new", "words"]),
    ];
    let update = writes(vec![WriteKind::UpdateVectors(points)]);
    let plan = plan(&table(Stage::Filling), update, &looked_up()).unwrap();
    assert!(plan.embeds.is_empty(), "both models' vectors were given");
    let at = |site| match edit_at(&plan, site) {
        Some(Edit::Point(edit)) => edit
            .vectors
            .iter()
            .map(|vector| (vector.name.to_string(), vector.from))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let kept = |name: &str, index| (name.to_owned(), VectorFrom::Kept(index));
    // What a later place overrides stays in its own, and loses there as it did when it came.
    assert_eq!(at(1), [kept("text", 0), kept("words", 1)]);
    assert_eq!(at(3), [kept("words", 1), kept("text@new@1", 0)]);
    let claims = extras(&plan).into_iter().filter_map(|extra| match extra {
        Extra::SetTag { ids, tag, .. } if ids == &[PointId::Num(5)] && !tag.0[0].models.is_empty() => {
            Some(tag)
        }
        _ => None,
    });
    let claims: Vec<_> = claims.flat_map(|tag| &tag.0).collect();
    assert_eq!(claims.len(), 2, "one claim a field");
    let text = claims
        .iter()
        .find(|entry| entry.field.as_str() == "text")
        .unwrap();
    assert_eq!(text.models.len(), 2);
}

#[test]
fn a_vector_update_of_a_missing_point_is_answered_as_qdrant_does() {
    let update = || writes(vec![WriteKind::UpdateVectors(vec![point(1, 5, &["text"])])]);
    let refused = plan(&table(Stage::Flipped), update(), &looked_up()).unwrap_err();
    assert_eq!(
        (refused.kind, refused.reason),
        (RefusalKind::NotFound, "missing_point")
    );
    let mut without_text = looked_up();
    without_text.known.sources = Some(HashMap::from([(PointId::Num(5), Vec::new())]));
    let refused = plan(&table(Stage::Flipped), update(), &without_text).unwrap_err();
    assert_eq!(refused.reason, "no_source_text");
}
