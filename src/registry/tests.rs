//! Publication and drain, with a store that can be made to fail or to wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use super::{PublishError, Registry};
use crate::domain::ids::{CollectionName, Epoch};
use crate::domain::quarantine::{Cause, Standing};
use crate::domain::refusal::Refusal;
use crate::domain::table::{Managed, Table};
use crate::store::{Commit, LocalStore, Store, StoreError, StoredState};

#[derive(Default)]
struct Memory {
    state: Mutex<StoredState>,
    full: AtomicBool,
    /// Waited for at the start of each commit, where there is one.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Store for Memory {
    fn load(&self) -> Result<StoredState, StoreError> {
        Ok(self.state.lock().unwrap().clone())
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        if let Some(gate) = &*self.gate.lock().unwrap() {
            gate.recv().unwrap();
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full(std::io::ErrorKind::StorageFull.into()));
        }
        let mut state = self.state.lock().unwrap();
        state.migrations.extend(commit.migration);
        if let Some(table) = commit.table {
            assert_eq!(table.epoch, state.table.epoch.next());
            state.table = table;
        }
        Ok(())
    }

    fn audit_tail(&self, _lines_max: usize) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

fn name(epoch: u64) -> CollectionName {
    format!("c{epoch}").as_str().into()
}

/// Leaves one collection, named after the epoch that the table will have.
fn stamp(table: &mut Table) -> Result<(), Refusal> {
    let managed = Managed::default();
    table.collections = [(name(table.epoch.0 + 1), managed)].into();
    Ok(())
}

async fn publish(registry: &Registry, parent: u64) -> Result<Epoch, PublishError> {
    registry.publish(Epoch(parent), stamp, Commit::default()).await
}

fn is_ready(future: impl Future<Output = ()>) -> bool {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    matches!(future.as_mut().poll(&mut context), Poll::Ready(()))
}

#[tokio::test]
async fn what_is_published_is_stored_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalStore::open(dir.path()).unwrap());
    let registry = Registry::open(store).unwrap();
    let rest = Commit {
        migration: Some(("docs".into(), b"{}".to_vec())),
        ..Commit::default()
    };
    assert_eq!(registry.publish(Epoch(0), stamp, rest).await.unwrap(), Epoch(1));
    assert!(registry.pin().managed("c1").is_some());
    drop(registry);
    let store = Arc::new(LocalStore::open(dir.path()).unwrap());
    assert_eq!(store.load().unwrap().migrations.len(), 1);
    let registry = Registry::open(store).unwrap();
    assert_eq!(registry.current_epoch(), Epoch(1));
    assert!(registry.pin().managed("c1").is_some());
}

#[tokio::test]
async fn a_stale_parent_is_refused() {
    let registry = Registry::open(Arc::new(Memory::default())).unwrap();
    publish(&registry, 0).await.unwrap();
    for parent in [0, 2] {
        match publish(&registry, parent).await {
            Err(PublishError::Stale { current }) => assert_eq!(current, Epoch(1)),
            other => panic!("{other:?}"),
        }
    }
    publish(&registry, 1).await.unwrap();
}

#[tokio::test]
async fn of_many_publishers_with_one_parent_one_wins() {
    let registry = Registry::open(Arc::new(Memory::default())).unwrap();
    let all = futures_util::future::join_all((0..20).map(|_| publish(&registry, 0))).await;
    assert_eq!(all.iter().filter(|published| published.is_ok()).count(), 1);
    assert_eq!(registry.current_epoch(), Epoch(1));
}

#[tokio::test]
async fn nothing_is_published_that_was_not_stored() {
    let store = Arc::new(Memory::default());
    let registry = Registry::open(store.clone()).unwrap();
    store.full.store(true, Ordering::SeqCst);
    let full = publish(&registry, 0).await;
    assert!(
        matches!(full, Err(PublishError::Store(StoreError::Full(_)))),
        "{full:?}"
    );
    assert_eq!(registry.current_epoch(), Epoch(0));
    assert!(is_ready(registry.drained(Epoch(0))));
    assert_eq!(registry.in_flight_before(Epoch(9)), 0);
    store.full.store(false, Ordering::SeqCst);
    publish(&registry, 0).await.unwrap();
    assert!(is_ready(registry.drained(Epoch(1))));
}

#[tokio::test]
async fn a_refused_change_stores_nothing() {
    let store = Arc::new(Memory::default());
    let registry = Registry::open(store.clone()).unwrap();
    let refuse = |_: &mut Table| Err(Refusal::invalid("no", "no"));
    let refused = registry.publish(Epoch(0), refuse, Commit::default()).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))));
    assert_eq!(registry.current_epoch(), Epoch(0));
    assert_eq!(store.load().unwrap(), StoredState::default());
}

