//! The files of one `EdgeShard`: opening it whatever a crash left, and keeping the crate's own log short. Called by
//! `shard` alone.

use std::collections::BTreeSet;
use std::path::Path;

use qdrant_edge::{EdgeConfig, EdgeShard};

use super::errors::ApiResult;
use super::shard::guarded;

const WAL_DIR: &str = "wal";
const SEGMENTS_DIR: &str = "segments";
const EDGE_CONFIG_FILE: &str = "edge_config.json";

/// The crate's log is not read by anyone, but its index numbers the operations: keep the newest closed file.
const WAL_KEPT_FILES: usize = 1;

/// Opens the shard under `dir`, or creates it with `config`.
///
/// # Errors
/// The crate cannot read its files.
pub fn open_edge(dir: &Path, config: &EdgeConfig) -> ApiResult<EdgeShard> {
    if !dir.join(WAL_DIR).exists() {
        return Ok(guarded(|| EdgeShard::new(dir, config.clone()))??);
    }
    prune_wal(dir)?;
    match guarded(|| EdgeShard::load(dir, None))? {
        Ok(edge) => Ok(edge),
        Err(error) => {
            // A crash between the segments and the crate's own config file leaves them at odds about a vector
            // name. The segments know what they hold; the caller reconciles the names.
            tracing::warn!(%error, "the shard's config disagrees with its segments: read from them");
            remove_if_there(&dir.join(EDGE_CONFIG_FILE))?;
            match guarded(|| EdgeShard::load(dir, None))? {
                Ok(edge) => Ok(edge),
                // No segment yet: the crash was in the middle of creation.
                Err(_) if !has_segments(dir)? => Ok(guarded(|| EdgeShard::load(dir, Some(config.clone())))??),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn has_segments(dir: &Path) -> ApiResult<bool> {
    let segments = dir.join(SEGMENTS_DIR);
    Ok(segments.exists() && std::fs::read_dir(segments)?.next().is_some())
}

fn remove_if_there(path: &Path) -> ApiResult<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Where the closed files of the crate's log start: they bear that number in their names.
///
/// # Errors
/// The folder cannot be read.
pub fn closed_wal_files(dir: &Path) -> ApiResult<BTreeSet<u64>> {
    let mut starts = BTreeSet::new();
    for entry in std::fs::read_dir(dir.join(WAL_DIR))? {
        let name = entry?.file_name();
        if let Some(start) = name
            .to_str()
            .and_then(|name| name.strip_prefix("closed-")?.parse().ok())
        {
            starts.insert(start);
        }
    }
    Ok(starts)
}

fn prune_wal(dir: &Path) -> ApiResult<()> {
    for start in closed_wal_files(dir)?.iter().rev().skip(WAL_KEPT_FILES) {
        std::fs::remove_file(dir.join(WAL_DIR).join(format!("closed-{start}")))?;
    }
    Ok(())
}
