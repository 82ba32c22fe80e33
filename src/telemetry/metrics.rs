//! The recorder, and one typed function a metric.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::TelemetryError;
use super::handles::Handles;
use super::labels::{ConnectOutcome, EmbedOutcome, Outcome};
use super::names::{self, MetricKind, NAMES};

/// Upper bounds in seconds: from a proxied read on loopback to an upsert that waits for an embedder.
const SECONDS_BOUNDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0,
];

/// How often observations move from the recorder's buffers into buckets. Without it they pile up until someone reads.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

// What every request counts.
thread_local! {
    static REQUESTS: Handles<Counter> = Handles::new();
    static REQUEST_SECONDS: Handles<Histogram> = Handles::new();
    static UPSTREAM_CALLS: Handles<Counter> = Handles::new();
}

/// What was recorded, for whoever asks.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Records for the whole process from now on.
    ///
    /// # Errors
    /// A recorder is installed already.
    pub fn install() -> Result<Self, TelemetryError> {
        let (recorder, metrics) = Self::build()?;
        metrics::set_global_recorder(recorder).map_err(|error| TelemetryError::Twice(error.to_string()))?;
        describe();
        Ok(metrics)
    }

    /// Everything so far, as Prometheus reads it.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps the recorder's buffers short. Runs until it is dropped.
    pub async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }

    fn build() -> Result<(PrometheusRecorder, Self), TelemetryError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BOUNDS)
            .map_err(|error| TelemetryError::Recorder(error.to_string()))?
            .build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self(handle)))
    }
}

fn describe() {
    for &(name, kind, text) in NAMES {
        match kind {
            MetricKind::Counter => metrics::describe_counter!(name, text),
            MetricKind::Gauge => metrics::describe_gauge!(name, text),
            MetricKind::Histogram => metrics::describe_histogram!(name, text),
        }
    }
}

/// A client's request ended. `call` is a route's label.
pub fn request(face: &'static str, call: &'static str, outcome: Outcome, elapsed: Duration) {
    let outcome = outcome.as_str();
    let count = || counter!(names::REQUESTS, "face" => face, "call" => call, "outcome" => outcome);
    REQUESTS.with(|handles| handles.with([face, call, outcome], count, |count| count.increment(1)));
    let seconds = || histogram!(names::REQUEST_SECONDS, "face" => face, "outcome" => outcome);
    REQUEST_SECONDS.with(|handles| {
        handles.with([face, outcome, ""], seconds, |seconds| seconds.record(elapsed));
    });
}

/// Interlock answered a request itself.
pub fn refusal(face: &'static str, reason: &'static str) {
    counter!(names::REFUSALS, "face" => face, "reason" => reason).increment(1);
}

/// A client connected.
pub fn connection_opened(face: &'static str) {
    gauge!(names::CONNECTIONS, "face" => face).increment(1.0);
}

/// A client's connection ended.
pub fn connection_closed(face: &'static str) {
    gauge!(names::CONNECTIONS, "face" => face).decrement(1.0);
}

/// A drain's wait ended with connections open.
pub fn connections_dropped(face: &'static str, count: usize) {
    counter!(names::CONNECTIONS_DROPPED, "face" => face).increment(count as u64);
}

/// A connection could not be accepted.
pub fn accept_failed(face: &'static str) {
    counter!(names::ACCEPT_FAILURES, "face" => face).increment(1);
}

/// A request to the upstream ended. `outcome` is `answered` or the kind of the error.
pub fn upstream_call(face: &'static str, outcome: &'static str) {
    let count = || counter!(names::UPSTREAM_CALLS, "face" => face, "outcome" => outcome);
    UPSTREAM_CALLS.with(|handles| handles.with([face, outcome, ""], count, |count| count.increment(1)));
}

/// An attempt to connect to the upstream's gRPC port ended.
pub fn upstream_connect(outcome: ConnectOutcome) {
    counter!(names::UPSTREAM_CONNECTS, "outcome" => outcome.as_str()).increment(1);
}

