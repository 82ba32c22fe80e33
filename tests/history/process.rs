//! One life of an Interlock in this process: registry, control and engine over a store on disk. It dies by the end of
//! its runtime, which drops every task where it stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http_body_util::BodyExt;
use interlock::domain::access::Access;
use interlock::domain::ids::{CollectionName, FieldKey};
use interlock::domain::model::{Distance, Kind, Model};
use interlock::domain::refusal::RefusalKind;
use interlock::domain::source::SourceTemplate;
use interlock::domain::table::{Field, OnEmbedFailure, Undeclared};
use interlock::embed::{EmbedderSpec, Embedders};
use interlock::engine::{Engine, Service, Settings as EngineSettings};
use interlock::migrate::{Adopt, AdoptVector, Control, Parts, Settings};
use interlock::registry::Registry;
use interlock::store::{LocalStore, Store, StoreError};
use interlock::upstream::calls::{CallLimits, Calls};
use interlock::upstream::{Face, Upstream};
use interlock::wire::Limits;
use qdrant_client::qdrant::{PointId, RetrievedPoint, ScrollPoints, ScrollResponse};
use serde_json::{Map, Value as Json};

use super::answer::Reply;
use super::reference::model_index;
use super::request::{DIMENSION, DOCUMENT_PROMPT, MODELS, POINTS, QUERY_PROMPT, Request};
use super::stage::{Stage, Staged, StagedEmbedder, StagedStore};
use super::{grpc, rest};

pub const RESERVED_KEY: &str = "_embedding";
const ANSWER_BYTES_MAX: usize = 1 << 24;

/// A stored point, as it lies in the upstream.
pub struct Stored {
    pub payload: Map<String, Json>,
    pub vectors: std::collections::HashMap<String, Vec<f32>>,
}

pub struct Process {
    pub stage: Arc<Stage>,
    pub registry: Arc<Registry>,
    pub control: Control,
    pub engine: Arc<Engine>,
    /// Calls past Interlock.
    pub direct: Calls,
    pub key: FieldKey,
}

pub fn model(name: &str) -> Model {
    Model {
        id: name.parse().unwrap(),
        kind: Kind::Dense,
        dimension: DIMENSION as u32,
        // Stored as it is sent: cosine would be normalised.
        distance: Distance::Dot,
        query_prompt: QUERY_PROMPT.to_owned(),
        document_prompt: DOCUMENT_PROMPT.to_owned(),
    }
}

fn settings() -> Settings {
    Settings {
        page_points: 4,
        backoff_first_ms: 1,
        backoff_max_ms: 4,
        look_every_ms: 8,
        look_gap_ms: 1,
        gate_attempts_max: 3,
        gate_wait_ms: 1,
        start_wait_ms: 20,
        ..Settings::default()
    }
}

fn open_store(dir: &Path) -> LocalStore {
    // The process before has let go of it: its runtime has ended.
    match LocalStore::open(&dir.join("store")) {
        Ok(store) => store,
        Err(StoreError::Locked) => panic!("a dead process holds the store"),
        Err(error) => panic!("{error}"),
    }
}

