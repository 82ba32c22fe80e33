//! The local store on a real file: what survives, what is refused, and a process killed while it commits.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use redb::{Database, TableDefinition};

use super::{Commit, EmbedderSpec, LocalStore, Store as _, StoreError};
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::model::{Distance, Kind, Model, ModelId};
use crate::domain::table::Table;

/// A table of this epoch, with content that tells it from every other.
pub(super) fn table(epoch: u64) -> Table {
    let id: ModelId = format!("m{epoch}@1").parse().unwrap();
    let model = Model {
        id: id.clone(),
        kind: Kind::Dense,
        dimension: 1 + u32::try_from(epoch).unwrap(),
        distance: Distance::Cosine,
        query_prompt: "q".repeat(usize::try_from(epoch % 7).unwrap() * 900),
        document_prompt: String::new(),
    };
    Table {
        epoch: Epoch(epoch),
        models: [(id, model)].into(),
        ..Table::default()
    }
}

/// One of everything, all of it telling the epoch.
pub(super) fn commit(epoch: u64) -> Commit {
    Commit {
        table: Some(table(epoch)),
        embedder: Some((format!("m{epoch}").parse().unwrap(), EmbedderSpec::HashedWords {})),
        migration: Some((FieldKey::from("docs/text"), epoch.to_string().into_bytes())),
        forget: None,
        audit: Some(format!("epoch {epoch}")),
    }
}

/// The stored epoch, after checking that the rest of the state is that epoch's, whole.
pub(super) fn whole_epoch(store: &LocalStore) -> u64 {
    let state = store.load().unwrap();
    let epoch = state.table.epoch.0;
    if epoch == 0 {
        assert_eq!(state, super::StoredState::default());
    } else {
        assert_eq!(state.table, table(epoch));
        assert_eq!(
            state.migrations[&FieldKey::from("docs/text")],
            epoch.to_string().into_bytes()
        );
    }
    assert_eq!(state.embedders.len() as u64, epoch);
    let audit = store.audit_tail(usize::MAX).unwrap();
    let expected: Vec<_> = (1..=epoch).map(|epoch| format!("epoch {epoch}")).collect();
    assert_eq!(audit, expected);
    epoch
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("a/b");
    let store = LocalStore::open(&inside).unwrap();
    assert_eq!(whole_epoch(&store), 0);
    store.commit(commit(1)).unwrap();
    store.commit(commit(2)).unwrap();
    drop(store);
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 1, "one file");
    let store = LocalStore::open(&inside).unwrap();
    assert_eq!(whole_epoch(&store), 2);
    assert_eq!(store.audit_tail(1).unwrap(), ["epoch 2"]);
    assert_eq!(store.audit_tail(0).unwrap(), Vec::<String>::new());
}

#[test]
fn only_the_successor_of_the_stored_table_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    store.commit(commit(1)).unwrap();
    for offered in [0, 1, 3] {
        match store.commit(commit(offered)) {
            Err(StoreError::Conflict {
                stored,
                offered: told,
            }) => {
                assert_eq!((stored, told), (Epoch(1), Epoch(offered)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(whole_epoch(&store), 1);
    store.commit(commit(2)).unwrap();
}

#[test]
fn a_commit_without_a_table_leaves_the_table_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    store.commit(commit(1)).unwrap();
    let key = FieldKey::from("other");
    let rest = Commit {
        migration: Some((key.clone(), b"{}".to_vec())),
        ..Commit::default()
    };
    store.commit(rest).unwrap();
    drop(store);
    let state = LocalStore::open(dir.path()).unwrap().load().unwrap();
    assert_eq!(state.table, table(1));
    assert_eq!(state.migrations[&key], b"{}");
    assert_eq!(state.migrations.len(), 2);
}

#[test]
fn a_second_opener_is_told_that_the_store_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let first = LocalStore::open(dir.path()).unwrap();
    assert!(matches!(LocalStore::open(dir.path()), Err(StoreError::Locked)));
    drop(first);
    LocalStore::open(dir.path()).unwrap();
}

fn raw(directory: &Path) -> Database {
    Database::create(directory.join("interlock.redb")).unwrap()
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(LocalStore::open(dir.path()).unwrap());
    let txn = raw(dir.path()).begin_write().unwrap();
    let schema = TableDefinition::<&str, u64>::new("schema");
    txn.open_table(schema).unwrap().insert("version", 99).unwrap();
    txn.commit().unwrap();
    for _ in 0..2 {
        let newer = LocalStore::open(dir.path()).map(|_| ());
        assert!(matches!(newer, Err(StoreError::Newer { found: 99, known: 1 })));
    }
}

#[test]
fn damage_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(LocalStore::open(dir.path()).unwrap());
    let txn = raw(dir.path()).begin_write().unwrap();
    let rows = TableDefinition::<&str, &[u8]>::new("table");
    txn.open_table(rows)
        .unwrap()
        .insert("current", &b"{"[..])
        .unwrap();
    txn.commit().unwrap();
    let damaged = LocalStore::open(dir.path()).map(|_| ());
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");

    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("interlock.redb"), "x".repeat(9000)).unwrap();
    let damaged = LocalStore::open(other.path()).map(|_| ());
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");
}

const CHILD_DIRECTORY: &str = "INTERLOCK_TEST_STORE_CHILD";

/// Commits until it is killed, and says each acknowledged epoch.
fn commit_for_ever(directory: &Path) -> ! {
    let store = LocalStore::open(directory).unwrap();
    for epoch in store.load().unwrap().table.epoch.0 + 1.. {
        store.commit(commit(epoch)).unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "\nacked {epoch}").unwrap();
        out.flush().unwrap();
    }
    unreachable!("epochs do not end");
}

#[test]
fn a_killed_process_loses_no_acknowledged_commit() {
    // The child is this test again, told by the variable to be the child.
    if let Some(directory) = std::env::var_os(CHILD_DIRECTORY) {
        commit_for_ever(Path::new(&directory));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 1..=12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("store::tests::a_killed_process_loses_no_acknowledged_commit")
            .env(CHILD_DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acked = 0;
        // A different number of commits each round, so that the kill meets different moments.
        for _ in 0..round {
            acked = lines
                .by_ref()
                .map(Result::unwrap)
                .find_map(|line| line.strip_prefix("acked ").map(|n| n.parse().unwrap()))
                .unwrap();
        }
        child.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(n) = line.strip_prefix("acked ").and_then(|n| n.parse().ok()) {
                acked = n;
            }
        }
        child.wait().unwrap();
        let stored = whole_epoch(&LocalStore::open(dir.path()).unwrap());
        assert!(stored == acked || stored == acked + 1, "{stored} for {acked}");
        assert!(stored > before);
        before = stored;
    }
}
