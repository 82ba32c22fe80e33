//! What must survive a crash: the routing table, the embedders' specifications, the migrations and the audit log.
//! Called by the registry (tables), the migration (its own records) and the admin API (audit). Knows nothing of what
//! a migration's record means, and runs nothing.

#[cfg(test)]
mod faults;
mod image;
mod local;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

pub use crate::domain::embedder::EmbedderSpec;
use crate::domain::ids::{CollectionName, Epoch, FieldKey};
use crate::domain::model::ModelId;
use crate::domain::table::Table;

pub use local::LocalStore;

/// Everything that is stored, except the audit log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredState {
    /// The table; of epoch 0 and empty where none was stored yet.
    pub table: Table,
    /// How each model's vectors are computed.
    pub embedders: BTreeMap<ModelId, EmbedderSpec>,
    /// Each field's migration, as its owner wrote it (JSON, opaque here).
    pub migrations: BTreeMap<FieldKey, Vec<u8>>,
}

/// One transaction: all of it is stored, or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The next table: its epoch must be the stored one's successor.
    pub table: Option<Table>,
    /// Sets a model's embedder.
    pub embedder: Option<(ModelId, EmbedderSpec)>,
    /// Sets a field's migration.
    pub migration: Option<(FieldKey, Vec<u8>)>,
    /// Removes every migration of a collection, before one is set.
    pub forget: Option<CollectionName>,
    /// Appended to the audit log.
    pub audit: Option<String>,
}

/// Why something could not be loaded or stored. After an error of a commit, nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table does not follow the stored one: somebody else was faster.
    #[error("the table has epoch {offered}, but the stored one has epoch {stored}: load it and decide anew")]
    Conflict {
        /// The stored epoch.
        stored: Epoch,
        /// The refused one.
        offered: Epoch,
    },
    /// No room on the disk.
    #[error("the store's disk is full: nothing was stored; make room in the data directory and try again")]
    Full(#[source] io::Error),
    /// The disk or the file system failed.
    #[error("the store cannot be read or written")]
    Io(#[source] io::Error),
    /// What is stored cannot be understood.
    #[error("the store is damaged ({0}): restore the data directory from a copy")]
    Corrupt(String),
    /// A newer version wrote it.
    #[error(
        "the store has schema version {found}, and this program knows versions up to {known}: run the newer program"
    )]
    Newer {
        /// The file's version.
        found: u64,
        /// The newest that this program knows.
        known: u64,
    },
    /// Another process uses it.
    #[error("another process uses the store: stop it, or give this one its own data directory")]
    Locked,
}

impl StoreError {
    /// Stable, snake_case; a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Full(_) => "full",
            Self::Io(_) => "io",
            Self::Corrupt(_) => "corrupt",
            Self::Newer { .. } => "newer",
            Self::Locked => "locked",
        }
    }
}

/// Where the state lives. The calls block: async callers use `spawn_blocking`.
pub trait Store: Send + Sync + 'static {
    /// Everything that is stored.
    fn load(&self) -> Result<StoredState, StoreError>;

    /// Stores one transaction durably. Once it returned `Ok`, no crash undoes it.
    fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// The last lines of the audit log, oldest first, at most `lines_max`.
    fn audit_tail(&self, lines_max: usize) -> Result<Vec<String>, StoreError>;
}
