//! The rules of a collection's configuration: creation with Qdrant's defaults, change, vector names, and which names
//! are allowed. Used by `collections`.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use qdrant_edge::{DenseVectorConfig, VectorNameConfig};
use serde_json::{Value, json};

use super::config::{
    CollectionConfig, CreateCollection, Object, Params, SparseIndex, SparseParams, UpdateCollection,
    VectorParams, Vectors,
};
use super::errors::{ApiError, ApiResult};

/// Qdrant's bound on a vector's dimension.
const MAX_DIMENSION: u64 = 65_536;
const MAX_NAME_BYTES: usize = 200;
const MAX_COLLECTION_NAME_BYTES: usize = 255;
const NAME_CHARS_REFUSED: [char; 11] = ['<', '>', ':', '"', '/', '\\', '|', '?', '*', '\0', '\u{1F}'];

impl CollectionConfig {
    /// Checks a creation and fills in Qdrant's defaults.
    ///
    /// # Errors
    /// A value is out of range, or asks for something that the engine does not do.
    pub fn create(create: CreateCollection) -> ApiResult<Self> {
        let single = matches!(create.vectors, Vectors::Single(_));
        for (name, params) in create.vectors.iter() {
            check_dimension(
                params.size.get(),
                if single { "vectors.size" } else { "vectors.?.size" },
            )?;
            vector_name_fault(name).map_or(Ok(()), |fault| Err(invalid_name("dense", name, &fault)))?;
        }
        for name in create.sparse_vectors.iter().flat_map(BTreeMap::keys) {
            vector_name_fault(name).map_or(Ok(()), |fault| Err(invalid_name("sparse", name, &fault)))?;
            if create.vectors.get(name).is_some() {
                let text = "Dense and sparse vector names must be unique - duplicate found with";
                return Err(ApiError::bad_input(format!("{text} '{name}'")));
            }
        }
        if create
            .sharding_method
            .as_deref()
            .is_some_and(|method| method != "auto")
        {
            return Err(ApiError::unimplemented("custom sharding"));
        }
        check_strict_mode(create.strict_mode_config.as_ref())?;
        let mut config = Self {
            params: Params {
                vectors: create.vectors,
                shard_number: create.shard_number.unwrap_or(1),
                replication_factor: create.replication_factor.unwrap_or(1),
                write_consistency_factor: create.write_consistency_factor.unwrap_or(1),
                on_disk_payload: create.on_disk_payload.unwrap_or(true),
                sparse_vectors: create.sparse_vectors,
            },
            hnsw_config: object(json!({"m": 16, "ef_construct": 100, "full_scan_threshold": 10000,
                "max_indexing_threads": 0, "on_disk": false})),
            optimizer_config: object(json!({"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000,
                "default_segment_number": 0, "max_segment_size": null, "memmap_threshold": null,
                "indexing_threshold": 10000, "flush_interval_sec": 5, "max_optimization_threads": null,
                "prevent_unoptimized": null})),
            wal_config: object(
                json!({"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}),
            ),
            quantization_config: create.quantization_config,
            strict_mode_config: create.strict_mode_config,
            metadata: create.metadata,
        };
        overlay(&mut config.hnsw_config, create.hnsw_config);
        overlay(&mut config.optimizer_config, create.optimizers_config);
        overlay(&mut config.wal_config, create.wal_config);
        Ok(config)
    }

    /// Applies a change. Metadata is merged at its top level; a null removes its key.
    ///
    /// # Errors
    /// An unknown vector name, or something that the engine does not do.
    pub fn update(&mut self, update: UpdateCollection) -> ApiResult<()> {
        check_strict_mode(update.strict_mode_config.as_ref())?;
        for (name, diff) in update.vectors.into_iter().flatten() {
            let params = self
                .params
                .vectors
                .get_mut(&name)
                .ok_or_else(|| no_vector(&name))?;
            if let Some(hnsw) = diff.hnsw_config {
                overlay(params.hnsw_config.get_or_insert_default(), Some(hnsw));
            }
            params.quantization_config = diff.quantization_config.or(params.quantization_config.take());
            params.on_disk = diff.on_disk.or(params.on_disk);
        }
        for (name, diff) in update.sparse_vectors.into_iter().flatten() {
            let held = self
                .params
                .sparse_vectors
                .as_mut()
                .and_then(|map| map.get_mut(&name));
            let params = held.ok_or_else(|| no_vector(&name))?;
            params.index = diff.index.or(params.index.take());
        }
        for (key, value) in update.params.into_iter().flatten() {
            self.update_param(&key, &value)?;
        }
        overlay(&mut self.hnsw_config, update.hnsw_config);
        overlay(&mut self.optimizer_config, update.optimizers_config);
        match update.quantization_config {
            Some(Value::String(word)) if word.eq_ignore_ascii_case("disabled") => {
                self.quantization_config = None
            }
            Some(config) => self.quantization_config = Some(config),
            None => {}
        }
        if let Some(mode) = update.strict_mode_config {
            overlay(self.strict_mode_config.get_or_insert_default(), Some(mode));
        }
        if let Some(metadata) = update.metadata {
            merge_metadata(self.metadata.get_or_insert_default(), metadata);
        }
        Ok(())
    }

    fn update_param(&mut self, key: &str, value: &Value) -> ApiResult<()> {
        let number = || {
            value
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| {
                    ApiError::validation(format!(
                        "params.{key}: value {value} invalid, must be 1 or larger"
                    ))
                })
        };
        match key {
            "replication_factor" => self.params.replication_factor = number()?,
            "write_consistency_factor" => self.params.write_consistency_factor = number()?,
            "on_disk_payload" => self.params.on_disk_payload = value.as_bool().unwrap_or(true),
            // The others steer reads over replicas; there are none.
            _ => {}
        }
        Ok(())
    }

    /// Adds a vector name. Tells whether it is new; the same name with the same parameters is not an error.
    ///
    /// # Errors
    /// The name is taken by other parameters, or is malformed.
    pub fn add_vector(&mut self, name: &str, config: &VectorNameConfig) -> ApiResult<bool> {
        check_vector_name(name)?;
        let dense = self.params.vectors.get(name);
        let sparse = self.params.sparse_vectors.as_ref().and_then(|map| map.get(name));
        let taken = |text: String| Err(ApiError::bad_input(text));
        match (config, dense, sparse) {
            (VectorNameConfig::Dense(_), None, Some(_)) => {
                taken(format!("Vector `{name}` already exists as a sparse vector"))
            }
            (VectorNameConfig::Sparse(_), Some(_), _) => {
                taken(format!("Vector `{name}` already exists as a dense vector"))
            }
            (VectorNameConfig::Dense(new), Some(held), _) => {
                if same_dense(held, new.dense.clone()) {
                    Ok(false)
                } else {
                    taken(different("Vector", name))
                }
            }
            (VectorNameConfig::Sparse(new), None, Some(held)) => {
                let held_type = held
                    .index
                    .as_ref()
                    .and_then(|index| index.datatype)
                    .unwrap_or_default();
                let same = held.modifier.unwrap_or_default() == new.sparse.modifier.unwrap_or_default()
                    && held_type == new.sparse.datatype.unwrap_or_default();
                if same {
                    Ok(false)
                } else {
                    taken(different("Sparse vector", name))
                }
            }
            (VectorNameConfig::Dense(new), None, None) => {
                let new = &new.dense;
                check_dimension(new.size as u64, "dense.size")?;
                let params = VectorParams {
                    size: NonZeroU64::new(new.size as u64).unwrap_or(NonZeroU64::MIN),
                    distance: new.distance,
                    hnsw_config: None,
                    quantization_config: None,
                    on_disk: None,
                    datatype: new.datatype,
                    multivector_config: new.multivector_config,
                };
                let mut map = std::mem::take(&mut self.params.vectors).into_map();
                map.insert(name.to_owned(), params);
                self.params.vectors = Vectors::Multi(map);
                Ok(true)
            }
            (VectorNameConfig::Sparse(new), None, None) => {
                let index = new.sparse.datatype.map(|datatype| SparseIndex {
                    datatype: Some(datatype),
                    ..Default::default()
                });
                let params = SparseParams {
                    index,
                    modifier: new.sparse.modifier,
                };
                self.params
                    .sparse_vectors
                    .get_or_insert_default()
                    .insert(name.to_owned(), params);
                Ok(true)
            }
        }
    }

    /// Removes a vector name. Tells whether it was there.
    pub fn remove_vector(&mut self, name: &str) -> bool {
        let sparse = self
            .params
            .sparse_vectors
            .as_mut()
            .and_then(|map| map.remove(name))
            .is_some();
        let dense = self.params.vectors.get(name).is_some();
        if dense {
            let mut map = std::mem::take(&mut self.params.vectors).into_map();
            map.remove(name);
            self.params.vectors = Vectors::Multi(map);
        }
        dense || sparse
    }
}

/// Top-level merge; a null removes its key.
pub fn merge_metadata(held: &mut Object, new: Object) {
    for (key, value) in new {
        if value.is_null() {
            held.remove(&key);
        } else {
            held.insert(key, value);
        }
    }
}

/// # Errors
/// The name is too long or holds a character that file systems refuse.
pub fn check_collection_name(name: &str) -> ApiResult<()> {
    if name.is_empty() || name.len() > MAX_COLLECTION_NAME_BYTES {
        let text =
            format!("value {name:?} invalid, must be from 1 to {MAX_COLLECTION_NAME_BYTES} characters");
        return Err(ApiError::in_path(format!("collection_name: {text}")));
    }
    match refused_char(name, "collection name") {
        Some(fault) => Err(ApiError::in_path(format!("collection_name: {fault}"))),
        None => Ok(()),
    }
}

fn check_vector_name(name: &str) -> ApiResult<()> {
    match vector_name_fault(name) {
        Some(fault) => Err(ApiError::bad_input(format!(
            "Invalid vector name `{name}`: {fault}"
        ))),
        None => Ok(()),
    }
}

fn invalid_name(kind: &str, name: &str, fault: &str) -> ApiError {
    ApiError::bad_input(format!("Invalid {kind} vector name `{name}`: {fault}"))
}

/// What is wrong with a vector's name.
pub fn vector_name_fault(name: &str) -> Option<String> {
    if name.len() > MAX_NAME_BYTES {
        return Some(format!("vector name must be at most {MAX_NAME_BYTES} bytes long"));
    }
    refused_char(name, "vector name")
}

fn refused_char(name: &str, kind: &str) -> Option<String> {
    let refused = NAME_CHARS_REFUSED
        .iter()
        .find(|refused| name.contains(**refused))?;
    Some(format!("{kind} cannot contain \"{refused}\" char"))
}

fn check_dimension(size: u64, field: &str) -> ApiResult<()> {
    if (1..=MAX_DIMENSION).contains(&size) {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "{field}: value {size} invalid, must be from 1 to {MAX_DIMENSION}"
    )))
}

fn check_strict_mode(config: Option<&Object>) -> ApiResult<()> {
    match config.and_then(|config| config.get("enabled")) {
        Some(Value::Bool(true)) => Err(ApiError::unimplemented("strict mode")),
        Some(_) | None => Ok(()),
    }
}

/// Whether two descriptions give one vector space.
fn same_dense(held: &VectorParams, new: DenseVectorConfig) -> bool {
    held.size.get() == new.size as u64
        && held.distance == new.distance
        && held.multivector_config == new.multivector_config
        && held.datatype.unwrap_or_default() == new.datatype.unwrap_or_default()
}

fn no_vector(name: &str) -> ApiError {
    ApiError::bad_input(format!("Not existing vector name error: {name}"))
}

fn different(kind: &str, name: &str) -> String {
    format!("{kind} `{name}` already exists with a different configuration")
}

fn overlay(held: &mut Object, new: Option<Object>) {
    held.extend(new.into_iter().flatten().filter(|(_, value)| !value.is_null()));
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Object::new(),
    }
}
