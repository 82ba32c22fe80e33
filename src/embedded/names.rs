//! Vector names of a shard: creation, deletion, and bringing a shard to the catalogue's names after a crash.
//! Called by `shard` alone.

use qdrant_edge::{
    CreateVectorName, DeleteVectorName, DenseVectorConfig, EdgeConfig, EdgeShard, EdgeSparseVectorParams,
    EdgeVectorParams, SparseVectorConfig, UpdateOperation, VectorNameConfig, VectorNameOperations,
};
use serde_json::json;

use super::errors::{ApiError, ApiResult};

/// Adds `name` to the shard.
///
/// # Errors
/// The crate refused.
pub fn create(edge: &EdgeShard, name: &str, config: VectorNameConfig) -> ApiResult<()> {
    let create = CreateVectorName {
        vector_name: name.to_owned(),
        config,
    };
    let operation = VectorNameOperations::CreateVectorName(create);
    Ok(edge.update(UpdateOperation::VectorNameOperation(operation))?)
}

/// Removes `name` and its vectors from the shard.
///
/// # Errors
/// The crate refused.
pub fn delete(edge: &EdgeShard, name: &str) -> ApiResult<()> {
    let operation = VectorNameOperations::DeleteVectorName(DeleteVectorName {
        vector_name: name.to_owned(),
    });
    Ok(edge.update(UpdateOperation::VectorNameOperation(operation))?)
}

/// Makes the shard's names those of `wanted`: a crash may have stopped a creation or deletion half way.
///
/// # Errors
/// The crate refused.
pub fn reconcile(edge: &EdgeShard, wanted: &EdgeConfig) -> ApiResult<()> {
    let held = edge.config().clone();
    let gone = held
        .vectors
        .keys()
        .filter(|name| !wanted.vectors.contains_key(*name));
    let gone_sparse = held
        .sparse_vectors
        .keys()
        .filter(|name| !wanted.sparse_vectors.contains_key(*name));
    for name in gone.chain(gone_sparse) {
        delete(edge, name)?;
    }
    for (name, params) in wanted
        .vectors
        .iter()
        .filter(|(name, _)| !held.vectors.contains_key(*name))
    {
        create(edge, name, dense(params)?)?;
    }
    let new_sparse = wanted
        .sparse_vectors
        .iter()
        .filter(|(name, _)| !held.sparse_vectors.contains_key(*name));
    for (name, params) in new_sparse {
        create(edge, name, sparse(params)?)?;
    }
    Ok(())
}

/// The creation form of a dense vector's parameters.
///
/// # Errors
/// None that can be caused from outside.
pub fn dense(params: &EdgeVectorParams) -> ApiResult<VectorNameConfig> {
    let EdgeVectorParams {
        size,
        distance,
        multivector_config,
        datatype,
        ..
    } = params;
    let config = DenseVectorConfig {
        size: *size,
        distance: *distance,
        multivector_config: *multivector_config,
        datatype: *datatype,
    };
    wrap(json!({ "dense": config }))
}

/// The creation form of a sparse vector's parameters.
///
/// # Errors
/// None that can be caused from outside.
pub fn sparse(params: &EdgeSparseVectorParams) -> ApiResult<VectorNameConfig> {
    let config = SparseVectorConfig {
        modifier: params.modifier,
        datatype: params.datatype,
    };
    wrap(json!({ "sparse": config }))
}

/// The crate keeps the wrapping types to itself, but reads them from JSON.
fn wrap(config: serde_json::Value) -> ApiResult<VectorNameConfig> {
    serde_json::from_value(config).map_err(|error| ApiError::service(error.to_string()))
}
