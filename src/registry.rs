//! The one current routing table. Requests pin it; the migration and the admin API publish the next one, and wait
//! until the answers begun under earlier ones are delivered. Decides nothing about what a table says.

mod latency;
mod usage;

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::{Mutex, watch};

use crate::domain::ids::{CollectionName, Epoch};
use crate::domain::quarantine::Cause;
use crate::domain::refusal::Refusal;
use crate::domain::table::Table;
use crate::store::{Commit, Store, StoreError};
use crate::upstream::Hold;

pub use latency::Latency;
pub use usage::Usage;

/// Tables that others publish between our look and our publication.
const PUBLISH_ATTEMPTS_MAX: u32 = 64;

/// Why a table was not published. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It was made from a table that is no longer the current one.
    #[error("the table is at epoch {current} by now: decide anew")]
    Stale {
        /// The current epoch.
        current: Epoch,
    },
    /// The change itself found a reason against it.
    #[error(transparent)]
    Refused(Refusal),
    /// It could not be stored.
    #[error("the table could not be stored")]
    Store(#[from] StoreError),
    /// The process is shutting down; whether it was stored shows after the restart.
    #[error("the process is shutting down")]
    Interrupted,
}

/// Holds the current table, and knows which earlier ones are still in use.
pub struct Registry {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    /// Held from the check of the parent to the pointer store.
    publishing: Arc<Mutex<()>>,
    usage: Usage,
    latency: Latency,
}

struct Shared {
    current: ArcSwap<Generation>,
    living: Arc<Living>,
}

/// Every generation that somebody still holds. `watch` turns each end into an event.
type Living = watch::Sender<BTreeMap<Epoch, Weak<Generation>>>;

/// One table's time: from its publication to the drop of its last pin.
struct Generation {
    table: Table,
    living: Arc<Living>,
}

impl Generation {
    fn begin(table: Table, living: &Arc<Living>) -> Arc<Self> {
        let epoch = table.epoch;
        let generation = Arc::new(Self {
            table,
            living: Arc::clone(living),
        });
        // Listed before it can be pinned: a generation in use is never missing from the list.
        living.send_modify(|all| {
            all.insert(epoch, Arc::downgrade(&generation));
        });
        generation
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.living.send_modify(|all| {
            all.remove(&self.table.epoch);
        });
    }
}

/// A table in use. While a clone of it lives, [`Registry::drained`] waits for it.
#[derive(Clone)]
pub struct Pinned(Arc<Generation>);

impl Pinned {
    /// Another pin of the same table, for what keeps it without knowing what it is.
    pub fn hold(&self) -> Hold {
        Hold::new(Arc::clone(&self.0) as Arc<dyn Any + Send + Sync>)
    }
}

impl Deref for Pinned {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0.table
    }
}

