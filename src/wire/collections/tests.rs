//! Bodies of both encodings, with the same outcome.

use std::collections::HashMap;

use qdrant_client::qdrant::{
    HnswConfigDiff, SparseVectorConfig, SparseVectorParams, StrictModeConfig, StrictModeMultivector,
    StrictModeMultivectorConfig, VectorParams, VectorParamsDiff, VectorParamsMap, VectorsConfig,
    VectorsConfigDiff,
};
use serde_json::json;

use super::*;

fn names(encoding: Encoding, body: impl Into<Bytes>) -> Result<(Vec<String>, Vec<String>), &'static str> {
    let found = creation(encoding, &body.into()).map_err(|refusal| refusal.reason)?;
    let (mut vectors, mut metadata) = (found.vectors, found.metadata);
    vectors.sort();
    metadata.sort();
    Ok((vectors, metadata))
}

fn of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `text` has two spaces, `clip` one, others none.
fn real(name: &str) -> Result<Vec<VectorName>, Refusal> {
    match name {
        "text" => Ok(vec!["text@n@1".into(), "text".into()]),
        "clip" => Ok(vec!["clip".into()]),
        _ => Err(Refusal::invalid("unknown_vector", "unknown")),
    }
}

#[test]
fn the_names_of_a_new_collection_are_found_in_both_encodings() {
    let body = r#"{"vectors":{"te\u0078t":{"size":4,"distance":"Dot"},"size":{"size":2,"distance":"Dot"}},
        "sparse_vectors":{"words":{}},"metadata":{"team":1,"interlock":null}}"#;
    let expected = Ok((of(&["size", "text", "words"]), of(&["interlock", "team"])));
    assert_eq!(names(Encoding::Json, body.as_bytes()), expected);
    let params = |size| VectorParams {
        size,
        ..VectorParams::default()
    };
    let create = CreateCollection {
        collection_name: "docs".to_owned(),
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap {
                map: HashMap::from([("text".to_owned(), params(4)), ("size".to_owned(), params(2))]),
            })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: HashMap::from([("words".to_owned(), SparseVectorParams::default())]),
        }),
        metadata: ["team", "interlock"].map(|key| (key.to_owned(), 1.into())).into(),
        ..CreateCollection::default()
    };
    assert_eq!(names(Encoding::Protobuf, create.encode_to_vec()), expected);
}

#[test]
fn one_unnamed_vector_is_no_name() {
    let body = json!({"vectors": {"size": 4, "distance": "Cosine"}}).to_string();
    assert_eq!(names(Encoding::Json, body), Ok((vec![], vec![])));
    assert_eq!(names(Encoding::Json, "{}"), Ok((vec![], vec![])));
    assert_eq!(names(Encoding::Json, "{\"vectors\":"), Err("malformed"));
    assert_eq!(names(Encoding::Protobuf, vec![0xff]), Err("malformed"));
}

#[test]
fn a_change_goes_to_every_real_name_in_json() {
    let body = json!({
        "vectors": {"text": {"hnsw_config": {"m": 8}}, "clip": {"on_disk": true}},
        "strict_mode_config": {"enabled": true, "multivector_config": {"text": {"max_vectors": 3}}},
        "metadata": {"team": 1},
        "optimizers_config": {"indexing_threshold": 9_007_199_254_740_993_u64},
    });
    let sent = update(Encoding::Json, &Bytes::from(body.to_string()), &real).unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let expected = json!({
        "vectors": {"text": {"hnsw_config": {"m": 8}}, "text@n@1": {"hnsw_config": {"m": 8}}, "clip": {"on_disk": true}},
        "strict_mode_config": {"enabled": true,
            "multivector_config": {"text": {"max_vectors": 3}, "text@n@1": {"max_vectors": 3}}},
        "metadata": {"team": 1},
        "optimizers_config": {"indexing_threshold": 9_007_199_254_740_993_u64},
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_change_goes_to_every_real_name_in_protobuf() {
    let diff = VectorParamsDiff {
        hnsw_config: Some(HnswConfigDiff {
            m: Some(8),
            ..HnswConfigDiff::default()
        }),
        ..VectorParamsDiff::default()
    };
    let strict = StrictModeMultivector { max_vectors: Some(3) };
    let both = |names: &[&str]| -> UpdateCollection {
        UpdateCollection {
            collection_name: "alias".to_owned(),
            timeout: Some(5),
            vectors_config: Some(VectorsConfigDiff {
                config: Some(DiffConfig::ParamsMap(VectorParamsDiffMap {
                    map: names.iter().map(|name| ((*name).to_owned(), diff)).collect(),
                })),
            }),
            strict_mode_config: Some(StrictModeConfig {
                multivector_config: Some(StrictModeMultivectorConfig {
                    multivector_config: names.iter().map(|name| ((*name).to_owned(), strict)).collect(),
                }),
                ..StrictModeConfig::default()
            }),
            ..UpdateCollection::default()
        }
    };
    let message = Bytes::from(both(&["text"]).encode_to_vec());
    let sent = update(Encoding::Protobuf, &message, &real).unwrap();
    assert_eq!(
        UpdateCollection::decode(sent).unwrap(),
        both(&["text", "text@n@1"])
    );
    // A field of a newer server at its end.
    let newer = Bytes::from([message.as_ref(), &[0xa0, 0x06, 0x01]].concat());
    assert_eq!(
        update(Encoding::Protobuf, &newer, &real).unwrap_err().reason,
        "malformed"
    );
}

#[test]
fn what_is_not_understood_of_a_change_is_refused() {
    for (body, reason) in [
        (json!({"vectors": {"other": {}}}), "unknown_vector"),
        (json!({"sparse_vectors": {"": {}}}), "unknown_vector"),
        (
            json!({"strict_mode_config": {"sparse_config": {"x": {}}}}),
            "unknown_vector",
        ),
        (json!({"vectors": []}), "malformed"),
        (json!({"tomorrow": 1}), "malformed"),
        (json!([]), "malformed"),
    ] {
        let outcome = update(Encoding::Json, &Bytes::from(body.to_string()), &real);
        assert_eq!(outcome.unwrap_err().reason, reason, "{body}");
    }
}
