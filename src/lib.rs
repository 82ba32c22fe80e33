//! Interlock.
pub mod admin;
pub mod cli;
pub mod domain;
pub mod embed;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod migrate;
pub mod registry;
pub mod store;
pub mod upstream;

pub mod wire;
