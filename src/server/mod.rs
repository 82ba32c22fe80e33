//! The faces: listeners that frame requests, hand them to [`crate::engine::Service`] and write its answers. Started by
//! `app`, one [`serve`] a listener. Knows no table, no model and no upstream: what a request means is decided behind it.
//!
//! `accept` takes connections, `connection` speaks HTTP on one (`http2` the second version), `exchange` carries one request, `respond` turns
//! refusals into each API's own error shape, `drain` ends it all without losing a request.

mod accept;
mod body;
mod connection;
mod drain;
mod exchange;
mod headers;
mod http2;
mod leftover;
mod preface;
mod respond;

use std::time::Duration;

pub use self::accept::{Served, serve};
pub use self::drain::{Drain, Draining, Phase};

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// From a connection's start, or the end of a request on it, to the next request's whole head. Bounds idle
    /// HTTP/1.1 connections too, so it is longer than the idle time of usual clients' pools.
    pub head_timeout: Duration,
    /// Between two frames of a request's body; also what a body slower than 4 KB/s may take altogether.
    pub body_idle_timeout: Duration,
    /// From the moment that a drain stops the listener to the dropping of what is still open.
    pub drain_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            head_timeout: Duration::from_secs(75),
            body_idle_timeout: Duration::from_secs(30),
            drain_wait: Duration::from_secs(30),
        }
    }
}
