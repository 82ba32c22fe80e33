//! Every model's embedder by the model's id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;

use super::{EmbedError, Embedder, EmbedderSpec, Embedding, Purpose};
use crate::domain::model::{Kind, Model, ModelId};
use crate::domain::plan::Embed;

/// Why no embedder can be made of a specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEmbedder {
    /// Not an http or https URL.
    #[error("`{0}` is not the URL of an embedder: write http://host:port/path or https://…")]
    Url(String),
    /// The variable is not set.
    #[error("the environment variable `{0}`, which should hold the API key, is not set or not text")]
    NoKey(String),
    /// The embedder makes vectors of another kind.
    #[error("this embedder makes dense vectors only, and the model is of another kind")]
    Kind,
    /// A bound that allows nothing, or too much.
    #[error("`{name}` must be between {min} and {max}")]
    Bound {
        /// The key.
        name: &'static str,
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// The rarity table is damaged.
    #[error("the IDF table is damaged: fit it anew")]
    Idf,
    /// The HTTP client could not be made.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

/// The failure of one of the texts: with it, none is embedded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{model}: {error}")]
pub struct EmbedFailure {
    /// The index of the first text that failed.
    pub index: usize,
    /// Its model.
    pub model: ModelId,
    /// Whether a text that the request cannot go without failed; such a failure is told before any other.
    pub required: bool,
    /// Why.
    pub error: EmbedError,
}

struct Registered {
    model: Model,
    embedder: Option<Arc<dyn Embedder>>,
}

/// Looks up an environment variable.
type Secrets = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Every model's embedder. Models are added while requests run.
pub struct Embedders {
    by_model: ArcSwap<BTreeMap<ModelId, Arc<Registered>>>,
    secrets: Secrets,
}

impl fmt::Debug for Embedders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_model.load().keys()).finish()
    }
}

impl Embedders {
    /// None yet. API keys come from the process's environment.
    pub fn new() -> Self {
        Self::with_secrets(|name| std::env::var(name).ok())
    }

    /// None yet. API keys come from `secrets`, by the name of their variable.
    pub fn with_secrets(secrets: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            by_model: ArcSwap::default(),
            secrets: Arc::new(secrets),
        }
    }

    /// Adds a model, or replaces it.
    pub fn insert(&self, model: &Model, spec: &EmbedderSpec) -> Result<(), BadEmbedder> {
        todo!()
    }

    /// The embedder of a model, without prompts and checks.
    pub fn get(&self, model: &ModelId) -> Option<Arc<dyn Embedder>> {
        self.by_model.load().get(model)?.embedder.clone()
    }

    /// Embeds every text, in order: each model's and purpose's texts in one call as far as the embedder's own batch
    /// bound allows.
    pub async fn embed_all(&self, embeds: &[Embed]) -> Result<Vec<Embedding>, EmbedFailure> {
        todo!()
    }
}
