//! Pings: a peer that vanished without a word is noticed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep};

/// Resolves when the peer left a ping unanswered.
pub struct KeepAlive {
    pings: Option<PingPong>,
    interval: Duration,
    timeout: Duration,
    is_waiting: bool,
    timer: Pin<Box<Sleep>>,
}

impl KeepAlive {
    /// Pings every `interval`, and gives up `timeout` after one that was not answered. Without `pings` never.
    pub fn new(pings: Option<PingPong>, interval: Duration, timeout: Duration) -> Self {
        Self {
            pings,
            interval,
            timeout,
            is_waiting: false,
            timer: Box::pin(tokio::time::sleep(interval)),
        }
    }

    fn rest_for(&mut self, time: Duration) {
        self.timer.as_mut().reset(Instant::now() + time);
    }
}

impl Future for KeepAlive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(mut pings) = this.pings.take() else {
            return Poll::Pending;
        };
        if this.is_waiting && matches!(pings.poll_pong(cx), Poll::Ready(Ok(_))) {
            this.is_waiting = false;
            this.rest_for(this.interval);
        }
        while this.timer.as_mut().poll(cx).is_ready() {
            if this.is_waiting {
                return Poll::Ready(());
            }
            if pings.send_ping(Ping::opaque()).is_err() {
                // The connection is ending, and says so itself.
                return Poll::Pending;
            }
            this.is_waiting = true;
            this.rest_for(this.timeout);
            // Registers for the answer; it cannot be there yet.
            if pings.poll_pong(cx).is_ready() {
                this.is_waiting = false;
                this.rest_for(this.interval);
            }
        }
        this.pings = Some(pings);
        Poll::Pending
    }
}
