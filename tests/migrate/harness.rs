//! A collection on the embedded engine, a control over it, clients that write as the engine writes, and a checker that
//! reads tags and vectors from the engine itself.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use interlock::domain::ids::FieldKey;
use interlock::domain::model::{Distance, Kind, Model};
use interlock::domain::source::SourceTemplate;
use interlock::domain::table::OnEmbedFailure;
use interlock::embed::{EmbedderSpec, Embedders};
use interlock::migrate::{Adopt, AdoptVector, Control, MigrationStatus, Parts, PhaseName, Settings};
use interlock::registry::Registry;
use interlock::store::{LocalStore, Store, StoreError};
use interlock::upstream::calls::{CallLimits, Calls};
use interlock::upstream::{Body, Face, Upstream, UpstreamError};
use prost::Message;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionOperationResponse, CreateCollection, ScrollPoints, VectorParams, VectorsConfig,
};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::client::{Client, Points};
use super::real::Real;

pub const NEW_SPACE: &str = "@new@1";
pub const DIMENSION: u32 = 32;
/// A gRPC frame's flag and length.
const FRAME_PREFIX_BYTES: usize = 5;

/// What runs around a call: its path comes in; an error takes the answer's place.
pub type Hook = Arc<dyn Fn(&str) -> BoxFuture<'static, Around> + Send + Sync>;

/// What a hook says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Go on.
    Pass,
    /// It never arrives.
    Lose,
    /// It is applied, and the answer is lost.
    LoseAnswer,
    /// A scroll whose filter every point matches, as if each was written anew between the filter's look at it and the
    /// read of what it holds.
    AllMatch,
}

async fn unfiltered(request: Request<Body>) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    let framed = body.collect().await.unwrap().to_bytes();
    let mut ask = ScrollPoints::decode(&framed[FRAME_PREFIX_BYTES..]).unwrap();
    ask.filter = None;
    let message = ask.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    head.headers.remove(CONTENT_LENGTH);
    let body = Full::new(Bytes::from(framed)).map_err(|never| match never {});
    Request::from_parts(head, body.boxed_unsync())
}

/// An upstream that runs a hook before each call.
pub struct Hooked {
    inner: Arc<dyn Upstream>,
    hook: Mutex<Option<Hook>>,
}

impl Hooked {
    pub fn set(&self, hook: impl Fn(&str) -> BoxFuture<'static, Around> + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    pub fn clear(&self) {
        *self.hook.lock().unwrap() = None;
    }
}

impl Upstream for Hooked {
    fn call(
        &self,
        face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        let hook = self.hook.lock().unwrap().clone();
        Box::pin(async move {
            let around = match hook {
                Some(hook) => hook(request.uri().path()).await,
                None => Around::Pass,
            };
            match around {
                Around::Pass => self.inner.call(face, request).await,
                Around::Lose => Err(UpstreamError::Unreachable("the test says so".into())),
                Around::LoseAnswer => {
                    let _lost = self.inner.call(face, request).await?;
                    Err(UpstreamError::Unknown("the test says so".into()))
                }
                Around::AllMatch => self.inner.call(face, unfiltered(request).await).await,
            }
        })
    }
}

pub fn model(name: &str) -> Model {
    Model {
        id: name.parse().unwrap(),
        kind: Kind::Dense,
        dimension: DIMENSION,
        // Stored as it is sent: cosine would be normalised.
        distance: Distance::Dot,
        query_prompt: String::new(),
        document_prompt: "passage: ".to_owned(),
    }
}

/// One process's worth of Interlock, without a data path.
pub struct World {
    pub dir: TempDir,
    /// Its own, so that worlds can share an upstream.
    pub collection: String,
    pub hooked: Arc<Hooked>,
    /// Calls that no hook sees.
    pub calls: Calls,
    pub registry: Arc<Registry>,
    pub embedders: Arc<Embedders>,
    pub control: Control,
    pub settings: Settings,
}

impl World {
    /// An empty collection, both models registered, the collection adopted.
    pub async fn adopted() -> Self {
        Self::adopted_with(Settings::default().start_wait_ms).await
    }

    /// The same, where `start` waits no longer than this.
    pub async fn adopted_with(start_wait_ms: u64) -> Self {
        let world = Self::bare_with(start_wait_ms).await;
        let add = |name, spec| world.control.add_model(model(name), spec);
        add("old@1", EmbedderSpec::HashedWords {}).await.unwrap();
        let ngrams = EmbedderSpec::CharNgrams {
            idf: Default::default(),
        };
        add("new@1", ngrams).await.unwrap();
        world.control.adopt(world.adoption()).await.unwrap();
        world
    }

    pub fn key(&self) -> FieldKey {
        FieldKey::from(self.collection.as_str())
    }

    pub fn adoption(&self) -> Adopt {
        Adopt {
            collection: self.collection.as_str().into(),
            vectors: vec![AdoptVector {
                name: None,
                model: "old".parse().unwrap(),
                source: Some(SourceTemplate::parse("{title}").unwrap()),
                undeclared: None,
                on_embed_failure: OnEmbedFailure::Defer,
            }],
            opaque: Vec::new(),
        }
    }

    /// An empty collection and no models.
    pub async fn bare() -> Self {
        Self::bare_with(Settings::default().start_wait_ms).await
    }