impl Process {
    /// Starts on what an earlier process left, within a runtime.
    pub async fn start(stage: &Arc<Stage>, dir: &Path, upstream: &Arc<dyn Upstream>, key: &FieldKey) -> Self {
        let limits = CallLimits {
            timeout: Duration::from_secs(30),
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let direct = Calls::new(Arc::clone(upstream), None, limits.clone());
        let staged: Arc<dyn Upstream> = Arc::new(Staged {
            stage: Arc::clone(stage),
            inner: Arc::clone(upstream),
        });
        let store: Arc<dyn Store> = Arc::new(StagedStore {
            stage: Arc::clone(stage),
            inner: open_store(dir),
        });
        let stored = store.load().unwrap();
        let embedders = Arc::new(Embedders::new());
        let registry = Arc::new(Registry::open(store).unwrap());
        let parts = Parts {
            registry: Arc::clone(&registry),
            upstream: Arc::clone(&staged),
            embedders: Arc::clone(&embedders),
            settings: settings(),
        };
        let control = Control::new(parts, &stored).unwrap();
        for name in MODELS {
            if !stored.table.models.contains_key(&model(name).id) {
                control
                    .add_model(model(name), EmbedderSpec::HashedWords {})
                    .await
                    .unwrap();
            }
            let stage = Arc::clone(stage);
            embedders.register(
                &model(name),
                Some(Arc::new(StagedEmbedder { stage, model: name })),
            );
        }
        let poked = control.clone();
        let engine = Engine::new(
            Arc::clone(&registry),
            Arc::clone(&staged),
            embedders,
            Calls::new(staged, None, limits),
            EngineSettings {
                reserved_key: RESERVED_KEY.to_owned(),
                metadata_key: "interlock".to_owned(),
                limits: Limits::default(),
                body_bytes_max: ANSWER_BYTES_MAX,
                answer_bytes_max: ANSWER_BYTES_MAX,
                lookup_points_max: 1_000,
                upsert_retains: true,
                access: Access::default(),
            },
            Arc::new(move |key| poked.poke(key)),
        );
        Self {
            stage: Arc::clone(stage),
            registry,
            control,
            engine: Arc::new(engine),
            direct,
            key: key.clone(),
        }
    }

    pub async fn adopt(&self, on_embed_failure: OnEmbedFailure) {
        let vector = AdoptVector {
            name: Some(self.key.field.clone()),
            model: MODELS[0].parse().unwrap(),
            source: Some(SourceTemplate::parse("{title}").unwrap()),
            undeclared: None,
            on_embed_failure,
        };
        let adoption = Adopt {
            collection: self.key.collection.clone(),
            vectors: vec![vector],
            opaque: Vec::new(),
        };
        self.control.adopt(adoption).await.unwrap();
    }

    /// The field as the current table has it.
    pub fn field(&self) -> Field {
        let table = self.registry.pin();
        let managed = table.managed(self.key.collection.as_str()).unwrap();
        managed.fields[&self.key.field].clone()
    }

    /// The model of raw vectors that declare none.
    pub fn undeclared(&self) -> Option<usize> {
        match self.field().undeclared {
            Undeclared::Pinned(model) => model_index(&model.to_string()),
            Undeclared::Reject => None,
        }
    }

    /// A client's request, to its answer's last byte.
    pub async fn ask(&self, request: &Request) -> Reply {
        let (collection, field) = (self.key.collection.as_str(), self.key.field.as_str());
        let (face, http) = match request.is_rest {
            true => (Face::Rest, rest::encode(request, collection, field)),
            false => (Face::Grpc, grpc::encode(request, collection, field)),
        };
        let answer = match self.engine.handle(face, http).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let said = format!("{:?} {}: {}", refusal.kind, refusal.reason, refusal.message);
                return match refusal.kind {
                    RefusalKind::Invalid
                    | RefusalKind::NotFound
                    | RefusalKind::NotReady
                    | RefusalKind::Forbidden => Reply::Refused(said),
                    RefusalKind::TooLarge
                    | RefusalKind::Busy
                    | RefusalKind::Unavailable
                    | RefusalKind::Unknown => Reply::Failed(said),
                };
            }
        };
        let (head, body) = answer.into_parts();
        let collected = match body.collect().await {
            Ok(collected) => collected,
            Err(error) => return Reply::Failed(format!("the answer broke off: {error}")),
        };
        let trailers = collected.trailers().cloned();
        let data = collected.to_bytes();
        let text = |headers: &HeaderMap, name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let trailer = |name: &str| {
            let trailers = trailers.as_ref().and_then(|trailers| text(trailers, name));
            trailers.or_else(|| text(&head.headers, name))
        };
        let answer = match face {
            Face::Rest if head.status.is_success() => rest::decode(request, field, &data),
            Face::Rest => {
                let said = format!("{} {}", head.status, String::from_utf8_lossy(&data));
                return match head.status.is_client_error() {
                    true => Reply::Refused(said),
                    false => Reply::Failed(said),
                };
            }
            Face::Grpc => match trailer("grpc-status").as_deref() {
                Some("0") => grpc::decode(request, field, &data),
                // Invalid, not found, not allowed, not now.
                Some(code @ ("3" | "5" | "7" | "9")) => {
                    return Reply::Refused(format!("code {code} {:?}", trailer("grpc-message")));
                }
                code => return Reply::Failed(format!("code {code:?} {:?}", trailer("grpc-message"))),
            },
        };
        let models = text(&head.headers, "embedding-model").unwrap_or_default();
        Reply::Ok {
            answer,
            models: models.split(',').map(str::to_owned).collect(),
            epoch: text(&head.headers, "routing-epoch").map(|epoch| epoch.parse().unwrap()),
        }
    }

    /// What lies in the upstream.
    pub async fn stored(&self) -> BTreeMap<u64, Stored> {
        let limit = Some(u32::try_from(POINTS * 2).unwrap());
        let ask = ScrollPoints {
            collection_name: self.key.collection.to_string(),
            limit,
            with_payload: Some(true.into()),
            with_vectors: Some(true.into()),
            ..ScrollPoints::default()
        };
        let answer: ScrollResponse = self.direct.unary("/qdrant.Points/Scroll", &ask).await.unwrap();
        let one = |point: RetrievedPoint| {
            let stored = Stored {
                payload: grpc::json(point.payload),
                vectors: grpc::by_name(point.vectors),
            };
            (grpc::number(&point.id.unwrap()), stored)
        };
        answer.result.into_iter().map(one).collect()
    }
}

