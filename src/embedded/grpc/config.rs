//! Collection configurations from protobuf. The settings that the engine only keeps and shows go through JSON.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
use qdrant_edge::{Distance, Modifier, MultiVectorConfig, VectorNameConfig, VectorStorageDatatype};
use serde_json::{Value, json};

use crate::embedded::collections::{AliasAction, CreateAlias, DeleteAlias, RenameAlias};
use crate::embedded::config::{
    CreateCollection, Object, SparseIndex, SparseParams, UpdateCollection, VectorDiff, VectorParams, Vectors,
};
use crate::embedded::errors::{ApiError, ApiResult};

/// An object without the settings that are not given.
pub fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Object::new(),
    }
}

fn distance(distance: i32) -> ApiResult<Distance> {
    match pb::Distance::try_from(distance) {
        Ok(pb::Distance::Cosine) => Ok(Distance::Cosine),
        Ok(pb::Distance::Euclid) => Ok(Distance::Euclid),
        Ok(pb::Distance::Dot) => Ok(Distance::Dot),
        Ok(pb::Distance::Manhattan) => Ok(Distance::Manhattan),
        Ok(pb::Distance::UnknownDistance) | Err(_) => Err(ApiError::validation(format!(
            "distance: value {distance} invalid, must be one of Cosine, Euclid, Dot, Manhattan"
        ))),
    }
}

fn datatype(datatype: Option<i32>) -> ApiResult<Option<VectorStorageDatatype>> {
    match datatype.map(pb::Datatype::try_from) {
        None | Some(Ok(pb::Datatype::Default)) => Ok(None),
        Some(Ok(pb::Datatype::Float32)) => Ok(Some(VectorStorageDatatype::Float32)),
        Some(Ok(pb::Datatype::Float16)) => Ok(Some(VectorStorageDatatype::Float16)),
        Some(Ok(pb::Datatype::Uint8)) => Ok(Some(VectorStorageDatatype::Uint8)),
        Some(Ok(pb::Datatype::Turbo4)) => Ok(Some(VectorStorageDatatype::Turbo4)),
        Some(Ok(pb::Datatype::Turbo8 | pb::Datatype::Turbo16)) => {
            Err(ApiError::unimplemented("the datatypes turbo8 and turbo16"))
        }
        Some(Err(_)) => Err(ApiError::format("Cannot convert datatype")),
    }
}

fn multivector(config: Option<pb::MultiVectorConfig>) -> ApiResult<Option<MultiVectorConfig>> {
    let read = |_| serde_json::from_value(json!({"comparator": "max_sim"}));
    config
        .map(read)
        .transpose()
        .map_err(|error| ApiError::service(error.to_string()))
}

fn modifier(modifier: Option<i32>) -> Option<Modifier> {
    match modifier.map(pb::Modifier::try_from) {
        Some(Ok(pb::Modifier::Idf)) => Some(Modifier::Idf),
        Some(Ok(pb::Modifier::None)) => Some(Modifier::None),
        Some(Err(_)) | None => None,
    }
}

fn hnsw(diff: pb::HnswConfigDiff) -> Object {
    object(json!({"m": diff.m, "ef_construct": diff.ef_construct,
        "full_scan_threshold": diff.full_scan_threshold, "max_indexing_threads": diff.max_indexing_threads,
        "on_disk": diff.on_disk, "payload_m": diff.payload_m, "inline_storage": diff.inline_storage}))
}

fn optimizers(diff: pb::OptimizersConfigDiff) -> Object {
    use pb::max_optimization_threads::Variant;
    let threads = diff.max_optimization_threads.and_then(|threads| threads.variant);
    let threads = match threads {
        Some(Variant::Value(number)) => Some(number),
        Some(Variant::Setting(_)) | None => diff.deprecated_max_optimization_threads,
    };
    object(json!({"deleted_threshold": diff.deleted_threshold,
        "vacuum_min_vector_number": diff.vacuum_min_vector_number,
        "default_segment_number": diff.default_segment_number, "max_segment_size": diff.max_segment_size,
        "memmap_threshold": diff.memmap_threshold, "indexing_threshold": diff.indexing_threshold,
        "flush_interval_sec": diff.flush_interval_sec, "max_optimization_threads": threads,
        "prevent_unoptimized": diff.prevent_unoptimized}))
}

