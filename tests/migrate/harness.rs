//! A collection on the embedded engine, a control over it, clients that write as the engine writes, and a checker that
//! reads tags and vectors from the engine itself.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use interlock::domain::ids::{FieldKey, VectorName, WriteId};
use interlock::domain::model::{Distance, Kind, Model};
use interlock::domain::plan::{Embed, Embedding, Purpose};
use interlock::domain::source::{SourceTemplate, source_hash};
use interlock::domain::table::OnEmbedFailure;
use interlock::domain::tag::{Tag, TagEntry};
use interlock::embed::{EmbedderSpec, Embedders};
use interlock::embedded::{Embedded, Options};
use interlock::migrate::{Adopt, AdoptVector, Control, MigrationStatus, Parts, PhaseName, Settings};
use interlock::registry::Registry;
use interlock::store::{LocalStore, Store, StoreError};
use interlock::upstream::calls::{CallLimits, Calls};
use interlock::upstream::{Body, Face, Upstream, UpstreamError};
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionOperationResponse, CreateCollection, DenseVector, NamedVectors, PointId, PointStruct,
    PointsOperationResponse, ScrollPoints, ScrollResponse, UpsertPoints, Vector, VectorParams, Vectors,
    VectorsConfig, vector, vectors, vectors_output,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub const COLLECTION: &str = "books";
pub const NEW_SPACE: &str = "@new@1";
pub const DIMENSION: u32 = 32;

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

pub fn key() -> FieldKey {
    FieldKey::from(COLLECTION)
}

