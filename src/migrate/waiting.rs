//! Points whose tag may belong to a request that is still under way. They are left alone until every request of that
//! time has answered; then, if their write id still stands, nobody is about to write behind it.

use std::collections::HashMap;

use qdrant_client::qdrant::PointId as ProtoId;

/// Points by id, with the write id that was seen.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    held: HashMap<ProtoId, String>,
    released: HashMap<ProtoId, String>,
}

impl Waiting {
    /// What does not fit waits for a later pass: it stays pending in the collection itself.
    const POINTS_MAX: usize = 100_000;

    /// Whether the point waits with this write id.
    pub fn holds(&self, id: &ProtoId, write_id: &str) -> bool {
        self.held.get(id).is_some_and(|held| held == write_id)
    }

    /// Whether the point has waited long enough with this write id.
    pub fn released(&self, id: &ProtoId, write_id: &str) -> bool {
        self.released.get(id).is_some_and(|released| released == write_id)
    }

    /// Makes the point wait.
    pub fn put(&mut self, id: &ProtoId, write_id: &str) {
        if self.held.len() < Self::POINTS_MAX || self.held.contains_key(id) {
            self.held.insert(id.clone(), write_id.to_owned());
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Every request that was under way when these were put has answered.
    pub fn release(&mut self) {
        self.released = std::mem::take(&mut self.held);
    }
}
