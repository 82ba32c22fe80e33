//! Plans of several steps become one batch that decodes to what was meant, and its answer becomes the client's.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use qdrant_client::qdrant::points_update_operation::{self as operation, Operation};
use qdrant_client::qdrant::{self as pb, Condition, Filter, PointsOperationResponse, UpdateBatchResponse};
use uuid::Uuid;

use super::generate::{overwrite, update_batch, upsert};
use super::{RESERVED, lens};
use crate::domain::ids::{PointId, WriteId};
use crate::domain::op::{OpKind, Verb, WriteKind};
use crate::domain::plan::{Edit, Extra, Guard, Marked, Plan, Step, Written};
use crate::domain::tag::{Tag, TagEntry};
use crate::wire::pb::{key_page, rewrite, scan, scroll_of, unbatch};

fn ids() -> Vec<PointId> {
    vec![PointId::Num(7), PointId::Uuid(Uuid::from_u128(9))]
}

fn their_ids() -> Vec<pb::PointId> {
    vec![7.into(), Uuid::from_u128(9).to_string().into()]
}

fn sent(verb: Verb, bytes: &Bytes, steps: Vec<Step>) -> pb::UpdateBatchPoints {
    let lens = lens();
    let scan = scan(verb, bytes, &lens).unwrap();
    let plan = Plan {
        steps,
        ..Plan::default()
    };
    let out = rewrite(&scan, bytes, &plan, &[], RESERVED).unwrap();
    assert_eq!(out.verb, Some(Verb::UpdateBatch));
    pb::UpdateBatchPoints::decode(out.parts.concat().as_slice()).unwrap()
}

fn operations(each: Vec<Operation>) -> Vec<pb::PointsUpdateOperation> {
    let wrap = |one| pb::PointsUpdateOperation { operation: Some(one) };
    each.into_iter().map(wrap).collect()
}

fn existing() -> Option<pb::PointsSelector> {
    Some(Filter::must([Condition::has_id(their_ids())]).into())
}

fn unclaimed(path: &str, written: Option<Condition>) -> Option<pb::PointsSelector> {
    let must = vec![Condition::has_id(their_ids()), Condition::is_empty(path)];
    Some(Filter::must(must.into_iter().chain(written).collect::<Vec<_>>()).into())
}

#[test]
fn a_condition_is_asked_when_points_are_marked_and_the_marks_after_that() {
    let condition = Filter::must([Condition::is_empty("gone")]);
    let update = pb::UpdatePointVectors {
        collection_name: "c".into(),
        points: vec![pb::PointVectors {
            id: Some(7.into()),
            vectors: Some(vec![1.0f32; 40].into()),
        }],
        update_filter: Some(condition.clone()),
        shard_key_selector: Some("s".to_owned().into()),
        ..pb::UpdatePointVectors::default()
    };
    let mark = WriteId(Uuid::from_u128(3));
    let bears = vec![Guard::Written(Written {
        path: "k.write_id".into(),
        ids: vec![mark],
    })];
    let tag = Tag([TagEntry {
        field: "f".into(),
        write_id: mark,
        source_hash: None,
        models: Default::default(),
    }]
    .into());
    let set = |guards| {
        let (ids, tag) = (ids(), tag.clone());
        Step::Extra(0, Extra::SetTag { ids, guards, tag })
    };
    let marked = Marked {
        ids: ids(),
        guards: bears.clone(),
    };
    let steps = vec![
        set(vec![Guard::UpdateFilter]),
        Step::ClientMarked(0, vec![marked]),
        set(bears),
    ];
    let has_id = Condition::has_id(their_ids());
    let bearing = Filter::must([
        has_id.clone(),
        Condition::matches("k.write_id", vec![mark.to_string()]),
    ]);
    let payload: HashMap<String, pb::Value> = [("f".to_owned(), tag.0[0].to_json().into())].into();
    let set = |filter: Filter| {
        Operation::SetPayload(operation::SetPayload {
            payload: payload.clone(),
            points_selector: Some(filter.into()),
            shard_key_selector: update.shard_key_selector.clone(),
            key: Some(RESERVED.into()),
        })
    };
    let expected = operations(vec![
        set(Filter::must([condition.into(), has_id])),
        Operation::UpdateVectors(operation::UpdateVectors {
            points: update.points.clone(),
            shard_key_selector: update.shard_key_selector.clone(),
            update_filter: Some(Filter::should([bearing.clone().into()])),
        }),
        set(bearing),
    ]);
    let bytes = Bytes::from(update.encode_to_vec());
    assert_eq!(sent(Verb::UpdateVectors, &bytes, steps).operations, expected);
}

