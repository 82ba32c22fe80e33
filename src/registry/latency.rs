//! How long live requests take, by managed collection: what a backfill slows down for. Noted by the engine, read by the
//! migration. One look-up and one atomic addition a request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::ids::CollectionName;
use crate::domain::throttle::{BUCKETS, Window, bucket};

/// Requests of managed collections since the process began.
#[derive(Debug, Default)]
pub struct Latency {
    collections: ArcSwap<HashMap<CollectionName, Arc<Counts>>>,
}

#[derive(Debug)]
struct Counts([AtomicU64; BUCKETS]);

impl Default for Counts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Latency {
    /// A request was answered. Only managed collections come here, so that there are few.
    pub fn note(&self, collection: &CollectionName, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        if let Some(counts) = self.collections.load().get(collection) {
            counts.add(us);
            return;
        }
        self.collections.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.entry(collection.clone()).or_default();
            all
        });
        if let Some(counts) = self.collections.load().get(collection) {
            counts.add(us);
        }
    }

    /// Everything so far.
    pub fn window(&self, collection: &CollectionName) -> Window {
        match self.collections.load().get(collection) {
            Some(counts) => Window(std::array::from_fn(|at| counts.0[at].load(Ordering::Relaxed))),
            None => Window::default(),
        }
    }
}

impl Counts {
    fn add(&self, us: u64) {
        self.0[bucket(us)].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_collection_has_its_own_level() {
        let latency = Latency::default();
        let (slow, fast) = ("slow".into(), "fast".into());
        for _ in 0..200 {
            latency.note(&slow, Duration::from_millis(100));
            latency.note(&fast, Duration::from_millis(1));
        }
        let p99 = |name| latency.window(name).level().expect("enough").p99_us;
        assert!((100_000..113_000).contains(&p99(&slow)), "{}", p99(&slow));
        assert!((1_000..1_130).contains(&p99(&fast)), "{}", p99(&fast));
        assert_eq!(latency.window(&"none".into()).level(), None);
    }
}
