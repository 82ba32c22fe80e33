//! Pings: a peer that vanished without a word is noticed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep};

use super::heard::Signs;

/// Resolves when the peer was silent, and left a ping unanswered.
pub struct KeepAlive {
    pings: Option<PingPong>,
    signs: Signs,
    interval: Duration,
    timeout: Duration,
    is_waiting: bool,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer has been asked: it then wakes whoever polls this.
    is_asked: bool,
}

impl KeepAlive {
    /// Pings after an `interval` without a sign, and gives up `timeout` after the last one where the ping is not
    /// answered. Without `pings` never.
    pub fn new(pings: Option<PingPong>, signs: Signs, interval: Duration, timeout: Duration) -> Self {
        Self {
            pings,
            signs,
            interval,
            timeout,
            is_waiting: false,
            timer: Box::pin(tokio::time::sleep(interval)),
            is_asked: false,
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
        if this.is_asked && !this.is_waiting && !this.timer.is_elapsed() {
            // Polled with every turn of its connection, it has to be cheap.
            return Poll::Pending;
        }
        this.is_asked = true;
        let Some(mut pings) = this.pings.take() else {
            return Poll::Pending;
        };
        if this.is_waiting && matches!(pings.poll_pong(cx), Poll::Ready(Ok(_))) {
            this.is_waiting = false;
            this.rest_for(this.interval);
        }
        while this.timer.as_mut().poll(cx).is_ready() {
            if this.signs.take() {
                // A pong may queue behind a large body for long.
                this.rest_for(if this.is_waiting {
                    this.timeout
                } else {
                    this.interval
                });
                continue;
            }
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::super::Heard;
    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// A frame of settings, of none.
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// A frame of a type that nobody knows: read, and left alone.
    const UNKNOWN: &[u8] = &[0, 0, 0, 0xfa, 0, 0, 0, 0, 0];

    const INTERVAL: Duration = Duration::from_millis(400);
    const TIMEOUT: Duration = Duration::from_millis(400);

    /// How long a server has patience with a client that never answers a ping, but sends `frames`, eight a timeout.
    async fn patience(frames: u32) -> Duration {
        let (mut client, server): (DuplexStream, DuplexStream) = duplex(1 << 16);
        let started = Instant::now();
        let served = tokio::spawn(async move {
            let (stream, signs) = Heard::new(server);
            let mut connection = h2::server::handshake(stream).await.expect("a handshake");
            let mut alive = KeepAlive::new(connection.ping_pong(), signs, INTERVAL, TIMEOUT);
            poll_fn(|cx| {
                assert!(connection.poll_accept(cx).is_pending());
                Pin::new(&mut alive).poll(cx)
            })
            .await;
            started.elapsed()
        });
        client.write_all(PREFACE).await.expect("sent");
        client.write_all(SETTINGS).await.expect("sent");
        let mut ticks = tokio::time::interval(TIMEOUT / 8);
        for _ in 0..frames {
            ticks.tick().await;
            client.write_all(UNKNOWN).await.expect("the server still reads");
        }
        served.await.expect("ended")
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_up_and_one_that_sends_is_not() {
        let (silent, busy) = tokio::join!(patience(0), patience(48));
        assert!(silent >= INTERVAL + TIMEOUT, "{silent:?}");
        assert!(busy >= 6 * TIMEOUT, "{busy:?}");
    }
}
