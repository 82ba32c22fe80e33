//! The messages of writes.

use super::common::{FILTER, POINT_ID, SHARD_KEY_SELECTOR, TEXT_LIST, VALUE_ENTRY, VECTOR, messages};
use super::{Message, many, map, number, one, text, texts};

messages! {
    WRITE_ORDERING "WriteOrdering" [number(1)]
    VECTOR_ENTRY "map entry" [text(1), one(2, &VECTOR)]
    NAMED_VECTORS "NamedVectors" [map(1, &VECTOR_ENTRY)]
    VECTORS "Vectors" [one(1, &VECTOR).of(1), one(2, &NAMED_VECTORS).of(1)]
    POINT_STRUCT "PointStruct" [one(1, &POINT_ID), map(3, &VALUE_ENTRY), one(4, &VECTORS)]
    POINT_VECTORS "PointVectors" [one(1, &POINT_ID), one(2, &VECTORS)]
    ID_LIST "PointsIdsList" [many(1, &POINT_ID)]
    POINTS_SELECTOR "PointsSelector" [one(1, &ID_LIST).of(1), one(2, &FILTER).of(1)]

    UPSERT_POINTS "UpsertPoints" [
        text(1), number(2), many(3, &POINT_STRUCT), one(4, &WRITE_ORDERING), one(5, &SHARD_KEY_SELECTOR),
        one(6, &FILTER), number(7), number(8),
    ]
    DELETE_POINTS "DeletePoints" [
        text(1), number(2), one(3, &POINTS_SELECTOR), one(4, &WRITE_ORDERING), one(5, &SHARD_KEY_SELECTOR), number(6),
    ]
    UPDATE_VECTORS "UpdatePointVectors" [
        text(1), number(2), many(3, &POINT_VECTORS), one(4, &WRITE_ORDERING), one(5, &SHARD_KEY_SELECTOR),
        one(6, &FILTER), number(7),
    ]
    DELETE_VECTORS "DeletePointVectors" [
        text(1), number(2), one(3, &POINTS_SELECTOR), one(4, &TEXT_LIST), one(5, &WRITE_ORDERING),
        one(6, &SHARD_KEY_SELECTOR), number(7),
    ]
    SET_PAYLOAD "SetPayloadPoints" [
        text(1), number(2), map(3, &VALUE_ENTRY), one(5, &POINTS_SELECTOR), one(6, &WRITE_ORDERING),
        one(7, &SHARD_KEY_SELECTOR), text(8), number(9),
    ]
    DELETE_PAYLOAD "DeletePayloadPoints" [
        text(1), number(2), texts(3), one(5, &POINTS_SELECTOR), one(6, &WRITE_ORDERING), one(7, &SHARD_KEY_SELECTOR),
        number(8),
    ]
    CLEAR_PAYLOAD "ClearPayloadPoints" [
        text(1), number(2), one(3, &POINTS_SELECTOR), one(4, &WRITE_ORDERING), one(5, &SHARD_KEY_SELECTOR), number(6),
    ]

    BATCH_UPSERT "PointStructList" [many(1, &POINT_STRUCT), one(2, &SHARD_KEY_SELECTOR), one(3, &FILTER), number(4)]
    BATCH_SET_PAYLOAD "SetPayload" [
        map(1, &VALUE_ENTRY), one(2, &POINTS_SELECTOR), one(3, &SHARD_KEY_SELECTOR), text(4),
    ]
    BATCH_DELETE_PAYLOAD "DeletePayload" [texts(1), one(2, &POINTS_SELECTOR), one(3, &SHARD_KEY_SELECTOR)]
    BATCH_UPDATE_VECTORS "UpdateVectors" [many(1, &POINT_VECTORS), one(2, &SHARD_KEY_SELECTOR), one(3, &FILTER)]
    BATCH_DELETE_VECTORS "DeleteVectors" [one(1, &POINTS_SELECTOR), one(2, &TEXT_LIST), one(3, &SHARD_KEY_SELECTOR)]
    BATCH_SELECTED "DeletePoints or ClearPayload" [one(1, &POINTS_SELECTOR), one(2, &SHARD_KEY_SELECTOR)]
    BATCH_OPERATION "PointsUpdateOperation" [
        one(1, &BATCH_UPSERT).of(1), one(2, &POINTS_SELECTOR).of(1), one(3, &BATCH_SET_PAYLOAD).of(1),
        one(4, &BATCH_SET_PAYLOAD).of(1), one(5, &BATCH_DELETE_PAYLOAD).of(1), one(6, &POINTS_SELECTOR).of(1),
        one(7, &BATCH_UPDATE_VECTORS).of(1), one(8, &BATCH_DELETE_VECTORS).of(1), one(9, &BATCH_SELECTED).of(1),
        one(10, &BATCH_SELECTED).of(1),
    ]
    UPDATE_BATCH "UpdateBatchPoints" [
        text(1), number(2), many(3, &BATCH_OPERATION), one(4, &WRITE_ORDERING), number(5),
    ]

    KEYWORD_PREFIX "KeywordPrefixParams" []
    KEYWORD_INDEX "KeywordIndexParams" [
        number(1), number(2), number(3), one(4, &KEYWORD_PREFIX), number(5), text(6),
    ]
    INTEGER_INDEX "IntegerIndexParams" [
        number(1), number(2), number(3), number(4), number(5), number(6), text(7),
    ]
    FLOAT_INDEX "FloatIndexParams" [number(1), number(2), number(3), number(4), text(5)]
    GEO_INDEX "GeoIndexParams" [number(1), number(2), number(3), text(4)]
    STOPWORDS "StopwordsSet" [texts(1), texts(2)]
    SNOWBALL "SnowballParams" [text(1)]
    DISABLED_STEMMER "DisabledStemmer" []
    STEMMER "StemmingAlgorithm" [one(1, &SNOWBALL).of(1), one(2, &DISABLED_STEMMER).of(1)]
    TEXT_SCORING "TextScoringParams" [number(1)]
    TEXT_INDEX "TextIndexParams" [
        number(1), number(2), number(3), number(4), number(5), one(6, &STOPWORDS), number(7), one(8, &STEMMER),
        number(9), number(10), number(11), one(12, &TEXT_SCORING), text(13),
    ]
    BOOL_INDEX "BoolIndexParams" [number(1), number(2), number(3), text(4)]
    DATETIME_INDEX "DatetimeIndexParams" [number(1), number(2), number(3), number(4), text(5)]
    UUID_INDEX "UuidIndexParams" [number(1), number(2), number(3), number(4), text(5)]
    INDEX_PARAMS "PayloadIndexParams" [
        one(1, &TEXT_INDEX).of(1), one(2, &INTEGER_INDEX).of(1), one(3, &KEYWORD_INDEX).of(1),
        one(4, &FLOAT_INDEX).of(1), one(5, &GEO_INDEX).of(1), one(6, &BOOL_INDEX).of(1),
        one(7, &DATETIME_INDEX).of(1), one(8, &UUID_INDEX).of(1),
    ]
    CREATE_FIELD_INDEX "CreateFieldIndexCollection" [
        text(1), number(2), text(3), number(4), one(5, &INDEX_PARAMS), one(6, &WRITE_ORDERING), number(7),
    ]
    DELETE_FIELD_INDEX "DeleteFieldIndexCollection" [
        text(1), number(2), text(3), one(4, &WRITE_ORDERING), number(5),
    ]
}
