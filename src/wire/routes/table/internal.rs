//! What Qdrant's public ports do not serve. The rows are there so that no one wonders whether it was forgotten.

use super::refused;
use crate::wire::routes::Row;

const PEERS: &str = "no such call: Qdrant's peers speak it to each other, on a port of their own";
const CLOUD: &str = "no such call: Qdrant's cloud serves it, no server does";
const STAGING: &str = "no such call: only Qdrant's test builds serve it";

pub(super) const ROWS: &[Row] = &[
    refused(
        "internal points",
        PEERS,
        &[
            "/qdrant.PointsInternal/ClearPayload",
            "/qdrant.PointsInternal/CoreSearchBatch",
            "/qdrant.PointsInternal/Count",
            "/qdrant.PointsInternal/CreateFieldIndex",
            "/qdrant.PointsInternal/CreateVectorName",
            "/qdrant.PointsInternal/Delete",
            "/qdrant.PointsInternal/DeleteFieldIndex",
            "/qdrant.PointsInternal/DeletePayload",
            "/qdrant.PointsInternal/DeleteVectorName",
            "/qdrant.PointsInternal/DeleteVectors",
            "/qdrant.PointsInternal/Facet",
            "/qdrant.PointsInternal/Get",
            "/qdrant.PointsInternal/OverwritePayload",
            "/qdrant.PointsInternal/QueryBatch",
            "/qdrant.PointsInternal/Recommend",
            "/qdrant.PointsInternal/Scroll",
            "/qdrant.PointsInternal/SetPayload",
            "/qdrant.PointsInternal/Sync",
            "/qdrant.PointsInternal/UpdateBatch",
            "/qdrant.PointsInternal/UpdateVectors",
            "/qdrant.PointsInternal/Upsert",
        ],
        &[],
    ),
    refused(
        "internal collections",
        PEERS,
        &[
            "/qdrant.CollectionsInternal/Get",
            "/qdrant.CollectionsInternal/GetShardMemoryReport",
            "/qdrant.CollectionsInternal/GetShardOptimizations",
            "/qdrant.CollectionsInternal/GetShardRecoveryPoint",
            "/qdrant.CollectionsInternal/Initiate",
            "/qdrant.CollectionsInternal/UpdateShardCutoffPoint",
            "/qdrant.CollectionsInternal/WaitForShardState",
        ],
        &[],
    ),
    refused(
        "internal shard snapshots",
        PEERS,
        &[
            "/qdrant.ShardSnapshots/Create",
            "/qdrant.ShardSnapshots/Delete",
            "/qdrant.ShardSnapshots/List",
            "/qdrant.ShardSnapshots/Recover",
        ],
        &[],
    ),
    refused(
        "internal server",
        PEERS,
        &[
            "/qdrant.QdrantInternal/GetAuditLog",
            "/qdrant.QdrantInternal/GetConsensusCommit",
            "/qdrant.QdrantInternal/GetPeerTelemetry",
            "/qdrant.QdrantInternal/GetQuotaUsage",
            "/qdrant.QdrantInternal/GetTelemetry",
            "/qdrant.QdrantInternal/WaitOnConsensusCommit",
        ],
        &[],
    ),
    refused(
        "internal raft",
        PEERS,
        &[
            "/qdrant.Raft/AddPeerAsParticipant",
            "/qdrant.Raft/AddPeerToKnown",
            "/qdrant.Raft/Send",
            "/qdrant.Raft/WhoIs",
        ],
        &[],
    ),
    refused(
        "cloud collections",
        CLOUD,
        &[
            "/qdrant.serverless.CollectionsService/CreateCollection",
            "/qdrant.serverless.CollectionsService/DeleteCollection",
            "/qdrant.serverless.CollectionsService/GetCollection",
            "/qdrant.serverless.CollectionsService/ListCollections",
        ],
        &[],
    ),
    refused(
        "staging debug",
        STAGING,
        &[],
        &[
            "POST /collections/*/debug",
            "GET /collections/*/shards/*/wal",
            "GET /collections/*/shards/*/recovery_point",
        ],
    ),
];
