//! The store of one machine: one file of redb's.

use std::path::Path;

use super::{Commit, Store, StoreError, StoredState};

/// The store in one local file, `interlock.redb` in the data directory.
pub struct LocalStore {}

impl LocalStore {
    /// Opens or makes the store in `directory`, which is made where it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        todo!()
    }
}

impl Store for LocalStore {
    fn load(&self) -> Result<StoredState, StoreError> {
        todo!()
    }
    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        todo!()
    }
    fn audit_tail(&self, lines_max: usize) -> Result<Vec<String>, StoreError> {
        todo!()
    }
}
