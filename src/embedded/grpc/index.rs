//! Payload indexes between protobuf and the crate, through their JSON form.

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_edge::{PayloadFieldSchema, PayloadIndexInfo, PayloadSchemaType};
use serde_json::{Value, json};

use super::input::path;
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::writes::Write;

/// # Errors
/// The field, its type or its parameters are malformed.
pub fn create(
    field: String,
    field_type: Option<i32>,
    params: Option<pb::PayloadIndexParams>,
) -> ApiResult<Write> {
    let schema = match params.and_then(|params| params.index_params) {
        Some(params) => Some(read(params_json(params))?),
        None => field_type.map(by_type).transpose()?,
    };
    Ok(Write::CreateIndex {
        field: path(&field)?,
        schema,
    })
}

fn by_type(field_type: i32) -> ApiResult<PayloadFieldSchema> {
    let name = match pb::FieldType::try_from(field_type) {
        Ok(pb::FieldType::Keyword) => "keyword",
        Ok(pb::FieldType::Integer) => "integer",
        Ok(pb::FieldType::Float) => "float",
        Ok(pb::FieldType::Geo) => "geo",
        Ok(pb::FieldType::Text) => "text",
        Ok(pb::FieldType::Bool) => "bool",
        Ok(pb::FieldType::Datetime) => "datetime",
        Ok(pb::FieldType::Uuid) => "uuid",
        Err(_) => return Err(ApiError::format("Cannot convert field type")),
    };
    read(json!(name))
}

fn read(schema: Value) -> ApiResult<PayloadFieldSchema> {
    serde_json::from_value(schema)
        .map_err(|error| ApiError::format(format!("Malformed payload index parameters: {error}")))
}

fn params_json(params: IndexParams) -> Value {
    let mut value = match params {
        IndexParams::KeywordIndexParams(p) => {
            json!({"type": "keyword", "is_tenant": p.is_tenant, "on_disk": p.on_disk})
        }
        IndexParams::IntegerIndexParams(p) => json!({"type": "integer", "lookup": p.lookup, "range": p.range,
            "is_principal": p.is_principal, "on_disk": p.on_disk}),
        IndexParams::FloatIndexParams(p) => {
            json!({"type": "float", "is_principal": p.is_principal, "on_disk": p.on_disk})
        }
        IndexParams::GeoIndexParams(p) => json!({"type": "geo", "on_disk": p.on_disk}),
        IndexParams::TextIndexParams(p) => text_json(p),
        IndexParams::BoolIndexParams(p) => json!({"type": "bool", "on_disk": p.on_disk}),
        IndexParams::DatetimeIndexParams(p) => {
            json!({"type": "datetime", "is_principal": p.is_principal, "on_disk": p.on_disk})
        }
        IndexParams::UuidIndexParams(p) => {
            json!({"type": "uuid", "is_tenant": p.is_tenant, "on_disk": p.on_disk})
        }
    };
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

fn text_json(p: pb::TextIndexParams) -> Value {
    use pb::stemming_algorithm::StemmingParams;
    let tokenizer = match pb::TokenizerType::try_from(p.tokenizer) {
        Ok(pb::TokenizerType::Prefix) => "prefix",
        Ok(pb::TokenizerType::Whitespace) => "whitespace",
        Ok(pb::TokenizerType::Multilingual) => "multilingual",
        Ok(pb::TokenizerType::Unknown | pb::TokenizerType::Word | pb::TokenizerType::Code) | Err(_) => "word",
    };
    let stemmer = match p.stemmer.and_then(|stemmer| stemmer.stemming_params) {
        Some(StemmingParams::Snowball(snowball)) => {
            json!({"type": "snowball", "language": snowball.language})
        }
        Some(StemmingParams::Disabled(_)) => json!({"type": "none"}),
        None => Value::Null,
    };
    let stopwords = p
        .stopwords
        .map(|set| json!({"languages": set.languages, "custom": set.custom}));
    json!({"type": "text", "tokenizer": tokenizer, "lowercase": p.lowercase, "min_token_len": p.min_token_len,
        "max_token_len": p.max_token_len, "on_disk": p.on_disk, "phrase_matching": p.phrase_matching,
        "ascii_folding": p.ascii_folding, "stemmer": stemmer, "stopwords": stopwords})
}

/// An index as collection info shows it.
pub fn info(info: &PayloadIndexInfo) -> pb::PayloadSchemaInfo {
    let data_type = match info.data_type {
        PayloadSchemaType::Keyword => pb::PayloadSchemaType::Keyword,
        PayloadSchemaType::Integer => pb::PayloadSchemaType::Integer,
        PayloadSchemaType::Float => pb::PayloadSchemaType::Float,
        PayloadSchemaType::Geo => pb::PayloadSchemaType::Geo,
        PayloadSchemaType::Text => pb::PayloadSchemaType::Text,
        PayloadSchemaType::Bool => pb::PayloadSchemaType::Bool,
        PayloadSchemaType::Datetime => pb::PayloadSchemaType::Datetime,
        PayloadSchemaType::Uuid => pb::PayloadSchemaType::Uuid,
    };
    let given = info
        .params
        .as_ref()
        .and_then(|params| serde_json::to_value(params).ok());
    let params = given.map(|given| pb::PayloadIndexParams {
        index_params: params_out(info.data_type, &given),
    });
    pb::PayloadSchemaInfo {
        data_type: data_type.into(),
        params,
        points: Some(info.points as u64),
    }
}

fn params_out(data_type: PayloadSchemaType, given: &Value) -> Option<IndexParams> {
    let flag = |key: &str| given.get(key).and_then(Value::as_bool);
    let number = |key: &str| given.get(key).and_then(Value::as_u64);
    let on_disk = flag("on_disk");
    Some(match data_type {
        PayloadSchemaType::Keyword => IndexParams::KeywordIndexParams(pb::KeywordIndexParams {
            is_tenant: flag("is_tenant"),
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Integer => IndexParams::IntegerIndexParams(pb::IntegerIndexParams {
            lookup: flag("lookup"),
            range: flag("range"),
            is_principal: flag("is_principal"),
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Float => IndexParams::FloatIndexParams(pb::FloatIndexParams {
            is_principal: flag("is_principal"),
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Geo => IndexParams::GeoIndexParams(pb::GeoIndexParams {
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Text => {
            let tokenizer = match given.get("tokenizer").and_then(Value::as_str) {
                Some("prefix") => pb::TokenizerType::Prefix,
                Some("whitespace") => pb::TokenizerType::Whitespace,
                Some("multilingual") => pb::TokenizerType::Multilingual,
                Some(_) | None => pb::TokenizerType::Word,
            };
            IndexParams::TextIndexParams(pb::TextIndexParams {
                tokenizer: tokenizer.into(),
                lowercase: flag("lowercase"),
                min_token_len: number("min_token_len"),
                max_token_len: number("max_token_len"),
                on_disk,
                phrase_matching: flag("phrase_matching"),
                ascii_folding: flag("ascii_folding"),
                ..Default::default()
            })
        }
        PayloadSchemaType::Bool => IndexParams::BoolIndexParams(pb::BoolIndexParams {
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Datetime => IndexParams::DatetimeIndexParams(pb::DatetimeIndexParams {
            is_principal: flag("is_principal"),
            on_disk,
            ..Default::default()
        }),
        PayloadSchemaType::Uuid => IndexParams::UuidIndexParams(pb::UuidIndexParams {
            is_tenant: flag("is_tenant"),
            on_disk,
            ..Default::default()
        }),
    })
}
