//! How a model's vectors are computed, as data: the store keeps it, `embed` builds an embedder from it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a model's vectors are computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EmbedderSpec {
    /// An HTTP endpoint that speaks OpenAI's embeddings API.
    #[serde(rename = "openai")]
    OpenAi(OpenAiSpec),
    /// Hashed words: signed feature hashing of lower-cased words. Local; needs no download.
    HashedWords {},
    /// Hashed character n-grams, weighted by rarity. Local; needs no download.
    CharNgrams {
        /// Where the rarity of an n-gram comes from.
        #[serde(default)]
        idf: Idf,
    },
    /// None: clients bring every vector themselves.
    #[default]
    None,
}

/// An endpoint that speaks OpenAI's embeddings API, with the bounds that hold for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiSpec {
    /// The full URL of the embeddings call, `http` or `https`.
    pub url: String,
    /// The model's name as the endpoint knows it.
    pub model: String,
    /// The environment variable that holds the API key. The key itself is never stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Sent as `dimensions` to endpoints that can shorten their vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// Texts in one call.
    #[serde(default = "defaults::batch_max")]
    pub batch_max: usize,
    /// For one call with its retries and its wait for a turn, in milliseconds.
    #[serde(default = "defaults::timeout_ms")]
    pub timeout_ms: u64,
    /// Calls at once.
    #[serde(default = "defaults::concurrency_max")]
    pub concurrency_max: usize,
    /// Calls that wait for a turn; one more is answered as busy.
    #[serde(default = "defaults::queue_max")]
    pub queue_max: usize,
    /// Further attempts after one that may be repeated.
    #[serde(default = "defaults::retries_max")]
    pub retries_max: u32,
    /// Size of one answer, in bytes.
    #[serde(default = "defaults::answer_bytes_max")]
    pub answer_bytes_max: usize,
    /// What a million tokens cost, in whatever currency the operator reckons; absent: nothing is reckoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_million_tokens: Option<f64>,
}

impl OpenAiSpec {
    /// An endpoint without a key, with the default bounds.
    pub fn new(url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            model: model.into(),
            api_key_env: None,
            dimensions: None,
            batch_max: defaults::batch_max(),
            timeout_ms: defaults::timeout_ms(),
            concurrency_max: defaults::concurrency_max(),
            queue_max: defaults::queue_max(),
            retries_max: defaults::retries_max(),
            answer_bytes_max: defaults::answer_bytes_max(),
            price_per_million_tokens: None,
        }
    }
}

/// Where the rarity (inverse document frequency, IDF) of an n-gram comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idf {
    /// Nowhere: every n-gram weighs the same.
    #[default]
    Uniform,
    /// Counted once in given texts, and part of the model from then on.
    Fitted(IdfTable),
}

/// How rare each n-gram is, by a hash of the n-gram. About 90 kB.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdfTable {
    /// One byte a bucket, base64: its IDF in sixteenths of a nat.
    pub weights: String,
}

impl fmt::Debug for IdfTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdfTable({} bytes of base64)", self.weights.len())
    }
}

mod defaults {
    pub(super) fn batch_max() -> usize {
        64
    }
    pub(super) fn timeout_ms() -> u64 {
        10_000
    }
    pub(super) fn concurrency_max() -> usize {
        8
    }
    pub(super) fn queue_max() -> usize {
        64
    }
    pub(super) fn retries_max() -> u32 {
        2
    }
    pub(super) fn answer_bytes_max() -> usize {
        32 * 1024 * 1024
    }
}
