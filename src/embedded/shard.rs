//! One collection's points: an `EdgeShard` and the journal that makes it durable. Called by `writes` and the reads;
//! knows nothing of names, aliases or faces.
//!
//! The crate writes a log of its own, but never replays it, and writes segments out only when told to. So every
//! operation goes to our journal first, with all its conditions resolved to ids; opening replays the journal over
//! the segments as they were last flushed, which is idempotent because an operation says what a point becomes,
//! never how it changes. `kill -9` loses nothing acknowledged. Searches are exact: no index is built, so nothing
//! runs behind the lock's back.
//!
//! Locks: `writer` before `gate`. The gate is held shared by reads and writes (the crate allows both at once), and
//! alone by what must not overlap a write: flush, vector names, close.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use qdrant_edge::{EdgeConfig, EdgeShard, UpdateOperation, VectorNameConfig};

use super::Options;
use super::errors::{ApiError, ApiResult};
use super::journal::Journal;
use super::names;

const JOURNAL_FILE: &str = "journal";
const SHARD_DIR: &str = "shard";
const WAL_DIR: &str = "wal";
const EDGE_CONFIG_FILE: &str = "edge_config.json";

/// The crate's log is not read by anyone, but its index numbers the operations: keep the newest closed file.
const WAL_KEPT_FILES: usize = 1;
/// Closed log files (8 MiB each) that may pile up before the shard is reopened to drop them.
const WAL_MAX_CLOSED_FILES: usize = 16;

/// The points of one collection.
pub struct Shard {
    dir: PathBuf,
    options: Options,
    writer: Mutex<Journal>,
    gate: RwLock<Option<EdgeShard>>,
    operations: AtomicU64,
}

impl Shard {
    /// Creates or opens the shard under `dir`, replays its journal, and brings its vector names to those of
    /// `config`, which is the truth.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub fn open(dir: &Path, config: &EdgeConfig, options: Options) -> ApiResult<Self> {
        std::fs::create_dir_all(dir.join(SHARD_DIR))?;
        let edge = open_edge(&dir.join(SHARD_DIR), config)?;
        let (journal, records) = Journal::open(&dir.join(JOURNAL_FILE), options.sync_journal)?;
        let replayed = !records.is_empty();
        for record in records {
            replay(&edge, &record);
        }
        names::reconcile(&edge, config)?;
        let shard = Self {
            dir: dir.to_path_buf(),
            options,
            writer: Mutex::new(journal),
            gate: RwLock::new(Some(edge)),
            operations: AtomicU64::new(0),
        };
        if replayed {
            shard.checkpoint()?;
        }
        Ok(shard)
    }

    /// Runs a read. Do not nest: a waiting flush would block the inner one for ever.
    ///
    /// # Errors
    /// The shard is closed, or `read` failed or panicked.
    pub fn read<T>(&self, read: impl FnOnce(&EdgeShard) -> ApiResult<T>) -> ApiResult<T> {
        let gate = self.gate.read();
        let edge = open(&gate)?;
        guarded(|| read(edge))?
    }

    /// Journals and applies the operations that `plan` decides on, seeing no other write in between. Gives back the
    /// number of this write.
    ///
    /// # Errors
    /// `plan` refused, the disk is full, or an operation failed: that one and those after it are not journalled.
    pub fn write(&self, plan: impl FnOnce(&EdgeShard) -> ApiResult<Vec<UpdateOperation>>) -> ApiResult<u64> {
        let mut journal = self.writer.lock();
        {
            let gate = self.gate.read();
            let edge = open(&gate)?;
            for operation in guarded(|| plan(edge))?? {
                self.apply(edge, &mut journal, operation)?;
            }
        }
        if journal.len_bytes() > self.options.journal_limit_bytes {
            self.flush_into_segments(&mut journal)?;
        }
        Ok(self.operations.fetch_add(1, Ordering::Relaxed))
    }

    fn apply(&self, edge: &EdgeShard, journal: &mut Journal, operation: UpdateOperation) -> ApiResult<()> {
        self.check_free_space()?;
        let record = encode(&operation)?;
        let before = journal.append(&record)?;
        let applied = guarded(|| edge.update(operation).map_err(ApiError::from));
        if let Err(error) = applied.and_then(|result| result) {
            journal.rewind(before)?;
            return Err(error);
        }
        Ok(())
    }

    /// A full disk would kill the process when a mapped page has no room behind it, so stop before.
    fn check_free_space(&self) -> ApiResult<()> {
        if fs4::available_space(&self.dir)? < self.options.min_free_bytes {
            return Err(ApiError::service(
                "No space left on device: the embedded engine stopped writing",
            ));
        }
        Ok(())
    }

    /// Adds a vector name to the shard. Nothing overlaps it.
    ///
    /// # Errors
    /// The crate or the disk refused.
    pub fn create_vector(&self, name: &str, config: VectorNameConfig) -> ApiResult<()> {
        self.alone(|edge| names::create(edge, name, config))
    }

    /// Removes a vector name with all its vectors. Nothing overlaps it.
    ///
    /// # Errors
    /// The crate or the disk refused.
    pub fn delete_vector(&self, name: &str) -> ApiResult<()> {
        self.alone(|edge| names::delete(edge, name))
    }

    /// Runs a change of schema between two flushes: the journal never holds points of two schemas.
    fn alone(&self, change: impl FnOnce(&EdgeShard) -> ApiResult<()>) -> ApiResult<()> {
        let mut journal = self.writer.lock();
        self.flush_into_segments(&mut journal)?;
        let gate = self.gate.write();
        let edge = gate.as_ref().ok_or_else(closed)?;
        guarded(|| {
            change(edge)?;
            edge.flush();
            Ok(())
        })?
    }

    /// Writes all segments out and empties the journal.
    ///
    /// # Errors
    /// The disk refused; the journal is then kept.
    pub fn checkpoint(&self) -> ApiResult<()> {
        let mut journal = self.writer.lock();
        self.flush_into_segments(&mut journal)
    }

    fn flush_into_segments(&self, journal: &mut Journal) -> ApiResult<()> {
        let mut gate = self.gate.write();
        let edge = gate.as_ref().ok_or_else(closed)?;
        guarded(|| edge.flush())?;
        journal.clear()?;
        let shard_dir = self.dir.join(SHARD_DIR);
        if closed_wal_files(&shard_dir)?.len() > WAL_MAX_CLOSED_FILES {
            let config = edge.config().clone();
            let old = gate.take();
            guarded(|| drop(old))?;
            *gate = Some(open_edge(&shard_dir, &config)?);
        }
        Ok(())
    }

    /// Flushes and closes. Every later call is refused.
    ///
    /// # Errors
    /// The flush failed; the journal is kept and the shard is closed all the same.
    pub fn close(&self) -> ApiResult<()> {
        let mut journal = self.writer.lock();
        if self.gate.read().is_none() {
            return Ok(());
        }
        let flushed = self.flush_into_segments(&mut journal);
        self.abandon()?;
        flushed
    }

    /// Closes without emptying the journal: the files are about to be removed.
    ///
    /// # Errors
    /// The crate failed to write its files out.
    pub fn abandon(&self) -> ApiResult<()> {
        let old = self.gate.write().take();
        // The crate flushes when dropped and panics where it cannot.
        guarded(|| drop(old))
    }
}

