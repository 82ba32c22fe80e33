//! Random histories of an Interlock in this process, on the embedded engine, or on a real Qdrant where `QDRANT_URL` and
//! `QDRANT_GRPC_URL` name one: overlapping requests over both APIs, migration verbs, failing embedders, lost and late
//! answers, and crashes, in an order that a seed draws; held against a reference. See README.md beside this file.
//!
//!   INTERLOCK_HISTORIES  how many [200]
//!   INTERLOCK_SEED       the first one's seed [1]
//!   INTERLOCK_HISTORY    the seed of one history to run again, with all that happens in it

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail by panicking

mod answer;
mod check;
mod draw;
mod grpc;
mod history;
mod process;
mod reference;
mod request;
mod rest;
mod stage;
mod upstream;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use history::Failure;
use tempfile::TempDir;

const HISTORIES: u64 = 200;
/// More than there are cores: much of a history is waiting.
const WORKERS: usize = 4;
/// Failures that are told before it stops.
const FAILURES_MAX: usize = 3;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

fn tell(failure: &Failure) -> String {
    format!(
        "\n=== history {} (again: INTERLOCK_HISTORY={})\n{}\n--- wrong:\n{}\n",
        failure.seed,
        failure.seed,
        failure.log.join("\n"),
        failure.wrong.join("\n")
    )
}

/// In memory where that can be: a process dies here, never the machine, so that syncing a disk would only take time.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

#[test]
fn what_settles_is_what_was_written_whatever_happened() {
    if let Some(seed) = number("INTERLOCK_HISTORY") {
        let dirs = folder();
        let upstream = upstream::open(dirs.path());
        if let Err(failure) = history::run(seed, &upstream, dirs.path()) {
            panic!("{}", tell(&failure));
        }
        return;
    }
    let first = number("INTERLOCK_SEED").unwrap_or(1);
    let count = number("INTERLOCK_HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let dirs = folder();
                let upstream = upstream::open(dirs.path());
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count || failures.lock().unwrap().len() >= FAILURES_MAX {
                        return;
                    }
                    if let Err(failure) = history::run(seed, &upstream, dirs.path()) {
                        // At once: a long run may be cut off.
                        println!("{}", tell(&failure));
                        failures.lock().unwrap().push(failure.seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "these histories failed: {failures:?}");
    println!(
        "{count} histories from seed {first} in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}
