//! What Qdrant's names mean, as they were last read: every alias, and whether each managed collection is still the one
//! that was adopted. A request uses one reading from its beginning to its end. Changes that go through Interlock are
//! followed by a reading before the client learns of them; what is changed at Qdrant itself is seen by the next look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::domain::identity;
use crate::domain::ids::CollectionName;
use crate::domain::refusal::Refusal;
use crate::domain::table::Table;
use crate::registry::Registry;
use crate::upstream::calls::{CallError, Calls};

use super::pass::refused;

/// How old a reading may be.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two looks at least, whatever is suspected.
const LOOK_GAP: Duration = Duration::from_millis(250);

/// One reading of the aliases.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Alias to real name.
    pub aliases: BTreeMap<String, CollectionName>,
}

impl Names {
    /// The real name of a collection as Qdrant would find it: aliases first.
    pub fn resolve(&self, spelled: &str) -> CollectionName {
        let real = self.aliases.get(spelled).cloned();
        real.unwrap_or_else(|| CollectionName::from(spelled))
    }

    /// Whether this spelling means a managed collection, and no change of aliases can make it mean another.
    pub fn is_settled(&self, spelled: &str, table: &Table) -> bool {
        table.managed(spelled).is_some() && !self.aliases.contains_key(spelled)
    }

    /// Every name, real or alias, of a managed collection.
    pub fn spellings(&self, table: &Table) -> Vec<String> {
        let managed = |(_, real): &(&String, &CollectionName)| table.managed(real.as_str()).is_some();
        let aliases = self.aliases.iter().filter(managed);
        table
            .collections
            .keys()
            .map(ToString::to_string)
            .chain(aliases.map(|(alias, _)| alias.clone()))
            .collect()
    }
}

/// Reads the names, and keeps the last reading.
pub(super) struct Aliases {
    names: ArcSwap<Names>,
    is_fresh: AtomicBool,
    reading: tokio::sync::Mutex<()>,
    calls: Calls,
    registry: Arc<Registry>,
    /// The key of the mark in collections' metadata.
    mark_key: String,
    /// Something may have happened to a collection.
    suspected: Notify,
}

impl Aliases {
    /// None read yet: the first request reads them with `calls`.
    pub fn new(calls: Calls, registry: Arc<Registry>, metadata_key: &str) -> Self {
        Self {
            names: ArcSwap::default(),
            is_fresh: AtomicBool::new(false),
            reading: tokio::sync::Mutex::new(()),
            calls,
            registry,
            mark_key: identity::mark_key(metadata_key),
            suspected: Notify::new(),
        }
    }

    /// The last reading, for the whole of one request.
    pub fn names(&self) -> Arc<Names> {
        self.names.load_full()
    }

    /// They may have changed: the next request reads them anew.
    pub fn invalidate(&self) {
        self.is_fresh.store(false, Ordering::Release);
    }

    /// A managed collection may be gone: somebody looks soon. Requests go on.
    pub fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Looks again and again: what was changed at Qdrant itself is known within [`LOOK_EVERY`]. Never ends.
    pub async fn look_out(&self) {
        loop {
            tokio::time::sleep(LOOK_GAP).await;
            // Whether it was suspected or the time is over, it looks again.
            let _suspected = tokio::time::timeout(LOOK_EVERY - LOOK_GAP, self.suspected.notified())
                .await
                .is_ok();
            if self.registry.pin().collections.is_empty() {
                self.invalidate();
            } else if let Err(refusal) = self.look().await {
                tracing::warn!(%refusal, "Qdrant's names cannot be read; the next request tries again");
            }
        }
    }

    /// Whether nothing is known to have changed since they were read.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh.load(Ordering::Acquire)
    }

    /// Reads them, unless nothing may have changed since they were read.
    ///
    /// # Errors
    /// `unavailable` where they cannot be read: no request can then be placed.
    pub async fn ensure_fresh(&self) -> Result<(), Refusal> {
        if self.is_fresh() {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        if self.is_fresh.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.read().await
    }

    /// Reads them anew.
    ///
    /// # Errors
    /// As [`Self::ensure_fresh`]; the next request then tries again.
    pub async fn look(&self) -> Result<(), Refusal> {
        let _turn = self.reading.lock().await;
        // Set before the reading: what changes while it goes on makes it stale again.
        self.is_fresh.store(true, Ordering::Release);
        self.read().await
    }

    async fn read(&self) -> Result<(), Refusal> {
        let read = self.read_all().await;
        if read.is_err() {
            self.invalidate();
        }
        read
    }

    /// The aliases last: a collection that is quarantined for what was found is so before anybody uses the new names.
    async fn read_all(&self) -> Result<(), Refusal> {
        let collections: Vec<CollectionName> = self.registry.pin().collections.keys().cloned().collect();
        for collection in &collections {
            self.check(collection).await?;
        }
        let pairs = self
            .calls
            .aliases()
            .await
            .map_err(|error| unread(error, "the aliases"))?;
        let aliases = pairs
            .into_iter()
            .map(|(alias, real)| (alias, CollectionName::from(real.as_str())));
        let names = Names {
            aliases: aliases.collect(),
        };
        if *self.names.load_full() != names {
            self.names.store(Arc::new(names));
        }
        Ok(())
    }

    /// Quarantines a managed collection that is not the one that was adopted.
    async fn check(&self, collection: &CollectionName) -> Result<(), Refusal> {
        // As it was before the look: what is adopted or added meanwhile may not be in what is found.
        let Some(managed) = self.registry.pin().managed(collection.as_str()).cloned() else {
            return Ok(());
        };
        let found = match self.calls.found(collection.as_str(), &self.mark_key).await {
            Ok(found) => Some(found),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(unread(error, "a managed collection")),
        };
        let cause = {
            let table = self.registry.pin();
            let now = table.managed(collection.as_str());
            let is_same = now == Some(&managed);
            is_same.then(|| identity::verdict(&managed, &table, found.as_ref()))
        };
        let Some(Some(cause)) = cause else { return Ok(()) };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let quarantined = self.registry.quarantine(collection, cause, now_ms).await;
        quarantined.map(|_| ()).map_err(|error| {
            tracing::error!(%collection, %cause, %error, "the collection cannot be quarantined");
            Refusal::unavailable(
                "quarantine_unstored",
                "a collection is not the one that was adopted, and that cannot be stored: no request is answered before it is",
            )
        })
    }
}

fn unread(error: CallError, what: &'static str) -> Refusal {
    match error {
        CallError::Upstream(error) => refused(error),
        CallError::Status { .. }
        | CallError::Timeout { .. }
        | CallError::NotApplied
        | CallError::TooLarge { .. }
        | CallError::Broken(_) => {
            tracing::warn!(%error, what, "Qdrant's names cannot be read");
            Refusal::unavailable(
                "names_unknown",
                format!("{what} cannot be read from Qdrant, so no request can be placed; try again"),
            )
        }
    }
}
