//! Collection info to protobuf.

use qdrant_client::qdrant as pb;
use qdrant_edge::{Distance, Modifier, ShardInfo, VectorStorageDatatype};
use serde_json::Value;

use super::index;
use crate::embedded::config::{CollectionConfig, Object, SparseParams, VectorParams, Vectors};

fn number(object: &Object, key: &str) -> Option<u64> {
    object.get(key).and_then(Value::as_u64)
}

fn flag(object: &Object, key: &str) -> Option<bool> {
    object.get(key).and_then(Value::as_bool)
}

fn hnsw(object: &Object) -> pb::HnswConfigDiff {
    pb::HnswConfigDiff {
        m: number(object, "m"),
        ef_construct: number(object, "ef_construct"),
        full_scan_threshold: number(object, "full_scan_threshold"),
        max_indexing_threads: number(object, "max_indexing_threads"),
        on_disk: flag(object, "on_disk"),
        payload_m: number(object, "payload_m"),
        inline_storage: flag(object, "inline_storage"),
        ..Default::default()
    }
}

fn optimizers(object: &Object) -> pb::OptimizersConfigDiff {
    use pb::max_optimization_threads::Variant;
    let threads = number(object, "max_optimization_threads");
    let auto = pb::max_optimization_threads::Setting::Auto.into();
    let variant = threads.map_or(Variant::Setting(auto), Variant::Value);
    pb::OptimizersConfigDiff {
        deleted_threshold: object.get("deleted_threshold").and_then(Value::as_f64),
        vacuum_min_vector_number: number(object, "vacuum_min_vector_number"),
        default_segment_number: number(object, "default_segment_number"),
        max_segment_size: number(object, "max_segment_size"),
        memmap_threshold: number(object, "memmap_threshold"),
        indexing_threshold: number(object, "indexing_threshold"),
        flush_interval_sec: number(object, "flush_interval_sec"),
        deprecated_max_optimization_threads: threads,
        max_optimization_threads: Some(pb::MaxOptimizationThreads {
            variant: Some(variant),
        }),
        prevent_unoptimized: flag(object, "prevent_unoptimized"),
    }
}

fn quantization(value: &Value) -> Option<pb::QuantizationConfig> {
    use pb::quantization_config::Quantization;
    let (kind, settings) = value.as_object()?.iter().next()?;
    let settings = settings.as_object()?;
    let always_ram = flag(settings, "always_ram");
    let quantization = match kind.as_str() {
        "scalar" => Quantization::Scalar(pb::ScalarQuantization {
            r#type: pb::QuantizationType::Int8.into(),
            quantile: settings
                .get("quantile")
                .and_then(Value::as_f64)
                .map(|quantile| quantile as f32),
            always_ram,
            ..Default::default()
        }),
        "product" => {
            let ratio = settings.get("compression").and_then(Value::as_str);
            let ratio = ratio.and_then(pb::CompressionRatio::from_str_name);
            let compression = ratio.unwrap_or(pb::CompressionRatio::X4).into();
            Quantization::Product(pb::ProductQuantization {
                compression,
                always_ram,
                ..Default::default()
            })
        }
        "binary" => Quantization::Binary(pb::BinaryQuantization {
            always_ram,
            ..Default::default()
        }),
        _ => return None,
    };
    Some(pb::QuantizationConfig {
        quantization: Some(quantization),
    })
}

fn datatype(datatype: VectorStorageDatatype) -> i32 {
    match datatype {
        VectorStorageDatatype::Float32 => pb::Datatype::Float32,
        VectorStorageDatatype::Float16 => pb::Datatype::Float16,
        VectorStorageDatatype::Uint8 => pb::Datatype::Uint8,
        VectorStorageDatatype::Turbo4 => pb::Datatype::Turbo4,
    }
    .into()
}

