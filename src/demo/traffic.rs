//! The app's side of the demo: readers and writers that know nothing of Interlock but its URL, over both APIs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::{
    Document, PointStruct, Query, QueryPoints, SearchParams, UpsertPoints, Value, Vector, Vectors,
};
use serde_json::json;
use tokio::sync::mpsc;
use tonic::transport::Channel;

use super::corpus::{Corpus, Random, SUBJECTS};
use super::encoder::Encoder;
use crate::domain::model::ModelId;

/// What a reader asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Text over REST, embedded by whatever model serves.
    RestText,
    /// Vectors of the old model over REST, undeclared: the app that nobody has touched yet.
    RestRaw,
    /// Text over gRPC.
    GrpcText,
    /// Vectors of the old model over gRPC, declared.
    GrpcRaw,
    /// The other collection, which Interlock does not manage: the app moves to the new model when the reindex starts.
    Naive,
}

/// One answer, as the app got it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who asked.
    pub reader: Reader,
    /// When the question was sent and when its answer was there.
    pub asked: Instant,
    /// See `asked`.
    pub answered: Instant,
    /// What was asked about.
    pub subject: u64,
    /// The model that the answer says it is of.
    pub model: String,
    /// Ids with scores, or what went wrong.
    pub hits: Result<Vec<(u64, f32)>, String>,
}

/// What the writers wrote: for each point its versions, in order.
#[derive(Default)]
pub struct Ledger(Mutex<HashMap<u64, Vec<Written>>>);

/// A version of a point.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Which text.
    pub version: u64,
    /// When it was sent.
    pub sent: Instant,
    /// When it was acknowledged.
    pub acked: Option<Instant>,
}

impl Ledger {
    fn sent(&self, id: u64, version: u64) {
        let written = Written {
            version,
            sent: Instant::now(),
            acked: None,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(id)
            .or_default()
            .push(written);
    }

    fn acked(&self, id: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = all.get_mut(&id).and_then(|versions| versions.last_mut()) {
            last.acked = Some(Instant::now());
        }
    }

    /// Versions of a point that may have been current at some moment between two.
    pub fn versions_between(&self, id: u64, from: Instant, until: Instant) -> Vec<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = all.get(&id).map(Vec::as_slice).unwrap_or_default();
        let mut current = vec![0];
        for version in written.iter().filter(|version| version.sent <= until) {
            if version.acked.is_some_and(|acked| acked < from) {
                current.clear();
            }
            current.push(version.version);
        }
        current
    }

    /// Every point that was written, with its last acknowledged version.
    pub fn last_acked(&self) -> Vec<(u64, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = |versions: &Vec<Written>| versions.iter().rfind(|v| v.acked.is_some()).map(|v| v.version);
        let mut points: Vec<_> = all
            .iter()
            .filter_map(|(id, versions)| Some((*id, last(versions)?)))
            .collect();
        points.sort_unstable();
        points
    }
}

/// What the app's tasks share.
pub struct App {
    pub corpus: Corpus,
    pub encoder: Encoder,
    pub old: ModelId,
    pub new: ModelId,
    pub http_url: String,
    pub http: reqwest::Client,
    pub grpc: PointsClient<Channel>,
    pub ledger: Ledger,
    pub failed_writes: AtomicU64,
    pub writes: AtomicU64,
    /// Whether the app beside the in-place reindex asks with the new model.
    pub has_moved: AtomicBool,
    pub stop: AtomicBool,
}

/// The collection behind Interlock, its vector, and the one beside it.
pub const COLLECTION: &str = "docs";
/// See [`COLLECTION`].
pub const VECTOR: &str = "text";
/// See [`COLLECTION`].
pub const NAIVE: &str = "docs_in_place";
const LIMIT: u64 = 10;

