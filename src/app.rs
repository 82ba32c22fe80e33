//! The composition root: the one place that names concrete parts and puts them together. Called by `cli`'s commands
//! through `main`, and by the demo.

mod cores;
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
use crate::upstream::calls::Calls;

use cores::Core;
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
    /// The listeners, and what runs beside them.
    tasks: JoinSet<()>,
    /// The operator's port, which outlives the listeners: probes and metrics tell of the drain.
    operator: JoinSet<()>,
    stop_admin: tokio::sync::watch::Sender<bool>,
    reserved_key: String,
}

/// Starts everything; when it returns, all three ports answer.
///
/// # Errors
/// What could not be opened, bound or resumed, and what to do.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let count = cores::count();
    let http = cores::bind(config.listen.http, count)?;
    let grpc = cores::bind(config.listen.grpc, count)?;
    let admin_port = bind(config.listen.admin).await?;
    let parts = Parts::open(&config).await?;
    let admin = admin_port.local_addr().map_err(StartError::Listener)?;
    parts::check_token(&config, admin)?;
    let drain = Drain::new(config.drain.grace_ms.duration());
    let options = server::Options {
        connections_max: config.limits.connections_max.div_ceil(count),
        head_timeout: config.listen.head_timeout_ms.duration(),
        body_idle_timeout: config.listen.body_idle_timeout_ms.duration(),
        drain_wait: config.drain.wait_ms.duration(),
    };
    let (stop_admin, admin_stops) = tokio::sync::watch::channel(false);
    let mut running = Running {
        http: address(&http)?,
        grpc: address(&grpc)?,
        admin,
        readiness: Readiness::default(),
        drain,
        tasks: JoinSet::new(),
        operator: JoinSet::new(),
        stop_admin,
        reserved_key: config.tags.key.clone(),
        parts,
    };
    running.parts.control.resume().await;
    running.listen(&config, http.into_iter().zip(grpc), options)?;
    running.operate(&config, admin_port, admin_stops);
    running.watch();
    Ok(running)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Bind { address, source })
}

/// Where the listeners of one port listen.
fn address(listeners: &[std::net::TcpListener]) -> Result<SocketAddr, StartError> {
    let first = listeners.first().ok_or(StartError::Stopping)?;
    first.local_addr().map_err(StartError::Listener)
}

impl Running {
    /// A core for each pair of listeners.
    fn listen(
        &mut self,
        config: &Config,
        pairs: impl ExactSizeIterator<Item = (std::net::TcpListener, std::net::TcpListener)>,
        options: server::Options,
    ) -> Result<(), StartError> {
        let count = pairs.len();
        for (number, (http, grpc)) in pairs.enumerate() {
            let service = self.parts.engine_of_core(config, count) as Arc<dyn Service>;
            let core = Core { http, grpc, service };
            let end = cores::start(core, number, options, &self.drain).map_err(StartError::Listener)?;
            self.tasks.spawn(async move {
                if end.await.is_err() {
                    tracing::error!(core = number, "a core has failed");
                }
            });
        }
        Ok(())
    }

    fn operate(
        &mut self,
        config: &Config,
        listener: TcpListener,
        mut stops: tokio::sync::watch::Receiver<bool>,
    ) {
        let metrics = self.parts.metrics.clone();
        let state = AdminState {
            operator: Arc::new(self.parts.control.clone()),
            readiness: self.readiness.clone(),
            metrics: Arc::new(move || metrics.as_ref().map(Metrics::render).unwrap_or_default()),
            token: config
                .admin
                .token
                .as_ref()
                .and_then(|token| Token::new(token.expose())),
        };
        let stops = async move {
            if stops.wait_for(|stops| *stops).await.is_err() {
                tracing::debug!("the app is gone: the operator's port stops");
            }
        };
        self.operator.spawn(async move {
            if let Err(error) = admin::serve(listener, state, stops).await {
                tracing::error!(%error, "the operator's port has failed");
            }
        });
    }

    fn watch(&mut self) {
        let (calls, registry) = (self.parts.calls.clone(), Arc::clone(&self.parts.registry));
        self.tasks
            .spawn(watch::upstream(calls, self.readiness.clone(), self.drain.watch()));
        let (engine, mut stops) = (Arc::clone(&self.parts.engine), self.drain.watch());
        self.tasks.spawn(async move {
            tokio::select! {
                () = stops.stopping() => {}
                () = engine.look_out() => {}
            }
        });
        self.tasks.spawn(watch::gauges(registry, self.drain.watch()));
        if let Some(metrics) = self.parts.metrics.clone() {
            self.tasks.spawn(watch::upkeep(metrics, self.drain.watch()));
        }
    }

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
        ended(&mut self.tasks).await;
        self.parts.control.shutdown().await;
        self.stop_admin.send_replace(true);
        ended(&mut self.operator).await;
        self.parts.close().await;
    }
}

async fn ended(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task has failed");
        }
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
