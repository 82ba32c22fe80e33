//! The data path: one thread a core, each with a runtime, listeners and connections to the upstream of its own, so that
//! no request waits for another core. The kernel spreads new connections over the listeners of a port.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::StartError;
use crate::engine::Service;
use crate::server::{self, Drain, Draining, Options, Served};
use crate::upstream::Face;

/// Connections that wait to be accepted, each listener's.
const BACKLOG: i32 = 1024;

/// How many cores there are for it.
pub(super) fn count() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// `count` listeners of one port.
///
/// # Errors
/// Something else listens there.
pub(super) fn bind(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, StartError> {
    let failed = |source| StartError::Bind { address, source };
    // Listeners that share a port let any process share it; only one that does not share it finds out.
    let alone = TcpListener::bind(address).map_err(failed)?;
    alone.set_nonblocking(true).map_err(failed)?;
    if count == 1 {
        return Ok(vec![alone]);
    }
    let found = alone.local_addr().map_err(failed)?;
    drop(alone);
    let shared = |_| shared(found).map_err(failed);
    (0..count).map(shared).collect()
}

fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What one core serves.
pub(super) struct Core {
    pub http: TcpListener,
    pub grpc: TcpListener,
    pub service: Arc<dyn Service>,
}

/// Serves on a thread of its own. The receiver resolves when the drain has ended it.
///
/// # Errors
/// No thread, or no runtime.
pub(super) fn start(
    core: Core,
    number: usize,
    options: Options,
    drain: &Drain,
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let draining = drain.watch();
    let run = move || {
        runtime.block_on(serve(core, options, draining));
        // Nobody waits for it where the process does not stop in order.
        let _ = ended.send(());
    };
    let named = std::thread::Builder::new().name(format!("core-{number}"));
    named.spawn(run)?;
    Ok(end)
}

async fn serve(core: Core, options: Options, draining: Draining) {
    let face = async |listener: TcpListener, face: Face| {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(?face, %error, "a listener is unusable"),
        };
        let service = Arc::clone(&core.service);
        let served = server::serve(listener, face, service, options, draining.clone()).await;
        let Served { accepted, dropped } = served;
        tracing::info!(?face, accepted, dropped, "a listener has stopped");
    };
    tokio::join!(face(core.http, Face::Rest), face(core.grpc, Face::Grpc));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_share_a_port_that_nobody_else_can() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        for count in [1, 3] {
            let ours = bind(free, count).expect("bound");
            let address = ours[0].local_addr().expect("an address");
            assert!(
                ours.iter()
                    .all(|one| one.local_addr().is_ok_and(|at| at == address))
            );
            for others in [1, 2] {
                assert!(
                    matches!(bind(address, others), Err(StartError::Bind { .. })),
                    "{count} {others}"
                );
            }
        }
    }
}
