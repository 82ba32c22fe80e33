//! The store of one machine: one file of redb's, for one process at a time.
//!
//! A commit that failed has not happened: the file is opened anew and set back to what was last acknowledged before
//! anything else is done. So a failed sync, after which nobody knows what the disk holds, leaves no half truth, and a
//! disk that was full is used again as soon as there is room.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{Database, DatabaseError};
use tracing::warn;

use super::image::{Image, Rows};
use super::{Commit, Store, StoreError, StoredState};

/// The file's name in the data directory.
const FILE_NAME: &str = "interlock.redb";

/// Enough for every page of a table of thousands of fields; redb's default is a gibibyte.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The store in one local file, `interlock.redb` in the data directory.
pub struct LocalStore {
    open: Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// `None` after a failure, until the file is open again and holds `acked`.
    db: Option<Database>,
    /// What was last acknowledged.
    acked: Image,
}

impl LocalStore {
    /// Opens or makes the store in `directory`, which is made where it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(StoreError::from)?;
        let path = directory.join(FILE_NAME);
        if !path.try_exists()? {
            make_file(directory, &path)?;
        }
        Self::over(move || {
            redb::Builder::new()
                .set_cache_size(CACHE_BYTES)
                .open(path.as_path())
        })
    }

    /// Opens the store in the database that `open` opens, now and after each failure.
    pub fn over(
        open: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let db = open().map_err(redb::Error::from)?;
        let acked = match Image::read(&db)? {
            Some(image) => image,
            None => {
                let empty = Image::default();
                empty.write(&db)?;
                empty
            }
        };
        Ok(Self {
            open: Box::new(open),
            inner: Mutex::new(Inner { db: Some(db), acked }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| {
            // Somebody panicked half way: what the file holds is as unknown as after an error.
            let mut inner = PoisonError::into_inner(poisoned);
            inner.db = None;
            self.inner.clear_poison();
            inner
        })
    }

    /// Runs `act` on the open file. After an error the file is closed, and set back at once if it can be.
    fn with_file<T>(
        &self,
        inner: &mut Inner,
        act: impl FnOnce(&Database, &Image) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let db = match inner.db.take() {
            Some(db) => db,
            None => self.reopen(&inner.acked)?,
        };
        match act(&db, &inner.acked) {
            Ok(done) => {
                inner.db = Some(db);
                Ok(done)
            }
            Err(error) => {
                drop(db);
                match self.reopen(&inner.acked) {
                    Ok(db) => inner.db = Some(db),
                    Err(again) => {
                        warn!(error = %again, "the store stays closed until its file can be opened again");
                    }
                }
                Err(error.into())
            }
        }
    }

    fn reopen(&self, acked: &Image) -> Result<Database, StoreError> {
        let db = (self.open)().map_err(redb::Error::from)?;
        if Image::read(&db)?.as_ref() != Some(acked) {
            acked.write(&db)?;
        }
        Ok(db)
    }
}

impl Store for LocalStore {
    fn load(&self) -> Result<StoredState, StoreError> {
        self.lock().acked.decode()
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let rows = Rows::of(commit)?;
        let mut inner = self.lock();
        // This process is the file's only writer, so what it acknowledged is what is stored.
        let stored = inner.acked.epoch;
        if let Some(offered) = rows.epoch().filter(|offered| *offered != stored.next()) {
            return Err(StoreError::Conflict { stored, offered });
        }
        self.with_file(&mut inner, |db, acked| rows.write(db, acked))?;
        inner.acked.apply(rows);
        Ok(())
    }

    fn audit_tail(&self, lines_max: usize) -> Result<Vec<String>, StoreError> {
        let mut inner = self.lock();
        self.with_file(&mut inner, |db, acked| acked.audit_tail(db, lines_max))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full(error)
        } else if kind == io::ErrorKind::InvalidData {
            Self::Corrupt(error.to_string())
        } else {
            Self::Io(error)
        }
    }
}

impl From<redb::Error> for StoreError {
    #[allow(clippy::wildcard_enum_match_arm, reason = "redb's own list, which may grow")]
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen => Self::Locked,
            redb::Error::PreviousIo => Self::Io(io::Error::other(error)),
            // What is neither the disk nor the lock is the file.
            other => Self::Corrupt(other.to_string()),
        }
    }
}

/// Makes a new store under a name of its own and gives it its real name when it is whole and synced: a power cut
/// meanwhile must not leave a file that cannot be opened.
fn make_file(directory: &Path, path: &Path) -> Result<(), StoreError> {
    let unfinished = directory.join(format!("{FILE_NAME}.{}.new", uuid::Uuid::now_v7()));
    let made = Database::create(&unfinished).map_err(redb::Error::from);
    let made = made.and_then(|db| Image::default().write(&db));
    let made = made.map_err(StoreError::from).and_then(|()| {
        File::open(&unfinished)?.sync_all()?;
        // A link, unlike a rename, never replaces what another process was faster to make.
        match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    });
    if let Err(error) = fs::remove_file(&unfinished) {
        warn!(%error, file = %unfinished.display(), "an unfinished store could not be removed: it is of no use");
    }
    made?;
    // The names of a new file and of a new directory must survive a power cut too.
    sync_directory(directory)?;
    match directory.canonicalize()?.parent() {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    Ok(File::open(directory)?.sync_all()?)
}
