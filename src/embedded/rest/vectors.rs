//! JSON of vectors in writes, what is wrong with them by themselves, and the refusal of inference.

use std::collections::HashMap;

use qdrant_edge::{SparseVector, VectorPersisted, VectorStructPersisted};
use serde::Deserialize;

use crate::embedded::errors::{ApiError, ApiResult};

/// Text, an image or an object that a model is to embed.
#[derive(Deserialize)]
pub struct Inference {
    model: String,
}

impl Inference {
    /// The refusal of it.
    pub fn refused(&self) -> ApiError {
        ApiError::unimplemented(&format!("inference (model {:?})", self.model))
    }
}

/// One vector. What is to be embedded is recognised and refused.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Vector {
    Dense(Vec<f32>),
    Sparse(SparseVector),
    MultiDense(Vec<Vec<f32>>),
    Inference(Inference),
}

/// A point's vectors.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum VectorStruct {
    Single(Vec<f32>),
    MultiDense(Vec<Vec<f32>>),
    Named(HashMap<String, Vector>),
    Inference(Inference),
}

impl TryFrom<Vector> for VectorPersisted {
    type Error = ApiError;

    fn try_from(vector: Vector) -> ApiResult<Self> {
        match vector {
            Vector::Dense(vector) => Ok(Self::Dense(vector)),
            Vector::Sparse(vector) => Ok(Self::Sparse(vector)),
            Vector::MultiDense(vectors) => Ok(Self::MultiDense(vectors)),
            Vector::Inference(inference) => Err(inference.refused()),
        }
    }
}

impl Vector {
    /// What is wrong with it by itself, and in which field.
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Dense(vector) => vector
                .is_empty()
                .then_some("vector: dense vector must not be empty"),
            Self::Sparse(vector) => sparse_fault(vector),
            Self::MultiDense(rows) => {
                let empty = rows.iter().any(Vec::is_empty);
                let uneven = rows.windows(2).any(|pair| pair[0].len() != pair[1].len());
                empty
                    .then_some("data: all vectors must be non-empty")
                    .or(uneven.then_some("data: all vectors must have the same dimension"))
            }
            Self::Inference(_) => None,
        }
    }
}

/// What is wrong with a sparse vector by itself.
pub fn sparse_fault(vector: &SparseVector) -> Option<&'static str> {
    if vector.indices.len() != vector.values.len() {
        return Some("values: Validation error: must be the same length as indices [{}]");
    }
    crate::embedded::vectors::check_sparse(vector)
        .is_err()
        .then_some("indices: Validation error: must be unique [{}]")
}

impl VectorStruct {
    /// # Errors
    /// A vector of the point at `place` is malformed by itself.
    pub fn check(&self, place: usize) -> ApiResult<()> {
        let fault = match self {
            Self::Single(vector) if vector.is_empty() => {
                Some("vector.vector: dense vector must not be empty".to_owned())
            }
            Self::MultiDense(rows) if rows.iter().any(Vec::is_empty) => {
                Some("vector.data: all vectors must be non-empty".to_owned())
            }
            Self::Named(map) => map
                .values()
                .find_map(Vector::fault)
                .map(|fault| format!("vector.?.{fault}")),
            Self::Single(_) | Self::MultiDense(_) | Self::Inference(_) => None,
        };
        match fault {
            Some(fault) => Err(ApiError::validation(format!("points[{place}].{fault}"))),
            None => Ok(()),
        }
    }
}

impl TryFrom<VectorStruct> for VectorStructPersisted {
    type Error = ApiError;

    fn try_from(vectors: VectorStruct) -> ApiResult<Self> {
        match vectors {
            VectorStruct::Single(vector) => Ok(Self::Single(vector)),
            VectorStruct::MultiDense(vectors) => Ok(Self::MultiDense(vectors)),
            VectorStruct::Named(map) => {
                let named = map
                    .into_iter()
                    .map(|(name, vector)| Ok((name, vector.try_into()?)));
                Ok(Self::Named(named.collect::<ApiResult<_>>()?))
            }
            VectorStruct::Inference(inference) => Err(inference.refused()),
        }
    }
}
