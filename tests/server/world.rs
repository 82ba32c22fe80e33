//! An engine with one managed collection, `docs`, between real listeners and a scripted upstream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use interlock::domain::access::Access;
use interlock::domain::ids::Epoch;
use interlock::domain::table::Managed;
use interlock::embed::Embedders;
use interlock::engine::{Engine, Service, Settings};
use interlock::registry::Registry;
use interlock::server::{Drain, Options};
use interlock::store::{Commit, LocalStore};
use interlock::upstream::calls::{CallLimits, Calls};
use interlock::upstream::remote::RemoteOptions;
use interlock::upstream::{Body, Face, Upstream};
use interlock::wire::Limits;

use crate::stub::{Running, frames, remote, start_with, trailers};

/// What the upstream is asked for before a managed table answers anything.
const ALIASES: &str = "/qdrant.Collections/ListAliases";
const INFO: &str = "/qdrant.Collections/Get";

pub const BODY_BYTES_MAX: usize = 1024 * 1024;

pub struct World {
    pub registry: Arc<Registry>,
    pub grpc: Running,
    pub rest: Running,
    _dir: tempfile::TempDir,
}

/// Serves both faces in front of an upstream at `address`.
pub async fn world(address: SocketAddr) -> World {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Arc::new(LocalStore::open(dir.path()).expect("a store"));
    let registry = Arc::new(Registry::open(store).expect("a registry"));
    let managed = Managed {
        fields: Default::default(),
        opaque: Vec::new(),
        mark: None,
        standing: Default::default(),
    };
    publish(&registry, Some(managed)).await;
    let options = RemoteOptions {
        connections: 1,
        ..RemoteOptions::default()
    };
    let upstream: Arc<dyn Upstream> = remote(address, options);
    let limits = CallLimits {
        timeout: Duration::from_secs(10),
        answer_bytes_max: BODY_BYTES_MAX,
    };
    let settings = Settings {
        reserved_key: "_embedding".to_owned(),
        metadata_key: "interlock".to_owned(),
        limits: Limits::default(),
        body_bytes_max: BODY_BYTES_MAX,
        answer_bytes_max: BODY_BYTES_MAX,
        lookup_points_max: 1_000,
        upsert_retains: false,
        access: Access {
            open: Default::default(),
            clients: Vec::new(),
        },
    };
    let engine: Arc<dyn Service> = Arc::new(Engine::new(
        Arc::clone(&registry),
        Arc::clone(&upstream),
        Arc::new(Embedders::new()),
        Calls::new(upstream, None, limits),
        settings,
        Arc::new(|_| {}),
    ));
    let drain = Arc::new(Drain::new(Duration::ZERO));
    let options = Options::default();
    World {
        registry,
        grpc: start_with(Arc::clone(&drain), Face::Grpc, options, Arc::clone(&engine)).await,
        rest: start_with(drain, Face::Rest, options, engine).await,
        _dir: dir,
    }
}

/// Publishes the next table: with `docs` so, or as it is.
pub async fn publish(registry: &Registry, docs: Option<Managed>) -> Epoch {
    let change = |table: &mut interlock::domain::table::Table| {
        if let Some(docs) = docs {
            table.collections.insert("docs".into(), docs);
        }
        Ok(())
    };
    let parent = registry.current_epoch();
    registry
        .publish(parent, change, Commit::default())
        .await
        .expect("published")
}

/// The answer to what Interlock asks for itself: no aliases, and a collection without vectors.
pub fn own(path: &str) -> Option<Response<Body>> {
    match path {
        ALIASES => Some(empty()),
        INFO => Some(Response::new(frames("\0\0\0\0\u{2}\u{a}\0", Ok(trailers("0"))))),
        _ => None,
    }
}

/// A message of no fields, as an answer.
pub fn empty() -> Response<Body> {
    Response::new(frames("\0\0\0\0\0", Ok(trailers("0"))))
}

/// A message that names a collection and holds `padding` bytes of a field that Qdrant does not know.
pub fn naming(collection: &str, padding: usize) -> Vec<u8> {
    let mut message = vec![0x0a, u8::try_from(collection.len()).expect("short")];
    message.extend(collection.as_bytes());
    if padding > 0 {
        // Field 2000, of bytes.
        message.extend([0x82, 0x7d]);
        let mut left = padding;
        while left >= 0x80 {
            message.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        message.push(left as u8);
        message.extend(std::iter::repeat_n(0, padding));
    }
    message
}

/// A message behind its prefix.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&[flag][..], &length.to_be_bytes(), message].concat()
}

/// The gRPC status of an answer, in its head or in its trailers.
pub fn status(head: &HeaderMap, trailers: Option<&HeaderMap>) -> String {
    let found = head
        .get("grpc-status")
        .or_else(|| trailers.and_then(|trailers| trailers.get("grpc-status")));
    found
        .map(|status| status.to_str().expect("ascii").to_owned())
        .unwrap_or_default()
}
