//! The embedded engine against Qdrant's behaviour, over both faces. The same suite runs against a real Qdrant where
//! `QDRANT_URL` and `QDRANT_GRPC_URL` are set; one crate, because each links the engine anew.
#![cfg(feature = "embedded")]
// In a test a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod durability;
mod grpc;
mod hostile;
mod script;
mod target;
mod together;
