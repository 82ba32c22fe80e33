//! Filters and search settings from protobuf. They go through their JSON form, which the crate reads: nothing in them
//! is a vector.

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_edge::{Condition, Filter, OrderBy, SearchParams};
use serde_json::{Map, Value, json};

use super::input::path;
use crate::embedded::errors::{ApiError, ApiResult};

/// # Errors
/// A condition is empty, malformed, or of a kind that this version does not know.
pub fn filter(filter: pb::Filter) -> ApiResult<Filter> {
    read(filter_json(filter)?)
}

/// # Errors
/// As [`filter`].
pub fn optional(given: Option<pb::Filter>) -> ApiResult<Option<Filter>> {
    given.map(filter).transpose()
}

/// # Errors
/// As [`filter`].
pub fn condition(condition: pb::Condition) -> ApiResult<Condition> {
    if condition.condition_one_of.is_none() {
        return Err(ApiError::format("Malformed Condition type"));
    }
    read(condition_json(condition)?)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> ApiResult<T> {
    serde_json::from_value(value).map_err(|error| ApiError::format(format!("Malformed condition: {error}")))
}

fn filter_json(filter: pb::Filter) -> ApiResult<Value> {
    let mut object = Map::new();
    for (key, conditions) in [
        ("should", filter.should),
        ("must", filter.must),
        ("must_not", filter.must_not),
    ] {
        if !conditions.is_empty() {
            object.insert(key.to_owned(), conditions_json(conditions)?);
        }
    }
    if let Some(min_should) = filter.min_should {
        let conditions = conditions_json(min_should.conditions)?;
        let min_should = json!({"conditions": conditions, "min_count": min_should.min_count});
        object.insert("min_should".to_owned(), min_should);
    }
    Ok(Value::Object(object))
}

/// A condition with nothing in it counts for nothing, as in Qdrant.
fn conditions_json(conditions: Vec<pb::Condition>) -> ApiResult<Value> {
    let given = conditions
        .into_iter()
        .filter(|condition| condition.condition_one_of.is_some());
    given
        .map(condition_json)
        .collect::<ApiResult<Vec<_>>>()
        .map(Value::Array)
}

fn condition_json(condition: pb::Condition) -> ApiResult<Value> {
    match condition.condition_one_of {
        Some(ConditionOneOf::Field(field)) => field_json(field),
        Some(ConditionOneOf::IsEmpty(empty)) => Ok(json!({"is_empty": {"key": checked(empty.key)?}})),
        Some(ConditionOneOf::IsNull(null)) => Ok(json!({"is_null": {"key": checked(null.key)?}})),
        Some(ConditionOneOf::HasId(has_id)) => {
            let ids = super::input::ids(has_id.has_id)?;
            Ok(json!({ "has_id": ids }))
        }
        Some(ConditionOneOf::HasVector(has)) => Ok(json!({"has_vector": has.has_vector})),
        Some(ConditionOneOf::Filter(filter)) => filter_json(filter),
        Some(ConditionOneOf::Nested(nested)) => {
            let inner = nested
                .filter
                .ok_or_else(|| ApiError::format("Malformed Nested condition: no filter"))?;
            Ok(json!({"nested": {"key": checked(nested.key)?, "filter": filter_json(inner)?}}))
        }
        Some(ConditionOneOf::Slice(_)) => Err(ApiError::unimplemented("slice conditions")),
        None => Ok(Value::Null),
    }
}

fn checked(key: String) -> ApiResult<String> {
    path(&key).map(|_| key)
}

fn field_json(field: pb::FieldCondition) -> ApiResult<Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    if let Some(matched) = field.r#match {
        put("match", match_json(matched)?);
    }
    if let Some(range) = field.range {
        put(
            "range",
            json!({"lt": range.lt, "gt": range.gt, "gte": range.gte, "lte": range.lte}),
        );
    }
    if let Some(range) = field.datetime_range {
        let date = |stamp: Option<prost_types::Timestamp>| stamp.map(|stamp| stamp.to_string());
        let [lt, gt, gte, lte] = [range.lt, range.gt, range.gte, range.lte].map(date);
        put("range", json!({"lt": lt, "gt": gt, "gte": gte, "lte": lte}));
    }
    if let Some(pb::GeoBoundingBox {
        top_left: Some(top_left),
        bottom_right: Some(bottom_right),
    }) = field.geo_bounding_box
    {
        let corners = json!({"top_left": geo(&top_left), "bottom_right": geo(&bottom_right)});
        put("geo_bounding_box", corners);
    }
    if let Some(pb::GeoRadius {
        center: Some(center),
        radius,
    }) = field.geo_radius
    {
        put("geo_radius", json!({"center": geo(&center), "radius": radius}));
    }
    if let Some(pb::GeoPolygon {
        exterior: Some(exterior),
        interiors,
    }) = field.geo_polygon
    {
        let line =
            |line: &pb::GeoLineString| json!({"points": line.points.iter().map(geo).collect::<Vec<_>>()});
        let interiors: Vec<Value> = interiors.iter().map(line).collect();
        put(
            "geo_polygon",
            json!({"exterior": line(&exterior), "interiors": interiors}),
        );
    }
    if let Some(count) = field.values_count {
        put(
            "values_count",
            json!({"lt": count.lt, "gt": count.gt, "gte": count.gte, "lte": count.lte}),
        );
    }
    if let Some(flag) = field.is_empty {
        put("is_empty", flag.into());
    }
    if let Some(flag) = field.is_null {
        put("is_null", flag.into());
    }
    if object.is_empty() {
        return Err(ApiError::format("Malformed FieldCondition: no condition given"));
    }
    object.insert("key".to_owned(), checked(field.key)?.into());
    Ok(Value::Object(object))
}

