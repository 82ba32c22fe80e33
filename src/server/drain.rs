//! The order of leaving: first readiness fails, so that balancers look elsewhere; after a grace, listeners close and
//! connections end after the requests that they carry.

use std::time::Duration;

use tokio::sync::watch;

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// Everything is served still, but readiness fails.
    Leaving,
    /// No new connection, no new request; what is in flight ends.
    Stopping,
}

/// Starts the drain. Dropped without that, it stops the listeners at once.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    grace: Duration,
}

impl Drain {
    /// Nothing drains yet; `grace` is the time between failing readiness and closing the listeners.
    pub fn new(grace: Duration) -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            grace,
        }
    }

    /// A view of it, for listeners and for readiness.
    pub fn watch(&self) -> Draining {
        Draining(self.phase.subscribe())
    }

    /// Fails readiness, waits out the grace, stops the listeners. Dropped while it waits, it can be ended by `stop`.
    pub async fn begin(&self) {
        self.phase.send_replace(Phase::Leaving);
        tokio::time::sleep(self.grace).await;
        self.stop();
    }

    /// Stops the listeners now.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopping);
    }
}

/// A view of a [`Drain`].
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<Phase>);

impl Draining {
    /// Whether new requests should still be sent here.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow() == Phase::Serving && self.0.has_changed().is_ok()
    }

    /// Whether anything has happened since this view was made: without that, [`Self::stopping`] has nothing new to say.
    pub fn has_moved(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }

    /// Resolves when the listeners stop, also if that was long ago.
    pub async fn stopping(&mut self) {
        if self.0.wait_for(|phase| *phase == Phase::Stopping).await.is_err() {
            tracing::debug!("the drain's owner is gone: stopping");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readiness_fails_a_grace_before_the_listeners_stop() {
        let drain = Drain::new(Duration::from_millis(50));
        let mut view = drain.watch();
        assert!(view.is_ready());
        let started = tokio::time::Instant::now();
        let leaving = async {
            let mut phases = drain.watch().0;
            phases
                .wait_for(|phase| *phase == Phase::Leaving)
                .await
                .expect("alive");
            started.elapsed()
        };
        let stopping = async {
            view.stopping().await;
            started.elapsed()
        };
        let ((), left, stopped) = tokio::join!(drain.begin(), leaving, stopping);
        assert!(left < stopped, "{left:?} {stopped:?}");
        assert!(stopped >= Duration::from_millis(50));
        assert!(!view.is_ready());
    }

    #[tokio::test]
    async fn a_dropped_drain_stops_the_listeners() {
        let drain = Drain::new(Duration::ZERO);
        let mut view = drain.watch();
        drop(drain);
        view.stopping().await;
        assert!(!view.is_ready());
    }
}
