//! The configuration's promises: defaults that are whole, every problem at once, each with its place.

use super::*;
use crate::domain::access::{Group, KeyHash};

fn check(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> Result<Config, Vec<String>> {
    let file = File {
        name: "interlock.toml",
        text,
    };
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::check(Some(file), variables, overrides)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    check(text, &[], &Overrides::default()).expect_err("problems")
}

#[test]
fn the_explained_defaults_are_a_whole_configuration() {
    // No field has a default of its own, and unknown keys are refused: so the file and the structs agree key by key.
    let config = check("", &[], &Overrides::default()).expect("valid");
    assert_eq!(config.listen.http.port(), 6333);
    assert_eq!(config.upstream.grpc, None);
    assert_eq!(config.limits.body_bytes_max, 64 * 1024 * 1024);
    assert_eq!(config.tags.key, "_embedding");
}

#[test]
fn every_key_of_the_defaults_is_explained() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let mut is_explained = false;
    for line in lines {
        match line {
            line if line.starts_with('#') => is_explained = true,
            line if line.is_empty() || line.starts_with('[') => is_explained = false,
            line => assert!(is_explained, "{line}"),
        }
    }
}

#[test]
fn later_sources_are_stronger() {
    let text = "[listen]\nhttp = \"127.0.0.1:1\"\ngrpc = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:3\"\n";
    let variables = [
        ("INTERLOCK_LISTEN_GRPC", "127.0.0.1:20"),
        ("INTERLOCK_LISTEN_ADMIN", "127.0.0.1:30"),
        ("INTERLOCK_LIMITS_POINTS_MAX", "7"),
        ("INTERLOCK_ADMIN_URL", "http://elsewhere"),
        ("PATH", "/bin"),
    ];
    let overrides = Overrides {
        admin: "127.0.0.1:300".parse().ok(),
        upstream: Some("http://q:6334".to_owned()),
        upstream_rest: Some("http://q:6333/p".to_owned()),
        ..Overrides::default()
    };
    let config = check(text, &variables, &overrides).expect("valid");
    let ports = [config.listen.http, config.listen.grpc, config.listen.admin].map(|address| address.port());
    assert_eq!(ports, [1, 20, 300]);
    assert_eq!(config.limits.points_max, 7);
    assert_eq!(config.upstream.rest.expect("set").to_string(), "http://q:6333/p");
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let text = "[listen]\nhtpp = \"x\"\nhttp = \"localhost\"\n\n[limits]\npoints_max = 0\n  body_bytes_max = \"big\"\n[lisen]\na = 1\n";
    let variables = [
        ("INTERLOCK_LISTEN_GRCP", "127.0.0.1:1"),
        ("INTERLOCK_LIMITS_JSON_DEPTH_MAX", "deep"),
    ];
    let overrides = Overrides {
        upstream: Some("https://q:6334".to_owned()),
        ..Overrides::default()
    };
    let found = check(text, &variables, &overrides).expect_err("problems");
    let expected = [
        "interlock.toml:2:1: `htpp` is no key of [listen]; did you mean `http`?",
        "interlock.toml:3:1: listen.http: invalid socket address syntax",
        "interlock.toml:6:1: limits.points_max must be from 1 to 10000000",
        "interlock.toml:7:3: limits.body_bytes_max: invalid type: string \"big\", expected usize",
        "interlock.toml:8:2: `lisen` is no section; did you mean `listen`?",
        "INTERLOCK_LIMITS_JSON_DEPTH_MAX: limits.json_depth_max is not a whole number",
        "INTERLOCK_LISTEN_GRCP: `INTERLOCK_LISTEN_GRCP` is no variable; did you mean `INTERLOCK_LISTEN_GRPC`?",
        "--upstream: upstream.grpc: TLS to the upstream is not supported yet: write http:// and keep the way there private",
    ];
    for line in expected {
        assert!(
            found.iter().any(|found| found == line),
            "{line}\nnot in {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let found = problems("[listen]\nhttp = \n");
    assert!(
        found.iter().any(|found| found.starts_with("interlock.toml:2:")),
        "{found:#?}"
    );
}

#[test]
fn settings_that_exclude_each_other_are_refused() {
    for (text, expected) in [
        (
            "[upstream]\ngrpc = \"http://q:1\"\n",
            "interlock.toml:2:1: upstream.grpc is set and upstream.rest is not: set both, or none",
        ),
        (
            "[upstream]\nrest = \"http://q:1\"\n",
            "interlock.toml:2:1: upstream.rest is set and upstream.grpc is not: set both, or none",
        ),
        (
            "[listen]\nadmin = \"0.0.0.0:1\"\n",
            "interlock.toml:2:1: listen.admin is not on loopback: set admin.token, or listen on 127.0.0.1",
        ),
        (
            "[listen]\ngrpc = \"0.0.0.0:6333\"\n",
            "interlock.toml:2:1: listen.grpc takes the same port as listen.http",
        ),
        (
            "[log]\nlevel = \"interlock=loud\"\n",
            "interlock.toml:2:1: log.level is no level and no list of directives: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        ),
        (
            "[tags]\nkey = \"a.b\"\n",
            "interlock.toml:2:1: tags.key must be 1 to 64 letters, digits, `_` or `-`",
        ),
        (
            "[admin]\ntoken = \"short\"\n",
            "interlock.toml:2:1: admin.token must be visible ASCII of 16 characters or more",
        ),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let text = "[admin]\ntoken = \"0123456789abcdef\"\n[listen]\nadmin = \"0.0.0.0:1\"\n";
    let config = check(text, &[], &Overrides::default()).expect("valid");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
    assert_eq!(config.admin.token.expect("set").expose(), "0123456789abcdef");
    let found = problems("[admin]\ntoken = 1234567812345678\n");
    assert!(!found.concat().contains("1234567812345678"), "{found:#?}");
}

#[test]
fn a_missing_file_is_one_problem() {
    let found = Config::load(
        Some(Path::new("/nonexistent/interlock.toml")),
        &Overrides::default(),
    );
    let found = found.expect_err("problems");
    assert!(
        found[0]
            .to_string()
            .starts_with("/nonexistent/interlock.toml: cannot be read"),
        "{found:?}"
    );
}

const SHA256: &str = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";

#[test]
fn calls_are_opened_to_everybody_and_to_keys() {
    let text = format!(
        "[calls]\nopen = [\"telemetry\"]\n\n[[clients.keys]]\nname = \"a\"\nsha256 = \"{SHA256}\"\nmodels = [\"m@1\"]\nscopes = [\"snapshots\", \"restore\"]\n\n[[clients.keys]]\nname = \"b\"\nsha256 = \"{}\"\n",
        "0".repeat(64)
    );
    let config = check(&text, &[], &Overrides::default()).expect("valid");
    assert_eq!(config.calls.open, [Group::Telemetry].into());
    let [a, b] = &config.clients.keys[..] else {
        panic!("{:?}", config.clients)
    };
    assert_eq!((a.sha256, a.models.len()), (KeyHash::of(b"key"), 1));
    assert_eq!(a.scopes, [Group::Snapshots, Group::Restore].into());
    assert_eq!((b.models.len(), b.scopes.len()), (0, 0));
}

#[test]
fn lists_come_from_the_environment_too() {
    let keys = format!("[{{ name = \"a\", sha256 = \"{SHA256}\" }}]");
    for open in ["snapshots, debug", "[\"debug\", \"snapshots\"]"] {
        let variables = [
            ("INTERLOCK_CALLS_OPEN", open),
            ("INTERLOCK_CLIENTS_KEYS", keys.as_str()),
        ];
        let config = check("", &variables, &Overrides::default()).expect("valid");
        assert_eq!(config.calls.open, [Group::Snapshots, Group::Debug].into());
        assert_eq!(config.clients.keys[0].name, "a");
    }
}

#[test]
fn what_opens_nothing_is_refused() {
    let key = |keys: &str| format!("[[clients.keys]]\nname = \"a\"\n{keys}\n");
    let sha256 = format!("sha256 = \"{SHA256}\"");
    let twice = format!("{}{}", key(&sha256), key(&sha256));
    for (text, what) in [
        (
            "[calls]\nopen = [\"snapshot\"]\n".to_owned(),
            "unknown variant `snapshot`",
        ),
        ("[calls]\nopen = \"snapshots\"\n".to_owned(), "calls.open"),
        (key("key = \"sesame\""), "unknown field `key`"),
        (key("sha256 = \"sesame\""), "never the key itself"),
        (key(""), "missing field `sha256`"),
        (
            key(&format!("{sha256}\nscopes = [\"all\"]")),
            "unknown variant `all`",
        ),
        (key(&format!("{sha256}\nmodels = [\"a@b@c@\"]")), "clients.keys"),
        (
            key(&format!("{sha256}\nmodels = [\"m@1\", \"m\"]")),
            "lists a model of `a` twice",
        ),
        (twice.clone(), "gives `a` and `a` the same key"),
        (twice, "no name of its own"),
    ] {
        let found = problems(&text);
        assert!(
            found.iter().any(|found| found.contains(what)),
            "{text}: {found:?}"
        );
        assert!(!found.iter().any(|found| found.contains("sesame")), "{found:?}");
    }
}