    async fn bare_with(start_wait_ms: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = upstream().await;
        let collection = format!("books-{}", Uuid::now_v7());
        let limits = CallLimits {
            timeout: Duration::from_secs(20),
            answer_bytes_max: 1 << 24,
        };
        let calls = Calls::new(Arc::clone(&engine), None, limits);
        let create = CreateCollection {
            collection_name: collection.clone(),
            vectors_config: Some(VectorsConfig {
                config: Some(Config::Params(VectorParams {
                    size: DIMENSION.into(),
                    distance: qdrant_client::qdrant::Distance::Dot.into(),
                    ..VectorParams::default()
                })),
            }),
            ..CreateCollection::default()
        };
        let _: CollectionOperationResponse =
            calls.unary("/qdrant.Collections/Create", &create).await.unwrap();
        let hooked = Arc::new(Hooked {
            inner: engine,
            hook: Mutex::new(None),
        });
        let settings = Settings {
            page_points: 4,
            backoff_first_ms: 5,
            backoff_max_ms: 20,
            look_every_ms: 50,
            look_gap_ms: 5,
            gate_attempts_max: 3,
            gate_wait_ms: 10,
            start_wait_ms,
            ..Settings::default()
        };
        let (registry, embedders, control) = start(dir.path(), &hooked, &settings).await;
        Self {
            dir,
            collection,
            hooked,
            calls,
            registry,
            embedders,
            control,
            settings,
        }
    }

    /// The process dies and comes back; the upstream lives on.
    pub async fn restart(self) -> Self {
        self.control.shutdown().await;
        let Self {
            dir,
            collection,
            hooked,
            calls,
            registry,
            embedders,
            control,
            settings,
        } = self;
        drop((registry, embedders, control));
        hooked.clear();
        let (registry, embedders, control) = start(dir.path(), &hooked, &settings).await;
        Self {
            dir,
            collection,
            hooked,
            calls,
            registry,
            embedders,
            control,
            settings,
        }
    }

    pub async fn until(&self, done: impl FnMut(&MigrationStatus) -> bool) -> MigrationStatus {
        let mut status = self.control.watch(&self.key()).unwrap();
        match tokio::time::timeout(Duration::from_secs(60), status.wait_for(done)).await {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!(
                "it never came: {:?}",
                self.control.watch(&self.key()).unwrap().borrow()
            ),
        }
    }

    pub async fn until_ready(&self) -> MigrationStatus {
        self.until(|status| status.phase == PhaseName::Ready).await
    }

    pub fn client(&self) -> Client {
        Client {
            collection: self.collection.clone(),
            calls: self.calls.clone(),
            embedders: Arc::clone(&self.embedders),
        }
    }

    /// Every point of the collection: id, payload, vectors by name.
    pub async fn points(&self) -> Points {
        self.client().points().await
    }

    /// Each point claims the space, and holds there what its model makes of the point's text.
    pub async fn check_fresh(&self, space: &str, model_name: &str) {
        let points = self.points().await;
        for (id, (payload, vectors)) in points {
            let entry = &payload["_embedding"][""];
            assert_eq!(
                entry["models"][space],
                json!(model(model_name).mark()),
                "point {id} does not claim `{space}`: {payload}"
            );
            let text = payload["title"].as_str().unwrap();
            let expected = self.client().embed(model_name, text).await;
            assert_eq!(
                vectors.get(space),
                Some(&expected),
                "point {id} ({text}) in `{space}`"
            );
        }
    }
}

/// Opens the store as soon as the process before has let go of it.
async fn open(dir: &Path) -> LocalStore {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for _attempt in 0..1_000 {
        match LocalStore::open(&dir.join("store")) {
            Err(StoreError::Locked) => tick.tick().await,
            store => return store.unwrap(),
        };
    }
    panic!("the store stays locked");
}

async fn start(
    dir: &Path,
    hooked: &Arc<Hooked>,
    settings: &Settings,
) -> (Arc<Registry>, Arc<Embedders>, Control) {
    let store: Arc<dyn Store> = Arc::new(open(dir).await);
    let stored = store.load().unwrap();
    let embedders = Arc::new(Embedders::new());
    for (id, spec) in &stored.embedders {
        embedders.insert(&stored.table.models[id], spec).unwrap();
    }
    let registry = Arc::new(Registry::open(store).unwrap());
    let parts = Parts {
        registry: Arc::clone(&registry),
        upstream: Arc::clone(hooked) as Arc<dyn Upstream>,
        embedders: Arc::clone(&embedders),
        settings: settings.clone(),
    };
    let control = Control::new(parts, &stored).unwrap();
    (registry, embedders, control)
}

/// A real Qdrant where `QDRANT_GRPC_URL` names one; otherwise the embedded engine.
async fn upstream() -> Arc<dyn Upstream> {
    match std::env::var("QDRANT_GRPC_URL") {
        Ok(url) => Arc::new(Real::connect(&url).await),
        Err(_) => embedded(),
    }
}

/// The engine with its folder: it writes its files out when its last holder lets go, so the folder goes after it.
#[cfg(feature = "embedded")]
struct Housed {
    engine: interlock::embedded::Embedded,
    _dir: TempDir,
}

#[cfg(feature = "embedded")]
impl Upstream for Housed {
    fn call(
        &self,
        face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        self.engine.call(face, request)
    }
}

#[cfg(feature = "embedded")]
fn embedded() -> Arc<dyn Upstream> {
    use interlock::embedded::{Embedded, Options};
    let dir = tempfile::tempdir().unwrap();
    let engine = Embedded::open(dir.path(), Options::default()).unwrap();
    Arc::new(Housed { engine, _dir: dir })
}

#[cfg(not(feature = "embedded"))]
fn embedded() -> Arc<dyn Upstream> {
    panic!("built without the embedded engine: set QDRANT_GRPC_URL to a real Qdrant's gRPC port");
}
