//! Interlock.
pub mod config;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod server;
pub mod telemetry;
pub mod upstream;

pub mod wire;
