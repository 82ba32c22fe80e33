//! Messages that several requests share: ids, values, filters, vectors, selectors.

use super::{Message, double, float, floats, many, map, number, numbers, one, text, texts};

macro_rules! messages {
    ($($name:ident $spelled:literal [$($field:expr),* $(,)?])*) => {
        $(pub(in super::super) static $name: Message = Message { name: $spelled, fields: &[$($field),*] };)*
    };
}
pub(super) use messages;

messages! {
    POINT_ID "PointId" [number(1).of(1), text(2).of(1)]
    SHARD_KEY "ShardKey" [text(1).of(1), number(2).of(1)]
    SHARD_KEY_SELECTOR "ShardKeySelector" [many(1, &SHARD_KEY), one(2, &SHARD_KEY)]
    READ_CONSISTENCY "ReadConsistency" [number(1).of(1), number(2).of(1)]
    TIMESTAMP "Timestamp" [number(1), number(2)]

    VALUE "Value" [
        number(1).of(1), double(2).of(1), number(3).of(1), text(4).of(1), number(5).of(1),
        one(6, &STRUCT).of(1), one(7, &LIST_VALUE).of(1),
    ]
    VALUE_ENTRY "map entry" [text(1), one(2, &VALUE)]
    STRUCT "Struct" [map(1, &VALUE_ENTRY)]
    LIST_VALUE "ListValue" [many(1, &VALUE)]

    FILTER "Filter" [many(1, &CONDITION), many(2, &CONDITION), many(3, &CONDITION), one(4, &MIN_SHOULD)]
    MIN_SHOULD "MinShould" [many(1, &CONDITION), number(2)]
    CONDITION "Condition" [
        one(1, &FIELD_CONDITION).of(1), one(2, &IS_EMPTY).of(1), one(3, &HAS_ID).of(1), one(4, &FILTER).of(1),
        one(5, &IS_NULL).of(1), one(6, &NESTED).of(1), one(7, &HAS_VECTOR).of(1), one(8, &SLICE).of(1),
    ]
    IS_EMPTY "IsEmptyCondition" [text(1)]
    IS_NULL "IsNullCondition" [text(1)]
    HAS_ID "HasIdCondition" [many(1, &POINT_ID)]
    HAS_VECTOR "HasVectorCondition" [text(1)]
    SLICE "SliceCondition" [number(1), number(2)]
    NESTED "NestedCondition" [text(1), one(2, &FILTER)]
    FIELD_CONDITION "FieldCondition" [
        text(1), one(2, &MATCH), one(3, &RANGE), one(4, &GEO_BOX), one(5, &GEO_RADIUS), one(6, &VALUES_COUNT),
        one(7, &GEO_POLYGON), one(8, &DATETIME_RANGE), number(9), number(10),
    ]
    MATCH "Match" [
        text(1).of(1), number(2).of(1), number(3).of(1), text(4).of(1), one(5, &STRINGS).of(1),
        one(6, &INTEGERS).of(1), one(7, &INTEGERS).of(1), one(8, &STRINGS).of(1), text(9).of(1), text(10).of(1),
        text(11).of(1), text(12).of(1),
    ]
    STRINGS "RepeatedStrings" [texts(1)]
    INTEGERS "RepeatedIntegers" [numbers(1)]
    RANGE "Range" [double(1), double(2), double(3), double(4)]
    DATETIME_RANGE "DatetimeRange" [
        one(1, &TIMESTAMP), one(2, &TIMESTAMP), one(3, &TIMESTAMP), one(4, &TIMESTAMP),
    ]
    GEO_POINT "GeoPoint" [double(1), double(2)]
    GEO_BOX "GeoBoundingBox" [one(1, &GEO_POINT), one(2, &GEO_POINT)]
    GEO_RADIUS "GeoRadius" [one(1, &GEO_POINT), float(2)]
    GEO_LINE "GeoLineString" [many(1, &GEO_POINT)]
    GEO_POLYGON "GeoPolygon" [one(1, &GEO_LINE), many(2, &GEO_LINE)]
    VALUES_COUNT "ValuesCount" [number(1), number(2), number(3), number(4)]

    SPARSE_INDICES "SparseIndices" [numbers(1)]
    DENSE_VECTOR "DenseVector" [floats(1)]
    SPARSE_VECTOR "SparseVector" [floats(1), numbers(2)]
    MULTI_VECTOR "MultiDenseVector" [many(1, &DENSE_VECTOR)]
    DOCUMENT "Document" [text(1), text(3), map(4, &VALUE_ENTRY)]
    IMAGE "Image" [one(1, &VALUE), text(2), map(3, &VALUE_ENTRY)]
    INFERENCE_OBJECT "InferenceObject" [one(1, &VALUE), text(2), map(3, &VALUE_ENTRY)]
    VECTOR "Vector" [
        floats(1), one(2, &SPARSE_INDICES), number(3),
        one(101, &DENSE_VECTOR).of(1), one(102, &SPARSE_VECTOR).of(1), one(103, &MULTI_VECTOR).of(1),
        one(104, &DOCUMENT).of(1), one(105, &IMAGE).of(1), one(106, &INFERENCE_OBJECT).of(1),
    ]
    VECTOR_INPUT "VectorInput" [
        one(1, &POINT_ID).of(1), one(2, &DENSE_VECTOR).of(1), one(3, &SPARSE_VECTOR).of(1),
        one(4, &MULTI_VECTOR).of(1), one(5, &DOCUMENT).of(1), one(6, &IMAGE).of(1),
        one(7, &INFERENCE_OBJECT).of(1),
    ]
    TEXT_LIST "list of names" [texts(1)]
    WITH_PAYLOAD "WithPayloadSelector" [
        number(1).of(1), one(2, &TEXT_LIST).of(1), one(3, &TEXT_LIST).of(1),
    ]
    WITH_VECTORS "WithVectorsSelector" [number(1).of(1), one(2, &TEXT_LIST).of(1)]
    NAME_ONLY "collection request" [text(1)]
}
