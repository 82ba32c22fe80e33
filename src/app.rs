//! The composition root: the one place that names concrete parts and puts them together. Called by `cli`'s commands
//! through `main`, and by the demo.

mod parts;
mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::admin::{self, AdminState, Obstacle, Readiness, Token};
use crate::config::{Config, Overrides, Problem};
use crate::embed::Embedders;
use crate::engine::Service;
use crate::migrate::Control;
use crate::server::{self, Drain};
use crate::telemetry::{self, Metrics};
use crate::upstream::Face;
use crate::upstream::calls::Calls;

use parts::Parts;
pub use parts::StartError;

/// A running Interlock.
pub struct Running {
    /// Where REST is served.
    pub http: SocketAddr,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where the operator is served.
    pub admin: SocketAddr,
    parts: Parts,
    readiness: Readiness,
    drain: Drain,
    tasks: JoinSet<()>,
    stop_admin: tokio::sync::watch::Sender<bool>,
    reserved_key: String,
}

/// Starts everything; when it returns, all three ports answer.
///
/// # Errors
/// What could not be opened, bound or resumed, and what to do.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let listeners = [config.listen.http, config.listen.grpc, config.listen.admin];
    let [http, grpc, admin_port] = bind(listeners).await?;
    let parts = Parts::open(&config).await?;
    let readiness = Readiness::default();
    let drain = Drain::new(config.drain.grace_ms.duration());
    let options = server::Options {
        connections_max: config.limits.connections_max,
        head_timeout: config.listen.head_timeout_ms.duration(),
        body_idle_timeout: config.listen.body_idle_timeout_ms.duration(),
        drain_wait: config.drain.wait_ms.duration(),
    };
    let address = |listener: &TcpListener| listener.local_addr().map_err(StartError::Listener);
    let (stop_admin, mut admin_stops) = tokio::sync::watch::channel(false);
    let mut running = Running {
        http: address(&http)?,
        grpc: address(&grpc)?,
        admin: address(&admin_port)?,
        readiness: readiness.clone(),
        drain,
        tasks: JoinSet::new(),
        stop_admin,
        reserved_key: config.tags.key.clone(),
        parts,
    };
    parts::check_token(&config, running.admin)?;
    running.parts.control.resume().await;
    for (listener, face) in [(http, Face::Rest), (grpc, Face::Grpc)] {
        let engine: Arc<dyn Service> = Arc::clone(&running.parts.engine) as Arc<dyn Service>;
        let draining = running.drain.watch();
        running.tasks.spawn(async move {
            let served = server::serve(listener, face, engine, options, draining).await;
            tracing::info!(
                ?face,
                accepted = served.accepted,
                dropped = served.dropped,
                "a listener has stopped"
            );
        });
    }
    let metrics = running.parts.metrics.clone();
    let state = AdminState {
        operator: Arc::new(running.parts.control.clone()),
        readiness: readiness.clone(),
        metrics: Arc::new(move || metrics.as_ref().map(Metrics::render).unwrap_or_default()),
        token: config
            .admin
            .token
            .as_ref()
            .and_then(|token| Token::new(token.expose())),
    };
    let stops = async move {
        if admin_stops.wait_for(|stops| *stops).await.is_err() {
            tracing::debug!("the app is gone: the operator's port stops");
        }
    };
    running.tasks.spawn(async move {
        if let Err(error) = admin::serve(admin_port, state, stops).await {
            tracing::error!(%error, "the operator's port has failed");
        }
    });
    running.tasks.spawn(watch::upstream(
        running.parts.calls.clone(),
        readiness,
        running.drain.watch(),
    ));
    if let Some(metrics) = running.parts.metrics.clone() {
        running.tasks.spawn(watch::upkeep(metrics, running.drain.watch()));
    }
    running.tasks.spawn(watch::gauges(
        Arc::clone(&running.parts.registry),
        running.drain.watch(),
    ));
    Ok(running)
}

async fn bind(addresses: [SocketAddr; 3]) -> Result<[TcpListener; 3], StartError> {
    let [http, grpc, admin] = addresses;
    let one = |address| async move {
        TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Bind { address, source })
    };
    Ok([one(http).await?, one(grpc).await?, one(admin).await?])
}

impl Running {
    /// The operator's verbs.
    pub fn control(&self) -> &Control {
        &self.parts.control
    }

    /// Every model's embedder.
    pub fn embedders(&self) -> Arc<Embedders> {
        Arc::clone(&self.parts.embedders)
    }

    /// Calls past the proxy, to the upstream itself.
    pub fn calls(&self) -> Calls {
        self.parts.calls.clone()
    }

    /// The payload key of tags.
    pub fn reserved_key(&self) -> &str {
        &self.reserved_key
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    pub async fn until_stopped(self) {
        watch::signal().await;
        tracing::info!("stopping: readiness fails now, the listeners close after the grace");
        self.readiness.block(Obstacle::Draining, "Interlock is stopping");
        tokio::select! {
            () = self.drain.begin() => {}
            () = watch::signal() => self.drain.stop(),
        }
        self.finish().await;
    }

    /// Drains at once.
    pub async fn stop(self) {
        self.readiness.block(Obstacle::Draining, "Interlock is stopping");
        self.drain.stop();
        self.finish().await;
    }

    /// Requests in flight end first, then the backfills, then the operator's port, then the engine's files.
    async fn finish(mut self) {
        self.drain.stop();
        self.parts.control.shutdown().await;
        self.stop_admin.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task has failed");
            }
        }
        self.parts.close().await;
    }
}

impl Config {
    /// The demo's: the embedded engine, free ports on loopback, its own data.
    ///
    /// # Errors
    /// A mistake in the defaults or the environment.
    pub fn for_demo(data: &Path) -> Result<Self, Vec<Problem>> {
        let free = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let overrides = Overrides {
            http: free,
            grpc: free,
            admin: free,
            data: Some(data.to_owned()),
            ..Overrides::default()
        };
        Self::check(None, std::iter::empty(), &overrides)
    }
}

/// Runs `interlock serve` to its end.
///
/// # Errors
/// What kept it from starting.
pub async fn serve(config: Config) -> Result<(), StartError> {
    telemetry::start_logs(&config.log.level, config.log.format).map_err(StartError::Telemetry)?;
    let is_embedded = config.upstream.grpc.is_none();
    let running = start(config).await?;
    tracing::info!(http = %running.http, grpc = %running.grpc, admin = %running.admin, "Interlock serves");
    if is_embedded {
        tracing::info!(
            "the upstream is the embedded engine; for a real Qdrant: --upstream http://HOST:6334 --upstream-rest http://HOST:6333"
        );
    }
    running.until_stopped().await;
    Ok(())
}