fn vector(params: &VectorParams) -> pb::VectorParams {
    let distance = match params.distance {
        Distance::Cosine => pb::Distance::Cosine,
        Distance::Euclid => pb::Distance::Euclid,
        Distance::Dot => pb::Distance::Dot,
        Distance::Manhattan => pb::Distance::Manhattan,
    };
    let max_sim = || pb::MultiVectorConfig {
        comparator: pb::MultiVectorComparator::MaxSim.into(),
    };
    pb::VectorParams {
        size: params.size.get(),
        distance: distance.into(),
        hnsw_config: params.hnsw_config.as_ref().map(hnsw),
        quantization_config: params.quantization_config.as_ref().and_then(quantization),
        on_disk: params.on_disk,
        datatype: params.datatype.map(datatype),
        multivector_config: params.multivector_config.map(|_| max_sim()),
        ..Default::default()
    }
}

fn sparse(params: &SparseParams) -> pb::SparseVectorParams {
    let modifier = |modifier| match modifier {
        Modifier::None => pb::Modifier::None.into(),
        Modifier::Idf => pb::Modifier::Idf.into(),
    };
    pb::SparseVectorParams {
        index: params.index.as_ref().map(|index| pb::SparseIndexConfig {
            full_scan_threshold: index.full_scan_threshold.map(|threshold| threshold as u64),
            on_disk: index.on_disk,
            datatype: index.datatype.map(datatype),
            ..Default::default()
        }),
        modifier: params.modifier.map(modifier),
    }
}

fn params(config: &CollectionConfig) -> pb::CollectionParams {
    use pb::vectors_config::Config;
    let held = &config.params;
    let vectors = match &held.vectors {
        Vectors::Single(params) => Config::Params(vector(params)),
        Vectors::Multi(map) => {
            let map = map
                .iter()
                .map(|(name, params)| (name.clone(), vector(params)))
                .collect();
            Config::ParamsMap(pb::VectorParamsMap { map })
        }
    };
    let sparse_vectors_config = held.sparse_vectors.as_ref().map(|map| {
        let map = map
            .iter()
            .map(|(name, params)| (name.clone(), sparse(params)))
            .collect();
        pb::SparseVectorConfig { map }
    });
    pb::CollectionParams {
        shard_number: held.shard_number,
        on_disk_payload: held.on_disk_payload,
        vectors_config: Some(pb::VectorsConfig {
            config: Some(vectors),
        }),
        replication_factor: Some(held.replication_factor),
        write_consistency_factor: Some(held.write_consistency_factor),
        sparse_vectors_config,
        ..Default::default()
    }
}

/// What `Get` of a collection answers.
pub fn info(config: &CollectionConfig, info: &ShardInfo) -> pb::CollectionInfo {
    let wal = &config.wal_config;
    let metadata = config.metadata.iter().flatten();
    let strict_mode = |mode: &Object| pb::StrictModeConfig {
        enabled: flag(mode, "enabled"),
        ..Default::default()
    };
    pb::CollectionInfo {
        status: pb::CollectionStatus::Green.into(),
        optimizer_status: Some(pb::OptimizerStatus {
            ok: true,
            error: String::new(),
        }),
        segments_count: info.segments_count as u64,
        config: Some(pb::CollectionConfig {
            params: Some(params(config)),
            hnsw_config: Some(hnsw(&config.hnsw_config)),
            optimizer_config: Some(optimizers(&config.optimizer_config)),
            wal_config: Some(pb::WalConfigDiff {
                wal_capacity_mb: number(wal, "wal_capacity_mb"),
                wal_segments_ahead: number(wal, "wal_segments_ahead"),
                wal_retain_closed: number(wal, "wal_retain_closed"),
            }),
            quantization_config: config.quantization_config.as_ref().and_then(quantization),
            strict_mode_config: config.strict_mode_config.as_ref().map(strict_mode),
            metadata: metadata
                .map(|(key, value)| (key.clone(), pb::Value::from(value.clone())))
                .collect(),
        }),
        payload_schema: info
            .payload_schema
            .iter()
            .map(|(key, schema)| (key.to_string(), index::info(schema)))
            .collect(),
        points_count: Some(info.points_count as u64),
        indexed_vectors_count: Some(info.indexed_vectors_count as u64),
        update_queue: Some(pb::UpdateQueueInfo {
            length: 0,
            ..Default::default()
        }),
        ..Default::default()
    }
}
