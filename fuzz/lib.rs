//! The layers of `interlock` that are fuzzed, built alone: a build with coverage takes a minute, not ten, and counts nothing
//! but what can be reached.

#![allow(dead_code)] // what only the other layers call

#[path = "../src/domain/mod.rs"]
pub mod domain;
#[path = "../src/wire/mod.rs"]
pub mod wire;
