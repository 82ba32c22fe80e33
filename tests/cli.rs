//! The command line end to end: parsed, over a real socket to the admin server, and back as text, JSON and exit code.

mod scripted;

use std::ffi::OsString;

use interlock::admin::api::AddModel;
use interlock::admin::error::{AdminError, ErrorKind, GateReason};
use interlock::cli::{Command, Exit, Streams, operate, parse_from};
use interlock::domain::embedder::{EmbedderSpec, Idf, IdfTable, OpenAiSpec};
use interlock::domain::model::{Distance, Kind, Model};
use interlock::domain::source::SourceTemplate;
use interlock::domain::table::OnEmbedFailure;
use interlock::migrate::{Adopt, AdoptVector, MigrationStatus, PhaseName, UndeclaredChoice, Unsourced};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use scripted::{Call, Scripted, Server, flip, key, state, status};

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

#[test]
fn serve_config_and_demo_are_handed_over_typed() {
    let args = [
        "serve",
        "--http",
        "127.0.0.1:1",
        "--data",
        "d",
        "--upstream",
        "http://h:6334",
    ];
    assert!(usage(&args).contains("--upstream-rest"));
    let args = [&args[..], &["--upstream-rest", "http://h:6333"]].concat();
    let Ok(Command::Serve(serve)) = parse(&args) else {
        panic!("not serve");
    };
    assert_eq!(serve.http, Some("127.0.0.1:1".parse().unwrap()));
    assert_eq!(serve.grpc, None);
    assert_eq!(serve.upstream.as_deref(), Some("http://h:6334"));
    assert_eq!(serve.upstream_rest.as_deref(), Some("http://h:6333"));
    let Ok(Command::ConfigCheck(check)) = parse(&["config", "check", "--config", "c.toml"]) else {
        panic!("not config check");
    };
    assert_eq!(check.config, Some("c.toml".into()));
    let Ok(Command::Demo(demo)) = parse(&["demo", "--keep", "--svg", "x.svg"]) else {
        panic!("not demo");
    };
    assert!(demo.keep && demo.svg == Some("x.svg".into()));
}

#[test]
fn help_names_the_exit_codes() {
    for args in [&["--help"][..], &["migrate", "cutover", "--help"]] {
        let help = parse(args).unwrap_err();
        assert_eq!(help.exit_code(), 0);
        assert!(help.to_string().contains("3  not ready"), "{help}");
    }
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    for args in [
        &["model", "add", "m", "--embedder", "none"][..],
        &["model", "add", "a b", "--dim", "4", "--embedder", "none"],
        &[
            "model",
            "add",
            "m",
            "--dim",
            "4",
            "--embedder",
            "openai",
            "--url",
            "http://h",
        ],
        &[
            "model",
            "add",
            "m",
            "--dim",
            "4",
            "--embedder",
            "none",
            "--url",
            "http://h",
        ],
        &[
            "model",
            "add",
            "m",
            "--kind",
            "sparse",
            "--dim",
            "4",
            "--embedder",
            "none",
        ],
        &["model", "add", "m", "--dim", "0", "--embedder", "none"],
        &["adopt", "docs"],
        &["adopt", "docs", "--model", "m", "--field", "a=m"],
        &["adopt", "docs", "--model", "m", "--source", "no key"],
        &["adopt", "docs", "--model", "m", "--source", r"{a}\x"],
        &["adopt", "docs", "--model", "m", "--undeclared", "maybe"],
        &["adopt", "docs", "--field", "a=m", "--field-source", "b={x}"],
        &[
            "adopt",
            "docs",
            "--field",
            "a=m",
            "--field-source",
            "a={x}",
            "--field-source",
            "a={y}",
        ],
        &["migrate", "start", "docs"],
        &["migrate", "cutover", "docs"],
        &["migrate", "status", "--vector", "title"],
        &["status", "--timeout-seconds", "0"],
    ] {
        usage(args);
    }
}

#[tokio::test]
async fn model_add_registers_a_model_with_its_embedder() {
    let args = [
        "model",
        "add",
        "mini",
        "--dim",
        "384",
        "--query-prompt",
        "q: ",
        "--embedder",
        "openai",
        "--url",
        "http://h/v1/embeddings",
        "--api-model",
        "mini-v6",
        "--api-key-env",
        "KEY",
        "--batch-max",
        "16",
    ];
    let expected = AddModel {
        model: Model {
            id: "mini@1".parse().unwrap(),
            kind: Kind::Dense,
            dimension: 384,
            distance: Distance::Cosine,
            query_prompt: "q: ".to_owned(),
            document_prompt: String::new(),
        },
        embedder: EmbedderSpec::OpenAi(OpenAiSpec {
            api_key_env: Some("KEY".to_owned()),
            batch_max: 16,
            ..OpenAiSpec::new("http://h/v1/embeddings", "mini-v6")
        }),
    };
    assert_eq!(asked(&args).await, Call::AddModel(expected));
    let args = [
        "model",
        "add",
        "bm25@3",
        "--kind",
        "sparse",
        "--embedder",
        "char-ngrams",
    ];
    let Call::AddModel(AddModel { model, embedder }) = asked(&args).await else {
        panic!("not add");
    };
    assert_eq!(
        (model.kind, model.dimension, model.distance),
        (Kind::Sparse, 0, Distance::Dot)
    );
    assert_eq!(embedder, EmbedderSpec::CharNgrams { idf: Idf::Uniform });
}

