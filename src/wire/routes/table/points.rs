//! Calls on points. Those of one shard and `get one` are REST's alone.

use super::scanned;
use crate::domain::op::Verb;
use crate::wire::routes::Row;

pub(super) const ROWS: &[Row] = &[
    scanned(
        Verb::Upsert,
        "upsert",
        &["/qdrant.Points/Upsert"],
        &["PUT /collections/*/points"],
    ),
    scanned(
        Verb::Delete,
        "delete",
        &["/qdrant.Points/Delete"],
        &["POST /collections/*/points/delete"],
    ),
    scanned(
        Verb::Get,
        "get",
        &["/qdrant.Points/Get"],
        &["POST /collections/*/points"],
    ),
    scanned(Verb::GetOne, "get one", &[], &["GET /collections/*/points/*"]),
    scanned(
        Verb::UpdateVectors,
        "update vectors",
        &["/qdrant.Points/UpdateVectors"],
        &["PUT /collections/*/points/vectors"],
    ),
    scanned(
        Verb::DeleteVectors,
        "delete vectors",
        &["/qdrant.Points/DeleteVectors"],
        &["POST /collections/*/points/vectors/delete"],
    ),
    scanned(
        Verb::SetPayload,
        "set payload",
        &["/qdrant.Points/SetPayload"],
        &["POST /collections/*/points/payload"],
    ),
    scanned(
        Verb::OverwritePayload,
        "overwrite payload",
        &["/qdrant.Points/OverwritePayload"],
        &["PUT /collections/*/points/payload"],
    ),
    scanned(
        Verb::DeletePayload,
        "delete payload",
        &["/qdrant.Points/DeletePayload"],
        &["POST /collections/*/points/payload/delete"],
    ),
    scanned(
        Verb::ClearPayload,
        "clear payload",
        &["/qdrant.Points/ClearPayload"],
        &["POST /collections/*/points/payload/clear"],
    ),
    scanned(
        Verb::UpdateBatch,
        "update batch",
        &["/qdrant.Points/UpdateBatch"],
        &["POST /collections/*/points/batch"],
    ),
    scanned(
        Verb::CreateFieldIndex,
        "create field index",
        &["/qdrant.Points/CreateFieldIndex"],
        &["PUT /collections/*/index"],
    ),
    scanned(
        Verb::DeleteFieldIndex,
        "delete field index",
        &["/qdrant.Points/DeleteFieldIndex"],
        &["DELETE /collections/*/index/*"],
    ),
    scanned(
        Verb::Search,
        "search",
        &["/qdrant.Points/Search"],
        &["POST /collections/*/points/search"],
    ),
    scanned(
        Verb::SearchBatch,
        "search batch",
        &["/qdrant.Points/SearchBatch"],
        &["POST /collections/*/points/search/batch"],
    ),
    scanned(
        Verb::SearchGroups,
        "search groups",
        &["/qdrant.Points/SearchGroups"],
        &["POST /collections/*/points/search/groups"],
    ),
    scanned(
        Verb::Scroll,
        "scroll",
        &["/qdrant.Points/Scroll"],
        &["POST /collections/*/points/scroll"],
    ),
    scanned(
        Verb::Recommend,
        "recommend",
        &["/qdrant.Points/Recommend"],
        &["POST /collections/*/points/recommend"],
    ),
    scanned(
        Verb::RecommendBatch,
        "recommend batch",
        &["/qdrant.Points/RecommendBatch"],
        &["POST /collections/*/points/recommend/batch"],
    ),
    scanned(
        Verb::RecommendGroups,
        "recommend groups",
        &["/qdrant.Points/RecommendGroups"],
        &["POST /collections/*/points/recommend/groups"],
    ),
    scanned(
        Verb::Discover,
        "discover",
        &["/qdrant.Points/Discover"],
        &["POST /collections/*/points/discover"],
    ),
    scanned(
        Verb::DiscoverBatch,
        "discover batch",
        &["/qdrant.Points/DiscoverBatch"],
        &["POST /collections/*/points/discover/batch"],
    ),
    scanned(
        Verb::Count,
        "count",
        &["/qdrant.Points/Count"],
        &["POST /collections/*/points/count"],
    ),
    scanned(
        Verb::Facet,
        "facet",
        &["/qdrant.Points/Facet"],
        &["POST /collections/*/facet"],
    ),
    scanned(
        Verb::Query,
        "query",
        &["/qdrant.Points/Query"],
        &["POST /collections/*/points/query"],
    ),
    scanned(
        Verb::QueryBatch,
        "query batch",
        &["/qdrant.Points/QueryBatch"],
        &["POST /collections/*/points/query/batch"],
    ),
    scanned(
        Verb::QueryGroups,
        "query groups",
        &["/qdrant.Points/QueryGroups"],
        &["POST /collections/*/points/query/groups"],
    ),
    scanned(
        Verb::SearchMatrixPairs,
        "search matrix pairs",
        &["/qdrant.Points/SearchMatrixPairs"],
        &["POST /collections/*/points/search/matrix/pairs"],
    ),
    scanned(
        Verb::SearchMatrixOffsets,
        "search matrix offsets",
        &["/qdrant.Points/SearchMatrixOffsets"],
        &["POST /collections/*/points/search/matrix/offsets"],
    ),
    scanned(
        Verb::ShardGet,
        "shard get",
        &[],
        &["POST /collections/*/shards/*/points"],
    ),
    scanned(
        Verb::ShardScroll,
        "shard scroll",
        &[],
        &["POST /collections/*/shards/*/points/scroll"],
    ),
    scanned(
        Verb::ShardCount,
        "shard count",
        &[],
        &["POST /collections/*/shards/*/points/count"],
    ),
];
