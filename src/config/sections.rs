//! The configuration's shape. `config/default.toml` explains each key; no key has a default here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::values::{Millis, Secret, secret, target};
use crate::domain::access::{Client, Group};
use crate::domain::table::OnEmbedFailure;
use crate::telemetry::LogFormat;
use crate::upstream::remote::Target;

/// Everything that an operator can set, checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each is the section of its name
pub struct Config {
    pub listen: Listen,
    pub upstream: Upstream,
    pub data: Data,
    pub admin: Admin,
    pub calls: Calls,
    pub clients: Clients,
    pub limits: Limits,
    pub tags: Tags,
    pub drain: Drain,
    pub log: Log,
    pub migrate: Migrate,
    pub embed: Embed,
}

/// Where Interlock listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Listen {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    pub head_timeout_ms: Millis,
    pub body_idle_timeout_ms: Millis,
}

/// The Qdrant behind it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Upstream {
    #[serde(deserialize_with = "target")]
    pub grpc: Option<Target>,
    #[serde(deserialize_with = "target")]
    pub rest: Option<Target>,
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<Secret>,
    pub connections: usize,
    pub in_flight_max: usize,
    pub rest_connections_max: usize,
    pub rest_idle_max: usize,
    pub connect_timeout_ms: Millis,
    pub answer_timeout_ms: Millis,
}

/// What is kept on disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Data {
    pub dir: PathBuf,
}

/// Who may operate it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Admin {
    #[serde(deserialize_with = "secret")]
    pub token: Option<Secret>,
}

/// What is open to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Calls {
    pub open: BTreeSet<Group>,
}

/// Clients that are known by their API keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Clients {
    pub keys: Vec<Client>,
}

/// Bounds of one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Limits {
    pub body_bytes_max: usize,
    pub answer_bytes_max: usize,
    pub connections_max: usize,
    pub prefetch_depth_max: usize,
    pub message_depth_max: usize,
    pub json_depth_max: usize,
    pub batch_items_max: usize,
    pub points_max: usize,
    pub lookup_points_max: usize,
}

/// Names that Interlock reserves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Tags {
    pub key: String,
    pub metadata_key: String,
}

/// How it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Drain {
    pub grace_ms: Millis,
    pub wait_ms: Millis,
}

/// What it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// The control loop's bounds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Migrate {
    pub page_points: u32,
    pub pages_in_flight_max: usize,
    pub embeddings_cache_bytes_max: usize,
    pub call_timeout_ms: Millis,
    pub page_attempts_max: u32,
    pub backoff_first_ms: Millis,
    pub backoff_max_ms: Millis,
    pub look_every_ms: Millis,
    pub look_gap_ms: Millis,
    pub start_wait_ms: Millis,
    pub unsourced_listed_max: usize,
    pub verify_cosine_min_percent: u32,
    pub must_be_verified: bool,
    pub cutover_late_max_ms: Millis,
    pub snapshot_before_retiring: bool,
    pub snapshot_timeout_ms: Millis,
    pub live_p99_percent_max: u32,
    pub upstream_queue_max: u64,
    pub requests_per_minute_max: u64,
    pub tokens_per_minute_max: u64,
    pub cost_per_minute_max_cents: u64,
    pub requests_max: u64,
    pub tokens_max: u64,
    pub cost_max_cents: u64,
}

/// What a failing embedder does to a write.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config/default.toml explains each key
pub struct Embed {
    pub on_failure: OnEmbedFailure,
}