#[tokio::test]
async fn the_rarity_of_ngrams_is_counted_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts");
    std::fs::write(&file, "a rare word\n\nanother word\n").unwrap();
    let file = file.to_str().unwrap();
    let add = [
        "model",
        "add",
        "m",
        "--dim",
        "64",
        "--embedder",
        "char-ngrams",
        "--idf-texts",
    ];
    let Call::AddModel(AddModel { embedder, .. }) = asked(&[&add[..], &[file]].concat()).await else {
        panic!("not add");
    };
    let idf = Idf::Fitted(IdfTable::fit(["a rare word", "another word"]));
    assert_eq!(embedder, EmbedderSpec::CharNgrams { idf });
    assert!(usage(&[&add[..], &["/nowhere/texts"]].concat()).contains("/nowhere/texts"));
    std::fs::write(file, "\n").unwrap();
    assert!(usage(&[&add[..], &[file]].concat()).contains("no text"));
}

fn vector(name: Option<&str>, model: &str, source: Option<&str>) -> AdoptVector {
    AdoptVector {
        name: name.map(Into::into),
        model: model.parse().unwrap(),
        source: source.map(|text| SourceTemplate::parse(text).unwrap()),
        undeclared: None,
        on_embed_failure: OnEmbedFailure::Defer,
    }
}

#[tokio::test]
async fn adopt_names_one_vector_or_several() {
    let args = [
        "adopt",
        "eu/docs",
        "--model",
        "old",
        "--source",
        r"{title}\n{body}",
    ];
    let expected = Adopt {
        collection: "eu/docs".into(),
        vectors: vec![vector(None, "old", Some("{title}\n{body}"))],
        opaque: Vec::new(),
    };
    assert_eq!(asked(&args).await, Call::Adopt(expected));
    let args = [
        "adopt",
        "docs",
        "--field",
        "a=b=old@2",
        "--field",
        "a=other",
        "--field-source",
        "a=b={x}={y}",
        "--source",
        "{body}",
        "--opaque",
        "clip",
        "--undeclared",
        "reject",
        "--on-embed-failure",
        "fail",
    ];
    let strict = |vector: AdoptVector| AdoptVector {
        undeclared: Some(UndeclaredChoice::Reject),
        on_embed_failure: OnEmbedFailure::Fail,
        ..vector
    };
    let expected = Adopt {
        collection: "docs".into(),
        vectors: vec![
            strict(vector(Some("a=b"), "old@2", Some("{x}={y}"))),
            strict(vector(Some("a"), "other", Some("{body}"))),
        ],
        opaque: vec!["clip".into()],
    };
    assert_eq!(asked(&args).await, Call::Adopt(expected));
    let args = [
        "adopt",
        "docs",
        "--model",
        "old",
        "--vector",
        "",
        "--undeclared",
        "pinned:old@1",
    ];
    let expected = Adopt {
        collection: "docs".into(),
        vectors: vec![AdoptVector {
            undeclared: Some(UndeclaredChoice::Pinned("old@1".parse().unwrap())),
            ..vector(Some(""), "old", None)
        }],
        opaque: Vec::new(),
    };
    assert_eq!(asked(&args).await, Call::Adopt(expected));
}

#[tokio::test]
async fn the_other_verbs_ask_for_their_field() {
    let title = key("docs", "title");
    let new = || "new@2".parse().unwrap();
    for (args, expected) in [
        (&["model", "list"][..], Call::Models),
        (&["status"], Call::Status(None)),
        (&["status", "docs"], Call::Status(Some("docs".into()))),
        (&["migrate", "status"], Call::Status(None)),
        (
            &["migrate", "status", "docs/title"],
            Call::Migration(title.clone()),
        ),
        (
            &["migrate", "status", "a/b", "--vector", ""],
            Call::Migration(key("a/b", "")),
        ),
        (
            &["migrate", "start", "docs/title", "--to", "new@2", "--detach"],
            Call::Start(title.clone(), new()),
        ),
        (
            &["migrate", "cutover", "docs/title", "--to", "new@2"],
            Call::Cutover(title.clone(), new()),
        ),
        (
            &["migrate", "rollback", "docs/title", "--to", "new@2"],
            Call::Rollback(title.clone(), new()),
        ),
    ] {
        assert_eq!(asked(args).await, expected, "{args:?}");
    }
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
            "docs/title: backfilling 10 % 100 of 1000 points, 126 points/s, 8 s left",
            "docs/title: backfilling 99 % 990 of 1000 points, 126 points/s, 1 s left",
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

#[test]
fn the_token_is_never_shown() {
    let verb = parse(&["status", "--token", "hunter2"]).unwrap();
    assert!(!format!("{verb:?}").contains("hunter2"));
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
