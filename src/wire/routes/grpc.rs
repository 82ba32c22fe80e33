//! gRPC paths. Services of Qdrant's internal port are absent: its public port does not serve them either.

use super::Route;
use crate::domain::op::Verb;

/// What a gRPC path means. Case, slashes and suffixes count: Qdrant matches byte for byte too.
pub fn grpc(path: &str) -> Route<'_> {
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return Route::Unknown;
    };
    match service {
        "qdrant.Points" => points(method),
        "qdrant.Collections" => collections(method),
        "qdrant.Snapshots" => snapshots(method),
        "qdrant.StorageRead" => storage_read(method),
        "qdrant.Qdrant" if method == "HealthCheck" => Route::Global { what: "version" },
        "grpc.health.v1.Health" if method == "Check" => Route::Global { what: "health" },
        "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection"
            if method == "ServerReflectionInfo" =>
        {
            Route::Global { what: "reflection" }
        }
        _ => Route::Unknown,
    }
}

/// The path of a verb. [`Verb::GetOne`] and the reads of one shard have no RPC of their own: theirs is the one that reads
/// more.
pub fn grpc_path(verb: Verb) -> &'static str {
    match verb {
        Verb::Upsert => "/qdrant.Points/Upsert",
        Verb::Delete => "/qdrant.Points/Delete",
        Verb::Get | Verb::GetOne | Verb::ShardGet => "/qdrant.Points/Get",
        Verb::UpdateVectors => "/qdrant.Points/UpdateVectors",
        Verb::DeleteVectors => "/qdrant.Points/DeleteVectors",
        Verb::SetPayload => "/qdrant.Points/SetPayload",
        Verb::OverwritePayload => "/qdrant.Points/OverwritePayload",
        Verb::DeletePayload => "/qdrant.Points/DeletePayload",
        Verb::ClearPayload => "/qdrant.Points/ClearPayload",
        Verb::UpdateBatch => "/qdrant.Points/UpdateBatch",
        Verb::CreateFieldIndex => "/qdrant.Points/CreateFieldIndex",
        Verb::DeleteFieldIndex => "/qdrant.Points/DeleteFieldIndex",
        Verb::Search => "/qdrant.Points/Search",
        Verb::SearchBatch => "/qdrant.Points/SearchBatch",
        Verb::SearchGroups => "/qdrant.Points/SearchGroups",
        Verb::Scroll | Verb::ShardScroll => "/qdrant.Points/Scroll",
        Verb::Recommend => "/qdrant.Points/Recommend",
        Verb::RecommendBatch => "/qdrant.Points/RecommendBatch",
        Verb::RecommendGroups => "/qdrant.Points/RecommendGroups",
        Verb::Discover => "/qdrant.Points/Discover",
        Verb::DiscoverBatch => "/qdrant.Points/DiscoverBatch",
        Verb::Count | Verb::ShardCount => "/qdrant.Points/Count",
        Verb::Facet => "/qdrant.Points/Facet",
        Verb::Query => "/qdrant.Points/Query",
        Verb::QueryBatch => "/qdrant.Points/QueryBatch",
        Verb::QueryGroups => "/qdrant.Points/QueryGroups",
        Verb::SearchMatrixPairs => "/qdrant.Points/SearchMatrixPairs",
        Verb::SearchMatrixOffsets => "/qdrant.Points/SearchMatrixOffsets",
        Verb::CollectionInfo => "/qdrant.Collections/Get",
        Verb::CollectionExists => "/qdrant.Collections/CollectionExists",
    }
}

fn verb<'a>(verb: Verb) -> Route<'a> {
    Route::Verb {
        verb,
        collection: None,
    }
}

fn closed<'a>(what: &'static str) -> Route<'a> {
    Route::Closed {
        what,
        collection: None,
    }
}