fn geo(point: &pb::GeoPoint) -> Value {
    json!({"lon": point.lon, "lat": point.lat})
}

fn match_json(matched: pb::Match) -> ApiResult<Value> {
    match matched.match_value {
        Some(MatchValue::Keyword(text)) => Ok(json!({ "value": text })),
        Some(MatchValue::Integer(number)) => Ok(json!({ "value": number })),
        Some(MatchValue::Boolean(flag)) => Ok(json!({ "value": flag })),
        Some(MatchValue::Text(text)) => Ok(json!({ "text": text })),
        Some(MatchValue::Phrase(text)) => Ok(json!({ "phrase": text })),
        Some(MatchValue::TextAny(text)) => Ok(json!({ "text_any": text })),
        Some(MatchValue::Keywords(list)) => Ok(json!({"any": list.strings})),
        Some(MatchValue::Integers(list)) => Ok(json!({"any": list.integers})),
        Some(MatchValue::ExceptKeywords(list)) => Ok(json!({"except": list.strings})),
        Some(MatchValue::ExceptIntegers(list)) => Ok(json!({"except": list.integers})),
        Some(MatchValue::Prefix(_) | MatchValue::Substring(_)) => {
            Err(ApiError::unimplemented("prefix and substring matches"))
        }
        None => Err(ApiError::format("Malformed Match condition")),
    }
}

/// # Errors
/// A setting is malformed, or of a kind that this version does not know.
pub fn params(params: Option<pb::SearchParams>) -> ApiResult<Option<SearchParams>> {
    let Some(params) = params else {
        return Ok(None);
    };
    if params.idf.is_some() {
        return Err(ApiError::unimplemented("IDF over a part of the collection"));
    }
    let mut object = Map::new();
    object.insert("hnsw_ef".to_owned(), params.hnsw_ef.into());
    object.insert("exact".to_owned(), params.exact.unwrap_or(false).into());
    object.insert(
        "indexed_only".to_owned(),
        params.indexed_only.unwrap_or(false).into(),
    );
    if let Some(quantization) = params.quantization {
        let value = json!({"ignore": quantization.ignore.unwrap_or(false), "rescore": quantization.rescore,
            "oversampling": quantization.oversampling});
        object.insert("quantization".to_owned(), value);
    }
    if let Some(acorn) = params.acorn {
        let value =
            json!({"enable": acorn.enable.unwrap_or(false), "max_selectivity": acorn.max_selectivity});
        object.insert("acorn".to_owned(), value);
    }
    read(Value::Object(object)).map(Some)
}

/// # Errors
/// The key or the start is malformed.
pub fn order_by(order_by: pb::OrderBy) -> ApiResult<OrderBy> {
    use pb::start_from::Value as Start;
    let start_from = match order_by.start_from.and_then(|start| start.value) {
        Some(Start::Float(number)) => json!(number),
        Some(Start::Integer(number)) => json!(number),
        Some(Start::Timestamp(stamp)) => json!(stamp.to_string()),
        Some(Start::Datetime(text)) => json!(text),
        None => Value::Null,
    };
    let direction = match order_by.direction.map(pb::Direction::try_from) {
        Some(Ok(pb::Direction::Desc)) => "desc",
        Some(Ok(pb::Direction::Asc)) | None => "asc",
        Some(Err(_)) => return Err(ApiError::format("Unknown order direction")),
    };
    read(json!({"key": checked(order_by.key)?, "direction": direction, "start_from": start_from}))
}
