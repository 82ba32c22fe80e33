//! The shape of the source, held as a test: import directions, sizes, and what must not stand in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with those that it may import. What is not listed is not allowed.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("upstream", &["domain", "wire", "telemetry"]),
    ("embedded", &["domain", "upstream"]),
    ("store", &["domain", "wire"]),
    ("embed", &["domain", "wire"]),
    ("registry", &["domain", "wire", "upstream", "store", "embed"]),
    ("telemetry", &["domain"]),
    ("config", &["domain", "upstream", "telemetry"]),
    (
        "engine",
        &[
            "domain",
            "wire",
            "upstream",
            "store",
            "embed",
            "registry",
            "telemetry",
        ],
    ),
    (
        "migrate",
        &[
            "domain",
            "wire",
            "upstream",
            "store",
            "embed",
            "registry",
            "telemetry",
        ],
    ),
    (
        "server",
        &["domain", "wire", "upstream", "registry", "engine", "telemetry"],
    ),
    (
        "admin",
        &[
            "domain",
            "upstream",
            "store",
            "embed",
            "registry",
            "migrate",
            "telemetry",
        ],
    ),
    (
        "demo",
        &["domain", "embed", "migrate", "upstream", "app", "config", "admin"],
    ),
    ("app", &["*"]),
    ("cli", &["*"]),
    ("main", &["*"]),
];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    path: String,
    module: String,
    /// Without inline tests.
    lines: Vec<String>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let is_test =
        |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let read = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        Source {
            path: relative.to_str().unwrap().to_owned(),
            module: first.trim_end_matches(".rs").to_owned(),
            lines: code.lines().map(str::to_owned).collect(),
        }
    };
    let found: Vec<_> = found
        .into_iter()
        .filter(|path| !is_test(path))
        .map(read)
        .collect();
    assert!(found.len() > 30, "the walk found only {} files", found.len());
    found
}

fn fail_on(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn imports_go_one_way() {
    let mut problems = Vec::new();
    for source in sources() {
        if source.module == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(module, _)| *module == source.module) else {
            problems.push(format!(
                "{}: module `{}` is not in MAY_IMPORT",
                source.path, source.module
            ));
            continue;
        };
        for (at, line) in source.lines.iter().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (start, _) in line.match_indices("crate::") {
                let rest = &line[start + "crate::".len()..];
                let module: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if module != source.module && !allowed.contains(&module.as_str()) && !allowed.contains(&"*") {
                    problems.push(format!("{}:{}: imports `{module}`", source.path, at + 1));
                }
            }
        }
    }
    fail_on(problems);
}

#[test]
fn files_are_short() {
    let long = sources()
        .into_iter()
        .filter(|source| source.lines.len() > FILE_LINES_MAX);
    fail_on(
        long.map(|source| format!("{}: {} lines", source.path, source.lines.len()))
            .collect(),
    );
}

#[test]
fn functions_are_short() {
    let mut problems = Vec::new();
    for source in sources() {
        for (at, line) in source.lines.iter().enumerate() {
            let code = line.trim_start();
            let is_function = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "const fn ",
                "pub const fn ",
            ]
            .iter()
            .any(|start| code.starts_with(start))
                || (code.starts_with("pub(") && code.contains(" fn "));
            if !is_function || code.ends_with(';') {
                continue;
            }
            let indent = line.len() - code.len();
            let close = format!("{}}}", " ".repeat(indent));
            let length = source.lines[at..]
                .iter()
                .position(|line| *line == close)
                .map_or(0, |length| length + 1);
            if length > FUNCTION_LINES_MAX {
                problems.push(format!("{}:{}: {length} lines", source.path, at + 1));
            }
        }
    }
    fail_on(problems);
}

#[test]
fn the_domain_is_pure() {
    const BANNED: &[&str] = &[
        "async ",
        "tokio",
        "std::fs",
        "std::net",
        "std::time",
        "prost",
        "qdrant_client",
        "Uuid::now",
    ];
    let mut problems = Vec::new();
    for source in sources().into_iter().filter(|source| source.module == "domain") {
        for (at, line) in source
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for banned in BANNED.iter().filter(|banned| line.contains(**banned)) {
                problems.push(format!("{}:{}: `{banned}` in the domain", source.path, at + 1));
            }
        }
    }
    fail_on(problems);
}

#[test]
fn every_module_says_what_it_is() {
    let silent = sources().into_iter().filter(|source| source.path != "main.rs");
    let silent = silent.filter(|source| !source.lines.first().is_some_and(|line| line.starts_with("//!")));
    fail_on(
        silent
            .map(|source| format!("{}: no head comment", source.path))
            .collect(),
    );
}

#[test]
fn nothing_is_left_unfinished() {
    const MARKS: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "#[allow(dead_code)]"];
    let mut problems = Vec::new();
    for source in sources() {
        for (at, line) in source.lines.iter().enumerate() {
            for mark in MARKS.iter().filter(|mark| line.contains(**mark)) {
                problems.push(format!("{}:{}: `{mark}`", source.path, at + 1));
            }
        }
    }
    fail_on(problems);
}
