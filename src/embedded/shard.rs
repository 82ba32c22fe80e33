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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use qdrant_edge::{EdgeConfig, EdgeShard, UpdateOperation, VectorNameConfig};

use super::Options;
use super::errors::{ApiError, ApiResult};
use super::files::{closed_wal_files, open_edge};
use super::journal::Journal;
use super::{names, record};

const JOURNAL_FILE: &str = "journal";
const SHARD_DIR: &str = "shard";

/// Closed files of the crate's own log (8 MiB each) that may pile up before the shard is reopened to drop them.
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
            record::replay(&edge, &record);
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
            // The write stands whatever becomes of the flush: the journal holds it, and the next write tries again.
            if let Err(error) = self.flush_into_segments(&mut journal) {
                tracing::error!(%error, dir = %self.dir.display(), "the journal could not be flushed");
            }
        }
        Ok(self.operations.fetch_add(1, Ordering::Relaxed))
    }

    fn apply(&self, edge: &EdgeShard, journal: &mut Journal, operation: UpdateOperation) -> ApiResult<()> {
        self.check_free_space()?;
        let record = record::encode(&operation)?;
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
pub fn guarded<T>(run: impl FnOnce() -> T) -> ApiResult<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(panic = text, "the embedded engine's crate panicked");
        ApiError::service(format!("the embedded engine failed on this request: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use qdrant_edge::{
        Distance, EdgeVectorParams, PointId, PointInsertOperations, PointOperations, PointStructPersisted,
        VectorStructPersisted, WalOptions,
    };

    const DIM: usize = 64;
    /// Small, so that the crate's log closes files within a short test.
    const WAL_SEGMENT_BYTES: usize = 32 << 10;

    fn config() -> EdgeConfig {
        let wal_options = WalOptions {
            segment_capacity: WAL_SEGMENT_BYTES,
            ..WalOptions::default()
        };
        EdgeConfig {
            vectors: [(
                String::new(),
                EdgeVectorParams::builder(DIM, Distance::Dot).build(),
            )]
            .into(),
            wal_options: Some(wal_options),
            ..EdgeConfig::default()
        }
    }

    fn upsert(id: u64) -> UpdateOperation {
        let vector = VectorStructPersisted::Single(vec![id as f32; DIM]);
        let point = PointStructPersisted {
            id: PointId::NumId(id),
            vector,
            payload: None,
        };
        let list = PointInsertOperations::PointsList(vec![point]);
        UpdateOperation::PointOperation(PointOperations::UpsertPoints(list))
    }

    #[test]
    fn the_crates_log_is_kept_short_while_running_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            journal_limit_bytes: 256 << 10,
            ..Options::default()
        };
        let shard = Shard::open(dir.path(), &config(), options.clone()).unwrap();
        for id in 0..4000 {
            shard.write(|_| Ok(vec![upsert(id)])).unwrap();
        }
        // Twice the bound: a journal full of operations fits between two looks at it.
        let closed = closed_wal_files(&dir.path().join(SHARD_DIR)).unwrap().len();
        assert!(closed <= 2 * WAL_MAX_CLOSED_FILES, "{closed} closed files");
        let points = |shard: &Shard| shard.read(|edge| Ok(edge.info().points_count)).unwrap();
        assert_eq!(points(&shard), 4000);
        shard.close().unwrap();
        assert!(shard.read(|_| Ok(())).is_err());
        let shard = Shard::open(dir.path(), &config(), options).unwrap();
        shard.write(|_| Ok(vec![upsert(1), upsert(4000)])).unwrap();
        assert_eq!(points(&shard), 4001);
    }

    #[test]
    fn a_panic_is_an_error_and_the_shard_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let shard = Shard::open(dir.path(), &config(), Options::default()).unwrap();
        let refused = shard
            .read(|_| -> ApiResult<()> { panic!("odd input") })
            .unwrap_err();
        assert!(refused.text.ends_with("odd input"), "{refused}");
        let refused = shard.write(|_| panic!("odd input")).unwrap_err();
        assert!(refused.text.ends_with("odd input"), "{refused}");
        shard.write(|_| Ok(vec![upsert(1)])).unwrap();
        assert_eq!(shard.read(|edge| Ok(edge.info().points_count)).unwrap(), 1);
    }

    #[test]
    fn a_refused_operation_leaves_no_trace_in_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let shard = Shard::open(dir.path(), &config(), Options::default()).unwrap();
        shard.write(|_| Ok(vec![upsert(1)])).unwrap();
        let before = shard.writer.lock().len_bytes();
        let vector = VectorStructPersisted::Single(vec![1.0]);
        let short = PointStructPersisted {
            id: PointId::NumId(2),
            vector,
            payload: None,
        };
        let list = PointInsertOperations::PointsList(vec![short]);
        let bad = UpdateOperation::PointOperation(PointOperations::UpsertPoints(list));
        assert!(shard.write(|_| Ok(vec![bad])).is_err());
        assert_eq!(shard.writer.lock().len_bytes(), before);
    }
}
