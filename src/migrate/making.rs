//! Makes the embeddings of a backfill's pages, and counts what is paid for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};

use super::cache::{Cache, Key};
use super::embedding::{Answer, Texts, about_a_text, call, document};
use crate::domain::forecast::tokens_estimated;
use crate::domain::model::Model;
use crate::domain::plan::{Embed, Embedding};
use crate::domain::throttle::Spent;
use crate::embed::{EmbedFailure, Embedders};

/// What an embedder was asked for and answered, since somebody last asked how much that is.
#[derive(Debug, Default)]
pub(super) struct Meter {
    requests: AtomicU64,
    tokens: AtomicU64,
}

impl Meter {
    fn add(&self, spent: Spent) {
        self.requests.fetch_add(spent.requests, Ordering::Relaxed);
        self.tokens.fetch_add(spent.tokens, Ordering::Relaxed);
    }

    /// Since the last time.
    pub fn take(&self) -> Spent {
        Spent {
            requests: self.requests.swap(0, Ordering::Relaxed),
            tokens: self.tokens.swap(0, Ordering::Relaxed),
        }
    }
}

/// Makes a page's embeddings: each text once, with what was made before, in calls of as many texts as the model's
/// endpoint takes.
pub(super) struct Maker<'a> {
    /// Every model's embedder.
    pub embedders: &'a Embedders,
    /// The model.
    pub model: &'a Model,
    /// What was made lately.
    pub cache: &'a Cache,
    /// Texts in one call of the model's endpoint; absent where it has none, and costs nothing.
    pub batch_max: Option<usize>,
    /// Where what was asked for is counted.
    pub meter: &'a Meter,
}

/// One embedding a text, in order, shared with the cache; `None` for a text that the embedder refuses for good.
pub(super) struct Made {
    /// The embeddings.
    pub vectors: Vec<Option<Arc<Embedding>>>,
    /// What it said of the last one that it refuses.
    pub refused: Option<String>,
}

impl Maker<'_> {
    /// Calls of one page that are under way at once.
    const CALLS_MAX: usize = 2;
    /// What is embedded where every text of a page is refused, to see whether that is about the texts.
    const PROBE: &'static str = "text";

    /// What [`Self::make`] will ask for, as far as it can be told.
    pub fn estimate(&self, texts: &Texts) -> Spent {
        let Some(batch_max) = self.batch_max else {
            return Spent::default();
        };
        let keys = Key::of(self.model, texts.iter());
        let absent = self.cache.absent(&keys);
        let tokens = absent.iter().map(|place| self.tokens(texts.at(*place)));
        Spent {
            requests: absent.len().div_ceil(batch_max.max(1)) as u64,
            tokens: tokens.sum(),
        }
    }

    fn tokens(&self, text: &str) -> u64 {
        tokens_estimated(&self.model.document_prompt) + tokens_estimated(text)
    }

    /// Embeds documents.
    ///
    /// # Errors
    /// The embedder's, where asking again may help, or where it refuses every text.
    pub async fn make(&self, texts: &Texts) -> Result<Made, EmbedFailure> {
        let keys = Key::of(self.model, texts.iter());
        let mut vectors = vec![None; keys.len()];
        let mut refused = None;
        let mut open: Vec<usize> = (0..keys.len()).collect();
        while !open.is_empty() {
            let found = self.cache.look(&keys, &open);
            for (place, embedding) in found.made {
                vectors[place] = Some(embedding);
            }
            let size = self.batch_max.unwrap_or(usize::MAX).max(1);
            let calls: Vec<BoxFuture<'_, Result<Answer, EmbedFailure>>> = found
                .mine
                .chunks(size.min(found.mine.len().max(1)))
                .map(|places| Box::pin(self.one_call(texts, places)) as BoxFuture<'_, _>)
                .collect();
            // All of them are waited for: what was paid for is kept, whatever became of the others.
            let answers: Vec<Result<Answer, EmbedFailure>> =
                stream::iter(calls).buffered(Self::CALLS_MAX).collect().await;
            let mut failed = None;
            for (places, answer) in found.mine.chunks(size.min(found.mine.len().max(1))).zip(answers) {
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(failure) => {
                        failed.get_or_insert(failure);
                        continue;
                    }
                };
                for (place, embedding) in places.iter().zip(answer.vectors) {
                    let embedding = embedding.map(Arc::new);
                    if let Some(embedding) = &embedding {
                        found.claim.keep(keys[*place], embedding);
                    }
                    vectors[*place] = embedding;
                }
                refused = answer.refused.or(refused);
            }
            drop(found.claim);
            if let Some(failure) = failed {
                return Err(failure);
            }
            open.clear();
            for (place, mut other) in found.others {
                // Nothing is ever sent: it ends when the other one is done.
                while other.changed().await.is_ok() {}
                open.push(place);
            }
        }
        let refused = match about_a_text(refused, &vectors) {
            Ok(refused) => refused,
            // A page of nothing but such texts must not keep those behind it from being embedded.
            Err(failure) if self.embeds_anything().await => Some(failure.to_string()),
            Err(failure) => return Err(failure),
        };
        Ok(Made { vectors, refused })
    }

    /// Whether the embedder takes a text that nothing can be said against.
    async fn embeds_anything(&self) -> bool {
        let mut texts = Texts::default();
        let place = texts.add(Self::PROBE);
        match self.one_call(&texts, &[place]).await {
            Ok(answer) => answer.vectors.iter().all(Option::is_some),
            Err(_) => false,
        }
    }

    async fn one_call(&self, texts: &Texts, places: &[usize]) -> Result<Answer, EmbedFailure> {
        let text = |place: &usize| document(&self.model.id, texts.at(*place));
        let embeds: Vec<Embed> = places.iter().map(text).collect();
        let paid = |embeds: &[Embed]| {
            if self.batch_max.is_some() {
                let tokens = embeds.iter().map(|embed| self.tokens(&embed.text));
                self.meter.add(Spent {
                    requests: 1,
                    tokens: tokens.sum(),
                });
            }
        };
        call(self.embedders, &embeds, &paid).await
    }
}
