//! A script of REST requests with the answers that a real Qdrant 1.18.3 gave: the engine must give the same.
//!
//! `rest.jsonl` has one request a line: `do`, `body`, `status`, `answer`. `$c` stands for a prefix of the collections'
//! names. With `QDRANT_RECORD` set, the answers are taken anew from the Qdrant that `QDRANT_URL` names.

use serde_json::{Map, Value, json};

use crate::target::{Answer, Target};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/rest.jsonl");
/// Scores and normalised vectors may differ in the last bits between builds.
const TOLERANCE: f64 = 1e-5;

/// What differs from run to run, or says how the server is built inside.
const IGNORED: [&str; 7] = [
    "time",
    "usage",
    "operation_id",
    "version",
    "segments_count",
    "update_queue",
    "indexed_vectors_count",
];

fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !IGNORED.contains(&key.as_str()));
            object.values_mut().for_each(strip);
        }
        Value::Array(values) => {
            values.iter_mut().for_each(strip);
            order_ties(values);
        }
        // Where in the body a parser stopped says how the server parses, not what it refuses.
        Value::String(text) => text.truncate(text.find(" at line ").unwrap_or(text.len())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Points of one score come in any order.
fn order_ties(values: &mut [Value]) {
    let score = |value: &Value| {
        let first = value.get("hits").map_or(value, |hits| &hits[0]);
        first.get("score").and_then(Value::as_f64)
    };
    let tied = |a: &Value, b: &Value| match (score(a), score(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE,
        _ => false,
    };
    let text = |value: &Value| format!("{} {}", value["id"], value["b"]);
    values.chunk_by_mut(tied).for_each(|run| run.sort_by_key(text));
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(1.0),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn steps() -> Vec<Map<String, Value>> {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let lines = script.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the script; `see` gets each step and its stripped answer.
async fn run(target: &Target, mut see: impl FnMut(&Map<String, Value>, Answer)) {
    let prefix = format!("it{}", uuid::Uuid::now_v7().simple());
    for step in steps() {
        let text = |key: &str| {
            step.get(key)
                .cloned()
                .unwrap_or(Value::Null)
                .to_string()
                .replace("$c", &prefix)
        };
        let request: String = serde_json::from_str(&text("do")).unwrap();
        let body: Value = serde_json::from_str(&text("body")).unwrap();
        let (method, path) = request.split_once(' ').unwrap();
        let mut answer = target.rest(method, path, &body).await;
        strip(&mut answer.body);
        answer.body = serde_json::from_str(&answer.body.to_string().replace(&prefix, "$c")).unwrap();
        see(&step, answer);
    }
}

async fn check(target: &Target) {
    let mut wrong = Vec::new();
    run(target, |step, answer| {
        let want = Answer {
            status: step["status"].as_u64().unwrap() as u16,
            body: step.get("answer").cloned().unwrap_or(Value::Null),
        };
        if answer.status != want.status || !same(&answer.body, &want.body) {
            let shown = |answer: &Answer| format!("{} {}", answer.status, answer.body);
            let (want, got) = (shown(&want), shown(&answer));
            wrong.push(format!(
                "{} {}\n  want {want}\n  got  {got}",
                step["do"],
                step.get("body").unwrap_or(&Value::Null)
            ));
        }
    })
    .await;
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn record(real: &Target) {
    let mut lines = String::new();
    run(real, |step, answer| {
        let mut step = step.clone();
        step.insert("status".into(), answer.status.into());
        step.insert("answer".into(), answer.body);
        lines.push_str(&json!(step).to_string());
        lines.push('\n');
    })
    .await;
    std::fs::write(SCRIPT, lines).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_answers_the_script_as_qdrant_does() {
    if std::env::var_os("QDRANT_RECORD").is_some() {
        record(&Target::real().unwrap()).await;
    }
    let dir = tempfile::tempdir().unwrap();
    check(&Target::engine(dir.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_qdrant_answers_the_script_as_recorded() {
    if let Some(real) = Target::real() {
        check(&real).await;
    }
}