impl Registry {
    /// Starts from the stored table. Blocks on the store.
    pub fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let living = Arc::new(Living::new(BTreeMap::new()));
        let first = Generation::begin(store.load()?.table, &living);
        Ok(Self {
            shared: Arc::new(Shared {
                current: ArcSwap::new(first),
                living,
            }),
            store,
            publishing: Arc::new(Mutex::new(())),
            usage: Usage::default(),
            latency: Latency::default(),
        })
    }

    /// The current table, for the whole of one request.
    pub fn pin(&self) -> Pinned {
        Pinned(self.shared.current.load_full())
    }

    /// The current table's epoch.
    pub fn current_epoch(&self) -> Epoch {
        self.shared.current.load().table.epoch
    }

    /// Makes the next table from the current one, stores it with `rest` in one transaction, then makes it current by
    /// one pointer store. `parent` is the epoch that the caller decided on. `rest.table` is set here.
    ///
    /// Once the store has begun, dropping this future changes nothing: the publication is carried out to its end.
    pub async fn publish(
        &self,
        parent: Epoch,
        change: impl FnOnce(&mut Table) -> Result<(), Refusal>,
        rest: Commit,
    ) -> Result<Epoch, PublishError> {
        let turn = Arc::clone(&self.publishing).lock_owned().await;
        let mut table = {
            let current = self.pin();
            if current.epoch != parent {
                return Err(PublishError::Stale {
                    current: current.epoch,
                });
            }
            Table::clone(&current)
        };
        change(&mut table).map_err(PublishError::Refused)?;
        table.epoch = parent.next();
        let epoch = table.epoch;
        let (store, shared) = (Arc::clone(&self.store), Arc::clone(&self.shared));
        let stored = tokio::task::spawn_blocking(move || {
            let next = Generation::begin(table.clone(), &shared.living);
            store.commit(Commit {
                table: Some(table),
                ..rest
            })?;
            shared.current.store(next);
            drop(turn);
            Ok(())
        });
        match stored.await {
            Ok(Ok(())) => Ok(epoch),
            Ok(Err(error)) => Err(PublishError::Store(error)),
            Err(_stopped) => Err(PublishError::Interrupted),
        }
    }

    /// How long live requests take.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Who read the spaces that do not serve.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The last lines of the audit log, oldest first.
    pub async fn audit_tail(&self, lines_max: usize) -> Result<Vec<String>, PublishError> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.audit_tail(lines_max)).await {
            Ok(lines) => Ok(lines?),
            Err(_stopped) => Err(PublishError::Interrupted),
        }
    }

    /// Refuses a managed collection's data calls from the next pin on, durably, until what lifts the cause is done.
    /// Changes nothing where the collection is not managed, or is quarantined for as bad a cause already. Requests that
    /// pinned an earlier table go on: to wait for them, drop every pin of one's own and await [`Self::drained`] with
    /// the epoch that is returned. `now_ms`: milliseconds since 1970.
    ///
    /// # Errors
    /// `store` where it could not be stored: the data calls are then still answered.
    pub async fn quarantine(
        &self,
        collection: &CollectionName,
        cause: Cause,
        now_ms: u64,
    ) -> Result<Epoch, PublishError> {
        let mut attempts = 0;
        loop {
            let (parent, standing) = {
                let table = self.pin();
                let managed = table.managed(collection.as_str());
                (table.epoch, managed.map(|managed| managed.standing))
            };
            let Some(standing) = standing else {
                return Ok(parent);
            };
            let after = standing.after(cause, now_ms);
            if after == standing {
                return Ok(parent);
            }
            let change = |table: &mut Table| {
                if let Some(managed) = table.collections.get_mut(collection) {
                    managed.standing = after;
                }
                Ok(())
            };
            let rest = Commit {
                audit: Some(
                    json!({ "what": "quarantined", "at_ms": now_ms, "collection": collection, "cause": cause })
                        .to_string(),
                ),
                ..Commit::default()
            };
            match self.publish(parent, change, rest).await {
                Ok(epoch) => {
                    tracing::warn!(%collection, %cause, %epoch, "the collection is quarantined: its data calls are refused");
                    return Ok(epoch);
                }
                Err(PublishError::Stale { .. }) if attempts < PUBLISH_ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Publishes a change of whatever table is current.
    ///
    /// # Errors
    /// As [`Self::publish`]; `stale` where the table keeps changing.
    pub async fn publish_next(
        &self,
        change: impl Fn(&mut Table) -> Result<(), Refusal>,
        rest: Commit,
    ) -> Result<Epoch, PublishError> {
        let mut attempts = 0;
        loop {
            match self.publish(self.current_epoch(), &change, rest.clone()).await {
                Err(PublishError::Stale { .. }) if attempts < PUBLISH_ATTEMPTS_MAX => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    /// Stores records that change no table.
    pub async fn record(&self, rest: Commit) -> Result<(), PublishError> {
        let store = Arc::clone(&self.store);
        let commit = Commit { table: None, ..rest };
        match tokio::task::spawn_blocking(move || store.commit(commit)).await {
            Ok(stored) => Ok(stored?),
            Err(_stopped) => Err(PublishError::Interrupted),
        }
    }

    /// Resolves when no table older than `before` is pinned any more. At once where none is.
    /// `before` must not be later than the current epoch: the current table never drains.
    pub async fn drained(&self, before: Epoch) {
        let mut living = self.shared.living.subscribe();
        let none_older = living.wait_for(|all| all.keys().next().is_none_or(|oldest| *oldest >= before));
        // The sender lives in `self`, so the channel cannot close under us.
        let _closed = none_older.await.is_err();
    }

    /// How many pins of tables older than `epoch` live, the current table left out. For status only: the number may
    /// be old when it is read.
    pub fn in_flight_before(&self, epoch: Epoch) -> usize {
        let until = epoch.min(self.current_epoch());
        let living = self.shared.living.borrow();
        living.range(..until).map(|(_, held)| held.strong_count()).sum()
    }
}

#[cfg(test)]
mod tests;
