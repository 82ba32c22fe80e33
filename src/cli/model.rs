//! `interlock model add`: a model and its embedder, from the command line.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::admin::api::AddModel;
use crate::domain::embedder::{EmbedderSpec, Idf, IdfTable, OpenAiSpec};
use crate::domain::model::{Distance, Kind, Model, ModelId};

/// Most bytes of a file in which rarity is counted.
const IDF_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    Dense,
    Sparse,
    Multivector,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DistanceArg {
    Cosine,
    Dot,
    Euclid,
    Manhattan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EmbedderArg {
    /// An HTTP endpoint that speaks OpenAI's embeddings API; needs --url and --api-model.
    #[value(name = "openai")]
    OpenAi,
    /// Words hashed into components; computed by Interlock, for demos and tests.
    HashedWords,
    /// Character n-grams hashed into components, weighted by rarity where --idf-texts counts it; computed by Interlock.
    CharNgrams,
    /// None: clients bring every vector themselves.
    None,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ModelAddArgs {
    /// The model: a name alone is version 1.
    #[arg(value_name = "NAME[@VERSION]")]
    id: ModelId,
    /// Components of one vector; left out for a sparse model.
    #[arg(long, value_name = "N")]
    dim: Option<u32>,
    /// What it makes.
    #[arg(long, value_enum, default_value = "dense")]
    kind: KindArg,
    /// How its vectors are compared [default: cosine; dot for a sparse model].
    #[arg(long, value_enum)]
    distance: Option<DistanceArg>,
    /// Put before a query's text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    query_prompt: String,
    /// Put before a document's text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    document_prompt: String,
    /// How its vectors are computed.
    #[arg(long, value_enum)]
    embedder: EmbedderArg,
    /// With --embedder char-ngrams: a file of texts, one a line, in which the n-grams' rarity (IDF) is counted once;
    /// without it, every n-gram weighs the same.
    #[arg(long, value_name = "FILE")]
    idf_texts: Option<PathBuf>,
    #[command(flatten)]
    openai: OpenAiArgs,
}

/// Options of `--embedder openai`.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Options of --embedder openai")]
struct OpenAiArgs {
    /// The full URL of the embeddings call, e.g. https://host/v1/embeddings.
    #[arg(long, value_name = "URL", required_if_eq("embedder", "openai"))]
    url: Option<String>,
    /// The name that the endpoint knows the model by.
    #[arg(long, value_name = "NAME", required_if_eq("embedder", "openai"))]
    api_model: Option<String>,
    /// The environment variable of the Interlock process that holds the API key.
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// Sent as `dimensions` to endpoints that can shorten their vectors.
    #[arg(long, value_name = "N")]
    dimensions: Option<u32>,
    /// Texts in one call [default: 64].
    #[arg(long, value_name = "N")]
    batch_max: Option<usize>,
    /// For one call with its retries and its wait for a turn [default: 10000].
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Calls at once [default: 8].
    #[arg(long, value_name = "N")]
    concurrency_max: Option<usize>,
    /// Calls that wait for a turn; one more is answered as busy [default: 64].
    #[arg(long, value_name = "N")]
    queue_max: Option<usize>,
    /// Further attempts after one that may be repeated [default: 2].
    #[arg(long, value_name = "N")]
    retries_max: Option<u32>,
    /// What a million tokens cost, in the currency of your choice: `migrate plan` and `migrate status` reckon with it.
    #[arg(long, value_name = "PRICE")]
    price_per_million_tokens: Option<f64>,
}

impl ModelAddArgs {
    /// The request, or what is wrong with the options together.
    pub(super) fn request(self) -> Result<AddModel, String> {
        let (is_sparse, dimension) = match (self.kind, self.dim) {
            (KindArg::Sparse, None | Some(0)) => (true, 0),
            (KindArg::Sparse, Some(_)) => {
                return Err("a sparse model has no dimension: leave --dim out".to_owned());
            }
            (KindArg::Dense | KindArg::Multivector, Some(dimension)) if dimension > 0 => (false, dimension),
            (KindArg::Dense | KindArg::Multivector, None | Some(_)) => {
                return Err("--dim is needed: the components of one vector, at least 1".to_owned());
            }
        };
        let model = Model {
            id: self.id,
            kind: self.kind.into(),
            dimension,
            distance: match (self.distance, is_sparse) {
                (Some(distance), _) => distance.into(),
                (None, true) => Distance::Dot,
                (None, false) => Distance::Cosine,
            },
            query_prompt: self.query_prompt,
            document_prompt: self.document_prompt,
        };
        let idf_texts = self.idf_texts.as_deref();
        let stray = match self.embedder {
            EmbedderArg::OpenAi => idf_texts.map(|_| "idf-texts"),
            EmbedderArg::CharNgrams => self.openai.first_given(),
            EmbedderArg::HashedWords | EmbedderArg::None => {
                self.openai.first_given().or(idf_texts.map(|_| "idf-texts"))
            }
        };
        if let Some(option) = stray {
            return Err(format!("--{option} does not belong to this --embedder"));
        }
        let embedder = match self.embedder {
            EmbedderArg::OpenAi => EmbedderSpec::OpenAi(self.openai.spec()?),
            EmbedderArg::HashedWords => EmbedderSpec::HashedWords {},
            EmbedderArg::CharNgrams => EmbedderSpec::CharNgrams {
                idf: idf_texts.map_or(Ok(Idf::Uniform), fitted)?,
            },
            EmbedderArg::None => EmbedderSpec::None,
        };
        Ok(AddModel { model, embedder })
    }
}

/// Counts the rarity of n-grams in a file's lines.
fn fitted(file: &Path) -> Result<Idf, String> {
    let wrong = |what: String| format!("--idf-texts {}: {what}", file.display());
    let bytes = fs::metadata(file)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if bytes > IDF_BYTES_MAX {
        return Err(wrong(format!("it is over {IDF_BYTES_MAX} bytes")));
    }
    let texts = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let mut texts = texts.lines().filter(|text| !text.trim().is_empty()).peekable();
    match texts.peek() {
        Some(_) => Ok(Idf::Fitted(IdfTable::fit(texts))),
        None => Err(wrong("it holds no text".to_owned())),
    }
}

impl OpenAiArgs {
    fn spec(self) -> Result<OpenAiSpec, String> {
        let (Some(url), Some(api_model)) = (self.url, self.api_model) else {
            return Err("--embedder openai needs --url and --api-model".to_owned());
        };
        let default = OpenAiSpec::new(url, api_model);
        Ok(OpenAiSpec {
            api_key_env: self.api_key_env,
            dimensions: self.dimensions,
            batch_max: self.batch_max.unwrap_or(default.batch_max),
            timeout_ms: self.timeout_ms.unwrap_or(default.timeout_ms),
            concurrency_max: self.concurrency_max.unwrap_or(default.concurrency_max),
            queue_max: self.queue_max.unwrap_or(default.queue_max),
            retries_max: self.retries_max.unwrap_or(default.retries_max),
            price_per_million_tokens: self.price_per_million_tokens,
            ..default
        })
    }

    fn first_given(&self) -> Option<&'static str> {
        [
            ("url", self.url.is_some()),
            ("api-model", self.api_model.is_some()),
            ("api-key-env", self.api_key_env.is_some()),
            ("dimensions", self.dimensions.is_some()),
            ("batch-max", self.batch_max.is_some()),
            ("timeout-ms", self.timeout_ms.is_some()),
            ("concurrency-max", self.concurrency_max.is_some()),
            ("queue-max", self.queue_max.is_some()),
            ("retries-max", self.retries_max.is_some()),
            (
                "price-per-million-tokens",
                self.price_per_million_tokens.is_some(),
            ),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
    }
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Dense => Self::Dense,
            KindArg::Sparse => Self::Sparse,
            KindArg::Multivector => Self::Multivector,
        }
    }
}

impl From<DistanceArg> for Distance {
    fn from(distance: DistanceArg) -> Self {
        match distance {
            DistanceArg::Cosine => Self::Cosine,
            DistanceArg::Dot => Self::Dot,
            DistanceArg::Euclid => Self::Euclid,
            DistanceArg::Manhattan => Self::Manhattan,
        }
    }
}