fn wal(diff: pb::WalConfigDiff) -> Object {
    object(
        json!({"wal_capacity_mb": diff.wal_capacity_mb, "wal_segments_ahead": diff.wal_segments_ahead,
        "wal_retain_closed": diff.wal_retain_closed}),
    )
}

fn scalar(config: pb::ScalarQuantization) -> Value {
    let always_ram = config.always_ram;
    json!({"scalar": object(json!({"type": "int8", "quantile": config.quantile, "always_ram": always_ram}))})
}

fn product(config: pb::ProductQuantization) -> Value {
    let ratio = pb::CompressionRatio::try_from(config.compression);
    let ratio = ratio.map(|ratio| ratio.as_str_name()).unwrap_or("x4");
    json!({"product": object(json!({"compression": ratio, "always_ram": config.always_ram}))})
}

fn binary(config: pb::BinaryQuantization) -> Value {
    json!({"binary": object(json!({"always_ram": config.always_ram}))})
}

fn quantization(config: pb::QuantizationConfig) -> ApiResult<Value> {
    use pb::quantization_config::Quantization;
    match config.quantization {
        Some(Quantization::Scalar(config)) => Ok(scalar(config)),
        Some(Quantization::Product(config)) => Ok(product(config)),
        Some(Quantization::Binary(config)) => Ok(binary(config)),
        Some(Quantization::Turboquant(_)) => Err(ApiError::unimplemented("turbo quantization")),
        None => Err(ApiError::format("Unable to convert quantization config")),
    }
}

fn quantization_diff(config: pb::QuantizationConfigDiff) -> ApiResult<Value> {
    use pb::quantization_config_diff::Quantization;
    match config.quantization {
        Some(Quantization::Scalar(config)) => Ok(scalar(config)),
        Some(Quantization::Product(config)) => Ok(product(config)),
        Some(Quantization::Binary(config)) => Ok(binary(config)),
        Some(Quantization::Disabled(_)) => Ok(json!("Disabled")),
        Some(Quantization::Turboquant(_)) => Err(ApiError::unimplemented("turbo quantization")),
        None => Err(ApiError::format("Unable to convert quantization config")),
    }
}

fn no_size() -> ApiError {
    ApiError::validation("vectors_config.config.size: value 0 invalid, must be from 1 to 65536")
}

fn vector_params(params: pb::VectorParams) -> ApiResult<VectorParams> {
    Ok(VectorParams {
        size: NonZeroU64::new(params.size).ok_or_else(no_size)?,
        distance: distance(params.distance)?,
        hnsw_config: params.hnsw_config.map(hnsw),
        quantization_config: params.quantization_config.map(quantization).transpose()?,
        on_disk: params.on_disk,
        datatype: datatype(params.datatype)?,
        multivector_config: multivector(params.multivector_config)?,
    })
}

fn sparse_params(params: pb::SparseVectorParams) -> ApiResult<SparseParams> {
    let index = |index: pb::SparseIndexConfig| -> ApiResult<SparseIndex> {
        Ok(SparseIndex {
            full_scan_threshold: index.full_scan_threshold.map(|threshold| threshold as usize),
            on_disk: index.on_disk,
            datatype: datatype(index.datatype)?,
        })
    };
    Ok(SparseParams {
        index: params.index.map(index).transpose()?,
        modifier: modifier(params.modifier),
    })
}

fn sparse(config: Option<pb::SparseVectorConfig>) -> ApiResult<Option<BTreeMap<String, SparseParams>>> {
    let all = |config: pb::SparseVectorConfig| {
        config
            .map
            .into_iter()
            .map(|(name, params)| Ok((name, sparse_params(params)?)))
            .collect()
    };
    config.map(all).transpose()
}

fn strict_mode(config: Option<pb::StrictModeConfig>) -> Option<Object> {
    config.map(|config| object(json!({ "enabled": config.enabled })))
}

fn metadata(map: std::collections::HashMap<String, pb::Value>) -> Option<Object> {
    (!map.is_empty()).then(|| super::input::payload(map).0)
}

