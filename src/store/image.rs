//! The state as rows of bytes: what the file holds, and what was last acknowledged. Called by the local store alone.

use std::collections::BTreeMap;

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Commit, StoreError, StoredState};
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::table::Table;

/// The layout of the rows below. A file of a newer one is refused.
pub(super) const SCHEMA_VERSION: u64 = 1;

const SCHEMA: TableDefinition<'_, &str, u64> = TableDefinition::new("schema");
const SCHEMA_KEY: &str = "version";
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("table");
const TABLE_KEY: &str = "current";
const EMBEDDERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("embedders");
const MIGRATIONS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("migrations");
const AUDIT: TableDefinition<'_, u64, &str> = TableDefinition::new("audit");

/// Every row except the audit log's lines, of which it knows how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) epoch: Epoch,
    table: Option<Vec<u8>>,
    embedders: BTreeMap<String, Vec<u8>>,
    migrations: BTreeMap<(String, String), Vec<u8>>,
    audit_lines: u64,
}

/// A commit as rows.
pub(super) struct Rows {
    table: Option<(Epoch, Vec<u8>)>,
    embedder: Option<(String, Vec<u8>)>,
    forget: Option<String>,
    migration: Option<((String, String), Vec<u8>)>,
    audit: Option<String>,
}

fn corrupt(what: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {why}"))
}

fn to_json(what: &str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|why| corrupt(what, why))
}

fn from_json<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|why| corrupt(what, why))
}

impl Rows {
    pub(super) fn of(commit: Commit) -> Result<Self, StoreError> {
        let table = commit.table.map(|table| {
            let bytes = to_json("the table", &table)?;
            Ok::<_, StoreError>((table.epoch, bytes))
        });
        let embedder = commit
            .embedder
            .map(|(model, spec)| Ok::<_, StoreError>((model.to_string(), to_json("an embedder", &spec)?)));
        let migration = commit.migration.map(|(key, bytes)| {
            let FieldKey { collection, field } = key;
            ((collection.to_string(), field.to_string()), bytes)
        });
        Ok(Self {
            table: table.transpose()?,
            embedder: embedder.transpose()?,
            forget: commit.forget.map(|collection| collection.to_string()),
            migration,
            audit: commit.audit,
        })
    }

    /// The epoch of the table in it.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.table.as_ref().map(|(epoch, _)| *epoch)
    }

    /// Stores the rows behind those of `image`, in one durable transaction.
    pub(super) fn write(&self, db: &Database, image: &Image) -> Result<(), redb::Error> {
        let txn = begin(db)?;
        if let Some((_, bytes)) = &self.table {
            txn.open_table(TABLE)?.insert(TABLE_KEY, bytes.as_slice())?;
        }
        if let Some((model, bytes)) = &self.embedder {
            txn.open_table(EMBEDDERS)?
                .insert(model.as_str(), bytes.as_slice())?;
        }
        if let Some(gone) = &self.forget {
            let mut migrations = txn.open_table(MIGRATIONS)?;
            migrations.retain(|(collection, _), _| collection != gone)?;
        }
        if let Some(((collection, field), bytes)) = &self.migration {
            txn.open_table(MIGRATIONS)?
                .insert((collection.as_str(), field.as_str()), bytes.as_slice())?;
        }
        if let Some(line) = &self.audit {
            txn.open_table(AUDIT)?.insert(image.audit_lines, line.as_str())?;
        }
        Ok(txn.commit()?)
    }
}

