//! How near two embeddings are.

use crate::domain::plan::Embedding;

/// The cosine of two embeddings of one shape, of a multivector's rows the lowest; `None` where their shapes differ. Two
/// that are zero are equal.
pub fn cosine(one: &Embedding, other: &Embedding) -> Option<f64> {
    match (one, other) {
        (Embedding::Dense(one), Embedding::Dense(other)) => dense(one, other),
        (
            Embedding::Sparse { indices, values },
            Embedding::Sparse {
                indices: other_indices,
                values: other_values,
            },
        ) => Some(sparse((indices, values), (other_indices, other_values))),
        (Embedding::Multi(one), Embedding::Multi(other)) if one.len() == other.len() => {
            let mut rows = one.iter().zip(other).map(|(one, other)| dense(one, other));
            rows.try_fold(1.0, |lowest: f64, row| Some(lowest.min(row?)))
        }
        (Embedding::Dense(_) | Embedding::Sparse { .. } | Embedding::Multi(_), _) => None,
    }
}

fn dense(one: &[f32], other: &[f32]) -> Option<f64> {
    if one.len() != other.len() {
        return None;
    }
    let product = one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b));
    Some(ratio(product.sum(), square(one), square(other)))
}

/// Indices ascend in both.
fn sparse(one: (&[u32], &[f32]), other: (&[u32], &[f32])) -> f64 {
    let of = |index: &u32| {
        let at = other.0.binary_search(index).ok()?;
        other.1.get(at).map(|value| f64::from(*value))
    };
    let pairs = one.0.iter().zip(one.1);
    let product = pairs.filter_map(|(index, value)| Some(f64::from(*value) * of(index)?));
    ratio(product.sum(), square(one.1), square(other.1))
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum()
}

fn ratio(product: f64, one: f64, other: f64) -> f64 {
    match (one > 0.0, other > 0.0) {
        (true, true) => product / (one.sqrt() * other.sqrt()),
        (false, false) => 1.0,
        (true, false) | (false, true) => 0.0,
    }
}
