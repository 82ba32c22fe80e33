//! Whole requests to start from, made by the generators of the wire layer's own properties. The same ones every time.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use qdrant_client::qdrant as pb;
use serde_json::{Value, json};

use crate::domain::op::Verb;
use crate::{bodies, generate, generate_answers, generate_reads};

/// `count` requests of each kind, each after the byte that names its verb and one that chooses its edits.
pub fn protobuf(count: u8) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mut seeds = Vec::new();
    let mut of = |verb: u8, bodies: BoxedStrategy<Vec<u8>>| {
        for how in 0..count {
            let tree = bodies
                .new_tree(&mut runner)
                .expect("the generators make something");
            let mut seed = vec![verb, how.wrapping_mul(37)];
            seed.extend_from_slice(&tree.current());
            seeds.push(seed);
        }
    };
    of(0, encoded(generate_reads::query_points()));
    of(1, encoded(generate::upsert()));
    of(2, encoded(generate::update_batch()));
    of(5, encoded(generate_reads::search()));
    of(9, encoded(generate_reads::recommend_groups()));
    of(11, encoded(generate_reads::discover()));
    of(13, encoded(generate_reads::scroll()));
    of(20, encoded(generate::overwrite()));
    of(21, encoded(generate::overwrite()));
    seeds
}

fn encoded<M: Message + std::fmt::Debug + 'static>(messages: BoxedStrategy<M>) -> BoxedStrategy<Vec<u8>> {
    messages.prop_map(|message| message.encode_to_vec()).boxed()
}

/// `count` bodies, each after the byte that names its verb and one that chooses its edits.
pub fn json(count: usize) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let bodies = bodies::any_body();
    let seed = |how: usize| {
        let (verb, body) = bodies
            .new_tree(&mut runner)
            .expect("the generators make something")
            .current();
        let verb = match verb {
            Verb::Query => 0,
            Verb::Upsert => 1,
            Verb::UpdateBatch => 2,
            Verb::QueryBatch => 3,
            Verb::Scroll => 13,
            Verb::Facet => 16,
            _ => 18,
        };
        let mut seed = vec![verb, how.wrapping_mul(37).to_le_bytes()[0]];
        seed.extend_from_slice(body.to_string().as_bytes());
        seed
    };
    (0..count).map(seed).collect()
}

/// `count` answers of each shape over gRPC and as many over REST, each after the byte for encoding and verb and one
/// that chooses what is shown.
pub fn answers(count: usize) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mut seeds = Vec::new();
    let mut of = |kind: u8, bodies: BoxedStrategy<Vec<u8>>| {
        for how in 0..count {
            let tree = bodies
                .new_tree(&mut runner)
                .expect("the generators make something");
            let mut seed = vec![kind, how.wrapping_mul(37).to_le_bytes()[0]];
            seed.extend_from_slice(&tree.current());
            seeds.push(seed);
        }
    };
    let scored = || prop::collection::vec(generate_answers::scored(), 0..4);
    let retrieved = || prop::collection::vec(generate_answers::retrieved(), 0..4);
    of(
        0,
        encoded(
            scored()
                .prop_map(|result| pb::QueryResponse {
                    result,
                    time: 0.5,
                    usage: None,
                })
                .boxed(),
        ),
    );
    of(
        2,
        encoded(
            retrieved()
                .prop_map(|result| pb::ScrollResponse {
                    result,
                    next_page_offset: Some(3.into()),
                    ..pb::ScrollResponse::default()
                })
                .boxed(),
        ),
    );
    let batch = |result| pb::QueryBatchResponse {
        result: vec![pb::BatchResult { result }; 2],
        ..pb::QueryBatchResponse::default()
    };
    of(6, encoded(scored().prop_map(batch).boxed()));
    let group = |(hits, found): (_, Vec<pb::RetrievedPoint>)| pb::PointGroup {
        hits,
        lookup: found.into_iter().next(),
        ..pb::PointGroup::default()
    };
    let groups = |group| pb::QueryGroupsResponse {
        result: Some(pb::GroupsResult { groups: vec![group] }),
        ..pb::QueryGroupsResponse::default()
    };
    of(
        8,
        encoded((scored(), retrieved()).prop_map(group).prop_map(groups).boxed()),
    );
    for (kind, shape) in (0u8..).zip(TREES) {
        let text = move |records: Vec<Value>| {
            let answer = json!({"result": shape(records), "status": "ok", "time": 0.5, "usage": null});
            answer.to_string().into_bytes()
        };
        of(kind * 2 + 1, records().prop_map(text).boxed());
    }
    seeds
}

/// Records in the answers of REST, in the order of the fuzzed verbs.
const TREES: [fn(Vec<Value>) -> Value; 7] = [
    |records| records.into_iter().next().unwrap_or_default(),
    Value::from,
    |records| json!({"points": records, "next_page_offset": 4}),
    |records| json!({"points": records}),
    |records| json!([{"points": records}, {"points": []}]),
    |records| json!([records, []]),
    |records| json!({"groups": [{"id": "g", "lookup": records.last(), "hits": records}]}),
];

fn records() -> BoxedStrategy<Vec<Value>> {
    let value = prop_oneof![
        any::<i16>().prop_map(|n| json!([f64::from(n) / 8.0, n])),
        any::<i16>().prop_map(|n| json!({"indices": [1], "values": [n]})),
        any::<i16>().prop_map(|n| json!([[n], [1]])),
    ];
    let names = prop::sample::select(vec!["", "a", "text", "v@m@1", "other"]);
    let vectors = prop_oneof![
        Just(json!([1.5])),
        Just(Value::Null),
        prop::collection::btree_map(names, value, 0..4).prop_map(|map| json!(map)),
    ];
    let keys = prop::sample::select(vec!["_embedding", "a", "b\"", ""]);
    let payload = prop::collection::btree_map(keys, any::<bool>(), 0..4);
    let record = |(vector, payload)| json!({"id": 1, "version": 3, "payload": payload, "vector": vector, "score": 0.5});
    prop::collection::vec((vectors, payload).prop_map(record), 0..4).boxed()
}
