//! What runs beside the requests: signals, the upstream's health, gauges.

use std::sync::Arc;
use std::time::Duration;

use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest};
use tokio::signal::unix::{SignalKind, signal as on_signal};

use crate::admin::{Obstacle, Readiness};
use crate::registry::Registry;
use crate::server::Draining;
use crate::telemetry::{self, Metrics};
use crate::upstream::calls::{CallError, Calls};

/// Between two looks at the upstream.
const UPSTREAM_EVERY: Duration = Duration::from_secs(2);
/// Between two readings of gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// Readings of gauges between two marks in how long requests take.
const READINGS_A_MARK: u64 = 60;

/// Resolves at SIGTERM or SIGINT.
pub(super) async fn signal() {
    let (term, interrupt) = (
        on_signal(SignalKind::terminate()),
        on_signal(SignalKind::interrupt()),
    );
    match (term, interrupt) {
        (Ok(mut term), Ok(mut interrupt)) => {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be received; only SIGKILL stops this process");
            std::future::pending::<()>().await;
        }
    }
}

/// The upstream's own version.
pub(super) async fn version(calls: &Calls) -> Result<String, CallError> {
    let reply: HealthCheckReply = calls
        .unary("/qdrant.Qdrant/HealthCheck", &HealthCheckRequest {})
        .await?;
    Ok(reply.version)
}

/// Keeps readiness true to whether the upstream answers.
pub(super) async fn upstream(calls: Calls, readiness: Readiness, mut draining: Draining) {
    let mut ticks = tokio::time::interval(UPSTREAM_EVERY);
    loop {
        tokio::select! {
            () = draining.stopping() => return,
            _ = ticks.tick() => {}
        }
        match version(&calls).await {
            Ok(_) => readiness.clear(Obstacle::Upstream),
            Err(error) => {
                tracing::warn!(%error, "the upstream does not answer");
                readiness.block(Obstacle::Upstream, "Qdrant does not answer");
            }
        }
    }
}

/// Keeps the recorder's buffers short.
pub(super) async fn upkeep(metrics: Metrics, mut draining: Draining) {
    tokio::select! {
        () = draining.stopping() => {}
        () = metrics.keep_up() => {}
    }
}

/// Keeps the gauges of the table and its pins true, and marks the minutes in how long requests take.
pub(super) async fn gauges(registry: Arc<Registry>, mut draining: Draining) {
    let mut ticks = tokio::time::interval(GAUGES_EVERY);
    let mut readings = 0u64;
    loop {
        tokio::select! {
            () = draining.stopping() => return,
            _ = ticks.tick() => {}
        }
        readings += 1;
        if readings.is_multiple_of(READINGS_A_MARK) {
            registry.latency().mark();
        }
        let epoch = registry.current_epoch();
        telemetry::epoch(epoch.0);
        telemetry::pinned(registry.in_flight_before(epoch));
        telemetry::quarantined(registry.pin().quarantined());
    }
}
