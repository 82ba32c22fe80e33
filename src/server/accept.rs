//! The accept loop of one listener, and the end of its connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Options;
use super::connection::serve_connection;
use super::drain::Draining;
use super::exchange::Context;
use crate::engine::Service;
use crate::telemetry;
use crate::upstream::Face;

/// How long accepting rests after an error such as too many open files. Connections that end meanwhile free some.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a listener's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Taken in all.
    pub accepted: u64,
    /// Still open when the drain's wait ended, and dropped then.
    pub dropped: usize,
}

/// Serves `face` on `listener` until `draining` stops it, then waits until its requests are answered, at most
/// [`Options::drain_wait`].
pub async fn serve(
    listener: TcpListener,
    face: Face,
    service: Arc<dyn Service>,
    options: Options,
    draining: Draining,
) -> Served {
    let mut connections = Connections {
        context: Arc::new(Context {
            face,
            service,
            body_idle_timeout: options.body_idle_timeout,
        }),
        options,
        slots: Arc::new(Semaphore::new(options.connections_max)),
        tasks: JoinSet::new(),
        draining,
        accepted: 0,
    };
    connections.accept(listener).await;
    let dropped = connections.finish().await;
    Served {
        accepted: connections.accepted,
        dropped,
    }
}

struct Connections {
    context: Arc<Context>,
    options: Options,
    slots: Arc<Semaphore>,
    tasks: JoinSet<()>,
    draining: Draining,
    accepted: u64,
}

impl Connections {
    /// Takes connections until the drain stops it. The listener closes with its return.
    async fn accept(&mut self, listener: TcpListener) {
        loop {
            let mut stop = self.draining.clone();
            let Some(slot) = (tokio::select! {
                biased;
                () = stop.stopping() => None,
                slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
            }) else {
                break;
            };
            tokio::select! {
                biased;
                () = stop.stopping() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.start(stream, slot),
                    Err(error) => self.rest(&error).await,
                },
            }
            while self.tasks.try_join_next().is_some() {}
        }
        self.take_queued(&listener);
    }

    /// Clients that the kernel connected before the listener closes believe in their connection: serve them.
    fn take_queued(&mut self, listener: &TcpListener) {
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            match listener.accept().now_or_never() {
                Some(Ok((stream, _))) => self.start(stream, slot),
                Some(Err(_)) | None => break,
            }
        }
    }

    fn start(&mut self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        self.accepted += 1;
        let open = Open::new(self.context.face, slot);
        let context = Arc::clone(&self.context);
        let draining = self.draining.clone();
        let head_timeout = self.options.head_timeout;
        self.tasks.spawn(async move {
            serve_connection(stream, context, head_timeout, draining).await;
            drop(open);
        });
    }

    /// An error of `accept` never ends the listener: it concerns one connection, or passes.
    async fn rest(&self, error: &io::Error) {
        let face = self.context.face.as_str();
        telemetry::accept_failed(face);
        let is_of_one = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        );
        if is_of_one {
            tracing::debug!(face, %error, "a connection ended before it was accepted");
        } else {
            tracing::warn!(face, %error, "accepting rests");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for every connection, then drops and counts what is left.
    async fn finish(&mut self) -> usize {
        let tasks = &mut self.tasks;
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.options.drain_wait, all).await.is_ok() {
            return 0;
        }
        while self.tasks.try_join_next().is_some() {}
        let dropped = self.tasks.len();
        self.tasks.shutdown().await;
        let face = self.context.face.as_str();
        telemetry::connections_dropped(face, dropped);
        tracing::warn!(
            face,
            dropped,
            "connections were dropped: the drain's wait is over"
        );
        dropped
    }
}

/// Counts a connection while it is open, however it ends.
struct Open {
    face: Face,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    fn new(face: Face, slot: OwnedSemaphorePermit) -> Self {
        telemetry::connection_opened(face.as_str());
        Self { face, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        telemetry::connection_closed(self.face.as_str());
    }
}