/// Asks until told to stop.
pub async fn read(app: Arc<App>, reader: Reader, seed: u64, answers: mpsc::Sender<Answer>) {
    let mut random = Random::new(seed);
    while !app.stop.load(Ordering::Relaxed) {
        let subject = random.below(SUBJECTS);
        let asked = Instant::now();
        let result = app.ask(reader, &app.corpus.question(subject)).await;
        let (model, hits) = match result {
            Ok((model, hits)) => (model, Ok(hits)),
            Err(error) => (String::new(), Err(error)),
        };
        let answer = Answer {
            reader,
            asked,
            answered: Instant::now(),
            subject,
            model,
            hits,
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

type Hits = (String, Vec<(u64, f32)>);

impl App {
    async fn ask(&self, reader: Reader, question: &str) -> Result<Hits, String> {
        match reader {
            Reader::RestText => {
                self.ask_rest(COLLECTION, json!({"text": question, "model": "auto"}))
                    .await
            }
            Reader::RestRaw => {
                self.ask_rest(COLLECTION, json!(self.encoder.query(&self.old, question).await?))
                    .await
            }
            Reader::Naive => {
                let model = if self.has_moved.load(Ordering::Relaxed) {
                    &self.new
                } else {
                    &self.old
                };
                self.ask_rest(NAIVE, json!(self.encoder.query(model, question).await?))
                    .await
            }
            Reader::GrpcText => {
                let document = Document {
                    text: question.into(),
                    model: "auto".into(),
                    ..Document::default()
                };
                self.ask_grpc(Query::new_nearest(document), None).await
            }
            Reader::GrpcRaw => {
                let vector = self.encoder.query(&self.old, question).await?;
                self.ask_grpc(Query::new_nearest(vector), Some(&self.old)).await
            }
        }
    }

    async fn ask_rest(&self, collection: &str, query: serde_json::Value) -> Result<Hits, String> {
        let url = format!("{}/collections/{collection}/points/query", self.http_url);
        let body = json!({"query": query, "using": VECTOR, "limit": LIMIT, "params": {"exact": true}});
        let answer = self
            .http
            .post(url)
            .json(&body)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let header = answer
            .headers()
            .get("embedding-model")
            .and_then(|value| value.to_str().ok());
        let model = header.unwrap_or_default().to_owned();
        let (status, text) = (
            answer.status(),
            answer.text().await.map_err(|error| error.to_string())?,
        );
        if !status.is_success() {
            return Err(format!("{status}: {text}"));
        }
        let body: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let points = body["result"]["points"]
            .as_array()
            .ok_or("no points in the answer")?;
        let hit = |point: &serde_json::Value| Some((point["id"].as_u64()?, point["score"].as_f64()? as f32));
        Ok((model, points.iter().filter_map(hit).collect()))
    }

    async fn ask_grpc(&self, query: Query, model: Option<&ModelId>) -> Result<Hits, String> {
        let mut request = tonic::Request::new(QueryPoints {
            collection_name: COLLECTION.into(),
            query: Some(query),
            using: Some(VECTOR.into()),
            limit: Some(LIMIT),
            params: Some(SearchParams {
                exact: Some(true),
                ..SearchParams::default()
            }),
            ..QueryPoints::default()
        });
        if let Some(model) = model {
            let value = model.to_string().parse().map_err(|_| "not a metadata value")?;
            request.metadata_mut().insert("embedding-model", value);
        }
        let answer = self
            .grpc
            .clone()
            .query(request)
            .await
            .map_err(|status| status.to_string())?;
        let header = answer
            .metadata()
            .get("embedding-model")
            .and_then(|value| value.to_str().ok());
        let model = header.unwrap_or_default().to_owned();
        let hits = answer.into_inner().result.into_iter().filter_map(|point| {
            use qdrant_client::qdrant::point_id::PointIdOptions::Num;
            match point.id?.point_id_options? {
                Num(id) => Some((id, point.score)),
                qdrant_client::qdrant::point_id::PointIdOptions::Uuid(_) => None,
            }
        });
        Ok((model, hits.collect()))
    }
}

/// Rewrites documents until told to stop: the odd ones over REST with the app's own vectors of the old model, the even
/// ones over gRPC as text.
pub async fn write(app: Arc<App>, is_rest: bool, seed: u64) {
    let mut random = Random::new(seed);
    let documents = app.corpus.ids().end - 1;
    let mut version = 0;
    while !app.stop.load(Ordering::Relaxed) {
        version += 1;
        let id = 1 + random.below(documents / 2) * 2 + u64::from(!is_rest);
        let text = app.corpus.text(id, version);
        app.ledger.sent(id, version);
        let done = if is_rest {
            app.put_rest(id, &text).await
        } else {
            app.put_grpc(id, &text).await
        };
        app.writes.fetch_add(1, Ordering::Relaxed);
        match done {
            Ok(()) => app.ledger.acked(id),
            Err(error) => {
                tracing::warn!(id, error, "a write of the demo failed");
                app.failed_writes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl App {
    async fn put_rest(&self, id: u64, text: &str) -> Result<(), String> {
        let vector = self.encoder.document(&self.old, text).await?;
        let body = json!({"points": [{"id": id, "vector": {VECTOR: vector}, "payload": {"body": text}}]});
        let url = format!("{}/collections/{COLLECTION}/points?wait=true", self.http_url);
        let answer = self
            .http
            .put(url)
            .json(&body)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{status}: {text}"))
        }
    }

    async fn put_grpc(&self, id: u64, text: &str) -> Result<(), String> {
        let document = Document {
            text: text.into(),
            model: "auto".into(),
            ..Document::default()
        };
        let vectors: HashMap<String, Vector> = HashMap::from([(VECTOR.to_owned(), document.into())]);
        let payload: HashMap<String, Value> = HashMap::from([("body".to_owned(), text.into())]);
        let point = PointStruct {
            id: Some(id.into()),
            payload,
            vectors: Some(Vectors::from(vectors)),
        };
        let upsert = UpsertPoints {
            collection_name: COLLECTION.into(),
            wait: Some(true),
            points: vec![point],
            ..UpsertPoints::default()
        };
        self.grpc
            .clone()
            .upsert(upsert)
            .await
            .map(drop)
            .map_err(|status| status.to_string())
    }
}
