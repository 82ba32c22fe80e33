//! Qdrant's API over the crate `qdrant-edge`, in process: the upstream of a machine that has no Qdrant, and of CI.
//! Called by `app` through [`Upstream`]; knows nothing of models, tables or spaces.
//!
//! It speaks the API of Qdrant 1.18, on both faces, of one node with one shard a collection. What it lacks (snapshots,
//! shard keys, strict mode, inference, clusters) answers 501 or UNIMPLEMENTED and says so. Searches are exact.
//!
//! ```text
//! rest  ─┐                       ┌─ collections ── catalog (one file, replaced whole)
//!        ├─ one engine call ─────┤
//! grpc  ─┘   off the async       └─ writes, reads, query ── shard ── journal + EdgeShard
//!            threads
//! ```

mod catalog;
mod collections;
mod config;
mod errors;
mod files;
mod grpc;
mod journal;
mod names;
mod query;
mod reads;
mod record;
mod rest;
mod schema;
mod shard;
mod vectors;
mod writes;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use self::collections::Core;
use self::errors::ApiResult;
pub use self::errors::{ApiError, Kind};
use crate::upstream::{Body, Face, Hold, Upstream, UpstreamError};

/// What the engine calls itself; official clients read it.
const TITLE: &str = "qdrant - vector search engine";
/// The Qdrant whose API this is: what clients compare their own version with.
pub const VERSION: &str = "1.18.3";
const COMMIT: &str = "embedded";

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Wait for the disk at every write. Without it a write survives the death of the process, but not of the
    /// machine's power: Qdrant's own promise. With it a small write costs about 2 ms more, five times as much.
    pub sync_journal: bool,
    /// A collection's journal beyond this is flushed into its segments.
    pub journal_limit_bytes: u64,
    /// Writes are refused while the disk has less room than this.
    pub min_free_bytes: u64,
    /// Engine calls that run at once; the others wait.
    pub max_running_calls: usize,
    /// Engine calls that run or wait at once; more are refused.
    pub max_calls: usize,
    /// A REST body beyond this is refused, packed or not.
    pub max_rest_body_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            sync_journal: false,
            journal_limit_bytes: 64 << 20,
            min_free_bytes: 64 << 20,
            max_running_calls: 2 * cores,
            max_calls: 4096,
            max_rest_body_bytes: 32 << 20,
        }
    }
}

/// The engine and its bounds, shared by both faces.
#[derive(Clone)]
struct Engine {
    core: Arc<Core>,
    running: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    options: Options,
}

impl Engine {
    /// Runs a call on a blocking thread. A caller that goes away does not stop it.
    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Core) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let counted = self
            .calls
            .clone()
            .try_acquire_owned()
            .map_err(|_| ApiError::busy())?;
        let running = self.running.clone().acquire_owned().await;
        let running = running.map_err(|_| ApiError::service("the embedded engine is closed"))?;
        let core = Arc::clone(&self.core);
        let done = tokio::task::spawn_blocking(move || {
            let outcome = call(&core);
            drop((running, counted));
            outcome
        });
        // A panic of the crate's is caught nearer to it; this one would be ours.
        done.await
            .unwrap_or_else(|error| Err(ApiError::service(error.to_string())))
    }
}

/// The embedded engine on one data folder.
pub struct Embedded {
    engine: Engine,
    grpc: grpc::Grpc,
    /// Where its calls run, whatever thread asks: that of its opening.
    runtime: Option<Handle>,
}

impl Embedded {
    /// Opens the engine on `data_dir`, creating it where needed, and recovers every collection. Blocks on the disk:
    /// call it off the async threads or at start.
    ///
    /// # Errors
    /// The folder is in use by another process, or cannot be read.
    pub fn open(data_dir: &Path, options: Options) -> Result<Self, ApiError> {
        let core = Arc::new(Core::open(data_dir, options.clone())?);
        let running = Arc::new(Semaphore::new(options.max_running_calls));
        let calls = Arc::new(Semaphore::new(options.max_calls));
        let engine = Engine {
            core,
            running,
            calls,
            options,
        };
        let grpc = grpc::Grpc::new(&engine);
        Ok(Self {
            engine,
            grpc,
            runtime: Handle::try_current().ok(),
        })
    }

    /// Flushes and closes every collection. Calls after it are refused. Without it nothing is lost either; the next
    /// opening only has more to replay.
    ///
    /// # Errors
    /// A collection could not be flushed; its journal is kept.
    pub async fn close(&self) -> Result<(), ApiError> {
        let core = Arc::clone(&self.engine.core);
        let closed = tokio::task::spawn_blocking(move || core.close()).await;
        closed.unwrap_or_else(|error| Err(ApiError::service(error.to_string())))
    }
}

impl Upstream for Embedded {
    /// A caller that goes away does not stop its request, which keeps what it holds to its end.
    fn call(
        &self,
        face: Face,
        mut request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        let (engine, grpc) = (self.engine.clone(), self.grpc.clone());
        let hold: Option<Hold> = request.extensions_mut().remove();
        let runtime = self.runtime.clone().unwrap_or_else(Handle::current);
        let served = runtime.spawn(async move {
            let answer = match face {
                Face::Rest => rest::serve(&engine, request).await,
                Face::Grpc => grpc.serve(request).await,
            };
            drop(hold);
            answer
        });
        Box::pin(async move { served.await.map_err(|error| UpstreamError::Unknown(error.into())) })
    }
}