/// # Errors
/// A value is malformed, or asks for what the engine does not do.
pub fn create(message: pb::CreateCollection) -> ApiResult<CreateCollection> {
    use pb::vectors_config::Config;
    let vectors = match message.vectors_config.and_then(|config| config.config) {
        Some(Config::Params(params)) => Vectors::Single(vector_params(params)?),
        Some(Config::ParamsMap(map)) => {
            let params = map
                .map
                .into_iter()
                .map(|(name, params)| Ok((name, vector_params(params)?)));
            Vectors::Multi(params.collect::<ApiResult<_>>()?)
        }
        None => Vectors::default(),
    };
    let sharding_method = match message.sharding_method.map(pb::ShardingMethod::try_from) {
        Some(Ok(pb::ShardingMethod::Custom)) => Some("custom".to_owned()),
        Some(Ok(pb::ShardingMethod::Auto) | Err(_)) | None => None,
    };
    Ok(CreateCollection {
        vectors,
        shard_number: message.shard_number,
        sharding_method,
        replication_factor: message.replication_factor,
        write_consistency_factor: message.write_consistency_factor,
        on_disk_payload: message.on_disk_payload,
        hnsw_config: message.hnsw_config.map(hnsw),
        wal_config: message.wal_config.map(wal),
        optimizers_config: message.optimizers_config.map(optimizers),
        quantization_config: message.quantization_config.map(quantization).transpose()?,
        sparse_vectors: sparse(message.sparse_vectors_config)?,
        strict_mode_config: strict_mode(message.strict_mode_config),
        metadata: metadata(message.metadata),
    })
}

fn vector_diff(diff: pb::VectorParamsDiff) -> ApiResult<VectorDiff> {
    Ok(VectorDiff {
        hnsw_config: diff.hnsw_config.map(hnsw),
        quantization_config: diff.quantization_config.map(quantization_diff).transpose()?,
        on_disk: diff.on_disk,
    })
}

/// # Errors
/// As [`create`].
pub fn update(message: pb::UpdateCollection) -> ApiResult<UpdateCollection> {
    use pb::vectors_config_diff::Config;
    let vectors = match message.vectors_config.and_then(|config| config.config) {
        Some(Config::Params(diff)) => Some([(String::new(), vector_diff(diff)?)].into()),
        Some(Config::ParamsMap(map)) => {
            let diffs = map
                .map
                .into_iter()
                .map(|(name, diff)| Ok((name, vector_diff(diff)?)));
            Some(diffs.collect::<ApiResult<_>>()?)
        }
        None => None,
    };
    let params = message.params.map(|diff| {
        object(json!({"replication_factor": diff.replication_factor,
            "write_consistency_factor": diff.write_consistency_factor, "on_disk_payload": diff.on_disk_payload}))
    });
    Ok(UpdateCollection {
        vectors,
        optimizers_config: message.optimizers_config.map(optimizers),
        params,
        hnsw_config: message.hnsw_config.map(hnsw),
        quantization_config: message.quantization_config.map(quantization_diff).transpose()?,
        sparse_vectors: sparse(message.sparse_vectors_config)?,
        strict_mode_config: strict_mode(message.strict_mode_config),
        metadata: metadata(message.metadata),
    })
}

/// # Errors
/// A value is malformed.
pub fn vector_name(given: VectorConfig) -> ApiResult<VectorNameConfig> {
    let value = match given {
        VectorConfig::DenseConfig(config) => json!({"dense": {
            "size": config.size, "distance": distance(config.distance)?,
            "multivector_config": multivector(config.multivector_config)?,
            "datatype": datatype(config.datatype)?}}),
        VectorConfig::SparseConfig(config) => json!({"sparse": {
            "modifier": modifier(config.modifier), "datatype": datatype(config.datatype)?}}),
    };
    serde_json::from_value(value).map_err(|error| ApiError::format(error.to_string()))
}

/// # Errors
/// An action is empty.
pub fn alias_action(given: pb::AliasOperations) -> ApiResult<AliasAction> {
    use pb::alias_operations::Action;
    match given
        .action
        .ok_or_else(|| ApiError::format("Malformed AliasOperations type"))?
    {
        Action::CreateAlias(pb::CreateAlias {
            collection_name,
            alias_name,
        }) => Ok(AliasAction::Create {
            create_alias: CreateAlias {
                collection_name,
                alias_name,
            },
        }),
        Action::RenameAlias(pb::RenameAlias {
            old_alias_name,
            new_alias_name,
        }) => Ok(AliasAction::Rename {
            rename_alias: RenameAlias {
                old_alias_name,
                new_alias_name,
            },
        }),
        Action::DeleteAlias(pb::DeleteAlias { alias_name }) => Ok(AliasAction::Delete {
            delete_alias: DeleteAlias { alias_name },
        }),
    }
}
