//! How long live requests take, by managed collection: what a backfill slows down for. Noted by the engine, read by the
//! migration. One look-up and one atomic addition a request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::ids::CollectionName;
use crate::domain::throttle::{BUCKETS, Window, bucket};

/// Requests of managed collections since the process began.
#[derive(Debug, Default)]
pub struct Latency {
    collections: ArcSwap<HashMap<CollectionName, Arc<Counts>>>,
}

/// Marks that are kept: with one a minute, what is called lately is ten minutes.
const MARKS_MAX: usize = 10;

#[derive(Debug)]
struct Counts {
    requests: [AtomicU64; BUCKETS],
    /// What had been counted at each of the last marks, the oldest first.
    marks: Mutex<VecDeque<Window>>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: [const { AtomicU64::new(0) }; BUCKETS],
            marks: Mutex::default(),
        }
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
            Some(counts) => counts.window(),
            None => Window::default(),
        }
    }

    /// What came since the oldest mark, or, before the first, since the process began.
    pub fn lately(&self, collection: &CollectionName) -> Window {
        match self.collections.load().get(collection) {
            Some(counts) => {
                let marks = counts.marks.lock().unwrap_or_else(PoisonError::into_inner);
                let oldest = marks.front().cloned().unwrap_or_default();
                counts.window().since(&oldest)
            }
            None => Window::default(),
        }
    }

    /// Sets a mark. Called from time to time.
    pub fn mark(&self) {
        for counts in self.collections.load().values() {
            let mut marks = counts.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.push_back(counts.window());
            if marks.len() > MARKS_MAX {
                marks.pop_front();
            }
        }
    }
}

impl Counts {
    fn add(&self, us: u64) {
        self.requests[bucket(us)].fetch_add(1, Ordering::Relaxed);
    }

    fn window(&self) -> Window {
        Window(std::array::from_fn(|at| {
            self.requests[at].load(Ordering::Relaxed)
        }))
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

        assert_eq!(
            latency.lately(&slow),
            latency.window(&slow),
            "before the first mark"
        );
        for _ in 0..MARKS_MAX {
            latency.mark();
            assert_eq!(latency.lately(&slow).level(), None, "nothing came since");
            latency.note(&slow, Duration::from_millis(1));
        }
        assert_eq!(latency.lately(&slow).0.iter().sum::<u64>(), MARKS_MAX as u64);
        latency.mark();
        assert_eq!(latency.lately(&slow).0.iter().sum::<u64>(), MARKS_MAX as u64 - 1);
    }
}
