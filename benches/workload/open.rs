//! The open loop: calls leave when they are due, not when an earlier one has come back, and a latency counts from when
//! its call was due. A closed loop waits while the server stalls, and so leaves out just the calls that would have
//! suffered: coordinated omission.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Outcome;

/// Calls at once that are still believed; more are a server that does not keep up.
const IN_FLIGHT_MAX: usize = 20_000;

/// When calls are due: at a constant rate.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    interval: f64,
    count: u64,
}

impl Schedule {
    /// At `rate` calls a second, for so many seconds.
    pub fn new(rate: f64, seconds: f64) -> Outcome<Self> {
        let count = rate * seconds;
        if rate <= 0.0 || !(1.0..=1e8).contains(&count) {
            return Err("a rate and a time that give at least one call are needed".into());
        }
        Ok(Self {
            interval: 1.0 / rate,
            count: count as u64,
        })
    }

    /// From the start to when a call is due. Computed from its number, so that no rounding adds up.
    fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(self.interval * number as f64)
    }
}

/// What was seen, in microseconds.
#[derive(Default)]
pub struct Seen {
    latencies: Vec<u64>,
    /// How late the generator itself was: not the server's fault, and more than a millisecond voids a run.
    lags: Vec<u64>,
}

/// The value below which so many per mille lie: the nearest rank.
fn quantile(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl Seen {
    pub fn summary(mut self) -> serde_json::Value {
        self.latencies.sort_unstable();
        self.lags.sort_unstable();
        let latency = |per_mille| quantile(&self.latencies, per_mille);
        json!({
            "calls": self.latencies.len(),
            "p50_us": latency(500),
            "p90_us": latency(900),
            "p99_us": latency(990),
            "p999_us": latency(999),
            "max_us": latency(1000),
            "lag_p99_us": quantile(&self.lags, 990),
        })
    }
}

/// Makes the calls. Fails with the first of them that fails.
pub async fn run<C, F>(schedule: Schedule, call: C) -> Outcome<Seen>
where
    C: Fn() -> F,
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let (sender, mut due) = mpsc::unbounded_channel();
    let start = Instant::now() + Duration::from_millis(10);
    // Timers of the runtime count milliseconds; a thread that is parked wakes finer.
    let pacer = std::thread::spawn(move || {
        for number in 0..schedule.count {
            let at = start + schedule.due(number);
            while let Some(left) = at
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            {
                std::thread::park_timeout(left);
            }
            if sender.send(at).is_err() {
                return;
            }
        }
    });
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut calls = JoinSet::new();
    while let Some(at) = due.recv().await {
        let (call, seen) = (call(), seen.clone());
        let lag = at.elapsed().as_micros() as u64;
        calls.spawn(async move {
            call.await?;
            let latency = at.elapsed().as_micros() as u64;
            let mut seen = seen.lock().map_err(|_| "a call panicked")?;
            seen.latencies.push(latency);
            seen.lags.push(lag);
            Outcome::Ok(())
        });
        while let Some(done) = calls.try_join_next() {
            done??;
        }
        if calls.len() > IN_FLIGHT_MAX {
            return Err(format!("{IN_FLIGHT_MAX} calls are under way: the rate is too high").into());
        }
    }
    while let Some(done) = calls.join_next().await {
        done??;
    }
    pacer.join().map_err(|_| "the pacer panicked")?;
    let seen = Arc::into_inner(seen).ok_or("a call is still under way")?;
    Ok(seen.into_inner()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn calls_are_due_at_a_constant_rate_without_drift() {
        let schedule = Schedule::new(3000.0, 60.0).unwrap();
        assert_eq!(schedule.count, 180_000);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(3).as_micros(), 1000);
        assert_eq!(schedule.due(179_997).as_millis(), 59_999);
        assert!(Schedule::new(0.0, 1.0).is_err());
        assert!(Schedule::new(10.0, 0.01).is_err());
    }

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let sorted: Vec<u64> = (1..=1000).collect();
        assert_eq!(quantile(&sorted, 500), 500);
        assert_eq!(quantile(&sorted, 990), 990);
        assert_eq!(quantile(&sorted, 1000), 1000);
        assert_eq!(quantile(&[7], 10), 7);
        assert_eq!(quantile(&[], 500), 0);
    }

    /// One server at a time, and its first call stalls: the calls that were due meanwhile must all show it.
    #[test]
    fn a_stall_counts_for_every_call_that_was_due_during_it() {
        let server = Arc::new(tokio::sync::Semaphore::new(1));
        let is_first = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let call = move || {
            let (server, is_first) = (server.clone(), is_first.clone());
            async move {
                let _turn = server.acquire().await?;
                if is_first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Ok(())
            }
        };
        let schedule = Schedule::new(1000.0, 0.3).unwrap();
        let seen = runtime().block_on(run(schedule, call)).unwrap();
        let stalled = seen.latencies.iter().filter(|&&latency| latency > 20_000).count();
        assert_eq!(seen.latencies.len(), 300);
        assert!(
            stalled >= 175,
            "{stalled} of the 180 or more that were due show the stall"
        );
    }

    #[test]
    fn a_call_that_fails_fails_the_run() {
        let call = || async { Err("refused".into()) };
        let schedule = Schedule::new(1000.0, 0.01).unwrap();
        assert!(runtime().block_on(run(schedule, call)).is_err());
    }
}
