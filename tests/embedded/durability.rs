//! What survives: `kill -9` at any moment, reopening, a schema change cut short, a full disk, a panic.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use interlock::embedded::{Embedded, Options};
use serde_json::{Value, json};

use crate::target::{Answer, Target};

/// Names the folder for the child that is to be killed.
const CHILD_DIR: &str = "INTERLOCK_TEST_CHILD_DIR";
const ROUNDS: u64 = 6;
/// Before this write the child adds a vector name and an index.
const SCHEMA_AT: u64 = 45;
/// Small, so that the flush and the reopening happen under the writes too.
const JOURNAL_LIMIT_BYTES: u64 = 64 << 10;
pub const DIM: usize = 32;

fn options() -> Options {
    Options {
        journal_limit_bytes: JOURNAL_LIMIT_BYTES,
        ..Options::default()
    }
}

pub fn engine(dir: &Path) -> Target {
    Target::Engine(Arc::new(Embedded::open(dir, options()).unwrap()))
}

pub async fn ok(target: &Target, method: &str, path: &str, body: Value) -> Value {
    let Answer { status, body } = target.rest(method, path, &body).await;
    assert_eq!(status, 200, "{method} {path}: {body}");
    body["result"].clone()
}

pub async fn create(target: &Target) {
    let config = json!({"vectors": {"size": DIM, "distance": "Dot"}});
    ok(target, "PUT", "/collections/c", config).await;
}

/// What write number `n` leaves behind; the writes take turns in kind.
async fn step(target: &Target, n: u64) {
    let path = |rest: &str| format!("/collections/c/points{rest}?wait=true");
    let id = n / 4;
    let vector: Vec<f32> = (0..DIM).map(|at| n as f32 + at as f32 / 64.0).collect();
    let ids = json!([id]);
    match n % 4 {
        0 => {
            let point = json!({"id": id, "vector": vector, "payload": {"n": n}});
            ok(target, "PUT", &path(""), json!({"points": [point]})).await
        }
        1 => {
            ok(
                target,
                "POST",
                &path("/payload"),
                json!({"payload": {"n": n, "s": "x"}, "points": ids}),
            )
            .await
        }
        2 => {
            ok(
                target,
                "PUT",
                &path("/vectors"),
                json!({"points": [{"id": id, "vector": vector}]}),
            )
            .await
        }
        _ if id.is_multiple_of(3) => {
            let filter = json!({"must": [{"key": "n", "match": {"value": n - 2}}]});
            ok(target, "POST", &path("/delete"), json!({ "filter": filter })).await
        }
        _ => {
            ok(
                target,
                "POST",
                &path("/payload/delete"),
                json!({"keys": ["s"], "points": ids}),
            )
            .await
        }
    };
}

/// The points after writes `0..count`, by id: the number in the payload, whether `s` is there, the vector's first value.
fn expected(count: u64) -> HashMap<u64, (u64, bool, f64)> {
    let mut points = HashMap::new();
    for n in 0..count {
        let id = n / 4;
        match n % 4 {
            0 => drop(points.insert(id, (n, false, n as f64))),
            1 => points
                .get_mut(&id)
                .map(|point| (point.0, point.1) = (n, true))
                .unwrap_or_default(),
            2 => points
                .get_mut(&id)
                .map(|point| point.2 = n as f64)
                .unwrap_or_default(),
            _ if id.is_multiple_of(3) => drop(points.remove(&id)),
            _ => points
                .get_mut(&id)
                .map(|point| point.1 = false)
                .unwrap_or_default(),
        }
    }
    points
}

async fn found(target: &Target) -> HashMap<u64, (u64, bool, f64)> {
    let all = json!({"limit": 1_000_000, "with_vector": true});
    let page = ok(target, "POST", "/collections/c/points/scroll", all).await;
    let point = |point: &Value| {
        let payload = &point["payload"];
        let state = (
            payload["n"].as_u64().unwrap(),
            payload.get("s").is_some(),
            point["vector"][0].as_f64().unwrap(),
        );
        (point["id"].as_u64().unwrap(), state)
    };
    page["points"].as_array().unwrap().iter().map(point).collect()
}

