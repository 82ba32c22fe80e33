//! Steps of ours beside the client's, and what is not sent.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{rewrite, scroll_of};
use super::rewriting::{edited, name, out, point_edit, points, tag};
use super::{reads, scanned, writes};
use crate::domain::ids::{PointId, WriteId};
use crate::domain::op::{Verb, WriteKind};
use crate::domain::plan::{
    Edit, EmbedRef, Embedding, Extra, Guard, Marked, PayloadEdit, Plan, PointEdit, Step, VectorFrom, Written,
};

#[test]
fn steps_of_ours_go_with_the_clients_in_one_batch() {
    let body = r#"{"operations":[
        {"overwrite_payload":{"payload":{"a":1},"filter":{"must":{"has_vector":"f"}},"shard_key":"s","key":"x"}},
        {"delete_vectors":{"points":[1],"vector":["f"]}}]}"#;
    let ids = vec![PointId::Num(1), PointId::Uuid(Uuid::nil())];
    let (verb, seen) = out(Verb::UpdateBatch, body, &[], |scan| {
        let list = writes(&scan.op);
        let WriteKind::DeleteVectors { site, .. } = &list[1].kind else {
            panic!("not a deletion");
        };
        let drop = Extra::DropUnclaimed {
            ids: ids.clone(),
            space: name("g"),
            claim_path: "\"_embedding\".\"f\"".into(),
            written: Some(Written {
                path: "w".into(),
                ids: vec![WriteId(Uuid::nil())],
            }),
        };
        let paths = vec!["a".to_owned()];
        Plan {
            edits: vec![
                (list[0].filters.has_vectors[0].0, Edit::Name(name("g"))),
                (*site, Edit::Names(vec![name("f"), name("g")])),
            ],
            steps: vec![
                Step::SetInstead(0, None),
                Step::Extra(0, Extra::DeletePayload { paths: paths.clone() }),
                Step::SetInstead(0, Some(ids.clone())),
                Step::Extra(1, drop),
                Step::Client(1),
                Step::Extra(
                    1,
                    Extra::SetTag {
                        ids: ids.clone(),
                        guards: Vec::new(),
                        tag: tag(),
                    },
                ),
                Step::Extra(
                    0,
                    Extra::DeletePayloadOf {
                        ids: ids.clone(),
                        paths,
                    },
                ),
            ],
            ..Plan::default()
        }
    });
    assert_eq!(verb, Verb::UpdateBatch);
    let ids = json!([1, Uuid::nil()]);
    let filter = json!({"must":{"has_vector":"g"}});
    let has_id = json!({"must":[{"has_id":ids}]});
    assert_eq!(
        seen,
        json!({"operations":[
            {"set_payload":{"payload":{"a":1},"filter":filter,"shard_key":"s"}},
            {"delete_payload":{"keys":["a"],"filter":filter,"shard_key":"s"}},
            {"set_payload":{"payload":{"a":1},"filter":has_id,"shard_key":"s"}},
            {"delete_vectors":{"vector":["g"],
                "filter":{"must":[{"has_id":ids},{"is_empty":{"key":"\"_embedding\".\"f\""}},
                    {"key":"w","match":{"any":[Uuid::nil()]}}]}}},
            {"delete_vectors":{"points":[1],"vector":["f","g"]}},
            {"set_payload":{"payload":tag().to_json(),"key":"_embedding","points":ids}},
            {"delete_payload":{"keys":["a"],"filter":has_id,"shard_key":"s"}}]})
    );
}

#[test]
fn a_condition_is_asked_when_points_are_marked_and_the_marks_after_that() {
    let body = r#"{"points":[{"id":1,"vector":{"f":[1]}}],"update_filter":{"must":{"has_vector":"f"}},"shard_key":"s"}"#;
    let mark = WriteId(Uuid::from_u128(7));
    let bears = Guard::Written(Written {
        path: "\"k\".write_id".into(),
        ids: vec![mark],
    });
    let ids = vec![PointId::Num(1)];
    let (verb, seen) = out(Verb::UpdateVectors, body, &[], |scan| {
        let set = |guards| Extra::SetTag {
            ids: ids.clone(),
            guards,
            tag: tag(),
        };
        let marked = Marked {
            ids: ids.clone(),
            guards: vec![bears.clone()],
        };
        let has_vector = writes(&scan.op)[0].filters.has_vectors[0].0;
        Plan {
            edits: vec![(has_vector, Edit::Name(name("g")))],
            steps: vec![
                Step::Extra(0, set(vec![Guard::UpdateFilter])),
                Step::ClientMarked(0, vec![marked]),
                Step::Extra(0, set(vec![bears.clone()])),
            ],
            ..Plan::default()
        }
    });
    assert_eq!(verb, Verb::UpdateBatch);
    let has_id = json!({"has_id":[1]});
    let asked = json!({"must":[has_id, {"must":{"has_vector":"g"}}]});
    let bears = json!({"must":[has_id, {"key":"\"k\".write_id","match":{"any":[Uuid::from_u128(7)]}}]});
    let set = |filter| json!({"set_payload":{"payload":tag().to_json(),"key":"_embedding","filter":filter,"shard_key":"s"}});
    assert_eq!(
        seen,
        json!({"operations":[
            set(asked),
            {"update_vectors":{"points":[{"id":1,"vector":{"f":[1]}}],"update_filter":{"should":[bears]},"shard_key":"s"}},
            set(bears)]})
    );
}

