//! The operator's port over real sockets: both faces, the guard, the bounds and the drain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail by panicking

mod scripted;

use std::time::Duration;

use interlock::admin::api::ModelList;
use interlock::admin::error::{AdminError, ErrorKind, GateReason};
use interlock::admin::proto::admin_client::AdminClient;
use interlock::admin::{BODY_BYTES_MAX, Obstacle, Readiness, ServeError, proto as pb, serve};
use interlock::domain::forecast::Forecast;
use interlock::domain::model::ModelRef;
use interlock::migrate::{
    CutoverReport, MigrationStatus, PhaseName, Rehearsal, Rehearse, Release, Released, Start, Status, Verify,
    When,
};
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request};

use scripted::{
    Call, Scripted, Server, flip, forecast, key, released, state, state_of, status, verification,
};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

async fn get(server: &Server, path: &str) -> Response {
    reqwest::get(server.url(path)).await.unwrap()
}

async fn post(server: &Server, path: &str, body: Value) -> Response {
    Client::new()
        .post(server.url(path))
        .json(&body)
        .send()
        .await
        .unwrap()
}

async fn read<T: DeserializeOwned>(response: Response) -> T {
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

async fn grpc(server: &Server) -> AdminClient<Channel> {
    AdminClient::connect(server.url("")).await.unwrap()
}

fn docs_title() -> Option<pb::FieldRef> {
    Some(key("docs", "title").into())
}

#[tokio::test]
async fn probes_tell_life_and_readiness_with_its_reasons() {
    let server = Server::with_token(Scripted::default(), Some("secret")).await;
    assert_eq!(get(&server, "/healthz").await.status(), StatusCode::OK);
    let ready = get(&server, "/readyz").await;
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(
        read::<Value>(ready).await,
        json!({"status": "ready", "reasons": {}})
    );
    server.readiness.block(Obstacle::Draining, "stopping");
    server.readiness.block(Obstacle::Upstream, "no answer for 3 s");
    let blocked = get(&server, "/readyz").await;
    assert_eq!(blocked.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        read::<Value>(blocked).await,
        json!({"status": "not_ready", "reasons": {"draining": "stopping", "upstream": "no answer for 3 s"}})
    );
    assert_eq!(get(&server, "/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::start(Scripted::default()).await;
    let metrics = get(&server, "/metrics").await;
    assert_eq!(
        metrics.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(metrics.text().await.unwrap(), "interlock_up 1\n");
}

#[tokio::test]
async fn both_faces_give_the_same_answers() {
    let server = Server::start(Scripted::default()).await;
    let mut client = grpc(&server).await;

    let json: Status = read(get(&server, "/v1/status?collection=docs").await).await;
    let request = pb::StatusRequest {
        collection: Some("docs".to_owned()),
    };
    let message = client.status(request).await.unwrap().into_inner();
    assert_eq!(Status::try_from(message).unwrap(), json);
    assert_eq!(json, status());

    let json: ModelList = read(get(&server, "/v1/models").await).await;
    let message = client.list_models(pb::ListModelsRequest {}).await.unwrap();
    assert_eq!(ModelList::try_from(message.into_inner()).unwrap(), json);

    let json: MigrationStatus = read(get(&server, "/v1/migrations/docs/title").await).await;
    let message = client.migration_status(docs_title().unwrap()).await.unwrap();
    assert_eq!(MigrationStatus::try_from(message.into_inner()).unwrap(), json);
    assert_eq!(json, state(PhaseName::Backfilling, 250));

    let json: Forecast = read(
        post(
            &server,
            "/v1/migrations/docs/title/plan",
            json!({"to": "new", "no_sample": true}),
        )
        .await,
    )
    .await;
    assert_eq!(json, forecast());
    let request = pb::PlanRequest {
        field: docs_title(),
        to: "new".to_owned(),
        no_sample: true,
    };
    let message = client.plan_migration(request).await.unwrap().into_inner();
    assert_eq!(Forecast::try_from(message).unwrap(), forecast());
    let [.., one, other] = &server.script.calls()[..] else {
        panic!("two calls");
    };
    assert_eq!(one, other);

    for (path, call) in [
        (
            "cutover",
            Call::Cutover(key("docs", "title"), "new".parse().unwrap()),
        ),
        (
            "rollback",
            Call::Rollback(key("docs", "title"), "new".parse().unwrap()),
        ),
    ] {
        let path = format!("/v1/migrations/docs/title/{path}");
        let json: CutoverReport = read(post(&server, &path, json!({"to": "new"})).await).await;
        assert_eq!(json, flip());
        assert_eq!(server.script.calls().last(), Some(&call));
    }
    let request = pb::FlipRequest {
        field: docs_title(),
        to: "new@2".to_owned(),
        force: None,
    };
    let message = client.rollback(request).await.unwrap().into_inner();
    assert_eq!(CutoverReport::try_from(message).unwrap(), flip());
}

#[tokio::test]
async fn the_json_verbs_take_what_they_are_given() {
    let server = Server::start(Scripted::default()).await;
    let model = json!({
        "model": {"id": "new@2", "kind": "dense", "dimension": 8, "distance": "dot"},
        "embedder": {"kind": "hashed-words"},
    });
    let added: Value = read(post(&server, "/v1/models", model).await).await;
    assert_eq!(added["was_known"], json!(false));
    assert_eq!(added["model"]["id"], "new@2");
    let body = json!({"vectors": [{"model": "old"}], "opaque": ["clip"]});
    let adopted: Value = read(post(&server, "/v1/collections/eu%2Fdocs/adopt", body).await).await;
    assert_eq!(adopted["collection"], "eu/docs");
    let body = json!({"collection": "docs", "vector": "title", "to": "new"});
    let started: MigrationStatus = read(post(&server, "/v1/migrations", body).await).await;
    assert_eq!(started.phase, PhaseName::DualWriting);
    assert_eq!(
        server.script.calls().last(),
        Some(&Call::Start(
            key("docs", "title"),
            Start::to("new".parse().unwrap())
        ))
    );
}

#[tokio::test]
async fn a_verification_is_the_same_on_both_faces() {
    let server = Server::start(Scripted::default()).await;
    let path = "/v1/migrations/docs/title/verify";
    let json: MigrationStatus = read(post(&server, path, json!({"sample": 7, "repair": true})).await).await;
    let ask = Verify {
        sample: 7,
        repair: true,
    };
    let asked = Call::Verify(key("docs", "title"), ask);
    assert_eq!(server.script.calls().last(), Some(&asked));
    assert_eq!(json.verification, Some(verification(ask)));
    let request = pb::VerifyRequest::from((key("docs", "title"), ask));
    let message = grpc(&server).await.verify_migration(request).await.unwrap();
    assert_eq!(MigrationStatus::try_from(message.into_inner()).unwrap(), json);
    assert_eq!(server.script.calls().last(), Some(&asked));
    let unknown = post(&server, path, json!({"samples": 7})).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_cutover_to_come_and_a_rehearsal_are_the_same_on_both_faces() {
    let server = Server::start(Scripted::default()).await;
    let (docs, new): (_, ModelRef) = (key("docs", "title"), "new".parse().unwrap());
    let path = "/v1/migrations/docs/title/appoint";
    for (said, when) in [
        (json!("postponed"), When::Postponed),
        (json!({"at": {"at_ms": 5}}), When::At { at_ms: 5 }),
        (json!("never"), When::Never),
    ] {
        let body = json!({"to": "new", "when": said});
        let json: MigrationStatus = read(post(&server, path, body).await).await;
        let asked = Call::Appoint(docs.clone(), new.clone(), when);
        assert_eq!(server.script.calls().last(), Some(&asked));
        let request = pb::AppointRequest::from((docs.clone(), new.clone(), when));
        let message = grpc(&server).await.appoint_cutover(request).await.unwrap();
        assert_eq!(server.script.calls().last(), Some(&asked));
        assert_eq!(MigrationStatus::try_from(message.into_inner()).unwrap(), json);
        assert!(json.appointment.is_some());
    }

    let path = "/v1/migrations/docs/title/rehearse";
    let body = json!({"verb": "cutover", "to": "new", "when": "postponed"});
    let json: Rehearsal = read(post(&server, path, body).await).await;
    let verb = Rehearse::Cutover {
        to: new,
        is_forced: false,
        when: Some(When::Postponed),
    };
    let asked = Call::Rehearse(docs.clone(), verb.clone());
    assert_eq!(server.script.calls().last(), Some(&asked));
    let request = pb::RehearseRequest::from((docs, verb));
    let message = grpc(&server).await.rehearse(request).await.unwrap();
    assert_eq!(server.script.calls().last(), Some(&asked));
    assert_eq!(Rehearsal::try_from(message.into_inner()).unwrap(), json);
    let body = json!({"verb": "start", "to": "new", "standby": "strict"});
    let _: Rehearsal = read(post(&server, path, body).await).await;
    let nobody = post(&server, path, json!({"verb": "dance"})).await;
    assert_eq!(nobody.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_release_is_the_same_on_both_faces() {
    let server = Server::start(Scripted::default()).await;
    let ask = Release {
        collection: "docs".into(),
        strip_tags: true,
    };
    let path = "/v1/collections/docs/release";
    let json: Released = read(post(&server, path, json!({"strip_tags": true})).await).await;
    assert_eq!(server.script.calls().last(), Some(&Call::Release(ask.clone())));
    let request = pb::ReleaseRequest::from(ask.clone());
    let message = grpc(&server).await.release(request).await.unwrap();
    assert_eq!(Released::try_from(message.into_inner()).unwrap(), json);
    assert_eq!(json, released(&ask));
}

#[tokio::test]
async fn a_field_is_found_by_path_or_by_query() {
    let server = Server::start(Scripted::default()).await;
    for (path, expected) in [
        ("/v1/migrations/docs", key("docs", "")),
        ("/v1/migrations/eu%2Fdocs/a%20b", key("eu/docs", "a b")),
        ("/v1/migrations/docs?vector=watch", key("docs", "watch")),
    ] {
        assert_eq!(get(&server, path).await.status(), StatusCode::OK, "{path}");
        assert_eq!(server.script.calls().last(), Some(&Call::Migration(expected)));
    }
    for path in ["/v1/migrations/docs/a?vector=b", "/v1/migrations/docs?vektor=b"] {
        assert_eq!(
            get(&server, path).await.status(),
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_no_of_the_gate_carries_every_reason_on_both_faces() {
    let reasons = ["pending", "coverage"].map(|reason| GateReason {
        reason: reason.to_owned(),
        message: format!("because of {reason}"),
    });
    let error = AdminError {
        kind: ErrorKind::NotReady,
        message: "the gate says no".to_owned(),
        reasons: reasons.to_vec(),
    };
    let server = Server::start(Scripted::failing(error.clone())).await;
    let refused = post(&server, "/v1/migrations/docs/cutover", json!({"to": "new"})).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(
        read::<Value>(refused).await,
        json!({"error": {"kind": "not_ready", "message": "the gate says no", "reasons": [
            {"reason": "pending", "message": "because of pending"},
            {"reason": "coverage", "message": "because of coverage"},
        ]}})
    );
    let request = pb::FlipRequest {
        field: docs_title(),
        to: "new".to_owned(),
        force: None,
    };
    let status = grpc(&server).await.cutover(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(AdminError::from_status(&status), Some(error));
}

#[tokio::test]
async fn the_token_is_needed_on_both_faces() {
    let server = Server::with_token(Scripted::default(), Some("secret")).await;
    for path in ["/v1/status", "/metrics", "/v1/nothing"] {
        let refused = get(&server, path).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(read::<Value>(refused).await["error"]["kind"], "unauthenticated");
    }
    for (token, expected) in [
        ("secret", StatusCode::OK),
        ("secre", StatusCode::UNAUTHORIZED),
        ("secret2", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        let request = Client::new().get(server.url("/v1/status")).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), expected, "{token}");
    }
    let mut client = grpc(&server).await;
    let refused = client.status(pb::StatusRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut request = Request::new(pb::StatusRequest::default());
    request
        .metadata_mut()
        .insert("authorization", "Bearer secret".parse().unwrap());
    client.status(request).await.unwrap();
    assert_eq!(server.script.calls().len(), 2);
}

#[tokio::test]
async fn without_a_token_foreign_pages_and_names_are_refused() {
    let server = Server::start(Scripted::default()).await;
    for (header, value, expected) in [
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("host", "evil.example:6330", StatusCode::FORBIDDEN),
        ("host", "localhost:6330", StatusCode::OK),
        ("host", "[::1]:6330", StatusCode::OK),
    ] {
        let request = Client::new().get(server.url("/v1/status")).header(header, value);
        assert_eq!(
            request.send().await.unwrap().status(),
            expected,
            "{header}: {value}"
        );
    }
    let same = Client::new()
        .get(server.url("/v1/status"))
        .header("origin", server.url(""));
    assert_eq!(same.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn off_loopback_it_is_not_served_without_a_token() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = state_of(Scripted::default().into(), Readiness::default(), None);
    let refused = serve(listener, state, std::future::pending()).await;
    assert!(matches!(refused, Err(ServeError::TokenNeeded(of)) if of == address));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let state = state_of(Scripted::default().into(), Readiness::default(), Some("secret"));
    serve(listener, state, std::future::ready(())).await.unwrap();
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_on_both_faces() {
    let server = Server::start(Scripted::default()).await;
    let text = "x".repeat(BODY_BYTES_MAX);
    let refused = post(&server, "/v1/models", json!({"text": text})).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(read::<Value>(refused).await["error"]["kind"], "too_large");
    let request = pb::StatusRequest {
        collection: Some(text),
    };
    let refused = grpc(&server).await.status(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(server.script.calls(), []);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_before_any_verb() {
    let server = Server::start(Scripted::default()).await;
    for (path, body) in [
        ("/v1/models", json!({"model": 1})),
        ("/v1/migrations", json!({"collection": "docs"})),
        (
            "/v1/migrations",
            json!({"collection": "docs", "to": "new", "fast": true}),
        ),
        ("/v1/migrations/docs/cutover", json!({})),
        (
            "/v1/collections/docs/adopt",
            json!({"vectors": [{"model": "a b"}]}),
        ),
    ] {
        let refused = post(&server, path, body).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(read::<Value>(refused).await["error"]["kind"], "invalid");
    }
    for (path, method) in [("/v2/status", "GET"), ("/v1/migrations/docs/cutover", "GET")] {
        let missing = get(&server, path).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(read::<Value>(missing).await["error"]["kind"], "not_found");
    }
    let mut client = grpc(&server).await;
    let missing = client.cutover(pb::FlipRequest::default()).await.unwrap_err();
    assert_eq!(missing.code(), Code::InvalidArgument);
    let unknown = pb::AdoptRequest {
        collection: "docs".to_owned(),
        vectors: vec![pb::AdoptVector {
            model: "old".to_owned(),
            on_embed_failure: 77,
            ..Default::default()
        }],
        opaque: Vec::new(),
    };
    let refused = client.adopt(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(server.script.calls(), []);
}

#[tokio::test]
async fn a_watch_shows_every_state_and_ends_with_the_server() {
    let states = vec![
        state(PhaseName::Backfilling, 10),
        state(PhaseName::Backfilling, 900),
        state(PhaseName::Ready, 1_000),
    ];
    let server = Server::start(Scripted {
        states: states.clone(),
        ..Scripted::default()
    })
    .await;
    let mut lines = get(&server, "/v1/migrations/docs/title/watch").await;
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let mut messages = grpc(&server)
        .await
        .watch_migration(docs_title().unwrap())
        .await
        .unwrap()
        .into_inner();
    for expected in &states {
        let message = messages.message().await.unwrap().unwrap();
        assert_eq!(MigrationStatus::try_from(message).unwrap(), *expected);
    }
    let mut text = String::new();
    while text.lines().count() < states.len() || !text.ends_with('\n') {
        let chunk = lines.chunk().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let seen: Vec<MigrationStatus> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(seen, states);

    let stopped = server.ask_to_stop();
    let last: Value = serde_json::from_slice(&lines.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!(last["error"]["kind"], "unavailable");
    assert_eq!(lines.chunk().await.unwrap(), None);
    assert_eq!(messages.message().await.unwrap_err().code(), Code::Unavailable);
    tokio::time::timeout(PATIENCE, stopped)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_drain_is_bounded_by_time() {
    let server = Server::start(Scripted {
        is_silent: true,
        ..Scripted::default()
    })
    .await;
    let script = server.script.clone();
    let url = server.url("/v1/status");
    let stuck = tokio::spawn(async move { reqwest::get(url).await });
    let mut poll = tokio::time::interval(Duration::from_millis(5));
    while script.calls().is_empty() {
        poll.tick().await;
    }
    let stopped = server.ask_to_stop();
    tokio::time::timeout(PATIENCE, stopped)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(stuck.await.unwrap().is_err());
}