fn points(method: &str) -> Route<'_> {
    match method {
        "Upsert" => verb(Verb::Upsert),
        "Delete" => verb(Verb::Delete),
        "Get" => verb(Verb::Get),
        "UpdateVectors" => verb(Verb::UpdateVectors),
        "DeleteVectors" => verb(Verb::DeleteVectors),
        "SetPayload" => verb(Verb::SetPayload),
        "OverwritePayload" => verb(Verb::OverwritePayload),
        "DeletePayload" => verb(Verb::DeletePayload),
        "ClearPayload" => verb(Verb::ClearPayload),
        "UpdateBatch" => verb(Verb::UpdateBatch),
        "CreateFieldIndex" => verb(Verb::CreateFieldIndex),
        "DeleteFieldIndex" => verb(Verb::DeleteFieldIndex),
        "CreateVectorName" => closed("create vector name"),
        "DeleteVectorName" => closed("delete vector name"),
        "Search" => verb(Verb::Search),
        "SearchBatch" => verb(Verb::SearchBatch),
        "SearchGroups" => verb(Verb::SearchGroups),
        "Scroll" => verb(Verb::Scroll),
        "Recommend" => verb(Verb::Recommend),
        "RecommendBatch" => verb(Verb::RecommendBatch),
        "RecommendGroups" => verb(Verb::RecommendGroups),
        "Discover" => verb(Verb::Discover),
        "DiscoverBatch" => verb(Verb::DiscoverBatch),
        "Count" => verb(Verb::Count),
        "Facet" => verb(Verb::Facet),
        "Query" => verb(Verb::Query),
        "QueryBatch" => verb(Verb::QueryBatch),
        "QueryGroups" => verb(Verb::QueryGroups),
        "SearchMatrixPairs" => verb(Verb::SearchMatrixPairs),
        "SearchMatrixOffsets" => verb(Verb::SearchMatrixOffsets),
        _ => Route::Unknown,
    }
}

fn collections(method: &str) -> Route<'_> {
    match method {
        "Get" => verb(Verb::CollectionInfo),
        "CollectionExists" => verb(Verb::CollectionExists),
        "List" => Route::Global {
            what: "list collections",
        },
        "ListAliases" | "ListCollectionAliases" => Route::Global { what: "list aliases" },
        "UpdateAliases" => Route::Aliases,
        "Create" => closed("create collection"),
        "Update" => closed("update collection"),
        "Delete" => closed("delete collection"),
        "CollectionClusterInfo" => closed("collection cluster info"),
        "UpdateCollectionClusterSetup" => closed("update collection cluster"),
        "ListShardKeys" => closed("list shard keys"),
        "CreateShardKey" => closed("create shard key"),
        "DeleteShardKey" => closed("delete shard key"),
        _ => Route::Unknown,
    }
}

fn snapshots(method: &str) -> Route<'_> {
    match method {
        "Create" | "List" | "Delete" => closed("collection snapshots"),
        "CreateFull" | "ListFull" | "DeleteFull" => Route::Guarded {
            what: "full snapshots",
        },
        _ => Route::Unknown,
    }
}

/// Raw segment files: vectors of every space, with no vector name to check.
fn storage_read(method: &str) -> Route<'_> {
    match method {
        "ListFiles" | "FileExists" | "FileLength" | "ReadBytes" | "ReadBytesStream" | "ReadWhole"
        | "ReadBatch" | "ReadMulti" => Route::Guarded { what: "storage read" },
        _ => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_own_path() {
        for &verb in crate::wire::routes::rest::tests::VERBS {
            let expected = match verb {
                Verb::GetOne | Verb::ShardGet => Verb::Get,
                Verb::ShardScroll => Verb::Scroll,
                Verb::ShardCount => Verb::Count,
                other => other,
            };
            assert_eq!(
                grpc(grpc_path(verb)),
                Route::Verb {
                    verb: expected,
                    collection: None
                }
            );
        }
    }

    #[test]
    fn each_kind_of_path_has_its_route() {
        let closed = |what| Route::Closed {
            what,
            collection: None,
        };
        let cases = [
            ("/qdrant.Points/CreateVectorName", closed("create vector name")),
            ("/qdrant.Collections/Delete", closed("delete collection")),
            ("/qdrant.Snapshots/Create", closed("collection snapshots")),
            ("/qdrant.Collections/UpdateAliases", Route::Aliases),
            ("/qdrant.Qdrant/HealthCheck", Route::Global { what: "version" }),
            ("/grpc.health.v1.Health/Check", Route::Global { what: "health" }),
            (
                "/qdrant.Snapshots/CreateFull",
                Route::Guarded {
                    what: "full snapshots",
                },
            ),
            (
                "/qdrant.StorageRead/ReadBytesStream",
                Route::Guarded { what: "storage read" },
            ),
        ];
        for (path, route) in cases {
            assert_eq!(grpc(path), route, "{path}");
        }
    }

    #[test]
    fn what_is_spelled_otherwise_exists_nowhere() {
        for path in [
            "",
            "/",
            "*",
            "qdrant.Points/Query",
            "/qdrant.Points/Query/",
            "//qdrant.Points/Query",
            "/qdrant.points/Query",
            "/qdrant.Points/query",
            "/qdrant.Points/%51uery",
            "/qdrant.Points/",
            "/qdrant.PointsInternal/Upsert",
            "/qdrant.Raft/Send",
            "/qdrant.serverless.CollectionsService/GetCollection",
            "/grpc.health.v1.Health/Watch",
            "/qdrant.Points/TomorrowsSearch",
        ] {
            assert_eq!(grpc(path), Route::Unknown, "{path}");
        }
    }
}