proptest! {
    #[test]
    fn an_upsert_with_company_becomes_a_batch(upsert in upsert(), is_conditional: bool) {
        let write_ids = vec![WriteId(Uuid::nil()), WriteId(Uuid::max())];
        let written = is_conditional.then(|| Written { path: "a.w".into(), ids: write_ids.clone() });
        let write_ids: Vec<String> = write_ids.iter().map(ToString::to_string).collect();
        let bytes = Bytes::from(upsert.encode_to_vec());
        let drop = Extra::DropUnclaimed { ids: ids(), space: "text@m@1".into(), claim_path: "a.b".into(), written: written.clone() };
        let clear = Extra::DeletePayloadOf { ids: ids(), paths: vec!["x".into()] };
        let steps = vec![Step::Extra(0, drop), Step::Client(0), Step::Extra(0, clear)];
        let expected = pb::UpdateBatchPoints {
            collection_name: upsert.collection_name.clone(),
            wait: upsert.wait,
            ordering: upsert.ordering,
            timeout: upsert.timeout,
            operations: operations(vec![
                Operation::DeleteVectors(operation::DeleteVectors {
                    points_selector: unclaimed("a.b", is_conditional.then(|| Condition::matches("a.w", write_ids))),
                    vectors: Some(pb::VectorsSelector { names: vec!["text@m@1".into()] }),
                    shard_key_selector: upsert.shard_key_selector.clone(),
                }),
                Operation::Upsert(operation::PointStructList {
                    points: upsert.points.clone(),
                    shard_key_selector: upsert.shard_key_selector.clone(),
                    update_filter: upsert.update_filter.clone(),
                    update_mode: upsert.update_mode,
                }),
                Operation::DeletePayload(operation::DeletePayload {
                    keys: vec!["x".into()],
                    points_selector: existing(),
                    shard_key_selector: upsert.shard_key_selector.clone(),
                }),
            ]),
        };
        prop_assert_eq!(sent(Verb::Upsert, &bytes, steps), expected);
    }

    #[test]
    fn an_overwrite_becomes_a_deletion_and_a_set(of in overwrite(), is_frozen: bool) {
        let bytes = Bytes::from(of.encode_to_vec());
        let frozen = is_frozen.then(ids);
        let delete = Extra::DeletePayload { paths: vec!["x".into(), "y".into()] };
        let steps = vec![Step::Extra(0, delete), Step::SetInstead(0, frozen)];
        let expected = operations(vec![
            Operation::DeletePayload(operation::DeletePayload {
                keys: vec!["x".into(), "y".into()],
                points_selector: of.points_selector.clone(),
                shard_key_selector: of.shard_key_selector.clone(),
            }),
            Operation::SetPayload(operation::SetPayload {
                payload: of.payload.clone(),
                points_selector: if is_frozen { existing() } else { of.points_selector.clone() },
                shard_key_selector: of.shard_key_selector.clone(),
                key: None,
            }),
        ]);
        let batch = sent(Verb::OverwritePayload, &bytes, steps);
        prop_assert_eq!(&batch.operations, &expected);
        prop_assert_eq!((batch.wait, batch.ordering, batch.timeout), (of.wait, of.ordering, of.timeout));
    }

    #[test]
    fn a_batch_takes_company_between_its_operations(of in update_batch()) {
        let bytes = Bytes::from(of.encode_to_vec());
        let tag = Tag([TagEntry {
            field: "".into(),
            write_id: WriteId(Uuid::from_u128(3)),
            source_hash: None,
            models: Default::default(),
        }]
        .into());
        let entry: pb::Value = tag.0[0].to_json().into();
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        for (index, theirs) in of.operations.iter().enumerate() {
            steps.push(Step::Client(index));
            steps.push(Step::Extra(index, Extra::SetTag { ids: ids(), guards: Vec::new(), tag: tag.clone() }));
            expected.push(theirs.clone());
            expected.extend(operations(vec![Operation::SetPayload(operation::SetPayload {
                payload: [(String::new(), entry.clone())].into(),
                points_selector: Some(their_ids().into()),
                shard_key_selector: shard_key(theirs),
                key: Some(RESERVED.into()),
            })]));
        }
        prop_assume!(!steps.is_empty());
        let batch = sent(Verb::UpdateBatch, &bytes, steps);
        prop_assert_eq!(batch, pb::UpdateBatchPoints { operations: expected, ..of });
    }

    #[test]
    fn a_selector_is_scrolled_as_it_selects(of in overwrite()) {
        let bytes = Bytes::from(of.encode_to_vec());
        let lens = lens();
        let scan = scan(Verb::OverwritePayload, &bytes, &lens).unwrap();
        let scroll = scroll_of(&scan, &bytes, &[], 0, Some(PointId::Num(5)), 64, RESERVED).unwrap();
        use pb::points_selector::PointsSelectorOneOf;
        let filter = match of.points_selector.unwrap().points_selector_one_of.unwrap() {
            PointsSelectorOneOf::Filter(filter) => filter,
            PointsSelectorOneOf::Points(list) => Filter::must([Condition::has_id(
                list.ids,
            )]),
        };
        let fields = vec![RESERVED.to_owned()];
        let hidden = pb::with_payload_selector::SelectorOptions::Exclude(pb::PayloadExcludeSelector { fields });
        prop_assert_eq!(pb::ScrollPoints::decode(scroll).unwrap(), pb::ScrollPoints {
            collection_name: of.collection_name,
            filter: Some(filter),
            offset: Some(5.into()),
            limit: Some(64),
            shard_key_selector: of.shard_key_selector,
            with_payload: Some(hidden.into()),
            ..pb::ScrollPoints::default()
        });
    }
}

