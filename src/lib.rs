//! Interlock.
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod upstream;

pub mod wire;
