//! A collection's configuration in Qdrant's own JSON shape: what a client creates, what `GET` shows, and what of it
//! the crate is told. Used by `collections`, both faces and the catalogue. Settings of parts that the engine does
//! not have (HNSW, optimizers, quantization, replication) are kept and shown, and change no answer.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use qdrant_edge::{
    Distance, EdgeConfig, EdgeSparseVectorParams, EdgeVectorParams, Modifier, MultiVectorConfig,
    VectorStorageDatatype, WalOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// The crate's log costs disk and is never read: small files, dropped early.
const WAL_SEGMENT_BYTES: usize = 8 << 20;

/// A dense or multi vector's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorParams {
    /// Dimension.
    pub size: NonZeroU64,
    /// How two vectors are compared.
    pub distance: Distance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Kept and shown only.
    pub hnsw_config: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Kept and shown only.
    pub quantization_config: Option<Value>,
    /// Vectors in mapped files instead of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<bool>,
    /// How an element is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datatype: Option<VectorStorageDatatype>,
    /// Present where a point holds several vectors under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multivector_config: Option<MultiVectorConfig>,
}

/// A sparse vector's index parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseIndex {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Kept and shown only.
    pub full_scan_threshold: Option<usize>,
    /// Kept and shown only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<bool>,
    /// How a weight is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datatype: Option<VectorStorageDatatype>,
}

/// A sparse vector's parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseParams {
    /// Index settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<SparseIndex>,
    /// `idf` weighs by the collection's own statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifier: Option<Modifier>,
}

/// One unnamed vector, or vectors by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum VectorsConfig"
)]
pub enum Vectors {
    /// One vector whose name is empty.
    Single(VectorParams),
    /// By name; the empty name is one of them.
    Multi(BTreeMap<String, VectorParams>),
}

impl Default for Vectors {
    fn default() -> Self {
        Self::Multi(BTreeMap::new())
    }
}

impl Vectors {
    /// The parameters under a name.
    pub fn get(&self, name: &str) -> Option<&VectorParams> {
        match self {
            Self::Single(params) => name.is_empty().then_some(params),
            Self::Multi(map) => map.get(name),
        }
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &VectorParams)> {
        let (single, multi) = match self {
            Self::Single(params) => (Some(("", params)), None),
            Self::Multi(map) => (
                None,
                Some(map.iter().map(|(name, params)| (name.as_str(), params))),
            ),
        };
        single.into_iter().chain(multi.into_iter().flatten())
    }

    /// The parameters under a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut VectorParams> {
        match self {
            Self::Single(params) => name.is_empty().then_some(params),
            Self::Multi(map) => map.get_mut(name),
        }
    }

    /// A second name turns the one unnamed vector into a map, as in Qdrant; it never turns back.
    pub fn into_map(self) -> BTreeMap<String, VectorParams> {
        match self {
            Self::Single(params) => [(String::new(), params)].into(),
            Self::Multi(map) => map,
        }
    }
}

/// What a client sends to create a collection.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CreateCollection {
    #[serde(default)]
    pub vectors: Vectors,
    pub shard_number: Option<u32>,
    pub sharding_method: Option<String>,
    pub replication_factor: Option<u32>,
    pub write_consistency_factor: Option<u32>,
    pub on_disk_payload: Option<bool>,
    pub hnsw_config: Option<Object>,
    pub wal_config: Option<Object>,
    #[serde(alias = "optimizer_config")]
    pub optimizers_config: Option<Object>,
    #[serde(alias = "quantization")]
    pub quantization_config: Option<Value>,
    pub sparse_vectors: Option<BTreeMap<String, SparseParams>>,
    pub strict_mode_config: Option<Object>,
    pub metadata: Option<Object>,
}

/// What a client sends to change a collection.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UpdateCollection {
    pub vectors: Option<BTreeMap<String, VectorDiff>>,
    #[serde(alias = "optimizer_config")]
    pub optimizers_config: Option<Object>,
    pub params: Option<Object>,
    pub hnsw_config: Option<Object>,
    #[serde(alias = "quantization")]
    pub quantization_config: Option<Value>,
    pub sparse_vectors: Option<BTreeMap<String, SparseParams>>,
    pub strict_mode_config: Option<Object>,
    pub metadata: Option<Object>,
}

/// The part of a vector's parameters that can change.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct VectorDiff {
    pub hnsw_config: Option<Object>,
    pub quantization_config: Option<Value>,
    pub on_disk: Option<bool>,
}

/// The parameters as `GET` shows them under `config.params`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params {
    pub vectors: Vectors,
    pub shard_number: u32,
    pub replication_factor: u32,
    pub write_consistency_factor: u32,
    pub on_disk_payload: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_vectors: Option<BTreeMap<String, SparseParams>>,
}

/// The configuration as `GET` shows it under `config`, and as the catalogue keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionConfig {
    pub params: Params,
    pub hnsw_config: Object,
    pub optimizer_config: Object,
    pub wal_config: Object,
    #[serde(default)]
    pub quantization_config: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict_mode_config: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

impl CollectionConfig {
    /// What the crate is told.
    pub fn edge(&self) -> EdgeConfig {
        let dense = |params: &VectorParams| EdgeVectorParams {
            size: params.size.get() as usize,
            distance: params.distance,
            on_disk: params.on_disk,
            multivector_config: params.multivector_config,
            datatype: params.datatype,
            quantization_config: None,
            hnsw_config: None,
        };
        let sparse = |params: &SparseParams| EdgeSparseVectorParams {
            full_scan_threshold: None,
            on_disk: None,
            modifier: params.modifier,
            datatype: params.index.as_ref().and_then(|index| index.datatype),
        };
        let vectors = &self.params.vectors;
        let sparse_vectors = self.params.sparse_vectors.iter().flatten();
        EdgeConfig {
            on_disk_payload: self.params.on_disk_payload,
            vectors: vectors
                .iter()
                .map(|(name, params)| (name.to_owned(), dense(params)))
                .collect(),
            sparse_vectors: sparse_vectors
                .map(|(name, params)| (name.clone(), sparse(params)))
                .collect(),
            wal_options: Some(WalOptions {
                segment_capacity: WAL_SEGMENT_BYTES,
                ..WalOptions::default()
            }),
            ..EdgeConfig::default()
        }
    }
}
