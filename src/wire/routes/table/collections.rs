//! Calls on collections, their vector names, aliases and shards.

use super::{closed, passed, row_of, scanned, schema};
use crate::domain::access::Group;
use crate::domain::op::Verb;
use crate::domain::schema::SchemaCall;
use crate::wire::routes::{Reach, Row, Treatment};

const MOVES: &str = "move or drop points of every space";
const NAMES: &str = "show standby spaces and keys of Interlock's own";

pub(super) const ROWS: &[Row] = &[
    passed(
        "list collections",
        &["/qdrant.Collections/List"],
        &["GET /collections"],
    ),
    scanned(
        Verb::CollectionInfo,
        "collection info",
        &["/qdrant.Collections/Get"],
        &["GET /collections/*"],
    ),
    scanned(
        Verb::CollectionExists,
        "collection exists",
        &["/qdrant.Collections/CollectionExists"],
        &["GET /collections/*/exists"],
    ),
    schema(
        SchemaCall::CreateCollection,
        "create collection",
        &["/qdrant.Collections/Create"],
        &["PUT /collections/*"],
    ),
    schema(
        SchemaCall::UpdateCollection,
        "update collection",
        &["/qdrant.Collections/Update"],
        &["PATCH /collections/*"],
    ),
    schema(
        SchemaCall::DeleteCollection,
        "delete collection",
        &["/qdrant.Collections/Delete"],
        &["DELETE /collections/*"],
    ),
    schema(
        SchemaCall::CreateVectorName,
        "create vector name",
        &["/qdrant.Points/CreateVectorName"],
        &["PUT /collections/*/vectors/*"],
    ),
    schema(
        SchemaCall::DeleteVectorName,
        "delete vector name",
        &["/qdrant.Points/DeleteVectorName"],
        &["DELETE /collections/*/vectors/*"],
    ),
    passed(
        "list aliases",
        &["/qdrant.Collections/ListAliases"],
        &["GET /aliases"],
    ),
    passed(
        "list collection aliases",
        &["/qdrant.Collections/ListCollectionAliases"],
        &["GET /collections/*/aliases"],
    ),
    row_of(
        "update aliases",
        &["/qdrant.Collections/UpdateAliases"],
        &["POST /collections/aliases"],
        Treatment::Aliases,
    ),
    passed(
        "collection cluster info",
        &["/qdrant.Collections/CollectionClusterInfo"],
        &["GET /collections/*/cluster"],
    ),
    // Their trees of progress and of sizes name vectors and payload indexes.
    closed(
        Group::Telemetry,
        Reach::Named,
        "collection optimizations",
        NAMES,
        &[],
        &["GET /collections/*/optimizations"],
    ),
    closed(
        Group::Telemetry,
        Reach::Named,
        "collection memory",
        NAMES,
        &[],
        &["GET /collections/*/memory"],
    ),
    passed(
        "list shard keys",
        &["/qdrant.Collections/ListShardKeys"],
        &["GET /collections/*/shards"],
    ),
    closed(
        Group::Shards,
        Reach::Named,
        "create shard key",
        MOVES,
        &["/qdrant.Collections/CreateShardKey"],
        &["PUT /collections/*/shards"],
    ),
    closed(
        Group::Shards,
        Reach::Named,
        "delete shard key",
        MOVES,
        &["/qdrant.Collections/DeleteShardKey"],
        &["POST /collections/*/shards/delete"],
    ),
    closed(
        Group::Shards,
        Reach::Named,
        "update collection cluster",
        MOVES,
        &["/qdrant.Collections/UpdateCollectionClusterSetup"],
        &["POST /collections/*/cluster"],
    ),
    closed(
        Group::Shards,
        Reach::Named,
        "shard cleanup",
        MOVES,
        &[],
        &["POST /collections/*/shards/*/cleanup"],
    ),
    closed(
        Group::Shards,
        Reach::Named,
        "truncate unapplied wal",
        "drop writes that were acknowledged",
        &[],
        &["POST /collections/*/truncate_unapplied_wal"],
    ),
];
