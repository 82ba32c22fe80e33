//! The table of routes against the list of every RPC and REST route that Qdrant's sources from 1.16.0 to 1.19.0 and
//! the client's 1.20.0 have, both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use http::Method;
use interlock::wire::routes::{self, Row, Treatment};

/// Routes in the table that the list has not, each with the reason.
const BEYOND_THE_LIST: &[(&str, &str)] = &[
    (
        "OPTIONS /**",
        "a preflight, which Qdrant answers for any path and without a key",
    ),
    (
        "GET /dashboard/**",
        "static files of the Web UI, which calls the API at its own origin",
    ),
];

struct Listed {
    transport: String,
    method: String,
    path: String,
    class: String,
}

fn listed() -> Vec<Listed> {
    let file = match std::env::var_os("INTERLOCK_TEST_ROUTES") {
        Some(given) => PathBuf::from(given),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/qdrant-routes.tsv"),
    };
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!(
            "the list of Qdrant's routes is wanted at {} ({error}): put it there, or say where it is with INTERLOCK_TEST_ROUTES",
            file.display()
        )
    });
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().expect("a head line").split('\t').collect();
    assert_eq!(head[..4], ["transport", "method", "path", "class"], "columns");
    let rows: Vec<Listed> = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            Listed {
                transport: columns[0].to_owned(),
                method: columns[1].to_owned(),
                path: columns[2].to_owned(),
                class: columns[3].to_owned(),
            }
        })
        .collect();
    assert!(rows.len() >= 209, "the list has {} rows only", rows.len());
    rows
}

/// The row that a listed call finds, asked as a request would ask.
fn found(listed: &Listed) -> &'static Row {
    match listed.transport.as_str() {
        "gRPC" => routes::grpc(&listed.path),
        "REST" => {
            let method = Method::from_bytes(listed.method.as_bytes()).expect("a method");
            let path: String = listed
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { "7" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            routes::rest(&method, &path).expect("a plain path").row
        }
        other => panic!("the list knows a transport `{other}`"),
    }
}

/// A listed route as the table spells it.
fn spelled(listed: &Listed) -> String {
    if listed.transport == "gRPC" {
        return listed.path.clone();
    }
    let parts = listed.path.split('/');
    let parts: Vec<_> = parts
        .map(|part| if part.starts_with('{') { "*" } else { part })
        .collect();
    format!("{} {}", listed.method, parts.join("/"))
}

#[test]
fn every_listed_call_is_decided() {
    let undecided: Vec<_> = listed()
        .iter()
        .filter(|listed| found(listed).name == "unknown")
        .map(spelled)
        .collect();
    assert!(undecided.is_empty(), "no row for: {undecided:#?}");
}

#[test]
fn every_decided_call_is_listed() {
    let listed: BTreeSet<String> = listed().iter().map(spelled).collect();
    let decided = routes::rows().flat_map(|row| row.grpc.iter().chain(row.rest));
    let beyond: BTreeSet<&str> = decided
        .copied()
        .filter(|route| !listed.contains(*route))
        .collect();
    let expected: BTreeSet<&str> = BEYOND_THE_LIST.iter().map(|(route, _)| *route).collect();
    assert_eq!(beyond, expected);
}

/// The list's class says what a call does; no treatment may be weaker than that.
#[test]
fn no_treatment_is_weaker_than_the_class() {
    for listed in listed() {
        let row = found(&listed);
        let refused = matches!(row.treatment, Treatment::Refused(_));
        let passed = row.treatment == Treatment::Passed;
        let route = spelled(&listed);
        match listed.class.as_str() {
            class if class.starts_with("IN") || class.starts_with("deny") => {
                assert!(refused, "{route} is internal: {row:?}");
            }
            // Raw storage is a read of every vector, and so are these of one space.
            class
                if ["VR", "VW", "PW", "SC"]
                    .iter()
                    .any(|begin| class.starts_with(begin)) =>
            {
                assert!(
                    matches!(
                        row.treatment,
                        Treatment::Scanned(_) | Treatment::Closed(_) | Treatment::Schema(_)
                    ),
                    "{route} is {class}: {row:?}"
                );
            }
            "PT*" | "PT-rewrite-resp" => {
                assert!(matches!(row.treatment, Treatment::Scanned(_)), "{route}: {row:?}");
            }
            "AL" => assert_eq!(row.treatment, Treatment::Aliases, "{route}"),
            "AL(read)" | "PT" | "PT-or-block" | "AD" => assert!(!refused, "{route}: {row:?}"),
            class => panic!("{route} is of an unknown class {class}"),
        }
        if passed {
            assert!(
                ["AL(read)", "PT", "PT-or-block", "AD"].contains(&listed.class.as_str()),
                "{route} passes, and is {}",
                listed.class
            );
        }
    }
}
