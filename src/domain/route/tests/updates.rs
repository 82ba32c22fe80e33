//! Vector updates.

use std::collections::HashMap;

use super::writes::{outgoing, point};
use super::*;
use crate::domain::ids::PointId;
use crate::domain::op::{Point, WriteKind};
use crate::domain::plan::{Extra, Guard, Marked, Step, Written};

const DENSE: InputValue<'static> = InputValue::Dense(4);
const TEXT_WRITE_ID: &str = "\"_embedding\".\"text\".write_id";
const WORDS_WRITE_ID: &str = "\"_embedding\".\"words\".write_id";

fn at(site: u32, id: u64, vectors: Vec<(&'static str, InputValue<'static>)>) -> Point<'static> {
    Point {
        site: Site(site),
        id: PointId::Num(id),
        ..point(vectors, None)
    }
}

fn update(stage: Stage, points: Vec<Point<'static>>, is_conditional: bool) -> Result<Plan, Refusal> {
    let write = Write {
        kind: WriteKind::UpdateVectors(points),
        filters: Default::default(),
        is_conditional,
    };
    let known = Known {
        sources: Some(HashMap::new()),
        ..Known::default()
    };
    let with = With {
        known,
        ..With::default()
    };
    plan(&table(stage), OpKind::Writes(vec![write]), &with)
}

/// The tags that are set, in order: points, guards, and for each field the spaces that are claimed.
type Set<'p> = (&'p [PointId], &'p [Guard], Vec<(&'p str, usize)>);

fn tags(plan: &Plan) -> Vec<Set<'_>> {
    let set = plan.steps.iter().filter_map(|step| match step {
        Step::Extra(0, Extra::SetTag { ids, guards, tag }) => {
            let entries = tag.0.iter().map(|e| (e.field.as_str(), e.models.len()));
            Some((ids.as_slice(), guards.as_slice(), entries.collect()))
        }
        _ => None,
    });
    set.collect()
}

/// The write id that the first step marks its points with.
fn mark(plan: &Plan) -> WriteId {
    match &plan.steps[0] {
        Step::Extra(0, Extra::SetTag { tag, .. }) => tag.0[0].write_id,
        other => panic!("{other:?}"),
    }
}

fn bears(path: &str, mark: WriteId) -> Guard {
    Guard::Written(Written {
        path: path.to_owned(),
        ids: vec![mark],
    })
}

#[test]
fn a_vector_update_takes_its_claim_away_first_and_makes_it_last() {
    let plan = update(Stage::Before, vec![at(1, 5, vec![("text", DENSE)])], false).unwrap();
    let id = [PointId::Num(5)];
    // Only a point that still bears the mark gets the claim: what another client wrote since then is its own.
    let marked = [bears(TEXT_WRITE_ID, mark(&plan))];
    assert_eq!(
        tags(&plan),
        [
            (&id[..], &[][..], vec![("text", 0)]),
            (&id[..], &marked[..], vec![("text", 1)])
        ]
    );
    assert_eq!((plan.steps.len(), &plan.steps[1]), (3, &Step::Client(0)));
    assert_eq!(outgoing(&plan).tag, None);
}

#[test]
fn a_conditional_vector_update_touches_what_its_condition_marked() {
    let points = vec![
        at(1, 5, vec![("text", DENSE)]),
        at(2, 6, vec![("text", DENSE)]),
        at(3, 7, vec![("text", DENSE), ("words", InputValue::Sparse)]),
    ];
    let plan = update(Stage::Before, points, true).unwrap();
    let mark = mark(&plan);
    let (two, one) = ([PointId::Num(5), PointId::Num(6)], [PointId::Num(7)]);
    let text = [bears(TEXT_WRITE_ID, mark)];
    let both = [bears(TEXT_WRITE_ID, mark), bears(WORDS_WRITE_ID, mark)];
    let asked = [Guard::UpdateFilter];
    assert_eq!(
        tags(&plan),
        [
            (&two[..], &asked[..], vec![("text", 0)]),
            (&one[..], &asked[..], vec![("text", 0), ("words", 0)]),
            (&two[..1], &text[..], vec![("text", 1)]),
            (&two[1..], &text[..], vec![("text", 1)]),
            (&one[..], &both[..], vec![("text", 1), ("words", 1)]),
        ]
    );
    let of = |ids: &[PointId], guards: &[Guard]| Marked {
        ids: ids.to_vec(),
        guards: guards.to_vec(),
    };
    assert_eq!(
        plan.steps[2],
        Step::ClientMarked(0, vec![of(&two, &text), of(&one, &both)])
    );
}

#[test]
fn a_condition_over_points_that_cannot_all_be_marked_is_refused() {
    let mixed = vec![at(1, 5, vec![("text", DENSE)]), at(2, 6, vec![("image", DENSE)])];
    assert_eq!(
        reason(update(Stage::Before, mixed, true)),
        "conditional_vector_update"
    );
    // Opaque vectors alone have no tag to keep: the client's own condition stands.
    let opaque = update(Stage::Before, vec![at(1, 5, vec![("image", DENSE)])], true).unwrap();
    assert_eq!(opaque.steps, [Step::Client(0)]);
}

#[test]
fn what_a_vector_update_leaves_out_is_dropped_only_where_its_mark_stands() {
    let points = vec![at(1, 5, vec![("text", DENSE)]), at(2, 6, vec![("text", DENSE)])];
    let plan = update(Stage::Filling, points, false).unwrap();
    let dropped: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Extra(0, Extra::DropUnclaimed { ids, written, .. }) => Some((ids.len(), written.clone())),
            _ => None,
        })
        .collect();
    let written = Written {
        path: TEXT_WRITE_ID.to_owned(),
        ids: vec![mark(&plan)],
    };
    assert_eq!(dropped, [(2, Some(written))]);
}
