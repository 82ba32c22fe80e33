//! Bad input: each gets a clear refusal, and the engine goes on.

use serde_json::{Value, json};

use crate::target::Target;

const COLLECTION: &str = "/collections/h";

async fn create(target: &Target) {
    let config = json!({"vectors": {"size": 2, "distance": "Dot"}});
    assert_eq!(target.rest("PUT", COLLECTION, &config).await.status, 200);
    let points = json!({"points": [{"id": 1, "vector": [1.0, 0.5]}, {"id": 2, "vector": [0.5, 1.0]}]});
    let path = format!("{COLLECTION}/points?wait=true");
    assert_eq!(target.rest("PUT", &path, &points).await.status, 200);
}

async fn alive(target: &Target) {
    let count = target
        .rest(
            "POST",
            &format!("{COLLECTION}/points/count"),
            &json!({"exact": true}),
        )
        .await;
    assert_eq!(count.body["result"]["count"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_never_reaches_the_end_of_the_stack() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::engine(dir.path());
    create(&target).await;
    let query = format!("{COLLECTION}/points/query");
    let scroll = format!("{COLLECTION}/points/scroll");
    for depth in [10, 30, 50, 62, 64, 100, 2000] {
        let nest = |open: &str, core: &str, close: &str| {
            Value::String(format!("{}{core}{}", open.repeat(depth), close.repeat(depth)))
        };
        let cases = [
            (&query, nest("{\"query\":[1,0],\"prefetch\":", "{}", "}")),
            (&query, nest("{\"query\":[1,0],\"prefetch\":[", "{}", "]}")),
            (
                &scroll,
                Value::String(format!(
                    "{{\"filter\":{}}}",
                    raw(nest("{\"must\":[", "{\"has_id\":[1]}", "]}"))
                )),
            ),
            (
                &query,
                Value::String(format!(
                    "{{\"prefetch\":{{}},\"query\":{{\"formula\":{}}}}}",
                    raw(nest("{\"neg\":", "1", "}"))
                )),
            ),
        ];
        for (path, body) in cases {
            let answer = target.rest("POST", path, &body).await;
            assert!(
                [200, 400, 422].contains(&answer.status),
                "depth {depth}: {} {}",
                answer.status,
                answer.body
            );
        }
        alive(&target).await;
    }
}

fn raw(value: Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_numbers_get_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::engine(dir.path());
    create(&target).await;
    let query = format!("{COLLECTION}/points/query");
    for body in [
        json!({"query": [1e39, 0.0], "limit": 3}),
        json!({"query": [1.0, 0.0], "limit": u64::MAX}),
        json!({"query": [1.0, 0.0], "limit": 3, "offset": u64::MAX}),
        json!({"query": [1.0, 0.0], "prefetch": {"query": [1.0, 0.0], "limit": u64::MAX}}),
        json!({"query": {"nearest": [1.0, 0.0], "mmr": {"candidates_limit": 0}}}),
        json!({"query": {"recommend": {"positive": [1], "negative": [1, 2], "strategy": "best_score"}}}),
        json!({"query": {"context": []}}),
        json!({"query": {"discover": {"target": 1, "context": []}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"rrf": {"k": 0}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"rrf": {"weights": [1.0, 2.0]}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"formula": {"div": {"left": 1, "right": 0}}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"formula": {"lin_decay": {"x": "$score", "scale": 0}}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"formula": {"datetime": "never"}}}),
        json!({"prefetch": {"query": [1.0, 0.0]}, "query": {"formula": "$score[7]"}}),
        json!({"query": {"order_by": "nothing"}}),
        json!({"query": {"sample": "random"}, "limit": 5, "offset": 9}),
    ] {
        let answer = target.rest("POST", &query, &body).await;
        assert!(
            [200, 400, 422, 500].contains(&answer.status),
            "{body}: {} {}",
            answer.status,
            answer.body
        );
        println!("{body} -> {} {}", answer.status, answer.body);
        alive(&target).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_does_not_do_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::engine(dir.path());
    create(&target).await;
    let text = json!({"points": [{"id": 3, "vector": {"text": "a", "model": "m"}}]});
    for (method, path, body) in [
        ("POST", "/snapshots", Value::Null),
        ("GET", "/snapshots", Value::Null),
        ("PUT", "/shards", json!({"shard_key": "a"})),
        ("PUT", "/points", text),
        (
            "POST",
            "/points/query",
            json!({"query": {"text": "a", "model": "m"}}),
        ),
        ("PATCH", "", json!({"strict_mode_config": {"enabled": true}})),
    ] {
        let answer = target.rest(method, &format!("{COLLECTION}{path}"), &body).await;
        assert_eq!(answer.status, 501, "{method} {path}: {}", answer.body);
        let text = answer.body["status"]["error"].as_str().unwrap();
        assert!(text.starts_with("the embedded engine does not do "), "{text}");
        assert!(text.ends_with("point Interlock at a Qdrant for it"), "{text}");
    }
    alive(&target).await;
}
