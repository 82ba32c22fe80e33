//! What the demo plays on: Interlock over the embedded engine on free ports, two models, two collections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use qdrant_client::qdrant::points_client::PointsClient;
use serde_json::json;

use super::checker::Checker;
use super::corpus::{Corpus, DOCS_PER_SUBJECT};
use super::encoder::Encoder;
use super::traffic::{App, COLLECTION, Ledger, NAIVE, VECTOR};
use crate::app::{self, Running};
use crate::config::{Config, Problem};
use crate::domain::embedder::{EmbedderSpec, Idf};
use crate::domain::ids::{CollectionName, FieldKey, VectorName};
use crate::domain::model::{Distance, Kind, Model, ModelId, ModelRef};
use crate::domain::source::SourceTemplate;
use crate::domain::table::OnEmbedFailure;
use crate::migrate::api::{Adopt, AdoptVector};

/// Both models have it, so that nothing errs where they are mixed.
const DIMENSION: u32 = 384;
const LOAD_POINTS: usize = 200;

/// Everything that the demo plays on.
pub struct Stage {
    /// Interlock.
    pub running: Running,
    /// What the app's tasks share.
    pub app: Arc<App>,
    /// The field whose model changes.
    pub key: FieldKey,
    models: [Model; 2],
    data: PathBuf,
}

fn model(id: &str) -> Result<Model, String> {
    let id: ModelId = id.parse().map_err(|error| format!("{error}"))?;
    Ok(Model {
        id,
        kind: Kind::Dense,
        dimension: DIMENSION,
        distance: Distance::Cosine,
        query_prompt: String::new(),
        document_prompt: String::new(),
    })
}

fn demo_config(data: &Path) -> Result<Config, String> {
    let problems = |all: Vec<Problem>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Config::for_demo(data).map_err(problems)
}

impl Stage {
    /// Starts Interlock, loads the corpus and puts the collection under management.
    pub async fn set(seed: u64) -> Result<Self, String> {
        let data = std::env::temp_dir().join(format!("interlock-demo-{}", std::process::id()));
        let running = app::start(demo_config(&data)?)
            .await
            .map_err(|error| error.to_string())?;
        let models = [model("hashed-words@1")?, model("char-ngrams@1")?];
        let specs = [
            EmbedderSpec::HashedWords {},
            EmbedderSpec::CharNgrams { idf: Idf::default() },
        ];
        for (model, spec) in models.iter().zip(specs) {
            running
                .control()
                .add_model(model.clone(), spec)
                .await
                .map_err(|error| error.to_string())?;
        }
        let grpc = PointsClient::connect(format!("http://{}", running.grpc))
            .await
            .map_err(|e| e.to_string())?;
        let app = Arc::new(App {
            corpus: Corpus::generate(seed),
            encoder: Encoder::new(running.embedders()),
            old: models[0].id.clone(),
            new: models[1].id.clone(),
            http_url: format!("http://{}", running.http),
            http: reqwest::Client::new(),
            grpc,
            ledger: Ledger::default(),
            failed_writes: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            has_moved: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let key = FieldKey {
            collection: CollectionName::from(COLLECTION),
            field: VectorName::from(VECTOR),
        };
        let stage = Self {
            running,
            app,
            key,
            models,
            data,
        };
        for collection in [COLLECTION, NAIVE] {
            stage.load(collection).await?;
        }
        stage.adopt().await?;
        Ok(stage)
    }

    async fn adopt(&self) -> Result<(), String> {
        let vector = AdoptVector {
            name: Some(VectorName::from(VECTOR)),
            model: ModelRef::from(&self.app.old),
            source: Some(SourceTemplate::parse("{body}").map_err(|error| error.to_string())?),
            undeclared: None,
            on_embed_failure: OnEmbedFailure::Fail,
        };
        let adopt = Adopt {
            collection: CollectionName::from(COLLECTION),
            vectors: vec![vector],
            opaque: Vec::new(),
        };
        self.running
            .control()
            .adopt(adopt)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn put(&self, path: &str, body: serde_json::Value) -> Result<(), String> {
        let url = format!("{}{path}", self.app.http_url);
        let answer = self
            .app
            .http
            .put(url)
            .json(&body)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("{path}: {}", answer.text().await.unwrap_or_default())),
        }
    }

    /// Makes a collection and fills it with the old model's vectors, as the app had done before.
    async fn load(&self, collection: &str) -> Result<(), String> {
        let vectors = json!({VECTOR: {"size": DIMENSION, "distance": "Cosine"}});
        self.put(
            &format!("/collections/{collection}"),
            json!({ "vectors": vectors }),
        )
        .await?;
        let ids: Vec<u64> = self.app.corpus.ids().collect();
        self.put_documents(collection, &ids, &self.app.old).await
    }

    async fn put_documents(&self, collection: &str, ids: &[u64], model: &ModelId) -> Result<(), String> {
        for page in ids.chunks(LOAD_POINTS) {
            let mut points = Vec::with_capacity(page.len());
            for id in page {
                let text = self.app.corpus.text(*id, 0);
                let vector = self.app.encoder.document(model, &text).await?;
                points.push(json!({"id": id, "vector": {VECTOR: vector}, "payload": {"body": text}}));
            }
            self.put(
                &format!("/collections/{collection}/points?wait=true"),
                json!({ "points": points }),
            )
            .await?;
        }
        Ok(())
    }

    /// Brings the in-place reindex to a share of the points: their vectors are replaced by the new model's, subject by
    /// subject in turn. Returns how many are replaced now.
    pub async fn reindex_in_place(&self, done: usize, share: f64) -> Result<usize, String> {
        let ids: Vec<u64> = self.app.corpus.ids().collect();
        let until = ((ids.len() as f64 * share) as usize).clamp(done, ids.len());
        // Spread over the subjects, as a scan by id over a grown collection is.
        let mut order = ids;
        order.sort_by_key(|id| ((id - 1) % DOCS_PER_SUBJECT, *id));
        self.put_documents(NAIVE, &order[done..until], &self.app.new)
            .await?;
        Ok(until)
    }

    /// A checker that reads the engine, not the proxy.
    pub fn checker(&self) -> Checker {
        let key = self.running.reserved_key().to_owned();
        Checker::new(
            Arc::clone(&self.app),
            self.running.calls(),
            self.models.clone(),
            key,
        )
    }

    /// Stops Interlock and removes its data, or, to keep it, waits until it is told to stop.
    pub async fn end(self, keep: bool) -> Result<(), String> {
        if keep {
            println!(
                "demo: kept running; stop it with Ctrl-C. Its data: {}",
                self.data.display()
            );
            self.running.until_stopped().await;
            return Ok(());
        }
        self.running.stop().await;
        std::fs::remove_dir_all(&self.data).map_err(|error| format!("{}: {error}", self.data.display()))
    }
}
