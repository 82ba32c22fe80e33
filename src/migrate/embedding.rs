//! The texts of a page, each embedded once, and embeddings as Qdrant takes them.

use std::collections::HashMap;

use qdrant_client::qdrant::{DenseVector, MultiDenseVector, SparseVector, Vector, vector};

use crate::domain::model::ModelId;
use crate::domain::plan::{Embed, Embedding, Purpose};
use crate::embed::{EmbedError, EmbedFailure, Embedders};

/// Texts without repetitions.
pub(super) struct Texts {
    texts: Vec<String>,
    places: HashMap<String, usize>,
}

impl Texts {
    /// Each of `texts` once.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self {
            texts: Vec::new(),
            places: HashMap::new(),
        };
        for text in texts {
            if !all.places.contains_key(text) {
                all.places.insert(text.to_owned(), all.texts.len());
                all.texts.push(text.to_owned());
            }
        }
        all
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
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
    if embeds.is_empty() {
        return Ok(Embedded {
            vectors: Vec::new(),
            refused: None,
        });
    }
    match embedders.embed_all(&embeds).await {
        Ok(vectors) => Ok(Embedded {
            vectors: vectors.into_iter().map(Some).collect(),
            refused: None,
        }),
        Err(failure) if embeds.len() > 1 && is_about_a_text(&failure.error) => {
            one_by_one(embedders, &embeds).await
        }
        Err(failure) => Err(failure),
    }
}

/// One text that the embedder refuses must not keep the page's others from being embedded.
async fn one_by_one(embedders: &Embedders, embeds: &[Embed]) -> Result<Embedded, EmbedFailure> {
    let mut vectors = Vec::with_capacity(embeds.len());
    let mut last = None;
    for embed in embeds {
        match embedders.embed_all(std::slice::from_ref(embed)).await {
            Ok(one) => vectors.push(one.into_iter().next()),
            Err(failure) if is_about_a_text(&failure.error) => {
                vectors.push(None);
                last = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    match last {
        // All of them: that is about the embedder, not about a text.
        Some(failure) if vectors.iter().all(Option::is_none) => Err(failure),
        last => Ok(Embedded {
            vectors,
            refused: last.map(|failure| failure.to_string()),
        }),
    }
}

fn is_about_a_text(error: &EmbedError) -> bool {
    match error {
        EmbedError::Rejected(_) | EmbedError::WrongShape { .. } => true,
        EmbedError::Unavailable { .. } | EmbedError::Timeout | EmbedError::Busy | EmbedError::NoEmbedder => {
            false
        }
    }
}

fn document(model: &ModelId, text: &str) -> Embed {
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
