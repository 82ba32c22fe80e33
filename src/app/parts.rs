//! The parts of a running Interlock, opened from a configuration in the order in which they need each other.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderValue;

use crate::config::Config;
use crate::domain::access::Access;
use crate::domain::throttle::{Bounds, Budget};
use crate::embed::Embedders;
#[cfg(feature = "embedded")]
use crate::embedded::{ApiError, Embedded};
use crate::engine::{Engine, Settings};
use crate::migrate::{Control, ControlError};
use crate::registry::Registry;
use crate::store::{LocalStore, Store, StoreError, StoredState};
use crate::telemetry::{Metrics, TelemetryError};
use crate::upstream::Upstream;
use crate::upstream::calls::{CallLimits, Calls};
use crate::upstream::remote::{Remote, RemoteOptions};
use crate::wire::Limits;

/// The first Qdrant whose upsert replaces a point whole, wherever the point is stored.
const REPLACES_WHOLE: (u64, u64) = (1, 19);

/// Why Interlock does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or not ours.
    #[error(
        "cannot listen on {address}: stop what holds it, or choose another with --http, --grpc or --admin"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A listener is unusable.
    #[error("a listener is unusable")]
    Listener(#[source] io::Error),
    /// The operator's port would be open to the network.
    #[error(
        "the operator's port {0} is not on loopback and has no token: set INTERLOCK_ADMIN_TOKEN, or bind it to 127.0.0.1"
    )]
    TokenNeeded(SocketAddr),
    /// The data directory.
    #[error("the data directory {dir} cannot be made")]
    Data {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store.
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
    /// The embedded engine.
    #[cfg(feature = "embedded")]
    #[error("the embedded engine cannot be opened: {0}")]
    Embedded(ApiError),
    /// Nothing to stand in front of.
    #[error(
        "no upstream is configured, and this build has no embedded engine: give --upstream and --upstream-rest"
    )]
    NoUpstream,
    /// The stored migrations.
    #[error("the stored migrations cannot be taken up")]
    Control(#[source] ControlError),
    /// The upstream's key.
    #[error("upstream.api_key holds characters that no header can")]
    ApiKey,
    /// Logs or metrics.
    #[error("logs cannot be set up")]
    Telemetry(#[source] TelemetryError),
    /// The runtime stopped while a part was opened.
    #[error("the process is stopping")]
    Stopping,
}

/// Everything that runs, apart from the listeners.
pub(super) struct Parts {
    pub engine: Arc<Engine>,
    pub registry: Arc<Registry>,
    pub control: Control,
    pub calls: Calls,
    pub embedders: Arc<Embedders>,
    pub metrics: Option<Metrics>,
    #[cfg(feature = "embedded")]
    embedded: Option<Arc<Embedded>>,
}

/// An upstream, and the engine's files where it is the embedded one.
struct Opened {
    upstream: Arc<dyn Upstream>,
    #[cfg(feature = "embedded")]
    embedded: Option<Arc<Embedded>>,
}

impl Parts {
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        // Before anything is counted: handles are looked up once.
        let metrics =
            Metrics::install().inspect_err(|error| tracing::debug!(%error, "metrics are installed already"));
        let dir = config.data.dir.clone();
        let owned = config.clone();
        let opened = tokio::task::spawn_blocking(move || open_files(&owned, dir)).await;
        let (store, stored, opened) = opened.map_err(|_| StartError::Stopping)??;
        let embedders = Arc::new(embedders(&stored));
        let registry = Registry::open(Arc::clone(&store)).map_err(StartError::Store)?;
        let registry = Arc::new(registry);
        let calls = calls(config, &opened.upstream)?;
        let control = Control::new(
            crate::migrate::Parts {
                registry: Arc::clone(&registry),
                upstream: Arc::clone(&opened.upstream),
                embedders: Arc::clone(&embedders),
                settings: control_settings(config),
            },
            &stored,
        )
        .map_err(StartError::Control)?;
        let poked = control.clone();
        let engine = Engine::new(
            Arc::clone(&registry),
            Arc::clone(&opened.upstream),
            Arc::clone(&embedders),
            calls.clone(),
            settings(config, upsert_retains(&calls).await),
            Arc::new(move |key| poked.poke(key)),
        );
        Ok(Self {
            engine: Arc::new(engine),
            registry,
            control,
            calls,
            embedders,
            metrics: metrics.ok(),
            #[cfg(feature = "embedded")]
            embedded: opened.embedded,
        })
    }

    /// One of `cores` engines: with connections of its own, and its share of their bounds.
    pub fn engine_of_core(&self, config: &Config, cores: usize) -> Arc<Engine> {
        let (Some(grpc), Some(rest)) = (&config.upstream.grpc, &config.upstream.rest) else {
            return Arc::clone(&self.engine);
        };
        let whole = remote_options(config);
        let share = RemoteOptions {
            in_flight_max: whole.in_flight_max.div_ceil(cores),
            rest_connections_max: whole.rest_connections_max.div_ceil(cores),
            rest_idle_max: whole.rest_idle_max.div_ceil(cores),
            ..whole
        };
        let upstream: Arc<dyn Upstream> = Arc::new(Remote::new(grpc.clone(), rest.clone(), share));
        Arc::new(self.engine.over(upstream))
    }

    /// Writes the embedded engine's files out.
    pub async fn close(self) {
        #[cfg(feature = "embedded")]
        if let Some(embedded) = &self.embedded
            && let Err(error) = embedded.close().await
        {
            tracing::error!(%error, "the embedded engine was not closed cleanly; it recovers at the next start");
        }
    }
}

