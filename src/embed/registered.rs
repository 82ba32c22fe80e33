//! Every model's embedder by the model's id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;

use super::hashed::Hashed;
use super::openai::OpenAi;
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
    /// A user name or password in the URL, which would be stored.
    #[error("the URL must not hold a user name or password: name a variable in `api_key_env`")]
    Credentials,
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
    /// A price that is none.
    #[error("`price_per_million_tokens` must be 0 or more")]
    Price,
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

/// The largest dimension that Qdrant takes.
const DIMENSION_MAX: u32 = 65_536;

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

impl Default for Embedders {
    fn default() -> Self {
        Self::new()
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
        self.register(model, build(model, spec, &self.secrets)?);
        Ok(())
    }

    /// Adds a model with an embedder that is there, or replaces it; `None`: clients bring its vectors.
    pub fn register(&self, model: &Model, embedder: Option<Arc<dyn Embedder>>) {
        let entry = Arc::new(Registered {
            embedder,
            model: model.clone(),
        });
        self.by_model.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.insert(model.id.clone(), Arc::clone(&entry));
            all
        });
    }

    /// The embedder of a model, without prompts and checks.
    pub fn get(&self, model: &ModelId) -> Option<Arc<dyn Embedder>> {
        self.by_model.load().get(model)?.embedder.clone()
    }

    /// Embeds every text, in order: each model's and purpose's texts in one call as far as the embedder's own batch
    /// bound allows, the calls at once. Prompts are put before the texts here, and what comes back is checked.
    pub async fn embed_all(&self, embeds: &[Embed]) -> Result<Vec<Embedding>, EmbedFailure> {
        let mut groups: BTreeMap<(&ModelId, bool), Vec<usize>> = BTreeMap::new();
        for (index, embed) in embeds.iter().enumerate() {
            let is_query = embed.purpose == Purpose::Query;
            groups.entry((&embed.model, is_query)).or_default().push(index);
        }
        let models = self.by_model.load_full();
        let calls = groups.values().map(|group| embed_group(&models, embeds, group));
        let mut all: Vec<Option<Embedding>> = embeds.iter().map(|_| None).collect();
        let mut failure: Option<EmbedFailure> = None;
        for (group, answer) in groups.values().zip(join_all(calls).await) {
            match answer {
                Ok(vectors) => {
                    for (index, vector) in group.iter().zip(vectors) {
                        all[*index] = Some(vector);
                    }
                }
                Err(error) => {
                    let told = EmbedFailure {
                        index: group[0],
                        model: embeds[group[0]].model.clone(),
                        required: group.iter().any(|index| embeds[*index].required),
                        error,
                    };
                    if failure
                        .as_ref()
                        .is_none_or(|first| told.required && !first.required)
                    {
                        failure = Some(told);
                    }
                }
            }
        }
        match failure {
            Some(failure) => Err(failure),
            // Every group gave one vector an index: `check` counted them.
            None => Ok(all.into_iter().flatten().collect()),
        }
    }
}

/// Embeds the texts of one model and one purpose.
async fn embed_group(
    models: &BTreeMap<ModelId, Arc<Registered>>,
    embeds: &[Embed],
    group: &[usize],
) -> Result<Vec<Embedding>, EmbedError> {
    let first = &embeds[group[0]];
    let registered = models.get(&first.model).ok_or(EmbedError::NoEmbedder)?;
    let embedder = registered.embedder.as_ref().ok_or(EmbedError::NoEmbedder)?;
    let prompt = match first.purpose {
        Purpose::Query => &registered.model.query_prompt,
        Purpose::Document => &registered.model.document_prompt,
    };
    let texts: Vec<String> = group
        .iter()
        .map(|index| format!("{prompt}{}", embeds[*index].text))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder.embed(first.purpose, &texts).await?;
    check(&registered.model, texts.len(), &vectors)?;
    Ok(vectors)
}

fn wrong(expected: impl Into<String>, got: impl Into<String>) -> EmbedError {
    EmbedError::WrongShape {
        expected: expected.into(),
        got: got.into(),
    }
}

/// Holds the answer against the model's promise.
fn check(model: &Model, texts: usize, vectors: &[Embedding]) -> Result<(), EmbedError> {
    if vectors.len() != texts {
        return Err(wrong(format!("{texts} vectors"), vectors.len().to_string()));
    }
    vectors.iter().try_for_each(|vector| match (model.kind, vector) {
        (Kind::Dense, Embedding::Dense(row)) => check_row(model, row),
        (Kind::Multivector, Embedding::Multi(rows)) if !rows.is_empty() => {
            rows.iter().try_for_each(|row| check_row(model, row))
        }
        (Kind::Sparse, Embedding::Sparse { indices, values }) => check_sparse(indices, values),
        (Kind::Dense | Kind::Sparse | Kind::Multivector, _) => {
            Err(wrong(format!("{:?} vectors", model.kind), "another kind"))
        }
    })
}

fn check_row(model: &Model, row: &[f32]) -> Result<(), EmbedError> {
    if row.len() != model.dimension as usize {
        let expected = format!("{} components", model.dimension);
        return Err(wrong(expected, row.len().to_string()));
    }
    check_finite(row)
}

fn check_sparse(indices: &[u32], values: &[f32]) -> Result<(), EmbedError> {
    if indices.len() != values.len() {
        return Err(wrong(
            format!("{} values", indices.len()),
            values.len().to_string(),
        ));
    }
    if !indices.is_sorted_by(|a, b| a < b) {
        return Err(wrong("ascending indices", "another order"));
    }
    check_finite(values)
}

fn check_finite(values: &[f32]) -> Result<(), EmbedError> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(wrong("finite components", value.to_string())),
        None => Ok(()),
    }
}

/// Makes the embedder that a specification describes; `None` where it describes none.
fn build(
    model: &Model,
    spec: &EmbedderSpec,
    secrets: &Secrets,
) -> Result<Option<Arc<dyn Embedder>>, BadEmbedder> {
    if *spec == EmbedderSpec::None {
        return Ok(None);
    }
    if model.kind != Kind::Dense {
        return Err(BadEmbedder::Kind);
    }
    if model.dimension == 0 || model.dimension > DIMENSION_MAX {
        return Err(BadEmbedder::Bound {
            name: "dimension",
            min: 1,
            max: DIMENSION_MAX.into(),
        });
    }
    let dimension = model.dimension as usize;
    Ok(match spec {
        EmbedderSpec::OpenAi(spec) => Some(Arc::new(OpenAi::new(spec, &**secrets)?)),
        EmbedderSpec::HashedWords {} => Some(Arc::new(Hashed::words(dimension))),
        EmbedderSpec::CharNgrams { idf } => Some(Arc::new(Hashed::ngrams(dimension, idf)?)),
        EmbedderSpec::None => None,
    })
}

#[cfg(test)]
mod tests;