#[tokio::test]
async fn drained_waits_for_the_last_clone_of_an_earlier_pin() {
    let registry = Registry::open(Arc::new(Memory::default())).unwrap();
    let first = registry.pin();
    let again = first.clone();
    publish(&registry, 0).await.unwrap();
    let second = registry.pin();
    publish(&registry, 1).await.unwrap();
    assert_eq!(registry.in_flight_before(Epoch(1)), 2);
    assert_eq!(registry.in_flight_before(Epoch(2)), 3);
    assert!(
        is_ready(registry.drained(Epoch(0))),
        "nothing is older than the first"
    );
    let mut waiting = std::pin::pin!(registry.drained(Epoch(2)));
    assert!(!is_ready(waiting.as_mut()));
    drop(first);
    assert!(!is_ready(registry.drained(Epoch(1))));
    drop(again);
    assert!(
        is_ready(registry.drained(Epoch(1))),
        "epoch 1 itself may still be pinned"
    );
    assert!(!is_ready(waiting.as_mut()));
    drop(second);
    waiting.await;
    assert_eq!(registry.in_flight_before(Epoch(2)), 0);
}

#[tokio::test]
async fn a_drop_on_another_thread_wakes_the_waiter() {
    let registry = Registry::open(Arc::new(Memory::default())).unwrap();
    for epoch in 0..100 {
        let pin = registry.pin();
        publish(&registry, epoch).await.unwrap();
        let dropping = std::thread::spawn(move || drop(pin));
        tokio::time::timeout(Duration::from_secs(20), registry.drained(Epoch(epoch + 1)))
            .await
            .unwrap();
        dropping.join().unwrap();
    }
}

#[tokio::test]
async fn a_publication_that_nobody_waits_for_is_carried_out() {
    let store = Arc::new(Memory::default());
    let registry = Registry::open(store.clone()).unwrap();
    let (open, gate) = mpsc::channel();
    *store.gate.lock().unwrap() = Some(gate);
    {
        assert!(!is_ready(async {
            publish(&registry, 0).await.unwrap();
        }));
    }
    open.send(()).unwrap();
    open.send(()).unwrap();
    // The next one waits for its turn, so it sees the first one's end.
    let next = publish(&registry, 1).await;
    assert_eq!(next.unwrap(), Epoch(2));
}

/// Readers check, at each pin, that it is one table, whole, and that no epoch drained under it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pins_and_publications_race_without_a_torn_or_lost_generation() {
    const READERS: usize = 6;
    const EPOCHS: u64 = 400;
    let registry = Arc::new(Registry::open(Arc::new(Memory::default())).unwrap());
    let (drained, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let start = Arc::new(Barrier::new(READERS + 1));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (registry, drained, stop, start) =
                (registry.clone(), drained.clone(), stop.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                let mut last = Epoch(0);
                while !stop.load(Ordering::SeqCst) {
                    let pin = registry.pin();
                    assert!(pin.epoch >= last, "an epoch went backwards");
                    last = pin.epoch;
                    if pin.epoch.0 > 0 {
                        assert!(pin.managed(name(pin.epoch.0).as_str()).is_some());
                    }
                    let held = pin.clone();
                    drop(pin);
                    std::thread::yield_now();
                    let gone = drained.load(Ordering::SeqCst);
                    assert!(
                        held.epoch.0 >= gone,
                        "{gone} drained while {} was pinned",
                        held.epoch
                    );
                }
            })
        })
        .collect();
    start.wait();
    for epoch in 0..EPOCHS {
        publish(&registry, epoch).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(20), registry.drained(Epoch(epoch + 1))).await;
        waited.unwrap();
        drained.store(epoch + 1, Ordering::SeqCst);
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[tokio::test]
async fn a_quarantine_survives_a_restart_and_grows_no_milder() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Arc::new(LocalStore::open(dir.path()).unwrap());
        let registry = Registry::open(store).unwrap();
        publish(&registry, 0).await.unwrap();
        let held = registry.quarantine(&name(1), Cause::Dropped, 5).await.unwrap();
        assert_eq!(held, Epoch(2));
        // As bad already, milder, or not managed: nothing is published.
        for (collection, cause) in [
            (name(1), Cause::Dropped),
            (name(1), Cause::Restored),
            (name(9), Cause::Restored),
        ] {
            assert_eq!(
                registry.quarantine(&collection, cause, 6).await.unwrap(),
                Epoch(2)
            );
        }
    }
    let store = Arc::new(LocalStore::open(dir.path()).unwrap());
    let registry = Registry::open(Arc::clone(&store) as Arc<dyn Store>).unwrap();
    let standing = registry.pin().managed("c1").unwrap().standing;
    assert_eq!(standing, Standing::Open.after(Cause::Dropped, 5));
    assert_eq!(registry.pin().quarantined(), 1);
    let log = store.audit_tail(9).unwrap();
    let told: Vec<serde_json::Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        told,
        [serde_json::json!({"at_ms": 5, "cause": "dropped", "collection": "c1", "what": "quarantined"})]
    );
}
