//! The bounded run of the differential fuzzing in `fuzz/`: the same judgements over the inputs that have failed before,
//! and over mutated requests, the same ones every time.

// Qdrant's messages have dozens of variants and deprecated fields; a judgement names those that it is about.
#![allow(clippy::wildcard_enum_match_arm, deprecated)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail by panicking

#[path = "../../src/wire/json/tests/bodies.rs"]
mod bodies;
#[path = "../../src/wire/pb/tests/generate.rs"]
mod generate;
#[path = "../../src/wire/pb/tests/generate_answers.rs"]
mod generate_answers;
#[path = "../../src/wire/pb/tests/generate_reads.rs"]
mod generate_reads;
mod mutate;
mod oracle;
mod seeds;

use std::path::Path;

use interlock::domain;
use mutate::Mutations;

/// Judges every file of a folder of regressions.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/regressions")
        .join(target);
    let files = std::fs::read_dir(&folder).expect("the folder of regressions is there");
    let mut count = 0;
    for file in files {
        let path = file.expect("it can be listed").path();
        let input = std::fs::read(&path).expect("it can be read");
        // What fails names its file in the test's output.
        println!("{}", path.display());
        check(&input);
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

/// Judges seeds, and `mutants` of each.
fn mutated(seeds: &[Vec<u8>], mutants: usize, check: fn(&[u8])) {
    let mut mutations = Mutations::new(seeds);
    for seed in seeds {
        check(seed);
        for _ in 0..mutants {
            let input = mutations.mutant(seed);
            // Shown where it fails.
            let shown = Shown(&input);
            check(&input);
            std::mem::forget(shown);
        }
    }
}

/// Says what was judged when the judgement panicked.
struct Shown<'i>(&'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("the input was {:?}", self.0);
    }
}

#[test]
fn what_failed_over_grpc_does_not_fail_again() {
    replay("protobuf", oracle::pb::check);
}

#[test]
fn mutated_requests_over_grpc_are_refused_or_mean_what_prost_says() {
    const SEEDS: u8 = 40;
    const MUTANTS: usize = 300;
    mutated(&seeds::protobuf(SEEDS), MUTANTS, oracle::pb::check);
}

#[test]
fn what_failed_over_rest_does_not_fail_again() {
    replay("json", oracle::json::check);
}

#[test]
fn mutated_bodies_over_rest_are_refused_or_mean_what_serde_json_says() {
    const SEEDS: usize = 200;
    const MUTANTS: usize = 200;
    mutated(&seeds::json(SEEDS), MUTANTS, oracle::json::check);
}

#[test]
fn what_failed_of_answers_does_not_fail_again() {
    replay("answers", oracle::answers::check);
}

#[test]
fn mutated_answers_show_what_they_may_and_nothing_else_changes() {
    const SEEDS: usize = 40;
    const MUTANTS: usize = 300;
    mutated(&seeds::answers(SEEDS), MUTANTS, oracle::answers::check);
}
