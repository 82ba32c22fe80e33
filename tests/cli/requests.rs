//! What a command line asks for, and which ones are refused before anything is asked.

use interlock::admin::api::AddModel;
use interlock::cli::Command;
use interlock::domain::embedder::{EmbedderSpec, Idf, IdfTable, OpenAiSpec};
use interlock::domain::model::{Distance, Kind, Model};
use interlock::domain::source::SourceTemplate;
use interlock::domain::table::{OnEmbedFailure, StandbyPolicy};
use interlock::migrate::{
    Adopt, AdoptVector, Ahead, Order, Rehearse, Release, Retire, Start, UndeclaredChoice, Verify, When,
};

use crate::scripted::{Call, key};
use crate::{asked, parse, usage};

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
            Call::Start(title.clone(), Start::to(new())),
        ),
        (
            &[
                "migrate",
                "start",
                "docs/title",
                "--to",
                "new@2",
                "--detach",
                "--rate",
                "50",
                "--standby",
                "strict",
            ],
            Call::Start(
                title.clone(),
                Start {
                    to: new(),
                    points_per_second: Some(50),
                    standby: Some(StandbyPolicy::Strict),
                },
            ),
        ),
        (
            &["migrate", "plan", "docs/title", "--to", "new@2", "--no-sample"],
            Call::Plan(
                title.clone(),
                Ahead {
                    to: new(),
                    no_sample: true,
                },
            ),
        ),
        (
            &["migrate", "start", "docs/title", "--to", "new@2", "--dry-run"],
            Call::Rehearse(title.clone(), Rehearse::Start(Start::to(new()))),
        ),
        (
            &[
                "migrate",
                "cutover",
                "docs/title",
                "--to",
                "new@2",
                "--force",
                "why",
                "--dry-run",
            ],
            Call::Rehearse(
                title.clone(),
                Rehearse::Cutover {
                    to: new(),
                    is_forced: true,
                    when: None,
                },
            ),
        ),
        (
            &[
                "migrate",
                "cutover",
                "docs/title",
                "--to",
                "new@2",
                "--postpone",
                "--dry-run",
            ],
            Call::Rehearse(
                title.clone(),
                Rehearse::Cutover {
                    to: new(),
                    is_forced: false,
                    when: Some(When::Postponed),
                },
            ),
        ),
        (
            &["migrate", "rollback", "docs/title", "--to", "new@2", "--dry-run"],
            Call::Rehearse(title.clone(), Rehearse::Rollback { to: new() }),
        ),
        (
            &["migrate", "cancel", "docs/title", "--dry-run"],
            Call::Rehearse(title.clone(), Rehearse::Order { order: Order::Cancel }),
        ),
        (
            &["migrate", "keep", "docs/title", "--dry-run"],
            Call::Rehearse(title.clone(), Rehearse::Order { order: Order::Keep }),
        ),
        (
            &["migrate", "verify", "docs/title", "--repair", "--dry-run"],
            Call::Rehearse(
                title.clone(),
                Rehearse::Verify(Verify {
                    repair: true,
                    ..Verify::default()
                }),
            ),
        ),
        (
            &[
                "migrate",
                "retire",
                "docs/title",
                "--quiet-seconds",
                "7",
                "--dry-run",
            ],
            Call::Rehearse(
                title.clone(),
                Rehearse::Retire(Retire {
                    quiet_seconds: 7,
                    brownout_seconds: 600,
                    undeclared: None,
                    force: None,
                }),
            ),
        ),
        (
            &["release", "docs", "--dry-run"],
            Call::Rehearse(
                key("docs", ""),
                Rehearse::Release(Release {
                    collection: "docs".into(),
                    strip_tags: false,
                }),
            ),
        ),
        (
            &["migrate", "cutover", "docs/title", "--to", "new@2", "--postpone"],
            Call::Appoint(title.clone(), new(), When::Postponed),
        ),
        (
            &[
                "migrate",
                "cutover",
                "docs/title",
                "--to",
                "new@2",
                "--at",
                "2027-01-15T09:00:00+01:00",
            ],
            Call::Appoint(
                title.clone(),
                new(),
                When::At {
                    at_ms: 1_800_000_000_000,
                },
            ),
        ),
        (
            &[
                "migrate",
                "cutover",
                "docs/title",
                "--to",
                "new@2",
                "--at",
                "never",
            ],
            Call::Appoint(title.clone(), new(), When::Never),
        ),
        (
            &["migrate", "cutover", "docs/title", "--to", "new@2"],
            Call::Cutover(title.clone(), new()),
        ),
        (
            &[
                "migrate",
                "cutover",
                "docs/title",
                "--to",
                "new@2",
                "--force",
                "it must",
            ],
            Call::ForceCutover(title.clone(), new(), "it must".to_owned()),
        ),
        (
            &["migrate", "rollback", "docs/title", "--to", "new@2"],
            Call::Rollback(title.clone(), new()),
        ),
        (
            &["migrate", "pause", "docs/title"],
            Call::Order(title.clone(), Order::Pause),
        ),
        (
            &["migrate", "resume", "docs/title"],
            Call::Order(title.clone(), Order::Resume),
        ),
        (
            &["migrate", "cancel", "docs/title"],
            Call::Order(title.clone(), Order::Cancel),
        ),
        (
            &["migrate", "keep", "docs/title"],
            Call::Order(title.clone(), Order::Keep),
        ),
        (
            &[
                "migrate",
                "retire",
                "docs/title",
                "--brownout-seconds",
                "5",
                "--undeclared",
                "pinned:new@2",
                "--force",
                "the app is gone",
            ],
            Call::Retire(
                title.clone(),
                Retire {
                    quiet_seconds: 86_400,
                    brownout_seconds: 5,
                    undeclared: Some(UndeclaredChoice::Pinned(new())),
                    force: Some("the app is gone".to_owned()),
                },
            ),
        ),
        (
            &[
                "migrate",
                "verify",
                "docs/title",
                "--sample",
                "9",
                "--repair",
                "--detach",
            ],
            Call::Verify(
                title.clone(),
                Verify {
                    sample: 9,
                    repair: true,
                },
            ),
        ),
        (
            &["release", "docs", "--strip-tags"],
            Call::Release(Release {
                collection: "docs".into(),
                strip_tags: true,
            }),
        ),
        (&["log", "--lines", "7"], Call::Log(7)),
    ] {
        assert_eq!(asked(args).await, expected, "{args:?}");
    }
}

#[test]
fn the_token_is_never_shown() {
    let verb = parse(&["status", "--token", "hunter2"]).unwrap();
    assert!(!format!("{verb:?}").contains("hunter2"));
}
