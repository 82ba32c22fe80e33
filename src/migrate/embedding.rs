//! The texts of a page, each embedded once, and embeddings as Qdrant takes them.

use std::collections::HashMap;
use std::sync::Arc;

use qdrant_client::qdrant::{DenseVector, MultiDenseVector, SparseVector, Vector, vector};

use crate::domain::model::ModelId;
use crate::domain::plan::{Embed, Embedding, Purpose};
use crate::embed::{EmbedError, EmbedFailure, Embedders};

/// Texts without repetitions.
#[derive(Default)]
pub(super) struct Texts {
    texts: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
}

impl Texts {
    /// Each of `texts` once.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for text in texts {
            all.add(text);
        }
        all
    }

    /// Adds a text, where it is not there. Returns where it stands.
    pub fn add(&mut self, text: impl AsRef<str>) -> usize {
        let text = text.as_ref();
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let text: Arc<str> = text.into();
        self.places.insert(Arc::clone(&text), self.texts.len());
        self.texts.push(text);
        self.texts.len() - 1
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }

    /// The text at a place that [`Self::add`] returned.
    pub fn at(&self, place: usize) -> &str {
        &self.texts[place]
    }

    /// Where a text stands among them.
    pub fn place(&self, text: &str) -> Option<usize> {
        self.places.get(text).copied()
    }
}

/// One embedding a text, in order; `None` for a text that the embedder refuses for good.
pub(super) struct Embedded {
    /// The embeddings.
    pub vectors: Vec<Option<Embedding>>,
    /// What it said of the last one that it refuses.
    pub refused: Option<String>,
}

/// Embeds documents.
///
/// # Errors
/// The embedder's, where asking again may help, or where it refuses every text.
pub(super) async fn all(
    embedders: &Embedders,
    model: &ModelId,
    texts: &Texts,
) -> Result<Embedded, EmbedFailure> {
    let embeds: Vec<Embed> = texts.texts.iter().map(|text| document(model, text)).collect();
    let answer = call(embedders, &embeds, &|_| ()).await?;
    let refused = about_a_text(answer.refused, &answer.vectors)?;
    Ok(Embedded {
        vectors: answer.vectors,
        refused,
    })
}

/// One call's embeddings, and the last refusal of a text.
pub(super) struct Answer {
    /// The embeddings.
    pub vectors: Vec<Option<Embedding>>,
    /// What it said of that text.
    pub refused: Option<EmbedFailure>,
}

/// What was refused, where not everything was: then that is about the embedder, not about a text.
pub(super) fn about_a_text<V>(
    refused: Option<EmbedFailure>,
    vectors: &[Option<V>],
) -> Result<Option<String>, EmbedFailure> {
    match refused {
        Some(failure) if vectors.iter().all(Option::is_none) => Err(failure),
        refused => Ok(refused.map(|failure| failure.to_string())),
    }
}

/// Embeds texts together, or, where one of them is refused, each alone: it must not keep the others from being embedded.
/// `paid` hears of every call that was answered.
pub(super) async fn call(
    embedders: &Embedders,
    embeds: &[Embed],
    paid: &(dyn Fn(&[Embed]) + Sync),
) -> Result<Answer, EmbedFailure> {
    if embeds.is_empty() {
        return Ok(Answer {
            vectors: Vec::new(),
            refused: None,
        });
    }
    let mut answer = Answer {
        vectors: Vec::with_capacity(embeds.len()),
        refused: None,
    };
    match embedders.embed_all(embeds).await {
        Ok(vectors) => {
            paid(embeds);
            answer.vectors.extend(vectors.into_iter().map(Some));
            return Ok(answer);
        }
        Err(failure) if !is_about_a_text(&failure.error) => return Err(failure),
        Err(failure) if embeds.len() == 1 => {
            answer.vectors.push(None);
            answer.refused = Some(failure);
            return Ok(answer);
        }
        Err(_) => {}
    }
    for embed in embeds {
        let embed = std::slice::from_ref(embed);
        match embedders.embed_all(embed).await {
            Ok(one) => {
                paid(embed);
                answer.vectors.push(one.into_iter().next());
            }
            Err(failure) if is_about_a_text(&failure.error) => {
                answer.vectors.push(None);
                answer.refused = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(answer)
}

fn is_about_a_text(error: &EmbedError) -> bool {
    match error {
        EmbedError::Rejected(_) | EmbedError::WrongShape { .. } => true,
        EmbedError::Unavailable { .. } | EmbedError::Timeout | EmbedError::Busy | EmbedError::NoEmbedder => {
            false
        }
    }
}

pub(super) fn document(model: &ModelId, text: &str) -> Embed {
    Embed {
        model: model.clone(),
        purpose: Purpose::Document,
        text: text.to_owned(),
        required: true,
    }
}

/// An embedding on its way out.
pub(super) fn proto(embedding: &Embedding) -> Vector {
    let vector = match embedding {
        Embedding::Dense(data) => vector::Vector::Dense(DenseVector { data: data.clone() }),
        Embedding::Sparse { indices, values } => vector::Vector::Sparse(SparseVector {
            values: values.clone(),
            indices: indices.clone(),
        }),
        Embedding::Multi(rows) => vector::Vector::MultiDense(MultiDenseVector {
            vectors: rows.iter().map(|row| DenseVector { data: row.clone() }).collect(),
        }),
    };
    Vector {
        vector: Some(vector),
        ..Vector::default()
    }
}
