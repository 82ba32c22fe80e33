//! Reads, writes, flushes and schema changes at once.

use serde_json::{Value, json};

use crate::durability::{DIM, create, engine, ok};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_writers_run_beside_flushes_and_schema_changes() {
    let dir = tempfile::tempdir().unwrap();
    let target = engine(dir.path());
    create(&target).await;
    let mut tasks = Vec::new();
    for writer in 0..3_u64 {
        let target = target.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..60_u64 {
                let points: Vec<Value> = (0..20)
                    .map(|at| json!({"id": writer * 1000 + at, "vector": vec![round as f32; DIM], "payload": {"r": round}}))
                    .collect();
                ok(&target, "PUT", "/collections/c/points?wait=true", json!({ "points": points })).await;
            }
        }));
    }
    for _ in 0..3 {
        let target = target.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..120 {
                let query = json!({"query": vec![1.0; DIM], "limit": 10, "with_payload": true});
                ok(&target, "POST", "/collections/c/points/query", query).await;
            }
        }));
    }
    let changer = target.clone();
    tasks.push(tokio::spawn(async move {
        for round in 0..10 {
            let path = format!("/collections/c/vectors/v{round}?wait=true");
            ok(
                &changer,
                "PUT",
                &path,
                json!({"dense": {"size": 2, "distance": "Dot"}}),
            )
            .await;
            ok(&changer, "DELETE", &path, Value::Null).await;
        }
    }));
    for task in tasks {
        task.await.unwrap();
    }
    let count = ok(
        &target,
        "POST",
        "/collections/c/points/count",
        json!({"exact": true}),
    )
    .await;
    assert_eq!(count["count"], json!(60));
    let last = json!({"filter": {"must": [{"key": "r", "match": {"value": 59}}]}, "exact": true});
    assert_eq!(
        ok(&target, "POST", "/collections/c/points/count", last).await["count"],
        json!(60)
    );
}
