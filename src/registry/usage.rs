//! Who read a space that does not serve, and when: what a retirement asks before it drops one. Noted by the engine,
//! read by the migration. In memory only: what happened before the process began is unknown, and counts as a read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::domain::ids::{CollectionName, VectorName};

/// Callers that are told apart; further ones are one.
const CALLERS_MAX: usize = 32;
/// Bytes of one caller's name.
const CALLER_BYTES_MAX: usize = 96;
/// The name of callers that say none, or for whom there is no room.
const OTHERS: &str = "others";

/// A space, by its real names.
type Key = (CollectionName, VectorName);

/// Reads of spaces that do not serve.
#[derive(Debug)]
pub struct Usage {
    began: Instant,
    spaces: Mutex<BTreeMap<Key, Reads>>,
}

#[derive(Debug, Default)]
struct Reads {
    /// When the space was last read, or a read of it refused.
    last: Option<Instant>,
    callers: BTreeMap<String, Instant>,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            spaces: Mutex::default(),
        }
    }
}

impl Usage {
    /// A read, allowed or refused. Never waits: where another thread is noting, that note stands for both.
    pub fn note(&self, collection: &CollectionName, vector: &VectorName, caller: Option<&str>) {
        let Ok(mut spaces) = self.spaces.try_lock() else {
            return;
        };
        let now = Instant::now();
        let reads = spaces.entry((collection.clone(), vector.clone())).or_default();
        reads.last = Some(now);
        let name = caller.map_or(OTHERS, |name| cut(name));
        if let Some(at) = reads.callers.get_mut(name) {
            *at = now;
        } else if reads.callers.len() < CALLERS_MAX {
            reads.callers.insert(name.to_owned(), now);
        } else {
            reads.callers.insert(OTHERS.to_owned(), now);
        }
    }

    /// Seconds since the space was read, or since there was somebody to notice it.
    pub fn quiet_for_seconds(&self, collection: &CollectionName, vector: &VectorName) -> u64 {
        let spaces = self.locked();
        let last = spaces
            .get(&(collection.clone(), vector.clone()))
            .and_then(|reads| reads.last);
        last.unwrap_or(self.began).elapsed().as_secs()
    }

    /// Who read it, each with the seconds since then, the latest first.
    pub fn callers(&self, collection: &CollectionName, vector: &VectorName) -> Vec<(String, u64)> {
        let spaces = self.locked();
        let Some(reads) = spaces.get(&(collection.clone(), vector.clone())) else {
            return Vec::new();
        };
        let mut callers: Vec<_> = reads
            .callers
            .iter()
            .map(|(name, at)| (name.clone(), at.elapsed().as_secs()))
            .collect();
        callers.sort_by_key(|(_, ago)| *ago);
        callers
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Key, Reads>> {
        // Plain data: a panic of another holder left nothing half done in it.
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(name: &str) -> &str {
    let end = (0..=CALLER_BYTES_MAX.min(name.len()))
        .rev()
        .find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_read_is_quiet_since_the_watch_began() {
        let usage = Usage::default();
        assert_eq!(usage.quiet_for_seconds(&"c".into(), &"v".into()), 0);
        assert!(usage.callers(&"c".into(), &"v".into()).is_empty());
    }

    #[test]
    fn callers_are_told_apart_up_to_a_bound() {
        let usage = Usage::default();
        for caller in 0..100 {
            usage.note(&"c".into(), &"v".into(), Some(&format!("client/{caller}")));
        }
        usage.note(&"c".into(), &"v".into(), None);
        let callers = usage.callers(&"c".into(), &"v".into());
        assert_eq!(callers.len(), CALLERS_MAX + 1);
        assert!(callers.iter().any(|(name, _)| name == OTHERS));
        assert!(usage.callers(&"c".into(), &"w".into()).is_empty());
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = "ü".repeat(CALLER_BYTES_MAX);
        assert_eq!(cut(&name).len(), CALLER_BYTES_MAX);
        assert_eq!(cut(&format!("a{name}")).len(), CALLER_BYTES_MAX - 1);
    }
}