fn shard_key(of: &pb::PointsUpdateOperation) -> Option<pb::ShardKeySelector> {
    match of.operation.clone().unwrap() {
        Operation::Upsert(of) => of.shard_key_selector,
        Operation::DeleteDeprecated(_) | Operation::ClearPayloadDeprecated(_) => None,
        Operation::SetPayload(of) => of.shard_key_selector,
        Operation::OverwritePayload(of) => of.shard_key_selector,
        Operation::DeletePayload(of) => of.shard_key_selector,
        Operation::UpdateVectors(of) => of.shard_key_selector,
        Operation::DeleteVectors(of) => of.shard_key_selector,
        Operation::DeletePoints(of) => of.shard_key_selector,
        Operation::ClearPayload(of) => of.shard_key_selector,
    }
}

#[test]
fn a_single_own_step_keeps_its_verb() {
    let bytes = Bytes::from(pb::UpsertPoints::default().encode_to_vec());
    let lens = lens();
    let scan = scan(Verb::Upsert, &bytes, &lens).unwrap();
    let plan = Plan {
        steps: vec![Step::Client(0)],
        ..Plan::default()
    };
    let out = rewrite(&scan, &bytes, &plan, &[], RESERVED).unwrap();
    assert_eq!(out.verb, Some(Verb::Upsert));
}

fn results(ids: &[u64]) -> Bytes {
    let result = |id: &u64| pb::UpdateResult {
        operation_id: Some(*id),
        status: 2,
    };
    let answer = UpdateBatchResponse {
        result: ids.iter().map(result).collect(),
        time: 0.5,
        usage: Some(pb::Usage::default()),
    };
    answer.encode_to_vec().into()
}

#[test]
fn each_operation_is_answered_with_its_last_step() {
    let answer = unbatch(Verb::UpdateBatch, &results(&[1, 2, 3, 4]), &[0, 0, 1, 1]).unwrap();
    assert_eq!(answer, results(&[2, 4]));
    let answer = unbatch(Verb::Upsert, &results(&[1, 2, 3]), &[0, 0, 0]).unwrap();
    let answer = PointsOperationResponse::decode(answer).unwrap();
    assert_eq!(answer.result.unwrap().operation_id, Some(3));
    assert_eq!((answer.time, answer.usage), (0.5, Some(pb::Usage::default())));
    let missing = unbatch(Verb::Upsert, &results(&[1]), &[0, 0]).unwrap_err();
    assert_eq!(missing.reason, "bad_answer");
}

