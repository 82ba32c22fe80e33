//! Every metric: its name, its kind, its labels, what it says. The whole list; `metrics` records nothing else.

/// What a metric counts like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

pub(super) const REQUESTS: &str = "interlock_requests_total";
pub(super) const REQUEST_SECONDS: &str = "interlock_request_seconds";
pub(super) const REFUSALS: &str = "interlock_refusals_total";
pub(super) const CONNECTIONS: &str = "interlock_connections";
pub(super) const CONNECTIONS_DROPPED: &str = "interlock_connections_dropped_total";
pub(super) const ACCEPT_FAILURES: &str = "interlock_accept_failures_total";
pub(super) const UPSTREAM_CALLS: &str = "interlock_upstream_calls_total";
pub(super) const UPSTREAM_CONNECTS: &str = "interlock_upstream_connects_total";
pub(super) const UPSTREAM_RETRIES: &str = "interlock_upstream_retries_total";
pub(super) const EMBED_CALLS: &str = "interlock_embed_calls_total";
pub(super) const EMBED_TEXTS: &str = "interlock_embed_texts_total";
pub(super) const EMBED_SECONDS: &str = "interlock_embed_seconds";
pub(super) const DEFERRED: &str = "interlock_deferred_points_total";
pub(super) const BACKFILLED: &str = "interlock_backfilled_points_total";
pub(super) const EPOCH: &str = "interlock_epoch";
pub(super) const PINNED: &str = "interlock_pinned_requests";
pub(super) const MIGRATIONS: &str = "interlock_migrations";
pub(super) const STANDBY_POINTS: &str = "interlock_standby_points";
pub(super) const STANDBY_COVERAGE: &str = "interlock_standby_coverage_ratio";
pub(super) const STANDBY_LAG: &str = "interlock_standby_lag_seconds";
pub(super) const QUARANTINED: &str = "interlock_quarantined_collections";

/// Name, kind, description with labels.
pub const NAMES: &[(&str, MetricKind, &str)] = &[
    (
        REQUESTS,
        MetricKind::Counter,
        "Requests of clients, by face (grpc, rest), call (the verb or call of a closed list) and outcome (answered, refused, unavailable, late, cancelled)",
    ),
    (
        REQUEST_SECONDS,
        MetricKind::Histogram,
        "Time from a request's head to its answer's head, by face and outcome",
    ),
    (
        REFUSALS,
        MetricKind::Counter,
        "Requests that Interlock answered itself, by face and reason (the `interlock-reason` of the answer)",
    ),
    (
        CONNECTIONS,
        MetricKind::Gauge,
        "Open connections of clients, by face",
    ),
    (
        CONNECTIONS_DROPPED,
        MetricKind::Counter,
        "Connections that were still open when the wait of a drain ended, by face",
    ),
    (
        ACCEPT_FAILURES,
        MetricKind::Counter,
        "Failures to accept a connection, such as too many open files, by face",
    ),
    (
        UPSTREAM_CALLS,
        MetricKind::Counter,
        "Requests to the upstream, by face and outcome (answered, unreachable, unprocessed, unknown, incomplete, full)",
    ),
    (
        UPSTREAM_CONNECTS,
        MetricKind::Counter,
        "Attempts to connect to the upstream's gRPC port, by outcome (connected, failed)",
    ),
    (
        UPSTREAM_RETRIES,
        MetricKind::Counter,
        "Requests that a connection gave back unsent and that were sent on another one",
    ),
    (
        EMBED_CALLS,
        MetricKind::Counter,
        "Calls of embedders, by outcome (embedded, failed)",
    ),
    (
        EMBED_TEXTS,
        MetricKind::Counter,
        "Texts in calls of embedders, by outcome",
    ),
    (
        EMBED_SECONDS,
        MetricKind::Histogram,
        "Time of a call of an embedder, by outcome",
    ),
    (
        DEFERRED,
        MetricKind::Counter,
        "Points written without their standby vector because the embedder failed",
    ),
    (
        BACKFILLED,
        MetricKind::Counter,
        "Points whose standby vector a backfill set",
    ),
    (
        EPOCH,
        MetricKind::Gauge,
        "The epoch of the routing table that answers",
    ),
    (PINNED, MetricKind::Gauge, "Requests that hold a routing table"),
    (
        MIGRATIONS,
        MetricKind::Gauge,
        "Migrations that are under way, by phase",
    ),
    (
        STANDBY_POINTS,
        MetricKind::Gauge,
        "Points of all fields under migration, as of each one's last exact count, by state (fresh, pending, unsourced) in the space that a flip would make serve",
    ),
    (
        STANDBY_COVERAGE,
        MetricKind::Gauge,
        "The least part of its field's points that such a space holds fresh; 1 where no migration is under way",
    ),
    (
        STANDBY_LAG,
        MetricKind::Gauge,
        "The longest time in seconds for which such a space has had pending points without a break, as of the last counts",
    ),
    (
        QUARANTINED,
        MetricKind::Gauge,
        "Managed collections whose data calls are refused until they are audited or adopted",
    ),
];