/// One process's worth of Interlock, without a data path.
pub struct World {
    pub dir: TempDir,
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
        let world = Self::bare().await;
        let add = |name, spec| world.control.add_model(model(name), spec);
        add("old@1", EmbedderSpec::HashedWords {}).await.unwrap();
        let ngrams = EmbedderSpec::CharNgrams {
            idf: Default::default(),
        };
        add("new@1", ngrams).await.unwrap();
        world.control.adopt(adoption()).await.unwrap();
        world
    }

    /// An empty collection and no models.
    pub async fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Embedded::open(&dir.path().join("engine"), Options::default()).unwrap();
        let engine: Arc<dyn Upstream> = Arc::new(engine);
        let limits = CallLimits {
            timeout: Duration::from_secs(20),
            answer_bytes_max: 1 << 24,
        };
        let calls = Calls::new(Arc::clone(&engine), None, limits);
        let create = CreateCollection {
            collection_name: COLLECTION.to_owned(),
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
            ..Settings::default()
        };
        let (registry, embedders, control) = start(dir.path(), &hooked, &settings).await;
        Self {
            dir,
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
            hooked,
            calls,
            registry,
            embedders,
            control,
            settings,
        }
    }

    pub async fn until(&self, done: impl FnMut(&MigrationStatus) -> bool) -> MigrationStatus {
        let mut status = self.control.watch(&key()).unwrap();
        match tokio::time::timeout(Duration::from_secs(60), status.wait_for(done)).await {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!(
                "it never came: {:?}",
                self.control.watch(&key()).unwrap().borrow()
            ),
        }
    }

    pub async fn until_ready(&self) -> MigrationStatus {
        self.until(|status| status.phase == PhaseName::Ready).await
    }

    pub fn client(&self) -> Client {
        Client {
            calls: self.calls.clone(),
            embedders: Arc::clone(&self.embedders),
        }
    }

    /// Every point of the collection: id, payload, vectors by name.
    pub async fn points(&self) -> BTreeMap<u64, (Value, HashMap<String, Vec<f32>>)> {
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

pub fn adoption() -> Adopt {
    Adopt {
        collection: COLLECTION.into(),
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

/// Writes to the upstream as the data path does.
#[derive(Clone)]
pub struct Client {
    pub calls: Calls,
    embedders: Arc<Embedders>,
}

/// An id on the wire.
pub fn id(number: u64) -> PointId {
    PointId::from(number)
}

impl Client {
    pub async fn embed(&self, model: &str, text: &str) -> Vec<f32> {
        let embed = Embed {
            model: model.parse().unwrap(),
            purpose: Purpose::Document,
            text: text.to_owned(),
            required: true,
        };
        match self.embedders.embed_all(&[embed]).await.unwrap().remove(0) {
            Embedding::Dense(vector) => vector,
            other => panic!("not dense: {other:?}"),
        }
    }

    /// A write from before the adoption: no tag.
    pub async fn legacy(&self, number: u64, text: &str) {
        let vectors = vec![("", self.embed("old@1", text).await)];
        self.upsert(number, json!({ "title": text, "n": number }), vectors)
            .await;
    }

    /// A write from before the adoption, without the text that the template needs.
    pub async fn untitled(&self, number: u64) {
        let vectors = vec![("", self.embed("old@1", "untitled").await)];
        self.upsert(number, json!({ "n": number }), vectors).await;
    }

    /// An upsert after the cutover, while the old model's embedder fails.
    pub async fn write_new_only(&self, number: u64, text: &str) {
        let mut entry = entry(Some(text));
        entry.claim(NEW_SPACE.into(), &model("new@1"));
        let payload = json!({ "title": text, "n": number, "_embedding": Tag(vec![entry]).to_json() });
        let vectors = vec![(NEW_SPACE, self.embed("new@1", text).await)];
        self.upsert(number, payload, vectors).await;
    }

    /// A vector name that no migration made.
    pub async fn make_vector(&self, name: &str) {
        use qdrant_client::qdrant::DenseVectorCreationConfig;
        use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
        let config = DenseVectorCreationConfig {
            size: DIMENSION.into(),
            distance: qdrant_client::qdrant::Distance::Dot.into(),
            ..DenseVectorCreationConfig::default()
        };
        self.calls
            .create_vector(COLLECTION, name, VectorConfig::DenseConfig(config))
            .await
            .unwrap();
    }

    /// The collection's metadata.
    pub async fn metadata(&self) -> Value {
        let info = self.calls.collection(COLLECTION).await.unwrap();
        let metadata = info.config.unwrap().metadata;
        Value::Object(
            metadata
                .into_iter()
                .map(|(key, value)| (key, value.into_json()))
                .collect(),
        )
    }

    /// Removes one vector of one point.
    pub async fn drop_vector(&self, number: u64, name: &str) {
        use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
        use qdrant_client::qdrant::{DeletePointVectors, PointsIdsList, PointsSelector, VectorsSelector};
        let ask = DeletePointVectors {
            collection_name: COLLECTION.to_owned(),
            wait: Some(true),
            points_selector: Some(PointsSelector {
                points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
                    ids: vec![id(number)],
                })),
            }),
            vectors: Some(VectorsSelector {
                names: vec![name.to_owned()],
            }),
            ..DeletePointVectors::default()
        };
        let _: PointsOperationResponse = self
            .calls
            .unary("/qdrant.Points/DeleteVectors", &ask)
            .await
            .unwrap();
    }

    /// An upsert while dual writing is open: both spaces, or, where the embedder failed, the serving one.
    pub async fn write(&self, number: u64, text: &str, deferred: bool) {
        let mut entry = entry(Some(text));
        let mut vectors = vec![("", self.embed("old@1", text).await)];
        entry.claim("".into(), &model("old@1"));
        if !deferred {
            vectors.push((NEW_SPACE, self.embed("new@1", text).await));
            entry.claim(NEW_SPACE.into(), &model("new@1"));
        }
        let payload = json!({ "title": text, "n": number, "_embedding": Tag(vec![entry]).to_json() });
        self.upsert(number, payload, vectors).await;
    }

    async fn upsert(&self, number: u64, payload: Value, vectors: Vec<(&str, Vec<f32>)>) {
        let point = PointStruct {
            id: Some(id(number)),
            payload: payload
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect(),
            vectors: Some(named(vectors)),
        };
        let ask = UpsertPoints {
            collection_name: COLLECTION.to_owned(),
            wait: Some(true),
            points: vec![point],
            ..UpsertPoints::default()
        };
        let _: PointsOperationResponse = self.calls.unary("/qdrant.Points/Upsert", &ask).await.unwrap();
    }

    pub async fn delete(&self, number: u64) {
        use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
        use qdrant_client::qdrant::{DeletePoints, PointsIdsList, PointsSelector};
        let ask = DeletePoints {
            collection_name: COLLECTION.to_owned(),
            wait: Some(true),
            points: Some(PointsSelector {
                points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
                    ids: vec![id(number)],
                })),
            }),
            ..DeletePoints::default()
        };
        let _: PointsOperationResponse = self.calls.unary("/qdrant.Points/Delete", &ask).await.unwrap();
    }

    /// The tag of one point, as the first and the last step of a vector update set it.
    pub async fn set_tag(&self, number: u64, entry: TagEntry) {
        use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
        use qdrant_client::qdrant::{PointsIdsList, PointsSelector, SetPayloadPoints};
        let ask = SetPayloadPoints {
            collection_name: COLLECTION.to_owned(),
            payload: HashMap::from([(String::new(), entry.to_json().into())]),
            points_selector: Some(PointsSelector {
                points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
                    ids: vec![id(number)],
                })),
            }),
            key: Some("\"_embedding\"".to_owned()),
            ..SetPayloadPoints::default()
        };
        self.calls.set_payload(ask).await.unwrap();
    }

    pub async fn set_vectors(&self, number: u64, vectors: Vec<(&str, Vec<f32>)>) {
        use qdrant_client::qdrant::{PointVectors, UpdatePointVectors};
        let ask = UpdatePointVectors {
            collection_name: COLLECTION.to_owned(),
            points: vec![PointVectors {
                id: Some(id(number)),
                vectors: Some(named(vectors)),
            }],
            ..UpdatePointVectors::default()
        };
        self.calls.update_vectors(ask).await.unwrap();
    }

    pub async fn points(&self) -> BTreeMap<u64, (Value, HashMap<String, Vec<f32>>)> {
        let ask = ScrollPoints {
            collection_name: COLLECTION.to_owned(),
            limit: Some(1_000),
            with_payload: Some(true.into()),
            with_vectors: Some(true.into()),
            ..ScrollPoints::default()
        };
        let answer: ScrollResponse = self.calls.unary("/qdrant.Points/Scroll", &ask).await.unwrap();
        answer
            .result
            .into_iter()
            .map(|point| {
                let number: u64 = interlock::upstream::calls::spelled(&point.id.unwrap())
                    .parse()
                    .unwrap();
                let payload = point
                    .payload
                    .into_iter()
                    .map(|(key, value)| (key, value.into_json()))
                    .collect();
                (number, (Value::Object(payload), by_name(point.vectors)))
            })
            .collect()
    }
}

