//! Vectors against a collection's schema: names, kinds and dimensions, in Qdrant's words. Used before a write is
//! journalled and before a query is run.

use qdrant_edge::{SparseVector, VectorInternal, VectorPersisted, VectorStructPersisted};

use super::collections::Collection;
use super::config::CollectionConfig;
use super::errors::{ApiError, ApiResult};

/// Checks every vector of a write. Dimensions come first, as in Qdrant.
///
/// # Errors
/// A name, kind or dimension is not the schema's.
pub fn check_all<'a>(
    collection: &Collection,
    structs: impl Iterator<Item = &'a VectorStructPersisted> + Clone,
) -> ApiResult<()> {
    let config = &collection.config;
    for vectors in structs.clone() {
        each(vectors, |name, vector, named| {
            check_dimension(config, name, vector, named)
        })?;
    }
    for vectors in structs {
        each(vectors, |name, vector, _| {
            check_name(config, name)?;
            check_kind(config, name, vector)
        })?;
    }
    Ok(())
}

/// # Errors
/// The collection has no vector of that name.
pub fn check_name(config: &CollectionConfig, name: &str) -> ApiResult<()> {
    let sparse = config
        .params
        .sparse_vectors
        .as_ref()
        .is_some_and(|map| map.contains_key(name));
    if sparse || config.params.vectors.get(name).is_some() {
        return Ok(());
    }
    Err(ApiError::bad_input(format!(
        "Not existing vector name error: {name}"
    )))
}

/// As [`check_name`], in the words of the matrix routes.
///
/// # Errors
/// The collection has no vector of that name.
pub fn check_named(config: &CollectionConfig, name: &str) -> ApiResult<()> {
    check_name(config, name).map_err(|_| {
        let dense = config.params.vectors.iter().map(|(name, _)| name);
        let sparse = config
            .params
            .sparse_vectors
            .iter()
            .flat_map(|map| map.keys().map(String::as_str));
        let mut names: Vec<&str> = dense.chain(sparse).collect();
        names.sort_unstable();
        let names = names.join(", ");
        ApiError::bad_input(if name.is_empty() {
            format!("Collection requires specified vector name in the request, available names: {names}")
        } else {
            format!(
                "Vector with name `{name}` is not configured in this collection, available names: {names}"
            )
        })
    })
}

/// Checks a query's vector against the space that it is to rank.
///
/// # Errors
/// A name, kind or dimension is not the schema's.
pub fn check_query(config: &CollectionConfig, name: &str, vector: &VectorInternal) -> ApiResult<()> {
    check_name(config, name)?;
    let vector = VectorPersisted::from(vector.clone());
    check_kind_of(config, name, &vector, false)?;
    check_dimension(config, name, &vector, false)
}

/// A borrowed vector of a point.
enum Borrowed<'a> {
    Dense(&'a [f32]),
    Sparse(&'a SparseVector),
    Multi(&'a [Vec<f32>]),
}

impl<'a> From<&'a VectorPersisted> for Borrowed<'a> {
    fn from(vector: &'a VectorPersisted) -> Self {
        match vector {
            VectorPersisted::Dense(vector) => Self::Dense(vector),
            VectorPersisted::Sparse(vector) => Self::Sparse(vector),
            VectorPersisted::MultiDense(vectors) => Self::Multi(vectors),
        }
    }
}

fn each<'a>(
    vectors: &'a VectorStructPersisted,
    mut check: impl FnMut(&str, Borrowed<'a>, bool) -> ApiResult<()>,
) -> ApiResult<()> {
    match vectors {
        VectorStructPersisted::Single(vector) => check("", Borrowed::Dense(vector), false),
        VectorStructPersisted::MultiDense(vectors) => check("", Borrowed::Multi(vectors), false),
        VectorStructPersisted::Named(map) => map
            .iter()
            .try_for_each(|(name, vector)| check(name, Borrowed::from(vector), true)),
    }
}

fn check_dimension<'a>(
    config: &CollectionConfig,
    name: &str,
    vector: impl Into<Borrowed<'a>>,
    named: bool,
) -> ApiResult<()> {
    let Some(params) = config.params.vectors.get(name) else {
        return Ok(());
    };
    let expected = params.size.get() as usize;
    let check = |len: usize| {
        if len == expected {
            return Ok(());
        }
        let place = if named {
            format!(" for vector '{name}'")
        } else {
            String::new()
        };
        let text = format!("Vector dimension error: expected dim: {expected}, got {len}{place}");
        Err(ApiError::bad_input(text))
    };
    match vector.into() {
        Borrowed::Dense(vector) => check(vector.len()),
        Borrowed::Multi(vectors) => vectors.iter().try_for_each(|vector| check(vector.len())),
        Borrowed::Sparse(_) => Ok(()),
    }
}

fn check_kind(config: &CollectionConfig, name: &str, vector: Borrowed<'_>) -> ApiResult<()> {
    if let Borrowed::Sparse(sparse) = &vector {
        check_sparse(sparse)?;
    }
    check_kind_of(config, name, vector, true)
}

fn check_kind_of<'a>(
    config: &CollectionConfig,
    name: &str,
    vector: impl Into<Borrowed<'a>>,
    stored: bool,
) -> ApiResult<()> {
    let sparse = |kind| ApiError::bad_input(format!("Conversion between {kind} and regular vectors failed"));
    let dense_params = config.params.vectors.get(name);
    match (vector.into(), dense_params) {
        (Borrowed::Sparse(_), Some(_)) | (Borrowed::Dense(_) | Borrowed::Multi(_), None) => {
            Err(sparse("sparse"))
        }
        (Borrowed::Multi(vectors), Some(params)) => {
            if params.multivector_config.is_none() {
                return Err(sparse("multi"));
            }
            if stored && vectors.is_empty() {
                return Err(ApiError::validation("vector: multi vector must not be empty"));
            }
            Ok(())
        }
        (Borrowed::Dense(_), Some(_)) | (Borrowed::Sparse(_), None) => Ok(()),
    }
}

/// # Errors
/// Indices and values differ in length, or an index stands twice.
pub fn check_sparse(vector: &SparseVector) -> ApiResult<()> {
    if vector.indices.len() != vector.values.len() {
        return Err(ApiError::validation("values: must be the same length as indices"));
    }
    let mut indices = vector.indices.clone();
    indices.sort_unstable();
    if indices.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ApiError::validation("indices: must be unique"));
    }
    Ok(())
}
