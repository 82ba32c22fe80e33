//! A thread's handles to its metrics. Looking one up in the recorder costs more than all else that is done to count a
//! request, and takes a lock that all threads share; so each thread looks each one up once.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

/// Labels by where they stand: they are all constants, so two of one address and length are equal.
type Key = [(usize, usize); 3];

/// Handles by their labels.
pub(super) struct Handles<T>(RefCell<FxHashMap<Key, T>>);

impl<T> Handles<T> {
    pub(super) fn new() -> Self {
        Self(RefCell::default())
    }

    /// Uses the handle of these labels, which is made where it is the first time.
    pub(super) fn with(&self, labels: [&'static str; 3], make: impl FnOnce() -> T, act: impl FnOnce(&T)) {
        let key = labels.map(|label| (label.as_ptr().addr(), label.len()));
        act(self.0.borrow_mut().entry(key).or_insert_with(make));
    }
}