/// An entry that claims nothing.
pub fn entry(text: Option<&str>) -> TagEntry {
    TagEntry {
        field: VectorName::from(""),
        write_id: WriteId(Uuid::now_v7()),
        source_hash: text.map(source_hash),
        models: Vec::new(),
    }
}

fn named(vectors: Vec<(&str, Vec<f32>)>) -> Vectors {
    let vectors = vectors.into_iter().map(|(name, data)| {
        let vector = Vector {
            vector: Some(vector::Vector::Dense(DenseVector { data })),
            ..Vector::default()
        };
        (name.to_owned(), vector)
    });
    Vectors {
        vectors_options: Some(vectors::VectorsOptions::Vectors(NamedVectors {
            vectors: vectors.collect(),
        })),
    }
}

#[allow(deprecated)] // the embedded engine may answer in the older field, as Qdrant does
fn by_name(vectors: Option<qdrant_client::qdrant::VectorsOutput>) -> HashMap<String, Vec<f32>> {
    use qdrant_client::qdrant::{VectorOutput, vector_output};
    let dense = |output: VectorOutput| match output.vector {
        Some(vector_output::Vector::Dense(dense)) => dense.data,
        Some(other) => panic!("not dense: {other:?}"),
        None => output.data,
    };
    match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(vectors_output::VectorsOptions::Vector(one)) => HashMap::from([(String::new(), dense(one))]),
        Some(vectors_output::VectorsOptions::Vectors(all)) => all
            .vectors
            .into_iter()
            .map(|(name, one)| (name, dense(one)))
            .collect(),
        None => HashMap::new(),
    }
}