/// The child: writes for ever and says each acknowledged number. Does nothing when run as a test of the suite.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let target = engine(Path::new(&dir));
    if ok(&target, "GET", "/collections/c/exists", Value::Null).await["exists"] == json!(false) {
        create(&target).await;
    }
    let start: u64 = std::env::var("INTERLOCK_TEST_CHILD_START")
        .unwrap()
        .parse()
        .unwrap();
    for n in start.. {
        if n == SCHEMA_AT {
            let dense = json!({"dense": {"size": 2, "distance": "Dot"}});
            ok(&target, "PUT", "/collections/c/vectors/extra?wait=true", dense).await;
            let index = json!({"field_name": "n", "field_schema": "integer"});
            ok(&target, "PUT", "/collections/c/index?wait=true", index).await;
        }
        step(&target, n).await;
        println!("ack {n}");
    }
}

/// Runs the child until it has acknowledged `count` writes, kills it, and gives back the last that it acknowledged.
fn run_and_kill(dir: &Path, start: u64, count: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "durability::child_that_is_killed",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_DIR, dir)
        .env("INTERLOCK_TEST_CHILD_START", start.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: &str| {
        line.rsplit_once("ack ")
            .and_then(|(_, number)| number.trim().parse::<u64>().ok())
    };
    let mut last = None;
    while last.is_none_or(|last| last + 1 < start + count) {
        let line = lines.next().expect("the child ended by itself").unwrap();
        last = number(&line).or(last);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was acknowledged between the last line read and the kill is in the pipe.
    lines
        .map_while(Result::ok)
        .filter_map(|line| number(&line))
        .last()
        .or(last)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_minus_nine_loses_no_acknowledged_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut start = 0;
    for round in 0..ROUNDS {
        let folder = dir.path().to_path_buf();
        let last = tokio::task::spawn_blocking(move || run_and_kill(&folder, start, 40 + 211 * round))
            .await
            .unwrap();
        let target = engine(dir.path());
        let points = found(&target).await;
        // The write after the last acknowledged one may or may not have been applied.
        let (least, most) = (expected(last + 1), expected(last + 2));
        assert!(
            points == least || points == most,
            "round {round}: after {last}\n{points:?}\n{least:?}"
        );
        start = if points == most && most != least {
            last + 2
        } else {
            last + 1
        };
        let count = ok(
            &target,
            "POST",
            "/collections/c/points/count",
            json!({"exact": true}),
        )
        .await;
        assert_eq!(count["count"], json!(points.len()), "round {round}");
        let info = ok(&target, "GET", "/collections/c", Value::Null).await;
        let vectors = &info["config"]["params"]["vectors"];
        assert_eq!(
            vectors.get("extra").is_some(),
            last >= SCHEMA_AT,
            "round {round}: {info}"
        );
        assert_eq!(
            info["payload_schema"].get("n").is_some(),
            last >= SCHEMA_AT,
            "round {round}: {info}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_and_reopening_keeps_everything_and_refuses_calls_in_between() {
    let dir = tempfile::tempdir().unwrap();
    {
        let engine = Arc::new(Embedded::open(dir.path(), options()).unwrap());
        let target = Target::Engine(Arc::clone(&engine));
        create(&target).await;
        for n in 0..50 {
            step(&target, n).await;
        }
        let alias = json!({"actions": [{"create_alias": {"collection_name": "c", "alias_name": "a"}}]});
        ok(&target, "POST", "/collections/aliases", alias).await;
        ok(&target, "PATCH", "/collections/c", json!({"metadata": {"k": 1}})).await;
        ok(
            &target,
            "PUT",
            "/collections/c/vectors/n?wait=true",
            json!({"dense": {"size": 2, "distance": "Dot"}}),
        )
        .await;
        let named = json!({"points": [{"id": 2, "vector": {"n": [1.0, 2.0]}}]});
        ok(&target, "PUT", "/collections/c/points/vectors?wait=true", named).await;
        assert!(
            Embedded::open(dir.path(), options()).is_err(),
            "two engines on one folder"
        );
        engine.close().await.unwrap();
        let late = target
            .rest("POST", "/collections/c/points/count", &json!({}))
            .await;
        assert_eq!(late.status, 500, "{}", late.body);
    }
    let target = engine(dir.path());
    let count = ok(
        &target,
        "POST",
        "/collections/a/points/count",
        json!({"exact": true}),
    )
    .await;
    assert_eq!(count["count"], json!(expected(50).len()));
    let info = ok(&target, "GET", "/collections/c", Value::Null).await;
    assert_eq!(info["config"]["metadata"], json!({"k": 1}));
    let point = ok(&target, "GET", "/collections/c/points/2", Value::Null).await;
    assert_eq!(point["vector"]["n"], json!([1.0, 2.0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_name_that_only_the_catalogue_or_only_the_shard_knows_is_mended_at_opening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let target = engine(dir.path());
        create(&target).await;
        let point = json!({"points": [{"id": 1, "vector": vec![1.0; DIM]}]});
        ok(&target, "PUT", "/collections/c/points?wait=true", point).await;
        ok(
            &target,
            "PUT",
            "/collections/c/vectors/gone",
            json!({"dense": {"size": 2, "distance": "Dot"}}),
        )
        .await;
    }
    // As a crash leaves it: the catalogue is written before the shard.
    let path = dir.path().join("catalog.json");
    let catalog = std::fs::read_to_string(&path).unwrap();
    assert!(catalog.contains("\"gone\""));
    std::fs::write(&path, catalog.replace("\"gone\"", "\"new\"")).unwrap();
    let target = engine(dir.path());
    let update = json!({"points": [{"id": 1, "vector": {"new": [1.0, 2.0]}}]});
    ok(
        &target,
        "PUT",
        "/collections/c/points/vectors?wait=true",
        update.clone(),
    )
    .await;
    let point = ok(&target, "GET", "/collections/c/points/1", Value::Null).await;
    assert_eq!(point["vector"]["new"], json!([1.0, 2.0]));
    let old = json!({"points": [{"id": 1, "vector": {"gone": [1.0, 2.0]}}]});
    assert_eq!(
        target
            .rest("PUT", "/collections/c/points/vectors?wait=true", &old)
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_applies_nothing() {
    let dir = tempfile::tempdir().unwrap();
    {
        let target = engine(dir.path());
        create(&target).await;
        for n in 0..8 {
            step(&target, n).await;
        }
    }
    let full = Options {
        min_free_bytes: u64::MAX,
        ..options()
    };
    let target = Target::Engine(Arc::new(Embedded::open(dir.path(), full).unwrap()));
    let before = found(&target).await;
    let point = json!({"points": [{"id": 99, "vector": vec![1.0; DIM], "payload": {"n": 1}}]});
    let answer = target
        .rest("PUT", "/collections/c/points?wait=true", &point)
        .await;
    assert_eq!(answer.status, 500);
    let text = answer.body["status"]["error"].as_str().unwrap();
    assert!(
        text.starts_with("Service internal error: No space left on device"),
        "{text}"
    );
    assert_eq!(found(&target).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_collection_leaves_nothing_and_its_name_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let target = engine(dir.path());
    create(&target).await;
    step(&target, 0).await;
    ok(&target, "DELETE", "/collections/c", Value::Null).await;
    assert_eq!(
        std::fs::read_dir(dir.path().join("collections")).unwrap().count(),
        0
    );
    create(&target).await;
    assert!(found(&target).await.is_empty());
}