/// A request that came back unsent is sent again.
pub fn upstream_retry() {
    counter!(names::UPSTREAM_RETRIES).increment(1);
}

/// A call of an embedder with so many texts ended.
pub fn embed_call(outcome: EmbedOutcome, texts: usize, elapsed: Duration) {
    let outcome = outcome.as_str();
    counter!(names::EMBED_CALLS, "outcome" => outcome).increment(1);
    counter!(names::EMBED_TEXTS, "outcome" => outcome).increment(texts as u64);
    histogram!(names::EMBED_SECONDS, "outcome" => outcome).record(elapsed);
}

/// So many points were written without their standby vector.
pub fn deferred(points: usize) {
    counter!(names::DEFERRED).increment(points as u64);
}

/// A backfill set the standby vector of so many points.
pub fn backfilled(points: usize) {
    counter!(names::BACKFILLED).increment(points as u64);
}

/// A table was published.
pub fn epoch(epoch: u64) {
    // A double holds every epoch up to 2^53 exactly.
    gauge!(names::EPOCH).set(epoch as f64);
}

/// So many requests hold a table.
pub fn pinned(requests: usize) {
    gauge!(names::PINNED).set(requests as f64);
}

/// So many migrations are in a phase.
pub fn migrations(phase: &'static str, count: usize) {
    gauge!(names::MIGRATIONS, "phase" => phase).set(count as f64);
}

/// The spaces that a flip would make serve, together: points by state, the least coverage, the longest lag.
pub fn standby(points: [(&'static str, u64); 3], coverage: f64, lag: Duration) {
    for (state, count) in points {
        gauge!(names::STANDBY_POINTS, "state" => state).set(count as f64);
    }
    gauge!(names::STANDBY_COVERAGE).set(coverage);
    gauge!(names::STANDBY_LAG).set(lag.as_secs_f64());
}

/// So many managed collections are quarantined.
pub fn quarantined(collections: usize) {
    gauge!(names::QUARANTINED).set(collections as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered_and_described() {
        let (recorder, metrics) = Metrics::build().expect("a recorder");
        let second = Duration::from_secs(1);
        metrics::with_local_recorder(&recorder, || {
            describe();
            request("grpc", "query", Outcome::Answered, second);
            request("grpc", "query", Outcome::Answered, second);
            refusal("rest", "mixed_space");
            connection_opened("grpc");
            connection_opened("grpc");
            connection_closed("grpc");
            connections_dropped("rest", 3);
            accept_failed("rest");
            upstream_call("grpc", "answered");
            upstream_connect(ConnectOutcome::Failed);
            upstream_retry();
            embed_call(EmbedOutcome::Embedded, 5, second);
            deferred(2);
            backfilled(7);
            epoch(4);
            pinned(1);
            quarantined(1);
            migrations("ready", 2);
            standby([("fresh", 8), ("pending", 2), ("unsourced", 1)], 0.8, second);
        });
        let text = metrics.render();
        for line in [
            r#"interlock_requests_total{face="grpc",call="query",outcome="answered"} 2"#,
            r#"interlock_request_seconds_bucket{face="grpc",outcome="answered",le="1"} 2"#,
            r#"interlock_refusals_total{face="rest",reason="mixed_space"} 1"#,
            r#"interlock_connections{face="grpc"} 1"#,
            r#"interlock_connections_dropped_total{face="rest"} 3"#,
            r#"interlock_embed_texts_total{outcome="embedded"} 5"#,
            "interlock_backfilled_points_total 7",
            "interlock_epoch 4",
            r#"interlock_migrations{phase="ready"} 2"#,
            r#"interlock_standby_points{state="pending"} 2"#,
            "interlock_standby_coverage_ratio 0.8",
            "interlock_standby_lag_seconds 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        for (name, _, _) in NAMES {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} in\n{text}");
        }
    }
}
