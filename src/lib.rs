//! Interlock.
pub mod upstream;
#[cfg(feature = "embedded")]
pub mod embedded;