impl Image {
    /// What the file holds; `None` for a new one.
    pub(super) fn read(db: &Database) -> Result<Option<Self>, StoreError> {
        let txn = db.begin_read().map_err(redb::Error::from)?;
        let Some(found) = schema_of(&txn)? else {
            return Ok(None);
        };
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer {
                found,
                known: SCHEMA_VERSION,
            });
        }
        let image = Self::read_rows(&txn)?;
        // Damage shows at the start, not at the first use.
        image.decode()?;
        Ok(Some(image))
    }

    fn read_rows(txn: &ReadTransaction) -> Result<Self, StoreError> {
        let mut image = Self::read_bytes(txn)?;
        if let Some(bytes) = &image.table {
            image.epoch = from_json::<Table>("the table", bytes)?.epoch;
        }
        Ok(image)
    }

    fn read_bytes(txn: &ReadTransaction) -> Result<Self, redb::Error> {
        let mut image = Self::default();
        let table = txn.open_table(TABLE)?;
        image.table = table.get(TABLE_KEY)?.map(|bytes| bytes.value().to_vec());
        for row in txn.open_table(EMBEDDERS)?.iter()? {
            let (model, bytes) = row?;
            image
                .embedders
                .insert(model.value().to_owned(), bytes.value().to_vec());
        }
        for row in txn.open_table(MIGRATIONS)?.iter()? {
            let (key, bytes) = row?;
            let (collection, field) = key.value();
            let key = (collection.to_owned(), field.to_owned());
            image.migrations.insert(key, bytes.value().to_vec());
        }
        let last = txn.open_table(AUDIT)?.last()?.map(|(at, _)| at.value());
        image.audit_lines = last.map_or(0, |last| last + 1);
        Ok(image)
    }

    /// Makes the file hold exactly this: for a new file, and to undo what a failed commit may have left.
    pub(super) fn write(&self, db: &Database) -> Result<(), redb::Error> {
        let txn = begin(db)?;
        txn.open_table(SCHEMA)?.insert(SCHEMA_KEY, SCHEMA_VERSION)?;
        txn.delete_table(TABLE)?;
        txn.delete_table(EMBEDDERS)?;
        txn.delete_table(MIGRATIONS)?;
        if let Some(bytes) = &self.table {
            txn.open_table(TABLE)?.insert(TABLE_KEY, bytes.as_slice())?;
        } else {
            txn.open_table(TABLE)?;
        }
        {
            let mut embedders = txn.open_table(EMBEDDERS)?;
            for (model, bytes) in &self.embedders {
                embedders.insert(model.as_str(), bytes.as_slice())?;
            }
            let mut migrations = txn.open_table(MIGRATIONS)?;
            for ((collection, field), bytes) in &self.migrations {
                migrations.insert((collection.as_str(), field.as_str()), bytes.as_slice())?;
            }
            let mut audit = txn.open_table(AUDIT)?;
            audit.retain(|at, _| at < self.audit_lines)?;
        }
        Ok(txn.commit()?)
    }

    /// Takes over rows that were stored.
    pub(super) fn apply(&mut self, rows: Rows) {
        if let Some((epoch, bytes)) = rows.table {
            self.epoch = epoch;
            self.table = Some(bytes);
        }
        self.embedders.extend(rows.embedder);
        if let Some(gone) = rows.forget {
            self.migrations.retain(|(collection, _), _| *collection != gone);
        }
        self.migrations.extend(rows.migration);
        self.audit_lines += u64::from(rows.audit.is_some());
    }

    /// What the rows say.
    pub(super) fn decode(&self) -> Result<StoredState, StoreError> {
        let mut state = StoredState::default();
        if let Some(bytes) = &self.table {
            state.table = from_json("the table", bytes)?;
        }
        for (model, bytes) in &self.embedders {
            let id = model.parse().map_err(|why| corrupt("a model's name", why))?;
            state.embedders.insert(id, from_json(model, bytes)?);
        }
        for ((collection, field), bytes) in &self.migrations {
            let key = FieldKey {
                collection: collection.as_str().into(),
                field: field.as_str().into(),
            };
            state.migrations.insert(key, bytes.clone());
        }
        Ok(state)
    }

    /// The last lines of the audit log, oldest first.
    pub(super) fn audit_tail(&self, db: &Database, lines_max: usize) -> Result<Vec<String>, redb::Error> {
        let lines_max = u64::try_from(lines_max).unwrap_or(u64::MAX);
        let from = self.audit_lines.saturating_sub(lines_max);
        let audit = db.begin_read()?.open_table(AUDIT)?;
        let lines = audit.range(from..self.audit_lines)?;
        lines.map(|line| Ok(line?.1.value().to_owned())).collect()
    }
}

fn begin(db: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut txn = db.begin_write()?;
    // Two syncs a commit: the new root is named only after all that it points at is on the disk.
    txn.set_two_phase_commit(true);
    Ok(txn)
}

fn schema_of(txn: &ReadTransaction) -> Result<Option<u64>, StoreError> {
    let schema = match txn.open_table(SCHEMA) {
        Ok(schema) => schema,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    let version = schema.get(SCHEMA_KEY).map_err(redb::Error::from)?;
    let version = version.ok_or_else(|| StoreError::Corrupt("no schema version".to_owned()))?;
    Ok(Some(version.value()))
}
