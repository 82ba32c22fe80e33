//! The operator's port: probes, metrics, and the admin API as gRPC (`proto/interlock/admin/v1`) and as JSON.
//!
//! Called by `app`, which gives it the verbs, the readiness and the metrics. Both faces call the same [`Operator`]; no
//! decision is made here. No TLS: the port is for loopback, or for a private network with a token.

pub mod api;
mod convert;
pub mod error;
mod grpc;
mod guard;
mod operator;
pub mod proto;
mod readiness;
mod rest;
mod serve;

pub use guard::{BODY_BYTES_MAX, Token};
pub use operator::{Answer, Operator};
pub use readiness::{Obstacle, Readiness};
pub use serve::{AdminState, ServeError, serve};
