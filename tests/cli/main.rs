//! The command line end to end: parsed, over a real socket to the admin server, and back as text, JSON and exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail by panicking

mod requests;
#[path = "../scripted/mod.rs"]
mod scripted;

use std::ffi::OsString;

use interlock::admin::error::{AdminError, ErrorKind, GateReason};
use interlock::cli::{Command, Exit, Streams, operate, parse_from};
use interlock::migrate::{MigrationStatus, PhaseName, Unsourced, Verify};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use scripted::{Call, Scripted, Server, flip, state, status, verification};

/// A command's end and what it wrote.
#[derive(Debug)]
struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

impl Ran {
    fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn parse(args: &[&str]) -> Result<Command, clap::Error> {
    parse_from(
        std::iter::once("interlock")
            .chain(args.iter().copied())
            .map(OsString::from),
    )
}

async fn run_at(address: &str, args: &[&str]) -> Ran {
    let mut args = args.to_vec();
    args.extend(["--admin", address]);
    let Command::Operate(verb) = parse(&args).unwrap() else {
        panic!("{args:?} is no verb of the operator");
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let streams = Streams {
        out: &mut out,
        err: &mut err,
        is_terminal: false,
    };
    Ran {
        exit: operate(verb, streams).await,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

async fn run(server: &Server, args: &[&str]) -> Ran {
    run_at(&server.url(""), args).await
}

/// Runs against an operator without errors, and gives what it was asked last.
async fn asked(args: &[&str]) -> Call {
    let server = Server::start(Scripted::default()).await;
    let ran = run(&server, args).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    server.script.calls().pop().unwrap()
}

fn usage(args: &[&str]) -> String {
    let error = parse(args).expect_err("a wrong command line");
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[tokio::test]
async fn json_is_one_document_of_the_admin_api() {
    let server = Server::start(Scripted::default()).await;
    for (args, expected) in [
        (&["status", "--json"][..], serde_json::to_value(status()).unwrap()),
        (
            &["migrate", "cutover", "docs/title", "--to", "new", "--json"],
            serde_json::to_value(flip()).unwrap(),
        ),
        (
            &["migrate", "status", "--json"],
            json!({"migrations": [state(PhaseName::Backfilling, 250)]}),
        ),
    ] {
        let ran = run(&server, args).await;
        assert_eq!(
            (ran.exit, ran.document(), ran.err.as_str()),
            (Exit::Done, expected, "")
        );
    }
}

#[tokio::test]
async fn text_says_what_matters() {
    let server = Server::start(Scripted::default()).await;
    let ran = run(&server, &["status"]).await;
    for part in [
        "docs: 1000 points",
        "serving: old@1 in title, 1000 vectors, 0 pending",
        "standby, being filled: new@2 in title@new@2, ? vectors",
        "clip: opaque",
        "migration to new@2: backfilling",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    let ran = run(&server, &["migrate", "status", "docs/title"]).await;
    assert!(
        ran.out.contains("250 of 1000 points (25 %), 750 pending"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("against a cutover: 750 points are pending"),
        "{}",
        ran.out
    );
    let ran = run(&server, &["adopt", "docs", "--model", "old"]).await;
    assert!(ran.out.contains("warning: mind the gap"), "{}", ran.out);
}

#[tokio::test]
async fn start_shows_the_progress_in_lines_until_a_cutover_can_be_made() {
    let server = Server::start(Scripted {
        states: vec![
            state(PhaseName::DualWriting, 0),
            state(PhaseName::Backfilling, 100),
            state(PhaseName::Backfilling, 150),
            state(PhaseName::Backfilling, 990),
            state(PhaseName::Ready, 1_000),
        ],
        ..Scripted::default()
    })
    .await;
    let ran = run(
        &server,
        &["migrate", "start", "docs/title", "--to", "new", "--json"],
    )
    .await;
    assert_eq!(ran.exit, Exit::Done);
    let last: MigrationStatus = serde_json::from_value(ran.document()).unwrap();
    assert_eq!(last, state(PhaseName::Ready, 1_000));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(
        lines,
        [
            "docs/title: dual_writing 0 % 0 of 1000 points",
            "docs/title: backfilling 10 % 100 of 1000 points, 126 points/s, 8 s left, cost about 0.2500, throttled: held to 120 points/s",
            "docs/title: backfilling 99 % 990 of 1000 points, 126 points/s, 1 s left, cost about 0.2500, throttled: held to 120 points/s",
            "docs/title: ready 100 % 1000 of 1000 points",
        ]
    );
}

#[tokio::test]
async fn start_does_not_wait_for_what_cannot_come() {
    let stuck = MigrationStatus {
        unsourced: Unsourced {
            count: 10,
            examples: vec!["17".to_owned()],
            refused: None,
        },
        ..state(PhaseName::Backfilling, 990)
    };
    let server = Server::start(Scripted {
        states: vec![stuck],
        ..Scripted::default()
    })
    .await;
    let ran = run(
        &server,
        &["migrate", "start", "docs/title", "--to", "new", "--json"],
    )
    .await;
    assert_eq!(ran.exit, Exit::NotReady);
    assert_eq!(ran.document()["error"]["kind"], "not_ready");
    assert!(ran.err.contains("no source text, e.g. 17"), "{}", ran.err);

    let server = Server::start(Scripted {
        states: vec![state(PhaseName::Backfilling, 990)],
        watch_ends: true,
        ..Scripted::default()
    })
    .await;
    let ran = run(&server, &["migrate", "start", "docs/title", "--to", "new"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Failed, ""));
    assert!(ran.err.contains("it goes on"), "{}", ran.err);
}

#[tokio::test]
async fn a_verification_is_watched_to_its_end_and_false_claims_are_a_no() {
    let ask = Verify {
        sample: 100,
        repair: false,
    };
    let with = |seen| MigrationStatus {
        verification: seen,
        ..state(PhaseName::Ready, 1_000)
    };
    let mut clean = verification(ask);
    clean
        .differences
        .retain(|noted| !noted.difference.is_false_claim());
    let mut half = clean.clone();
    half.finished_at_ms = None;
    let script = |last| Scripted {
        states: vec![with(Some(half.clone())), with(last)],
        watch_ends: true,
        ..Scripted::default()
    };
    let server = Server::start(script(Some(clean.clone()))).await;
    let ran = run(&server, &["migrate", "verify", "docs/title", "--json"]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let document = ran.document();
    assert_eq!(
        document["spaces"][0]["digest"],
        clean.spaces[0].digest.to_string()
    );
    assert_eq!(document["differences"][0]["difference"], "untagged");
    let ran = run(&server, &["migrate", "verify", "docs/title"]).await;
    assert!(
        ran.out.contains("3 embedded anew, lowest cosine 0.2500"),
        "{}",
        ran.out
    );

    let server = Server::start(script(Some(verification(ask)))).await;
    let ran = run(&server, &["migrate", "verify", "docs/title", "--json"]).await;
    assert_eq!(ran.exit, Exit::NotReady);
    let reasons = ran.document()["error"]["reasons"].clone();
    let codes: Vec<&str> = reasons
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["empty_claim", "foreign_claim", "stale_source", "deviating"]
    );
    let ran = run(&server, &["migrate", "verify", "docs/title", "--detach"]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);

    let server = Server::start(script(None)).await;
    let ran = run(&server, &["migrate", "verify", "docs/title"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(ran.err.contains("given up"), "{}", ran.err);
}

#[tokio::test]
async fn each_kind_of_error_has_its_exit_code() {
    for (kind, exit, code) in [
        (ErrorKind::Invalid, Exit::Usage, 2),
        (ErrorKind::NotReady, Exit::NotReady, 3),
        (ErrorKind::NotFound, Exit::NotFound, 4),
        (ErrorKind::Conflict, Exit::Conflict, 5),
        (ErrorKind::Unavailable, Exit::Failed, 1),
        (ErrorKind::Internal, Exit::Failed, 1),
    ] {
        let server = Server::start(Scripted::failing(AdminError {
            kind,
            message: "it is so".to_owned(),
            reasons: vec![GateReason {
                reason: "pending".to_owned(),
                message: "7 points are pending".to_owned(),
            }],
        }))
        .await;
        let args = ["migrate", "cutover", "docs", "--to", "new"];
        let ran = run(&server, &args).await;
        assert_eq!((ran.exit, ran.exit.code(), ran.out.as_str()), (exit, code, ""));
        assert_eq!(ran.err, "interlock: it is so\n  7 points are pending\n");
        let ran = run(&server, &[&args[..], &["--json"]].concat()).await;
        assert_eq!(ran.exit, exit);
        let error = &ran.document()["error"];
        assert_eq!(
            (&error["kind"], &error["message"]),
            (&json!(kind), &json!("it is so"))
        );
        assert_eq!(
            error["reasons"],
            json!([{"reason": "pending", "message": "7 points are pending"}])
        );
    }
}

#[tokio::test]
async fn the_token_is_sent_where_it_is_given() {
    let server = Server::with_token(Scripted::default(), Some("secret")).await;
    assert_eq!(
        run(&server, &["status", "--token", "secret"]).await.exit,
        Exit::Done
    );
    let ran = run(&server, &["status", "--token", "wrong"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(ran.err.contains("this is not the token"), "{}", ran.err);
}

#[tokio::test]
async fn nobody_there_says_where_it_looked_and_how_to_change_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let ran = run_at(&address, &["status", "--json"]).await;
    assert_eq!((ran.exit, ran.exit.code()), (Exit::Unreachable, 6));
    assert!(
        ran.err.contains(&address) && ran.err.contains("--admin"),
        "{}",
        ran.err
    );
    assert_eq!(ran.document()["error"]["kind"], "unreachable");
    let ran = run_at("https://h", &["status"]).await;
    assert_eq!(ran.exit, Exit::Usage);
}

#[tokio::test]
async fn a_verb_without_an_answer_ends_and_says_that_the_outcome_is_open() {
    let server = Server::start(Scripted {
        is_silent: true,
        ..Scripted::default()
    })
    .await;
    let ran = run(
        &server,
        &[
            "migrate",
            "cutover",
            "docs",
            "--to",
            "new",
            "--timeout-seconds",
            "1",
        ],
    )
    .await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(ran.err.contains("no answer within 1 s"), "{}", ran.err);
}
