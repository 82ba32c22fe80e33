//! Logs and metrics. Called from everywhere but `domain` and `wire`; depends on nothing of ours, so that it can be.
//!
//! Metric labels are enums and static strings: no text of a client ever becomes one.

mod handles;
mod labels;
mod logs;
mod metrics;
mod names;

pub use self::labels::{ConnectOutcome, EmbedOutcome, Outcome};
pub use self::logs::{LogFormat, start_logs};
pub use self::metrics::{
    Metrics, accept_failed, backfilled, connection_closed, connection_opened, connections_dropped, deferred,
    embed_call, epoch, migrations, pinned, quarantined, refusal, request, standby, upstream_call,
    upstream_connect, upstream_retry,
};
pub use self::names::{MetricKind, NAMES};

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no filter directive.
    #[error("the log level {level:?} cannot be read: {why}")]
    Level {
        /// As configured.
        level: String,
        /// What is wrong with it.
        why: String,
    },
    /// Set up before, in this process.
    #[error("logs or metrics are set up already in this process: {0}")]
    Twice(String),
    /// The histogram's bounds were refused.
    #[error("the metrics recorder cannot be built: {0}")]
    Recorder(String),
}
