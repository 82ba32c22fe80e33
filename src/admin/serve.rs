//! The operator's port: accepts, bounds and drains connections, HTTP/1.1 and h2c alike.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::error::{AdminError, ErrorKind};
use super::guard::{Token, guard};
use super::operator::Operator;
use super::proto::admin_server::AdminServer;
use super::readiness::Readiness;
use super::{grpc, rest};
use crate::domain::ids::FieldKey;
use crate::migrate::MigrationStatus;

/// Most connections at once; further ones wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 256;
/// Most requests at once on one HTTP/2 connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 64;
/// Most bytes of a request's headers.
const HEADER_BYTES_MAX: u32 = 32 * 1024;
/// Longest time for a request's headers on HTTP/1.1, and so for an idle connection.
const HEADER_READ_MAX: Duration = Duration::from_secs(30);
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long requests in flight may take once the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// The pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the operator's port serves.
#[derive(Clone)]
pub struct AdminState {
    /// The verbs.
    pub operator: Arc<dyn Operator>,
    /// What `/readyz` says.
    pub readiness: Readiness,
    /// Renders `/metrics`: Prometheus's text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Needed on everything but the probes, where set.
    pub token: Option<Token>,
}

/// Why the operator's port is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It would be open to the network.
    #[error("the operator's port is not served on {0} without a token: set one, or bind it to 127.0.0.1")]
    TokenNeeded(SocketAddr),
    /// The listener is unusable.
    #[error("the operator's listener is unusable")]
    Listener(#[source] io::Error),
}

/// What both faces are given.
#[derive(Clone)]
pub(super) struct Faces {
    pub(super) state: AdminState,
    /// True once the server stops, which ends every watch.
    closing: watch::Receiver<bool>,
}

impl Faces {
    /// The migration's states until it is over; an error comes last where the server stops before that.
    pub(super) async fn watch(
        &self,
        key: FieldKey,
    ) -> Result<BoxStream<'static, Result<MigrationStatus, AdminError>>, AdminError> {
        let states = self.state.operator.watch(key).await?;
        let begin = Some((states, self.closing.clone()));
        Ok(stream::unfold(begin, |open| async move {
            let (mut states, mut closing) = open?;
            // A sender that is gone is a server that is gone: the watch ends either way.
            let closed = async { closing.wait_for(|closing| *closing).await.is_ok() };
            tokio::select! {
                biased;
                _ = closed => Some((Err(stopping()), None)),
                state = states.next() => Some((Ok(state?), Some((states, closing)))),
            }
        })
        .boxed())
    }
}

fn stopping() -> AdminError {
    AdminError::new(
        ErrorKind::Unavailable,
        "Interlock stops: the migration goes on when it is back",
    )
}

/// Serves until `shutdown` resolves, then answers what is in flight, within a bound.
///
/// # Errors
/// [`ServeError::TokenNeeded`] off loopback without a token; [`ServeError::Listener`] where the socket has no address.
pub async fn serve(
    listener: TcpListener,
    state: AdminState,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    if state.token.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(ServeError::TokenNeeded(address));
    }
    let (close, closing) = watch::channel(false);
    let service = router(Faces { state, closing });
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &slots) => if let Some((stream, slot)) = accepted {
                connections.spawn(connection(stream, service.clone(), &graceful, slot));
            },
        }
    }
    drop(listener);
    // Nobody may listen any more; that is no error here.
    close.send_replace(true);
    if tokio::time::timeout(DRAIN_MAX, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            open = connections.len(),
            "the operator's connections did not end in time"
        );
    }
    connections.shutdown().await;
    Ok(())
}

fn router(faces: Faces) -> Router {
    let token = faces.state.token.clone();
    let admin = AdminServer::new(grpc::Face::new(faces.clone()));
    rest::routes()
        .with_state(faces)
        .route_service("/interlock.admin.v1.Admin/{method}", admin)
        .layer(axum::middleware::from_fn_with_state(token, guard))
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "the operator's port cannot accept");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn connection(
    stream: TcpStream,
    service: Router,
    graceful: &GracefulShutdown,
    slot: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + Send + 'static {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_MAX)
        .max_buf_size(HEADER_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_ANSWER_MAX);
    let watcher = graceful.watcher();
    async move {
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, "an operator's connection broke");
        }
        drop(slot);
    }
}
