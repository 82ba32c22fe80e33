//! gRPC paths, by exact match: case, slashes and suffixes count, as they do for Qdrant.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::Row;
use super::table::{UNKNOWN, row, rows};
use crate::domain::op::Verb;

static BY_PATH: LazyLock<FxHashMap<&'static str, &'static Row>> = LazyLock::new(|| {
    rows()
        .flat_map(|row| row.grpc.iter().map(move |path| (*path, row)))
        .collect()
});

/// What a gRPC path means.
pub fn grpc(path: &str) -> &'static Row {
    BY_PATH.get(path).copied().unwrap_or(&UNKNOWN)
}

/// The path of a verb. `None` for those that are REST's alone.
pub fn grpc_path(verb: Verb) -> Option<&'static str> {
    row(verb).grpc.first().copied()
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;
    use crate::wire::routes::Treatment;

    #[test]
    fn every_verb_is_found_by_its_own_path() {
        for &verb in Verb::VARIANTS {
            if let Some(path) = grpc_path(verb) {
                assert_eq!(grpc(path).treatment, Treatment::Scanned(verb));
            }
        }
    }

    #[test]
    fn no_two_rows_share_a_path_or_a_name() {
        let paths: usize = rows().map(|row| row.grpc.len()).sum();
        assert_eq!(BY_PATH.len(), paths);
        let mut names: Vec<_> = rows().map(|row| row.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
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
            "/grpc.health.v1.Health/Watch",
            "/qdrant.Points/TomorrowsSearch",
        ] {
            assert_eq!(grpc(path), &UNKNOWN, "{path}");
        }
    }

    #[test]
    fn calls_between_peers_are_refused() {
        for path in [
            "/qdrant.PointsInternal/Upsert",
            "/qdrant.Raft/Send",
            "/qdrant.serverless.CollectionsService/GetCollection",
        ] {
            assert!(
                matches!(grpc(path).treatment, Treatment::Refused(_)),
                "{path}: {:?}",
                grpc(path)
            );
        }
    }
}
