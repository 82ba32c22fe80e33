//! The local store on a disk that fills up, fails, and loses what was not synced.

use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use redb::{Builder, StorageBackend};

use super::tests::{commit, whole_epoch};
use super::{LocalStore, Store as _, StoreError};

/// The unit in which a disk writes: a crash can keep a part of a longer write.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Len(usize),
    Bytes(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(*len, 0),
            Self::Bytes(at, data) => {
                let end = at + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*at..end].copy_from_slice(data);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Platter {
    synced: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    /// Writes, growths and syncs so far.
    operations: u64,
    /// The operation that fails; `stays_broken` says whether those after it fail too.
    fails_at: Option<u64>,
    stays_broken: bool,
    room_bytes: Option<usize>,
}

impl Platter {
    fn step(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fails_at {
            Some(at) if self.operations == at || (self.stays_broken && self.operations > at) => {
                Err(io::Error::other("injected"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        let failed = self.step();
        if failed.is_err() && !matches!(change, Change::Bytes(..)) {
            return failed;
        }
        let change = match (change, &failed) {
            // A failing write leaves a part of itself.
            (Change::Bytes(at, data), Err(_)) => Change::Bytes(at, data[..data.len() / 2].to_vec()),
            (change, _) => change,
        };
        let end = match &change {
            Change::Len(len) => *len,
            Change::Bytes(at, data) => at + data.len(),
        };
        if self
            .room_bytes
            .is_some_and(|room| end > room && end > self.seen.len())
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut self.seen);
        self.unsynced.push(change);
        failed
    }

    /// The power goes: of what was not synced, some is kept, and some of that in part.
    fn lose_power(&mut self, mut seed: u64) {
        let mut bytes = std::mem::take(&mut self.synced);
        for change in self.unsynced.drain(..) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match (seed >> 33) % 3 {
                0 => {}
                1 => change.apply(&mut bytes),
                _ => match change {
                    Change::Bytes(at, data) => {
                        let sectors = data.len() / SECTOR_BYTES;
                        let kept = (seed >> 40) as usize % (sectors + 1) * SECTOR_BYTES;
                        Change::Bytes(at, data[..kept].to_vec()).apply(&mut bytes);
                    }
                    Change::Len(_) => change.apply(&mut bytes),
                },
            }
        }
        *self = Self {
            synced: bytes.clone(),
            seen: bytes,
            ..Self::default()
        };
    }
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn with<T>(&self, act: impl FnOnce(&mut Platter) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// A disk of its own with the same bytes.
    fn copy(&self) -> Self {
        let bytes = self.with(|platter| platter.seen.clone());
        let copy = Self::default();
        copy.with(|platter| {
            platter.synced = bytes.clone();
            platter.seen = bytes;
        });
        copy
    }

    fn open(&self) -> Result<LocalStore, StoreError> {
        let disk = self.clone();
        LocalStore::over(move || Builder::new().create_with_backend(disk.clone()))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|platter| platter.seen.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = offset as usize;
        self.with(|platter| match platter.seen.get(at..at + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|platter| platter.change(Change::Len(len as usize)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|platter| {
            platter.step()?;
            platter.synced.clone_from(&platter.seen);
            platter.unsynced.clear();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|platter| platter.change(Change::Bytes(offset as usize, data.to_vec())))
    }
}

#[test]
fn a_full_disk_refuses_a_commit_whole_and_takes_it_once_there_is_room() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    store.commit(commit(1)).unwrap();
    disk.with(|platter| platter.room_bytes = Some(platter.seen.len()));
    let mut large = commit(2);
    large.migration.as_mut().unwrap().1 = vec![b' '; 4 << 20];
    for _ in 0..3 {
        let full = store.commit(large.clone());
        assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
        assert_eq!(whole_epoch(&store), 1);
        assert_eq!(whole_epoch(&disk.copy().open().unwrap()), 1);
    }
    // What fits is still taken.
    store.commit(commit(2)).unwrap();
    disk.with(|platter| platter.room_bytes = None);
    large.table = Some(super::tests::table(3));
    store.commit(large).unwrap();
    store.commit(commit(4)).unwrap();
    assert_eq!(disk.copy().open().unwrap().load().unwrap().table.epoch.0, 4);
}

#[test]
fn a_commit_that_failed_at_any_operation_has_not_happened() {
    for operation in 1.. {
        let disk = Disk::default();
        let store = disk.open().unwrap();
        store.commit(commit(1)).unwrap();
        disk.with(|platter| platter.fails_at = Some(platter.operations + operation));
        let failed = store.commit(commit(2));
        let Err(error) = failed else {
            assert!(operation > 4, "only {} operations failed a commit", operation - 1);
            return;
        };
        assert!(matches!(error, StoreError::Io(_)), "{operation}: {error:?}");
        assert_eq!(whole_epoch(&store), 1, "{operation}");
        assert_eq!(whole_epoch(&disk.copy().open().unwrap()), 1, "{operation}");
        store.commit(commit(2)).unwrap();
        disk.with(|platter| platter.lose_power(operation));
        assert_eq!(whole_epoch(&disk.open().unwrap()), 2, "{operation}");
    }
}

#[test]
fn a_disk_that_stays_broken_is_told_each_time_and_used_again_when_it_heals() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    store.commit(commit(1)).unwrap();
    disk.with(|platter| {
        platter.fails_at = Some(platter.operations + 1);
        platter.stays_broken = true;
    });
    for _ in 0..3 {
        assert!(matches!(store.commit(commit(2)), Err(StoreError::Io(_))));
        assert_eq!(store.load().unwrap().table.epoch.0, 1);
    }
    disk.with(|platter| platter.fails_at = None);
    store.commit(commit(2)).unwrap();
    assert_eq!(whole_epoch(&store), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn after_a_power_cut_the_state_is_the_last_acknowledged_or_the_next(cut in 1_u64..120, seed: u64) {
        let disk = Disk::default();
        let store = disk.open().unwrap();
        disk.with(|platter| {
            platter.fails_at = Some(platter.operations + cut);
            platter.stays_broken = true;
        });
        let mut acked = 0;
        while store.commit(commit(acked + 1)).is_ok() {
            acked += 1;
        }
        drop(store);
        disk.with(|platter| platter.lose_power(seed));
        let stored = whole_epoch(&disk.open().unwrap());
        prop_assert!(stored == acked || stored == acked + 1, "{} for {}", stored, acked);
    }
}