#[test]
fn a_page_gives_its_ids_and_keys() {
    let point = |id: u64, key: &str| pb::RetrievedPoint {
        id: Some(id.into()),
        payload: [(key.to_owned(), pb::Value::from(1))].into(),
        ..pb::RetrievedPoint::default()
    };
    let answer = pb::ScrollResponse {
        result: vec![point(1, "a"), point(2, "b"), point(3, "a")],
        next_page_offset: Some(4.into()),
        ..pb::ScrollResponse::default()
    };
    let page = key_page(&answer.encode_to_vec().into()).unwrap();
    assert_eq!(page.ids, [1, 2, 3].map(PointId::Num));
    assert_eq!(page.keys.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(page.next, Some(PointId::Num(4)));
}

#[test]
fn edits_reach_into_a_selector_wherever_it_goes() {
    let has_vector = |name: &str| {
        let one = pb::HasVectorCondition {
            has_vector: name.to_owned(),
        };
        Filter::must_not([pb::condition::ConditionOneOf::HasVector(one).into()])
    };
    let clear = pb::ClearPayloadPoints {
        points: Some(has_vector("text").into()),
        ..pb::ClearPayloadPoints::default()
    };
    let bytes = Bytes::from(clear.encode_to_vec());
    let lens = lens();
    let scan = scan(Verb::ClearPayload, &bytes, &lens).unwrap();
    let OpKind::Writes(writes) = &scan.op.kind else {
        panic!("a clear writes")
    };
    let real = "text@m@1".repeat(20);
    let extra = Extra::DeletePayload {
        paths: vec!["x".into()],
    };
    let plan = Plan {
        edits: vec![(
            writes[0].filters.has_vectors[0].0,
            Edit::Name(real.as_str().into()),
        )],
        steps: vec![Step::Extra(0, extra)],
        ..Plan::default()
    };
    let scroll = scroll_of(&scan, &bytes, &plan.edits, 0, None, 9, RESERVED).unwrap();
    let scroll = pb::ScrollPoints::decode(scroll).unwrap();
    assert_eq!(scroll.filter, Some(has_vector(&real)));

    let out = rewrite(&scan, &bytes, &plan, &[], RESERVED).unwrap();
    let batch = pb::UpdateBatchPoints::decode(out.parts.concat().as_slice()).unwrap();
    let expected = operations(vec![Operation::DeletePayload(operation::DeletePayload {
        keys: vec!["x".into()],
        points_selector: Some(has_vector(&real).into()),
        shard_key_selector: None,
    })]);
    assert_eq!(batch.operations, expected);
}

#[test]
fn a_deletion_of_vectors_takes_other_names() {
    let delete = pb::DeletePointVectors {
        points_selector: Some(their_ids().into()),
        vectors: Some(pb::VectorsSelector {
            names: vec!["text".into()],
        }),
        ..pb::DeletePointVectors::default()
    };
    let bytes = Bytes::from(delete.encode_to_vec());
    let lens = lens();
    let scan = scan(Verb::DeleteVectors, &bytes, &lens).unwrap();
    let OpKind::Writes(writes) = &scan.op.kind else {
        panic!("a deletion writes")
    };
    let WriteKind::DeleteVectors {
        site,
        names,
        selector,
    } = &writes[0].kind
    else {
        panic!("a deletion of vectors deletes vectors")
    };
    assert_eq!(names, &["text"]);
    assert_eq!(*selector, crate::domain::op::Selector::Ids(ids()));
    let plan = Plan {
        edits: vec![(*site, Edit::Names(vec!["text".into(), "text@m@1".into()]))],
        ..Plan::default()
    };
    let out = rewrite(&scan, &bytes, &plan, &[], RESERVED).unwrap();
    let sent = pb::DeletePointVectors::decode(out.parts.concat().as_slice()).unwrap();
    assert_eq!(sent.vectors.unwrap().names, ["text", "text@m@1"]);
    assert_eq!(sent.points_selector, delete.points_selector);
}
