//! A client that writes to the upstream as the data path does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use interlock::domain::ids::{VectorName, WriteId};
use interlock::domain::plan::{Embed, Embedding, Purpose};
use interlock::domain::source::source_hash;
use interlock::domain::tag::{Tag, TagEntry};
use interlock::embed::Embedders;
use interlock::upstream::calls::{Calls, spelled};
use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    DeletePayloadPoints, DeletePointVectors, DeletePoints, DenseVector, DenseVectorCreationConfig,
    NamedVectors, PointId, PointStruct, PointVectors, PointsIdsList, PointsOperationResponse, PointsSelector,
    ScrollPoints, ScrollResponse, SetPayloadPoints, UpdatePointVectors, UpsertPoints, Vector, VectorOutput,
    Vectors, VectorsOutput, VectorsSelector, vector, vector_output, vectors, vectors_output,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::{DIMENSION, NEW_SPACE, model};

/// Points by id: the payload, and the vectors by name.
pub type Points = BTreeMap<u64, (Value, HashMap<String, Vec<f32>>)>;

/// Writes to the upstream as the data path does.
#[derive(Clone)]
pub struct Client {
    pub collection: String,
    pub calls: Calls,
    pub embedders: Arc<Embedders>,
}

/// An id on the wire.
pub fn id(number: u64) -> PointId {
    PointId::from(number)
}

fn selector(number: u64) -> Option<PointsSelector> {
    let ids = PointsIdsList {
        ids: vec![id(number)],
    };
    Some(PointsSelector {
        points_selector_one_of: Some(PointsSelectorOneOf::Points(ids)),
    })
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
            other @ (Embedding::Sparse { .. } | Embedding::Multi(_)) => panic!("not dense: {other:?}"),
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
        let payload = json!({ "title": text, "n": number, "_embedding": Tag([entry].into()).to_json() });
        let vectors = vec![(NEW_SPACE, self.embed("new@1", text).await)];
        self.upsert(number, payload, vectors).await;
    }

    /// The same as an update leaves it that broke off between its tag and its vector's claim.
    pub async fn leave_new_unclaimed(&self, number: u64, text: &str) {
        let payload =
            json!({ "title": text, "n": number, "_embedding": Tag([entry(Some(text))].into()).to_json() });
        let vectors = vec![(NEW_SPACE, self.embed("new@1", text).await)];
        self.upsert(number, payload, vectors).await;
    }

    /// A vector name that no migration made.
    pub async fn make_vector(&self, name: &str) {
        let config = DenseVectorCreationConfig {
            size: DIMENSION.into(),
            distance: qdrant_client::qdrant::Distance::Dot.into(),
            ..DenseVectorCreationConfig::default()
        };
        self.calls
            .create_vector(&self.collection, name, VectorConfig::DenseConfig(config))
            .await
            .unwrap();
    }

    /// The collection's metadata.
    pub async fn metadata(&self) -> Value {
        let info = self.calls.collection(&self.collection).await.unwrap();
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
        let ask = DeletePointVectors {
            collection_name: self.collection.clone(),
            wait: Some(true),
            points_selector: selector(number),
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
        let payload = json!({ "title": text, "n": number, "_embedding": Tag([entry].into()).to_json() });
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
            collection_name: self.collection.clone(),
            wait: Some(true),
            points: vec![point],
            ..UpsertPoints::default()
        };
        let _: PointsOperationResponse = self.calls.unary("/qdrant.Points/Upsert", &ask).await.unwrap();
    }

    pub async fn delete(&self, number: u64) {
        let ask = DeletePoints {
            collection_name: self.collection.clone(),
            wait: Some(true),
            points: selector(number),
            ..DeletePoints::default()
        };
        let _: PointsOperationResponse = self.calls.unary("/qdrant.Points/Delete", &ask).await.unwrap();
    }

    /// The tag of one point, as the first and the last step of a vector update set it.
    pub async fn set_tag(&self, number: u64, entry: TagEntry) {
        let ask = SetPayloadPoints {
            collection_name: self.collection.clone(),
            payload: HashMap::from([(String::new(), entry.to_json().into())]),
            points_selector: selector(number),
            key: Some("\"_embedding\"".to_owned()),
            ..SetPayloadPoints::default()
        };
        self.calls.set_payload(ask).await.unwrap();
    }

    /// A point without its tag, as the deletion of its vector leaves it.
    pub async fn forget_tag(&self, number: u64) {
        let ask = DeletePayloadPoints {
            collection_name: self.collection.clone(),
            wait: Some(true),
            keys: vec!["_embedding".to_owned()],
            points_selector: selector(number),
            ..DeletePayloadPoints::default()
        };
        let _: PointsOperationResponse = self
            .calls
            .unary("/qdrant.Points/DeletePayload", &ask)
            .await
            .unwrap();
    }

    /// A change of one payload key, past the tag.
    pub async fn set_title(&self, number: u64, text: &str) {
        let ask = SetPayloadPoints {
            collection_name: self.collection.clone(),
            payload: HashMap::from([("title".to_owned(), json!(text).into())]),
            points_selector: selector(number),
            ..SetPayloadPoints::default()
        };
        self.calls.set_payload(ask).await.unwrap();
    }

    pub async fn set_vectors(&self, number: u64, vectors: Vec<(&str, Vec<f32>)>) {
        let ask = UpdatePointVectors {
            collection_name: self.collection.clone(),
            points: vec![PointVectors {
                id: Some(id(number)),
                vectors: Some(named(vectors)),
            }],
            ..UpdatePointVectors::default()
        };
        self.calls.update_vectors(ask).await.unwrap();
    }

    pub async fn points(&self) -> Points {
        let ask = ScrollPoints {
            collection_name: self.collection.clone(),
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
                let number: u64 = spelled(&point.id.unwrap()).parse().unwrap();
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
        models: std::sync::Arc::default(),
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
fn by_name(vectors: Option<VectorsOutput>) -> HashMap<String, Vec<f32>> {
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
