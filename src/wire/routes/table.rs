//! Every REST route that Qdrant serves on its public port, also those that its documentation leaves out, with what each
//! means here. A `*` is one segment of any spelling; the collection, where there is one, is the second segment. Two
//! patterns of one method never overlap, so the order of rows does not count.

use crate::domain::op::Verb;

/// What a route means.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Verb(Verb),
    Closed(&'static str),
    Aliases,
    Global(&'static str),
    Guarded(&'static str),
}

use Meaning::{Aliases, Closed, Global, Guarded};

/// A meaning, and the routes that have it: method, a space, pattern.
pub(super) type Row = (Meaning, &'static [&'static str]);

/// The routes.
pub(super) const ROUTES: &[Row] = &[
    (Meaning::Verb(Verb::Upsert), &["PUT /collections/*/points"]),
    (Meaning::Verb(Verb::Get), &["POST /collections/*/points"]),
    (Meaning::Verb(Verb::GetOne), &["GET /collections/*/points/*"]),
    (
        Meaning::Verb(Verb::Delete),
        &["POST /collections/*/points/delete"],
    ),
    (
        Meaning::Verb(Verb::UpdateVectors),
        &["PUT /collections/*/points/vectors"],
    ),
    (
        Meaning::Verb(Verb::DeleteVectors),
        &["POST /collections/*/points/vectors/delete"],
    ),
    (
        Meaning::Verb(Verb::SetPayload),
        &["POST /collections/*/points/payload"],
    ),
    (
        Meaning::Verb(Verb::OverwritePayload),
        &["PUT /collections/*/points/payload"],
    ),
    (
        Meaning::Verb(Verb::DeletePayload),
        &["POST /collections/*/points/payload/delete"],
    ),
    (
        Meaning::Verb(Verb::ClearPayload),
        &["POST /collections/*/points/payload/clear"],
    ),
    (
        Meaning::Verb(Verb::UpdateBatch),
        &["POST /collections/*/points/batch"],
    ),
    (
        Meaning::Verb(Verb::CreateFieldIndex),
        &["PUT /collections/*/index"],
    ),
    (
        Meaning::Verb(Verb::DeleteFieldIndex),
        &["DELETE /collections/*/index/*"],
    ),
    (
        Meaning::Verb(Verb::Search),
        &["POST /collections/*/points/search"],
    ),
    (
        Meaning::Verb(Verb::SearchBatch),
        &["POST /collections/*/points/search/batch"],
    ),
    (
        Meaning::Verb(Verb::SearchGroups),
        &["POST /collections/*/points/search/groups"],
    ),
    (
        Meaning::Verb(Verb::Scroll),
        &["POST /collections/*/points/scroll"],
    ),
    (
        Meaning::Verb(Verb::Recommend),
        &["POST /collections/*/points/recommend"],
    ),
    (
        Meaning::Verb(Verb::RecommendBatch),
        &["POST /collections/*/points/recommend/batch"],
    ),
    (
        Meaning::Verb(Verb::RecommendGroups),
        &["POST /collections/*/points/recommend/groups"],
    ),
    (
        Meaning::Verb(Verb::Discover),
        &["POST /collections/*/points/discover"],
    ),
    (
        Meaning::Verb(Verb::DiscoverBatch),
        &["POST /collections/*/points/discover/batch"],
    ),
    (Meaning::Verb(Verb::Count), &["POST /collections/*/points/count"]),
    (Meaning::Verb(Verb::Facet), &["POST /collections/*/facet"]),
    (Meaning::Verb(Verb::Query), &["POST /collections/*/points/query"]),
    (
        Meaning::Verb(Verb::QueryBatch),
        &["POST /collections/*/points/query/batch"],
    ),
    (
        Meaning::Verb(Verb::QueryGroups),
        &["POST /collections/*/points/query/groups"],
    ),
    (Meaning::Verb(Verb::CollectionInfo), &["GET /collections/*"]),
    (
        Meaning::Verb(Verb::CollectionExists),
        &["GET /collections/*/exists"],
    ),
    (Closed("create collection"), &["PUT /collections/*"]),
    (Closed("update collection"), &["PATCH /collections/*"]),
    (Closed("delete collection"), &["DELETE /collections/*"]),
    (Closed("create vector name"), &["PUT /collections/*/vectors/*"]),
    (Closed("delete vector name"), &["DELETE /collections/*/vectors/*"]),
    (
        Meaning::Verb(Verb::SearchMatrixPairs),
        &["POST /collections/*/points/search/matrix/pairs"],
    ),
    (
        Meaning::Verb(Verb::SearchMatrixOffsets),
        &["POST /collections/*/points/search/matrix/offsets"],
    ),
    (Closed("collection cluster info"), &["GET /collections/*/cluster"]),
    (
        Closed("update collection cluster"),
        &["POST /collections/*/cluster"],
    ),
    (
        Closed("collection optimizations"),
        &["GET /collections/*/optimizations"],
    ),
    (Closed("collection memory"), &["GET /collections/*/memory"]),
    (Closed("collection debug"), &["POST /collections/*/debug"]),
    (
        Closed("truncate wal"),
        &["POST /collections/*/truncate_unapplied_wal"],
    ),
    (Closed("list shard keys"), &["GET /collections/*/shards"]),
    (Closed("create shard key"), &["PUT /collections/*/shards"]),
    (Closed("delete shard key"), &["POST /collections/*/shards/delete"]),
    (
        Meaning::Verb(Verb::ShardGet),
        &["POST /collections/*/shards/*/points"],
    ),
    (
        Meaning::Verb(Verb::ShardScroll),
        &["POST /collections/*/shards/*/points/scroll"],
    ),
    (
        Meaning::Verb(Verb::ShardCount),
        &["POST /collections/*/shards/*/points/count"],
    ),
    (Closed("shard cleanup"), &["POST /collections/*/shards/*/cleanup"]),
    (
        Closed("shard debug"),
        &[
            "GET /collections/*/shards/*/wal",
            "GET /collections/*/shards/*/recovery_point",
        ],
    ),
    (
        Closed("collection snapshots"),
        &[
            "GET /collections/*/snapshots",
            "POST /collections/*/snapshots",
            "POST /collections/*/snapshots/upload",
            "PUT /collections/*/snapshots/recover",
            "GET /collections/*/snapshots/*",
            "DELETE /collections/*/snapshots/*",
        ],
    ),
    (
        Closed("shard snapshots"),
        &[
            "GET /collections/*/shards/*/snapshot",
            "GET /collections/*/shards/*/snapshots",
            "POST /collections/*/shards/*/snapshots",
            "PUT /collections/*/shards/*/snapshots/recover",
            "POST /collections/*/shards/*/snapshots/upload",
            "GET /collections/*/shards/*/snapshots/*",
            "DELETE /collections/*/shards/*/snapshots/*",
            "POST /collections/*/shards/*/snapshot/partial/create",
            "POST /collections/*/shards/*/snapshot/partial/recover",
            "POST /collections/*/shards/*/snapshot/partial/recover_from",
            "GET /collections/*/shards/*/snapshot/partial/manifest",
        ],
    ),
    (Aliases, &["POST /collections/aliases"]),
    (Global("version"), &["GET /"]),
    (Global("health"), &["GET /healthz", "GET /livez", "GET /readyz"]),
    (Global("list collections"), &["GET /collections"]),
    (
        Global("list aliases"),
        &["GET /aliases", "GET /collections/*/aliases"],
    ),
    (Global("cluster status"), &["GET /cluster"]),
    (
        Guarded("cluster"),
        &[
            "POST /cluster/recover",
            "DELETE /cluster/peer/*",
            "GET /cluster/metadata/keys",
            "GET /cluster/metadata/keys/*",
            "PUT /cluster/metadata/keys/*",
            "DELETE /cluster/metadata/keys/*",
        ],
    ),
    // Both name every vector, so they would show the standby spaces.
    (
        Guarded("telemetry"),
        &["GET /cluster/telemetry", "GET /telemetry", "GET /metrics"],
    ),
    (
        Guarded("full snapshots"),
        &[
            "GET /snapshots",
            "POST /snapshots",
            "GET /snapshots/*",
            "DELETE /snapshots/*",
        ],
    ),
    (Guarded("issues"), &["GET /issues", "DELETE /issues"]),
    // Logged requests hold bodies.
    (
        Guarded("debug"),
        &[
            "GET /debugger",
            "PATCH /debugger",
            "GET /stacktrace",
            "GET /profiler/slow_requests",
            "POST /audit/logs",
            "GET /logger",
            "POST /logger",
        ],
    ),
    (Guarded("quotas"), &["GET /quotas", "PUT /quotas"]),
];