/// A collection for a history, with points from before the adoption.
pub async fn make_collection(
    upstream: &Arc<dyn Upstream>,
    key: &FieldKey,
    legacy: Vec<(u64, super::request::Payload, Vec<f32>)>,
) {
    use qdrant_client::qdrant::vectors_config::Config;
    use qdrant_client::qdrant::{
        self, CollectionOperationResponse, CreateCollection, NamedVectors, PointStruct,
        PointsOperationResponse, UpsertPoints, Vector, VectorParams, VectorParamsMap, Vectors, VectorsConfig,
        vectors,
    };
    let limits = CallLimits {
        timeout: Duration::from_secs(30),
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let calls = Calls::new(Arc::clone(upstream), None, limits);
    let params = VectorParams {
        size: DIMENSION as u64,
        distance: qdrant::Distance::Dot.into(),
        ..VectorParams::default()
    };
    let config = match key.field.as_str() {
        "" => Config::Params(params),
        name => Config::ParamsMap(VectorParamsMap {
            map: [(name.to_owned(), params)].into(),
        }),
    };
    let create = CreateCollection {
        collection_name: key.collection.to_string(),
        vectors_config: Some(VectorsConfig { config: Some(config) }),
        ..CreateCollection::default()
    };
    let _: CollectionOperationResponse = calls.unary("/qdrant.Collections/Create", &create).await.unwrap();
    let points = legacy.into_iter().map(|(id, payload, vector)| {
        let vector = Vector {
            vector: Some(qdrant::vector::Vector::Dense(qdrant::DenseVector {
                data: vector,
            })),
            ..Vector::default()
        };
        let named = NamedVectors {
            vectors: [(key.field.to_string(), vector)].into(),
        };
        PointStruct {
            id: Some(PointId::from(id)),
            payload: payload
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect(),
            vectors: Some(Vectors {
                vectors_options: Some(vectors::VectorsOptions::Vectors(named)),
            }),
        }
    });
    let ask = UpsertPoints {
        collection_name: key.collection.to_string(),
        wait: Some(true),
        points: points.collect(),
        ..UpsertPoints::default()
    };
    if !ask.points.is_empty() {
        let _: PointsOperationResponse = calls.unary("/qdrant.Points/Upsert", &ask).await.unwrap();
    }
}

/// Drops a history's collection.
pub async fn drop_collection(upstream: &Arc<dyn Upstream>, collection: &CollectionName) {
    use qdrant_client::qdrant::{CollectionOperationResponse, DeleteCollection};
    let limits = CallLimits {
        timeout: Duration::from_secs(30),
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let calls = Calls::new(Arc::clone(upstream), None, limits);
    let ask = DeleteCollection {
        collection_name: collection.to_string(),
        timeout: None,
    };
    let _: CollectionOperationResponse = calls.unary("/qdrant.Collections/Delete", &ask).await.unwrap();
}
