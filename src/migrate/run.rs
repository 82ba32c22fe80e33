//! One field's migration while this process runs: its state, what is shown of it, and what wakes it.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};

use super::api::{BrownoutStatus, MigrationStatus, Unsourced};
use super::inner::lock;
use super::pace::ThrottleStatus;
use crate::domain::gate::Verdict;
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::phase::{Migration, Phase, PhaseName};
use crate::domain::verify::Verification;

/// A migration in this process.
pub(super) struct Run {
    /// The field.
    pub key: FieldKey,
    /// Held by a verb from its first look to its end.
    pub verb: Mutex<()>,
    /// As it is stored. Held while a step is decided and stored.
    pub state: Mutex<Migration>,
    /// What watchers see.
    pub status: watch::Sender<MigrationStatus>,
    /// Says that something became pending.
    pub wake: Notify,
    /// Whether a comparison of both spaces is under way in this process.
    pub verifying: AtomicBool,
    /// Since when every count found something pending.
    pub lags_since: std::sync::Mutex<Option<Instant>>,
}

/// What was counted.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// Points that have the field.
    pub total: u64,
    /// Those of them that the space does not hold fresh.
    pub pending: u64,
    /// What the gate says.
    pub gate: Verdict,
}

impl Run {
    /// Nothing is counted yet.
    pub fn new(migration: Migration, epoch: Epoch) -> Self {
        let status = MigrationStatus {
            key: migration.key.clone(),
            from: migration.from.model.clone(),
            to: migration.to.model.clone(),
            from_space: migration.from.vector.clone(),
            to_space: migration.to.vector.clone(),
            phase: migration.phase.name(),
            standby: migration.standby,
            epoch,
            started_at_ms: migration.started_at_ms,
            total: 0,
            done: 0,
            pending: 0,
            points_per_second: None,
            seconds_left: None,
            unsourced: Unsourced::default(),
            reasons: Vec::new(),
            gate: None,
            appointment: migration.appointment.clone(),
            last_error: None,
            brownout: None,
            verification: migration.verification.clone(),
            throttle: None,
        };
        Self {
            key: migration.key.clone(),
            verb: Mutex::new(()),
            state: Mutex::new(migration),
            status: watch::Sender::new(status),
            wake: Notify::new(),
            verifying: AtomicBool::new(false),
            lags_since: std::sync::Mutex::default(),
        }
    }

    /// Shows where it stands now.
    pub fn show_phase(&self, migration: &Migration, epoch: Epoch) {
        self.status.send_modify(|status| {
            status.phase = migration.phase.name();
            status.standby = migration.standby;
            status.appointment.clone_from(&migration.appointment);
            if status.phase != PhaseName::Backfilling
                && let Some(throttle) = &mut status.throttle
            {
                // What was spent stays; nothing is held any more.
                (throttle.points_per_second, throttle.reason, throttle.why) = (None, None, None);
            }
            status.epoch = epoch;
            if status.phase != PhaseName::Brownout {
                status.brownout = None;
            }
            match &migration.phase {
                Phase::Ready(tally) | Phase::ServingNew(tally) | Phase::RolledBack(tally) => {
                    if tally.unsourced == 0 {
                        status.unsourced = Unsourced::default();
                    }
                    status.unsourced.count = tally.unsourced;
                    status.points_per_second = None;
                    status.seconds_left = None;
                }
                Phase::Paused(_)
                | Phase::Brownout(_)
                | Phase::Retiring(_)
                | Phase::Done(_)
                | Phase::Cancelling
                | Phase::Cancelled => {
                    status.points_per_second = None;
                    status.seconds_left = None;
                }
                Phase::Planned | Phase::Opening | Phase::DualWriting | Phase::Backfilling(_) => {}
            }
        });
    }

    /// Shows what was counted.
    pub fn show_counts(&self, counted: Counted) {
        let mut lags_since = lock(&self.lags_since);
        *lags_since = match counted.pending {
            0 => None,
            _ => lags_since.or_else(|| Some(Instant::now())),
        };
        drop(lags_since);
        self.status.send_modify(|status| {
            status.total = counted.total;
            status.pending = counted.pending;
            status.done = counted.total.saturating_sub(counted.pending);
            status.reasons = counted.gate.reasons.clone();
            status.gate = Some(counted.gate);
            status.seconds_left = left(status.points_per_second, status.pending);
        });
    }

    /// For how long something has been pending.
    pub fn lag(&self) -> Duration {
        lock(&self.lags_since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Shows that a page is done. The counts are moved on until the next exact ones.
    pub fn show_page(&self, points: u64) {
        self.status.send_modify(|status| {
            let points = points.min(status.pending);
            status.pending -= points;
            status.done += points;
            status.seconds_left = left(status.points_per_second, status.pending);
        });
    }

    /// Shows that so many points were done in so long.
    pub fn show_rate(&self, points: u64, seconds: f64) {
        /// How much of the shown rate is the newest one.
        const NEWEST: f64 = 0.2;
        if points == 0 {
            return;
        }
        self.status.send_modify(|status| {
            let rate = points as f64 / seconds;
            let shown = status
                .points_per_second
                .map_or(rate, |shown| shown + NEWEST * (rate - shown));
            status.points_per_second = Some(shown);
            status.seconds_left = left(status.points_per_second, status.pending);
        });
    }

    /// Shows which points have no source text. While a pass is under way, not fewer than the one before found.
    pub fn show_unsourced(&self, unsourced: &Unsourced, is_whole: bool) {
        self.status.send_if_modified(|status| {
            let changed =
                status.unsourced != *unsourced && (is_whole || unsourced.count >= status.unsourced.count);
            if changed {
                status.unsourced = unsourced.clone();
            }
            changed
        });
    }

    /// Shows how fast the backfill may go.
    pub fn show_throttle(&self, throttle: Option<ThrottleStatus>) {
        self.status.send_if_modified(|status| {
            let changed = status.throttle != throttle;
            status.throttle = throttle;
            changed
        });
    }

    /// Shows where a brownout stands.
    pub fn show_brownout(&self, brownout: Option<BrownoutStatus>) {
        self.status.send_if_modified(|status| {
            let changed = status.brownout != brownout;
            status.brownout = brownout;
            changed
        });
    }

    /// Shows how far a comparison of both spaces is.
    pub fn show_verification(&self, verification: Option<Verification>) {
        self.status
            .send_modify(|status| status.verification = verification);
    }

    /// Shows, or takes away, the error that is being retried.
    pub fn show_error(&self, error: Option<String>) {
        self.status.send_if_modified(|status| {
            let changed = status.last_error != error;
            status.last_error = error;
            changed
        });
    }
}

fn left(rate: Option<f64>, pending: u64) -> Option<f64> {
    rate.filter(|rate| *rate > 0.0).map(|rate| pending as f64 / rate)
}
