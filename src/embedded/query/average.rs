//! The one vector that the `average_vector` strategy of recommendation asks for: the mean of the positives, pushed
//! away from the mean of the negatives by as much. Pure.

use std::collections::BTreeMap;

use qdrant_edge::{SparseVector, VectorInternal};

use crate::embedded::errors::{ApiError, ApiResult};

const DENSE: &str = "dense";

/// `2 p - n` for the means `p` and `n`, or `p` where there are no negatives. Multi vectors are joined, the negatives
/// with their sign turned.
///
/// # Errors
/// No positives, or vectors of different kinds.
pub fn average(positives: Vec<VectorInternal>, negatives: Vec<VectorInternal>) -> ApiResult<VectorInternal> {
    let positive = mean(positives)?;
    if negatives.is_empty() {
        return Ok(positive);
    }
    match (positive, mean(negatives)?) {
        (VectorInternal::Dense(p), VectorInternal::Dense(n)) => Ok(VectorInternal::Dense(
            p.iter().zip(&n).map(|(p, n)| p + p - n).collect(),
        )),
        (VectorInternal::Sparse(p), VectorInternal::Sparse(n)) => {
            let mut weights = BTreeMap::new();
            add(&mut weights, &p, 2.0);
            add(&mut weights, &n, -1.0);
            Ok(sparse(weights))
        }
        (VectorInternal::MultiDense(mut p), VectorInternal::MultiDense(n)) => {
            p.flattened_vectors
                .extend(n.flattened_vectors.iter().map(|value| -value));
            Ok(VectorInternal::MultiDense(p))
        }
        (VectorInternal::Dense(_) | VectorInternal::Sparse(_) | VectorInternal::MultiDense(_), _) => {
            Err(mixed())
        }
    }
}

fn mixed() -> ApiError {
    ApiError::bad_input("Can't average vectors with different types")
}

fn mean(vectors: Vec<VectorInternal>) -> ApiResult<VectorInternal> {
    let count = vectors.len() as f32;
    let kind = |vector: &VectorInternal| match vector {
        VectorInternal::Dense(_) => DENSE,
        VectorInternal::Sparse(_) => "sparse",
        VectorInternal::MultiDense(_) => "multi",
    };
    if vectors.windows(2).any(|pair| kind(&pair[0]) != kind(&pair[1])) {
        return Err(mixed());
    }
    let mut vectors = vectors.into_iter();
    let none = || ApiError::bad_input("Positive vectors should not be empty with `average` strategy");
    match vectors.next().ok_or_else(none)? {
        VectorInternal::Dense(mut sum) => {
            for vector in vectors {
                if let VectorInternal::Dense(vector) = vector {
                    sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
                }
            }
            Ok(VectorInternal::Dense(
                sum.into_iter().map(|value| value / count).collect(),
            ))
        }
        VectorInternal::Sparse(first) => {
            let mut weights = BTreeMap::new();
            add(&mut weights, &first, 1.0);
            for vector in vectors {
                if let VectorInternal::Sparse(vector) = vector {
                    add(&mut weights, &vector, 1.0);
                }
            }
            weights.values_mut().for_each(|value| *value /= count);
            Ok(sparse(weights))
        }
        VectorInternal::MultiDense(mut joined) => {
            for vector in vectors {
                if let VectorInternal::MultiDense(vector) = vector {
                    joined.flattened_vectors.extend(vector.flattened_vectors);
                }
            }
            Ok(VectorInternal::MultiDense(joined))
        }
    }
}

fn add(weights: &mut BTreeMap<u32, f32>, vector: &SparseVector, factor: f32) {
    for (index, value) in vector.indices.iter().zip(&vector.values) {
        *weights.entry(*index).or_insert(0.0) += factor * value;
    }
}

fn sparse(weights: BTreeMap<u32, f32>) -> VectorInternal {
    let (indices, values) = weights.into_iter().unzip();
    VectorInternal::Sparse(SparseVector { indices, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negatives_push_the_mean_away() {
        let dense = |values: [f32; 2]| VectorInternal::Dense(values.to_vec());
        let got = average(
            vec![dense([1.0, 0.0]), dense([3.0, 2.0])],
            vec![dense([0.0, 4.0])],
        )
        .unwrap();
        assert_eq!(got, dense([4.0, -2.0]));
    }

    #[test]
    fn no_positives_and_mixed_kinds_are_refused() {
        assert!(
            average(vec![], vec![])
                .unwrap_err()
                .text
                .starts_with("Positive vectors should not be empty")
        );
        let sparse = VectorInternal::Sparse(SparseVector {
            indices: vec![1],
            values: vec![1.0],
        });
        let mixed = average(vec![VectorInternal::Dense(vec![1.0]), sparse], vec![]);
        assert!(mixed.unwrap_err().text.starts_with("Can't average"));
    }
}
