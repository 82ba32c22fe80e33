//! The messages of reads.

use super::common::{
    CONDITION, FILTER, GEO_POINT, POINT_ID, READ_CONSISTENCY, SHARD_KEY_SELECTOR, SPARSE_INDICES, TIMESTAMP,
    VALUE_ENTRY, VECTOR, VECTOR_INPUT, WITH_PAYLOAD, WITH_VECTORS, messages,
};
use super::{Message, double, float, floats, many, map, number, one, text};

messages! {
    QUANTIZATION_PARAMS "QuantizationSearchParams" [number(1), number(2), double(3)]
    ACORN_PARAMS "AcornSearchParams" [number(1), double(2)]
    IDF_PARAMS "IdfParams" [one(1, &FILTER)]
    SEARCH_PARAMS "SearchParams" [
        number(1), number(2), one(3, &QUANTIZATION_PARAMS), number(4), one(5, &ACORN_PARAMS), one(6, &IDF_PARAMS),
    ]
    LOOKUP_LOCATION "LookupLocation" [text(1), text(2), one(3, &SHARD_KEY_SELECTOR)]
    WITH_LOOKUP "WithLookup" [text(1), one(2, &WITH_PAYLOAD), one(3, &WITH_VECTORS)]
    START_FROM "StartFrom" [double(1).of(1), number(2).of(1), one(3, &TIMESTAMP).of(1), text(4).of(1)]
    ORDER_BY "OrderBy" [text(1), number(2), one(3, &START_FROM)]

    GET_POINTS "GetPoints" [
        text(1), many(2, &POINT_ID), one(4, &WITH_PAYLOAD), one(5, &WITH_VECTORS), one(6, &READ_CONSISTENCY),
        one(7, &SHARD_KEY_SELECTOR), number(8),
    ]
    SCROLL_POINTS "ScrollPoints" [
        text(1), one(2, &FILTER), one(3, &POINT_ID), number(4), one(6, &WITH_PAYLOAD), one(7, &WITH_VECTORS),
        one(8, &READ_CONSISTENCY), one(9, &SHARD_KEY_SELECTOR), one(10, &ORDER_BY), number(11),
    ]
    COUNT_POINTS "CountPoints" [
        text(1), one(2, &FILTER), number(3), one(4, &READ_CONSISTENCY), one(5, &SHARD_KEY_SELECTOR), number(6),
    ]
    FACET_COUNTS "FacetCounts" [
        text(1), text(2), one(3, &FILTER), number(4), number(5), number(6), one(7, &READ_CONSISTENCY),
        one(8, &SHARD_KEY_SELECTOR),
    ]

    SEARCH_POINTS "SearchPoints" [
        text(1), floats(2), one(3, &FILTER), number(4), one(6, &WITH_PAYLOAD), one(7, &SEARCH_PARAMS), float(8),
        number(9), text(10), one(11, &WITH_VECTORS), one(12, &READ_CONSISTENCY), number(13),
        one(14, &SHARD_KEY_SELECTOR), one(15, &SPARSE_INDICES),
    ]
    SEARCH_GROUPS "SearchPointGroups" [
        text(1), floats(2), one(3, &FILTER), number(4), one(5, &WITH_PAYLOAD), one(6, &SEARCH_PARAMS), float(7),
        text(8), one(9, &WITH_VECTORS), text(10), number(11), one(12, &READ_CONSISTENCY), one(13, &WITH_LOOKUP),
        number(14), one(15, &SHARD_KEY_SELECTOR), one(16, &SPARSE_INDICES),
    ]
    RECOMMEND_POINTS "RecommendPoints" [
        text(1), many(2, &POINT_ID), many(3, &POINT_ID), one(4, &FILTER), number(5), one(7, &WITH_PAYLOAD),
        one(8, &SEARCH_PARAMS), float(9), number(10), text(11), one(12, &WITH_VECTORS), one(13, &LOOKUP_LOCATION),
        one(14, &READ_CONSISTENCY), number(16), many(17, &VECTOR), many(18, &VECTOR), number(19),
        one(20, &SHARD_KEY_SELECTOR),
    ]
    RECOMMEND_GROUPS "RecommendPointGroups" [
        text(1), many(2, &POINT_ID), many(3, &POINT_ID), one(4, &FILTER), number(5), one(6, &WITH_PAYLOAD),
        one(7, &SEARCH_PARAMS), float(8), text(9), one(10, &WITH_VECTORS), one(11, &LOOKUP_LOCATION), text(12),
        number(13), one(14, &READ_CONSISTENCY), one(15, &WITH_LOOKUP), number(17), many(18, &VECTOR),
        many(19, &VECTOR), number(20), one(21, &SHARD_KEY_SELECTOR),
    ]
    VECTOR_EXAMPLE "VectorExample" [one(1, &POINT_ID).of(1), one(2, &VECTOR).of(1)]
    TARGET_VECTOR "TargetVector" [one(1, &VECTOR_EXAMPLE).of(1)]
    CONTEXT_EXAMPLE_PAIR "ContextExamplePair" [one(1, &VECTOR_EXAMPLE), one(2, &VECTOR_EXAMPLE)]
    DISCOVER_POINTS "DiscoverPoints" [
        text(1), one(2, &TARGET_VECTOR), many(3, &CONTEXT_EXAMPLE_PAIR), one(4, &FILTER), number(5),
        one(6, &WITH_PAYLOAD), one(7, &SEARCH_PARAMS), number(8), text(9), one(10, &WITH_VECTORS),
        one(11, &LOOKUP_LOCATION), one(12, &READ_CONSISTENCY), number(13), one(14, &SHARD_KEY_SELECTOR),
    ]

    RECOMMEND_INPUT "RecommendInput" [many(1, &VECTOR_INPUT), many(2, &VECTOR_INPUT), number(3)]
    CONTEXT_INPUT_PAIR "ContextInputPair" [one(1, &VECTOR_INPUT), one(2, &VECTOR_INPUT)]
    CONTEXT_INPUT "ContextInput" [many(1, &CONTEXT_INPUT_PAIR)]
    DISCOVER_INPUT "DiscoverInput" [one(1, &VECTOR_INPUT), one(2, &CONTEXT_INPUT)]
    MMR "Mmr" [float(2), number(3)]
    NEAREST_WITH_MMR "NearestInputWithMmr" [one(1, &VECTOR_INPUT), one(2, &MMR)]
    RRF "Rrf" [number(1), floats(2)]
    FEEDBACK_ITEM "FeedbackItem" [one(1, &VECTOR_INPUT), float(2)]
    NAIVE_FEEDBACK "NaiveFeedbackStrategy" [float(1), float(2), float(3)]
    FEEDBACK_STRATEGY "FeedbackStrategy" [one(1, &NAIVE_FEEDBACK).of(1)]
    RELEVANCE_FEEDBACK "RelevanceFeedbackInput" [
        one(1, &VECTOR_INPUT), many(2, &FEEDBACK_ITEM), one(3, &FEEDBACK_STRATEGY),
    ]
    BM25_PARAMS "Bm25Params" [float(1), float(2)]
    TEXT_QUERY "TextQuery" [text(1), one(2, &BM25_PARAMS).of(1)]

    FORMULA "Formula" [one(1, &EXPRESSION), map(2, &VALUE_ENTRY)]
    EXPRESSION_LIST "list of Expression" [many(1, &EXPRESSION)]
    GEO_DISTANCE "GeoDistance" [one(1, &GEO_POINT), text(2)]
    DIV_EXPRESSION "DivExpression" [one(1, &EXPRESSION), one(2, &EXPRESSION), float(3)]
    POW_EXPRESSION "PowExpression" [one(1, &EXPRESSION), one(2, &EXPRESSION)]
    DECAY_PARAMS "DecayParamsExpression" [one(1, &EXPRESSION), one(2, &EXPRESSION), float(3), float(4)]
    EXPRESSION "Expression" [
        float(1).of(1), text(2).of(1), one(3, &CONDITION).of(1), one(4, &GEO_DISTANCE).of(1), text(5).of(1),
        text(6).of(1), one(7, &EXPRESSION_LIST).of(1), one(8, &EXPRESSION_LIST).of(1),
        one(9, &DIV_EXPRESSION).of(1), one(10, &EXPRESSION).of(1), one(11, &EXPRESSION).of(1),
        one(12, &EXPRESSION).of(1), one(13, &POW_EXPRESSION).of(1), one(14, &EXPRESSION).of(1),
        one(15, &EXPRESSION).of(1), one(16, &EXPRESSION).of(1), one(17, &DECAY_PARAMS).of(1),
        one(18, &DECAY_PARAMS).of(1), one(19, &DECAY_PARAMS).of(1), one(20, &EXPRESSION).of(1),
        one(21, &EXPRESSION_LIST).of(1), one(22, &EXPRESSION_LIST).of(1),
    ]

    QUERY "Query" [
        one(1, &VECTOR_INPUT).of(1), one(2, &RECOMMEND_INPUT).of(1), one(3, &DISCOVER_INPUT).of(1),
        one(4, &CONTEXT_INPUT).of(1), one(5, &ORDER_BY).of(1), number(6).of(1), number(7).of(1),
        one(8, &FORMULA).of(1), one(9, &NEAREST_WITH_MMR).of(1), one(10, &RRF).of(1),
        one(11, &RELEVANCE_FEEDBACK).of(1), one(12, &TEXT_QUERY).of(1),
    ]
    PREFETCH_QUERY "PrefetchQuery" [
        many(1, &PREFETCH_QUERY), one(2, &QUERY), text(3), one(4, &FILTER), one(5, &SEARCH_PARAMS), float(6),
        number(7), one(8, &LOOKUP_LOCATION),
    ]
    QUERY_POINTS "QueryPoints" [
        text(1), many(2, &PREFETCH_QUERY), one(3, &QUERY), text(4), one(5, &FILTER), one(6, &SEARCH_PARAMS), float(7),
        number(8), number(9), one(10, &WITH_VECTORS), one(11, &WITH_PAYLOAD), one(12, &READ_CONSISTENCY),
        one(13, &SHARD_KEY_SELECTOR), one(14, &LOOKUP_LOCATION), number(15),
    ]
    QUERY_GROUPS "QueryPointGroups" [
        text(1), many(2, &PREFETCH_QUERY), one(3, &QUERY), text(4), one(5, &FILTER), one(6, &SEARCH_PARAMS), float(7),
        one(8, &WITH_PAYLOAD), one(9, &WITH_VECTORS), one(10, &LOOKUP_LOCATION), number(11), number(12), text(13),
        one(14, &READ_CONSISTENCY), one(15, &WITH_LOOKUP), number(16), one(17, &SHARD_KEY_SELECTOR),
    ]

    SEARCH_MATRIX "SearchMatrixPoints" [
        text(1), one(2, &FILTER), number(3), number(4), text(5), number(6), one(7, &READ_CONSISTENCY),
        one(8, &SHARD_KEY_SELECTOR),
    ]

    QUERY_BATCH "QueryBatchPoints" [text(1), many(2, &QUERY_POINTS), one(3, &READ_CONSISTENCY), number(4)]
    SEARCH_BATCH "SearchBatchPoints" [text(1), many(2, &SEARCH_POINTS), one(3, &READ_CONSISTENCY), number(4)]
    RECOMMEND_BATCH "RecommendBatchPoints" [
        text(1), many(2, &RECOMMEND_POINTS), one(3, &READ_CONSISTENCY), number(4),
    ]
    DISCOVER_BATCH "DiscoverBatchPoints" [text(1), many(2, &DISCOVER_POINTS), one(3, &READ_CONSISTENCY), number(4)]
}
