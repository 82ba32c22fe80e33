//! Migrations on the embedded engine, or on a real Qdrant where `QDRANT_GRPC_URL` names one: from start to cutover and
//! back, against clients that write meanwhile, and through crashes at every call.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail by panicking

mod ahead;
mod appointments;
mod client;
mod crashes;
mod dropping;
mod endings;
mod harness;
mod pace;
mod races;
mod real;
mod rehearsals;
mod release;
mod verbs;
mod verification;
