//! Properties of the wire layer, against prost as the judge.

#![allow(deprecated)] // the deprecated forms of vectors are accepted, so they are tested
#![allow(clippy::wildcard_enum_match_arm)] // the generated enums have dozens of members

mod answers;
mod fields;
mod generate;
mod generate_answers;
mod generate_reads;
mod hostile;
mod lookups;
mod nesting;
mod oracle;
mod rewriting;
mod scanning;
mod steps;
mod views;
mod watching;

use crate::wire::{Lens, Limits};

/// The reserved key of all tests.
const RESERVED: &str = "_embedding";

/// What all tests look through.
fn lens() -> Lens<'static> {
    Lens {
        reserved_key: RESERVED,
        source_keys: &["title", "body"],
        limits: Limits::default(),
    }
}