#[test]
fn a_single_write_with_extras_is_embedded_whole() {
    let body = r#"{"points":[{"id":1,"vector":[1]}],"update_filter":{"must":[]}}"#;
    let (verb, seen) = out(Verb::UpdateVectors, body, &[], |scan| Plan {
        edits: vec![(
            points(scan)[0].site,
            Edit::Point(PointEdit {
                tag: None,
                ..point_edit(&[("g", VectorFrom::Kept(0))])
            }),
        )],
        steps: vec![
            Step::Client(0),
            Step::Extra(
                0,
                Extra::SetTag {
                    ids: vec![PointId::Num(1)],
                    guards: Vec::new(),
                    tag: tag(),
                },
            ),
        ],
        ..Plan::default()
    });
    assert_eq!(verb, Verb::UpdateBatch);
    let client = json!({"points":[{"id":1,"vector":{"g":[1]}}],"update_filter":{"must":[]}});
    assert_eq!(seen["operations"][0], json!({"update_vectors":client}));
    // The client's operations alone keep their verb, however the plan says so.
    for steps in [vec![], vec![Step::Client(0)]] {
        let (verb, seen) = out(Verb::UpdateVectors, body, &[], |_| Plan {
            steps,
            ..Plan::default()
        });
        assert_eq!(verb, Verb::UpdateVectors);
        assert_eq!(seen, serde_json::from_str::<Value>(body).unwrap());
    }
}

#[test]
fn what_a_plan_lacks_is_refused_and_not_sent() {
    let body = r#"{"query":{"text":"t","model":"m"}}"#;
    let scan = scanned(Verb::Query, body).unwrap();
    let site = reads(&scan.op)[0].nodes[0].inputs[0].site;
    let bytes = Bytes::from_static(body.as_bytes());
    let plan = edited(vec![(site, Edit::Embedding(EmbedRef(0)))]);
    let refused = |plan: &Plan, embeddings: &[Embedding]| {
        rewrite(&scan, &bytes, plan, embeddings, "_embedding")
            .unwrap_err()
            .reason
    };
    assert_eq!(refused(&plan, &[]), "internal");
    assert_eq!(
        refused(&plan, &[Embedding::Dense(vec![f32::NAN])]),
        "bad_embedding"
    );
    let twice = edited(vec![plan.edits[0].clone(), plan.edits[0].clone()]);
    assert_eq!(refused(&twice, &[Embedding::Dense(vec![1.0])]), "internal");
    let unfit = edited(vec![(site, Edit::Payload(PayloadEdit::Include(vec![])))]);
    assert_eq!(refused(&unfit, &[]), "internal");
}

#[test]
fn a_scroll_selects_what_its_write_selects() {
    let scroll = |body: &str, offset| {
        let scan = scanned(Verb::ClearPayload, body).unwrap();
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let scroll = scroll_of(&scan, &bytes, &[], 0, offset, 64, "_embedding").unwrap();
        serde_json::from_slice::<Value>(&scroll).unwrap()
    };
    let rest = |filter: Value| json!({"filter":filter,"limit":64,"with_payload":{"exclude":["_embedding"]},"with_vector":false});
    assert_eq!(
        scroll(r#"{"points":[1,2]}"#, None),
        rest(json!({"must":[{"has_id":[1,2]}]}))
    );
    let mut expected = rest(json!({"must":[]}));
    expected["shard_key"] = json!(["s"]);
    expected["offset"] = json!(7);
    let body = r#"{"filter":{"must":[]},"shard_key":["s"]}"#;
    assert_eq!(scroll(body, Some(PointId::Num(7))), expected);

    let body = r#"{"filter":{"must":{"has_vector":"f"}}}"#;
    let scan = scanned(Verb::ClearPayload, body).unwrap();
    let plan = edited(vec![(
        writes(&scan.op)[0].filters.has_vectors[0].0,
        Edit::Name(name("g")),
    )]);
    let bytes = Bytes::from_static(body.as_bytes());
    let planned = scroll_of(&scan, &bytes, &plan.edits, 0, None, 64, "_embedding").unwrap();
    let planned: Value = serde_json::from_slice(&planned).unwrap();
    assert_eq!(planned["filter"], json!({"must":{"has_vector":"g"}}));
}
