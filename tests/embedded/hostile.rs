//! Bad input: each gets a clear refusal, and the engine goes on.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use interlock::embedded::{Embedded, Options};
use interlock::upstream::{Body, Face, Upstream};
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

async fn send(engine: &Embedded, encoding: &str, accept: &str, path: &str, body: Vec<u8>) -> Response<Body> {
    let body = Full::new(Bytes::from(body))
        .map_err(|never| match never {})
        .boxed_unsync();
    let request = Request::builder().method("POST").uri(path);
    let request = request
        .header("content-encoding", encoding)
        .header("accept-encoding", accept);
    engine
        .call(Face::Rest, request.body(body).unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_bodies_are_read_within_the_bound_and_answers_packed_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_rest_body_bytes: 64 << 10,
        ..Options::default()
    };
    let engine = Arc::new(Embedded::open(dir.path(), options).unwrap());
    create(&Target::Engine(Arc::clone(&engine))).await;
    let scroll = format!("{COLLECTION}/points/scroll");
    let body = json!({"limit": 2, "filter": {"must_not": [{"has_id": vec![9; 2000]}]}}).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(body.as_bytes()).unwrap();
    let (gzip, zlib) = (gzip.finish().unwrap(), zlib.finish().unwrap());
    assert_eq!(
        send(&engine, "gzip", "", &scroll, gzip.clone()).await.status(),
        200
    );
    assert_eq!(send(&engine, "deflate", "", &scroll, zlib).await.status(), 200);
    assert_eq!(
        send(&engine, "gzip", "", &scroll, gzip[..gzip.len() / 2].to_vec())
            .await
            .status(),
        400
    );
    assert_eq!(send(&engine, "br", "", &scroll, gzip).await.status(), 400);

    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 10 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 64 << 10);
    for (encoding, body) in [("gzip", bomb), ("", vec![b' '; 65 << 10])] {
        let answer = send(&engine, encoding, "", &scroll, body).await;
        assert_eq!(answer.status(), 400);
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(
            text.contains("JSON payload is larger than allowed (limit: 65536 bytes)."),
            "{text}"
        );
    }

    let payload = json!({"payload": {"long": "x".repeat(5000)}, "points": [1]}).to_string();
    assert_eq!(
        send(
            &engine,
            "",
            "",
            &format!("{COLLECTION}/points/payload"),
            payload.into()
        )
        .await
        .status(),
        200
    );
    let answer = send(&engine, "", "deflate, gzip;q=0.5", &scroll, b"{}".to_vec()).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let packed = answer.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    GzDecoder::new(packed.as_ref()).read_to_string(&mut text).unwrap();
    assert!(text.contains("xxxx"));
    let plain = send(&engine, "", "gzip;q=0", &scroll, b"{}".to_vec()).await;
    assert!(plain.headers().get("content-encoding").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_the_bound_are_refused_and_the_others_answered() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_running_calls: 1,
        max_calls: 3,
        ..Options::default()
    };
    let engine = Arc::new(Embedded::open(dir.path(), options).unwrap());
    let target = Target::Engine(engine);
    create(&target).await;
    let path = format!("{COLLECTION}/points/count");
    let body = json!({"exact": true});
    let calls = (0..20).map(|_| target.rest("POST", &path, &body));
    let statuses: Vec<u16> = futures_util::future::join_all(calls)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    assert!(
        statuses.iter().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    alive(&target).await;
}
