//! Embedders: text in, vectors out. Called by the engine (requests) and the migration (backfill) through
//! [`Embedders`], which adds the model's prompts and checks what comes back. Knows nothing of tables or spaces.

mod hashed;
mod openai;
mod registered;

use std::time::Duration;

use futures_util::future::BoxFuture;

pub use crate::domain::embedder::{EmbedderSpec, Idf, IdfTable, OpenAiSpec};
pub use crate::domain::plan::{Embedding, Purpose};
pub use registered::{BadEmbedder, EmbedFailure, Embedders};

/// Computes one model's vectors.
pub trait Embedder: Send + Sync + 'static {
    /// One embedding a text, in order. Prompts are already in the texts.
    fn embed<'a>(
        &'a self,
        purpose: Purpose,
        texts: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Embedding>, EmbedError>>;
}

/// Why texts were not embedded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EmbedError {
    /// It cannot be reached, or says that it cannot serve now.
    #[error("the embedder is unavailable: {why}")]
    Unavailable {
        /// When it wants to be asked again, where it said so.
        retry_after: Option<Duration>,
        /// What happened, without addresses.
        why: String,
    },
    /// No answer in time.
    #[error("the embedder did not answer in time")]
    Timeout,
    /// Too many calls wait for it.
    #[error("too many texts wait for the embedder")]
    Busy,
    /// It refuses these texts or this caller; asking again will not help.
    #[error("the embedder refuses: {0}")]
    Rejected(String),
    /// What it answered is not what the model promises.
    #[error("the embedder's answer is wrong: expected {expected}, got {got}")]
    WrongShape {
        /// What the model promises.
        expected: String,
        /// What came.
        got: String,
    },
    /// The model has none.
    #[error("the model has no embedder: send vectors, or set one with `interlock model add`")]
    NoEmbedder,
}

impl EmbedError {
    /// Whether it may pass when the embedder is left alone for a while.
    pub fn is_about_load(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Timeout | Self::Busy => true,
            Self::Rejected(_) | Self::WrongShape { .. } | Self::NoEmbedder => false,
        }
    }

    /// When the embedder wants to be asked again, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Timeout | Self::Busy | Self::Rejected(_) | Self::WrongShape { .. } | Self::NoEmbedder => {
                None
            }
        }
    }

    /// Stable, snake_case; a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Rejected(_) => "rejected",
            Self::WrongShape { .. } => "wrong_shape",
            Self::NoEmbedder => "no_embedder",
        }
    }
}
