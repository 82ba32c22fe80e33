//! The app's own encoder: it computes vectors as an app does, apart from the proxy, and remembers those of questions.

use std::sync::Arc;

use crate::domain::model::ModelId;
use crate::domain::plan::{Embed, Purpose};
use crate::embed::{Embedders, Embedding};

/// Computes the vectors of both models.
pub struct Encoder(Arc<Embedders>);

impl Encoder {
    /// Over embedders that know both models.
    pub fn new(embedders: Arc<Embedders>) -> Self {
        Self(embedders)
    }

    /// The vector of a question.
    pub async fn query(&self, model: &ModelId, text: &str) -> Result<Vec<f32>, String> {
        self.one(model, Purpose::Query, text).await
    }

    /// The vector of a document.
    pub async fn document(&self, model: &ModelId, text: &str) -> Result<Vec<f32>, String> {
        self.one(model, Purpose::Document, text).await
    }

    async fn one(&self, model: &ModelId, purpose: Purpose, text: &str) -> Result<Vec<f32>, String> {
        let embed = Embed {
            model: model.clone(),
            purpose,
            text: text.to_owned(),
            required: true,
        };
        let mut made = self
            .0
            .embed_all(&[embed])
            .await
            .map_err(|failure| failure.to_string())?;
        match made.pop() {
            Some(Embedding::Dense(vector)) => Ok(vector),
            Some(Embedding::Sparse { .. } | Embedding::Multi(_)) | None => {
                Err(format!("`{model}` gave no dense vector"))
            }
        }
    }
}

/// The cosine of two vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = length(a) * length(b);
    if scale == 0.0 { 0.0 } else { dot / scale }
}