/// Opens what lies on disk. Blocks.
fn open_files(config: &Config, dir: PathBuf) -> Result<(Arc<dyn Store>, StoredState, Opened), StartError> {
    std::fs::create_dir_all(&dir).map_err(|source| StartError::Data {
        dir: dir.clone(),
        source,
    })?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(&dir)?);
    let stored = store.load()?;
    Ok((store, stored, open_upstream(config)?))
}

fn open_upstream(config: &Config) -> Result<Opened, StartError> {
    let upstream = &config.upstream;
    if let (Some(grpc), Some(rest)) = (&upstream.grpc, &upstream.rest) {
        let options = remote_options(config);
        return Ok(Opened {
            upstream: Arc::new(Remote::new(grpc.clone(), rest.clone(), options)),
            #[cfg(feature = "embedded")]
            embedded: None,
        });
    }
    open_embedded(config)
}

fn remote_options(config: &Config) -> RemoteOptions {
    let upstream = &config.upstream;
    RemoteOptions {
        connections: upstream.connections,
        in_flight_max: upstream.in_flight_max,
        rest_connections_max: upstream.rest_connections_max,
        rest_idle_max: upstream.rest_idle_max,
        connect_timeout: upstream.connect_timeout_ms.duration(),
        answer_timeout: upstream.answer_timeout_ms.duration(),
    }
}

#[cfg(feature = "embedded")]
fn open_embedded(config: &Config) -> Result<Opened, StartError> {
    let embedded = Embedded::open(
        &config.data.dir.join("engine"),
        crate::embedded::Options::default(),
    );
    let embedded = Arc::new(embedded.map_err(StartError::Embedded)?);
    Ok(Opened {
        upstream: Arc::clone(&embedded) as Arc<dyn Upstream>,
        embedded: Some(embedded),
    })
}

#[cfg(not(feature = "embedded"))]
fn open_embedded(_: &Config) -> Result<Opened, StartError> {
    Err(StartError::NoUpstream)
}

fn embedders(stored: &StoredState) -> Embedders {
    let embedders = Embedders::new();
    for (id, model) in &stored.table.models {
        let spec = stored.embedders.get(id).cloned().unwrap_or_default();
        // Without its key, a model's vectors cannot be made, but everything else must go on.
        if let Err(error) = embedders.insert(model, &spec) {
            tracing::error!(model = %id, %error, "the model's embedder cannot be used; its texts are answered as not embedded");
        }
    }
    embedders
}

fn calls(config: &Config, upstream: &Arc<dyn Upstream>) -> Result<Calls, StartError> {
    let key = config
        .upstream
        .api_key
        .as_ref()
        .map(|key| HeaderValue::from_str(key.expose()));
    let mut key = key.transpose().map_err(|_| StartError::ApiKey)?;
    if let Some(key) = &mut key {
        key.set_sensitive(true);
    }
    let limits = CallLimits {
        timeout: config.migrate.call_timeout_ms.duration(),
        answer_bytes_max: config.limits.answer_bytes_max,
    };
    Ok(Calls::new(Arc::clone(upstream), key, limits))
}