fn closed() -> ApiError {
    ApiError::service("the collection is closed")
}

fn open<'a>(gate: &'a RwLockReadGuard<'_, Option<EdgeShard>>) -> ApiResult<&'a EdgeShard> {
    gate.as_ref().ok_or_else(closed)
}

/// The crate panics on some odd inputs; its locks do not poison, so the shard stays usable.
fn guarded<T>(run: impl FnOnce() -> T) -> ApiResult<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(panic = text, "the embedded engine's crate panicked");
        ApiError::service(format!("the embedded engine failed on this request: {text}"))
    })
}

fn open_edge(dir: &Path, config: &EdgeConfig) -> ApiResult<EdgeShard> {
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
    let segments = dir.join("segments");
    Ok(segments.exists() && std::fs::read_dir(segments)?.next().is_some())
}

fn remove_if_there(path: &Path) -> ApiResult<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn closed_wal_files(dir: &Path) -> ApiResult<BTreeSet<u64>> {
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

fn encode(operation: &UpdateOperation) -> ApiResult<Vec<u8>> {
    let mut bytes = Vec::new();
    // Human-readable mode: the crate's point ids read a UUID only from text.
    let mut serializer = rmp_serde::Serializer::new(&mut bytes)
        .with_struct_map()
        .with_human_readable();
    serde::Serialize::serialize(operation, &mut serializer)
        .map_err(|error| ApiError::service(format!("the operation cannot be journalled: {error}")))?;
    Ok(bytes)
}

fn decode(record: &[u8]) -> Result<UpdateOperation, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::new(record).with_human_readable();
    serde::Deserialize::deserialize(&mut deserializer)
}

/// What failed once fails again in the same way; it was never acknowledged, so it does not stop the opening.
fn replay(edge: &EdgeShard, record: &[u8]) {
    match decode(record) {
        Ok(operation) => {
            let applied = guarded(|| edge.update(operation).map_err(ApiError::from)).and_then(|r| r);
            if let Err(error) = applied {
                tracing::warn!(%error, "a journalled operation could not be replayed");
            }
        }
        Err(error) => tracing::error!(%error, "a journalled operation could not be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qdrant_edge::external::uuid::Uuid;
    use qdrant_edge::{
        Payload, PointId, PointInsertOperations, PointOperations, PointStructPersisted, VectorPersisted,
        VectorStructPersisted,
    };

    fn upsert(points: Vec<PointStructPersisted>) -> UpdateOperation {
        UpdateOperation::PointOperation(PointOperations::UpsertPoints(PointInsertOperations::PointsList(
            points,
        )))
    }

    #[test]
    fn a_journalled_operation_is_read_back_bit_by_bit() {
        let mut payload = Payload(Default::default());
        payload.0.insert(
            "n".into(),
            serde_json::json!({"a": [1, 2.5, null, "x"], "": {"b": true}}),
        );
        let named = [
            (
                "d".to_owned(),
                VectorPersisted::Dense(vec![0.1, f32::MIN_POSITIVE, 1.0, f32::NAN]),
            ),
            (
                "s".to_owned(),
                VectorPersisted::new_sparse(vec![7, 1], vec![0.3, -2.0]),
            ),
            (
                "m".to_owned(),
                VectorPersisted::MultiDense(vec![vec![1.0, 2.0], vec![3.0, 0.7]]),
            ),
        ];
        let points = vec![
            PointStructPersisted {
                id: PointId::NumId(u64::MAX),
                vector: VectorStructPersisted::Named(named.into()),
                payload: Some(payload),
            },
            PointStructPersisted {
                id: PointId::Uuid(Uuid::from_u128(7)),
                vector: VectorStructPersisted::Single(vec![1.0, -0.0]),
                payload: None,
            },
        ];
        let operation = upsert(points);
        let read = decode(&encode(&operation).unwrap()).unwrap();
        // NaN is not equal to itself, so compare what is shown.
        assert_eq!(format!("{operation:?}"), format!("{read:?}"));
        let bytes = |op: &UpdateOperation| encode(op).unwrap();
        assert_eq!(bytes(&operation), bytes(&read));
    }
}
