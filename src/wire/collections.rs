//! Bodies that make or change a collection: the names in them, and the change of a managed one in its real names. Small
//! and rare, so they are read whole; what is written again holds nothing that was not understood.

use bytes::Bytes;
use prost::Message;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::vectors_config_diff::Config as DiffConfig;
use qdrant_client::qdrant::{
    CreateCollection, CreateVectorNameRequest, DeleteVectorNameRequest, UpdateCollection, VectorParamsDiffMap,
};
use serde_json::{Map, Value};

use super::scanned::Encoding;
use crate::domain::ids::VectorName;
use crate::domain::refusal::Refusal;
use crate::domain::schema::Names;

/// From a client's vector name to the real ones.
pub type RealNames<'a> = &'a dyn Fn(&str) -> Result<Vec<VectorName>, Refusal>;

fn malformed(why: impl std::fmt::Display) -> Refusal {
    Refusal::invalid("malformed", format!("Format error in JSON body: {why}"))
}

fn object(message: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(message).map_err(malformed)
}

/// The names in the body of a new collection.
///
/// # Errors
/// `malformed`.
pub fn creation(encoding: Encoding, message: &Bytes) -> Result<Names, Refusal> {
    match encoding {
        Encoding::Protobuf => {
            let create = CreateCollection::decode(message.clone()).map_err(malformed)?;
            let mut vectors = Vec::new();
            if let Some(Config::ParamsMap(map)) = create.vectors_config.and_then(|config| config.config) {
                vectors.extend(map.map.into_keys());
            }
            vectors.extend(
                create
                    .sparse_vectors_config
                    .into_iter()
                    .flat_map(|sparse| sparse.map.into_keys()),
            );
            Ok(Names {
                vectors,
                metadata: create.metadata.into_keys().collect(),
            })
        }
        Encoding::Json => {
            let create = object(message)?;
            let keys = |key: &str| {
                create
                    .get(key)
                    .and_then(Value::as_object)
                    .map(keys_of)
                    .unwrap_or_default()
            };
            let mut vectors = match create.get("vectors").is_some_and(is_single) {
                true => Vec::new(),
                false => keys("vectors"),
            };
            vectors.extend(keys("sparse_vectors"));
            Ok(Names {
                vectors,
                metadata: keys("metadata"),
            })
        }
    }
}

/// The top-level metadata keys of a change of a collection.
///
/// # Errors
/// `malformed`.
pub fn changed_metadata(encoding: Encoding, message: &Bytes) -> Result<Vec<String>, Refusal> {
    match encoding {
        Encoding::Protobuf => {
            let update = UpdateCollection::decode(message.clone()).map_err(malformed)?;
            Ok(update.metadata.into_keys().collect())
        }
        Encoding::Json => {
            let update = object(message)?;
            let metadata = update.get("metadata").and_then(Value::as_object);
            Ok(metadata.map(keys_of).unwrap_or_default())
        }
    }
}

/// The vector name of a call that makes or drops one; REST's stands in the path.
///
/// # Errors
/// `malformed`.
pub fn vector_name(is_creation: bool, message: &Bytes) -> Result<String, Refusal> {
    match is_creation {
        true => CreateVectorNameRequest::decode(message.clone()).map(|request| request.vector_name),
        false => DeleteVectorNameRequest::decode(message.clone()).map(|request| request.vector_name),
    }
    .map_err(malformed)
}

/// A change of a managed collection, each vector's part of it under every real name of the vector.
///
/// # Errors
/// `malformed` where it is not understood whole; what `real` refuses.
pub fn update(encoding: Encoding, message: &Bytes, real: RealNames<'_>) -> Result<Bytes, Refusal> {
    match encoding {
        Encoding::Protobuf => update_protobuf(message, real),
        Encoding::Json => update_json(message, real),
    }
}

fn update_protobuf(message: &Bytes, real: RealNames<'_>) -> Result<Bytes, Refusal> {
    let mut update = UpdateCollection::decode(message.clone()).map_err(malformed)?;
    // Decoding drops what it does not know, and nothing that is known grows shorter by being written again.
    if update.encoded_len() != message.len() {
        return Err(malformed(
            "the change holds fields that this version does not know",
        ));
    }
    if let Some(config) = &mut update.vectors_config {
        // One unnamed diff means the vector `""`.
        let map = match config.config.take() {
            Some(DiffConfig::Params(one)) => [(String::new(), one)].into(),
            Some(DiffConfig::ParamsMap(map)) => map.map,
            None => Default::default(),
        };
        let map = named(map, real)?;
        config.config = Some(DiffConfig::ParamsMap(VectorParamsDiffMap { map }));
    }
    if let Some(sparse) = &mut update.sparse_vectors_config {
        sparse.map = named(std::mem::take(&mut sparse.map), real)?;
    }
    if let Some(strict) = &mut update.strict_mode_config {
        if let Some(multi) = &mut strict.multivector_config {
            multi.multivector_config = named(std::mem::take(&mut multi.multivector_config), real)?;
        }
        if let Some(sparse) = &mut strict.sparse_config {
            sparse.sparse_config = named(std::mem::take(&mut sparse.sparse_config), real)?;
        }
    }
    Ok(Bytes::from(update.encode_to_vec()))
}

fn named<C, T: Clone>(map: C, real: RealNames<'_>) -> Result<C, Refusal>
where
    C: IntoIterator<Item = (String, T)> + FromIterator<(String, T)>,
{
    let mut out = Vec::new();
    for (name, value) in map {
        for space in real(&name)? {
            out.push((space.to_string(), value.clone()));
        }
    }
    Ok(out.into_iter().collect())
}

/// The members of a change; others are refused, because what they would do is not known.
const UPDATE_KEYS: &[&str] = &[
    "vectors",
    "optimizers_config",
    "params",
    "hnsw_config",
    "quantization_config",
    "sparse_vectors",
    "strict_mode_config",
    "metadata",
];

fn update_json(message: &Bytes, real: RealNames<'_>) -> Result<Bytes, Refusal> {
    let mut update = object(message)?;
    if let Some(key) = update.keys().find(|key| !UPDATE_KEYS.contains(&key.as_str())) {
        return Err(malformed(format_args!(
            "unknown field `{key}` in a change of a managed collection"
        )));
    }
    for key in ["vectors", "sparse_vectors"] {
        rename_member(&mut update, key, real)?;
    }
    if let Some(strict) = update
        .get_mut("strict_mode_config")
        .and_then(Value::as_object_mut)
    {
        for key in ["multivector_config", "sparse_config"] {
            rename_member(strict, key, real)?;
        }
    }
    serde_json::to_vec(&update).map(Bytes::from).map_err(malformed)
}

fn rename_member(parent: &mut Map<String, Value>, key: &str, real: RealNames<'_>) -> Result<(), Refusal> {
    match parent.get_mut(key) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(map)) => {
            *map = named(std::mem::take(map), real)?;
            Ok(())
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(malformed(format_args!("`{key}` is not an object")))
        }
    }
}

fn keys_of(map: &Map<String, Value>) -> Vec<String> {
    map.keys().cloned().collect()
}

/// One vector's parameters; a vector that is called `size` would have an object under it.
fn is_single(vectors: &Value) -> bool {
    vectors.get("size").is_some_and(|size| !size.is_object())
}

#[cfg(test)]
mod tests;