fn control_settings(config: &Config) -> crate::migrate::Settings {
    let migrate = &config.migrate;
    crate::migrate::Settings {
        reserved_key: config.tags.key.clone(),
        metadata_key: config.tags.metadata_key.clone(),
        api_key: config
            .upstream
            .api_key
            .as_ref()
            .map(|key| key.expose().to_owned()),
        page_points: migrate.page_points,
        pages_in_flight_max: migrate.pages_in_flight_max,
        cache_bytes_max: migrate.embeddings_cache_bytes_max,
        call_timeout_ms: migrate.call_timeout_ms.0,
        answer_bytes_max: config.limits.answer_bytes_max,
        page_attempts_max: migrate.page_attempts_max,
        backoff_first_ms: migrate.backoff_first_ms.0,
        backoff_max_ms: migrate.backoff_max_ms.0,
        look_every_ms: migrate.look_every_ms.0,
        look_gap_ms: migrate.look_gap_ms.0,
        start_wait_ms: migrate.start_wait_ms.0,
        unsourced_listed_max: migrate.unsourced_listed_max,
        must_be_verified: migrate.must_be_verified,
        cutover_late_max_ms: migrate.cutover_late_max_ms.0,
        snapshot_before_retiring: migrate.snapshot_before_retiring,
        snapshot_timeout_ms: migrate.snapshot_timeout_ms.0,
        verify_cosine_min_percent: migrate.verify_cosine_min_percent,
        bounds: bounds(migrate),
        ..crate::migrate::Settings::default()
    }
}

/// A bound of 0 is none.
fn bounds(migrate: &crate::config::Migrate) -> Bounds {
    let bound = |value: u64| (value > 0).then_some(value);
    let money = |cents: u64| bound(cents).map(|cents| cents as f64 / 100.0);
    Bounds {
        points_per_second: None,
        latency_ratio: bound(migrate.live_p99_percent_max.into()).map(|percent| percent as f64 / 100.0),
        upstream_queue: bound(migrate.upstream_queue_max),
        per_minute: Budget {
            requests: bound(migrate.requests_per_minute_max),
            tokens: bound(migrate.tokens_per_minute_max),
            money: money(migrate.cost_per_minute_max_cents),
        },
        in_all: Budget {
            requests: bound(migrate.requests_max),
            tokens: bound(migrate.tokens_max),
            money: money(migrate.cost_max_cents),
        },
    }
}

fn settings(config: &Config, upsert_retains: bool) -> Settings {
    let limits = &config.limits;
    Settings {
        reserved_key: config.tags.key.clone(),
        metadata_key: config.tags.metadata_key.clone(),
        limits: Limits {
            prefetch_depth_max: limits.prefetch_depth_max,
            message_depth_max: limits.message_depth_max,
            json_depth_max: limits.json_depth_max,
            batch_items_max: limits.batch_items_max,
            points_max: limits.points_max,
        },
        body_bytes_max: limits.body_bytes_max,
        answer_bytes_max: limits.answer_bytes_max,
        lookup_points_max: limits.lookup_points_max,
        upsert_retains,
        access: Access {
            open: config.calls.open.clone(),
            clients: config.clients.keys.clone(),
        },
    }
}

/// Whether the upstream may keep what an upsert does not name. What does not say its version is taken to.
async fn upsert_retains(calls: &Calls) -> bool {
    match super::watch::version(calls).await {
        Ok(version) => {
            let mut parts = version.split('.').map_while(|part| part.parse::<u64>().ok());
            let (Some(major), Some(minor)) = (parts.next(), parts.next()) else {
                return true;
            };
            (major, minor) < REPLACES_WHOLE
        }
        Err(error) => {
            tracing::warn!(%error, "the upstream does not say its version");
            true
        }
    }
}

/// Off loopback, the operator's port needs a token.
pub(super) fn check_token(config: &Config, admin: SocketAddr) -> Result<(), StartError> {
    let has_token = config.admin.token.is_some();
    if has_token || admin.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(StartError::TokenNeeded(admin))
    }
}
