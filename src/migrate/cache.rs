//! Embeddings of source texts that were made lately, by model and text: a text that stands in many points is embedded
//! once, also by pages that are under way together. Bounded by bytes; what was not used for long goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::model::Model;
use crate::domain::plan::Embedding;

/// What an entry takes beside its numbers, in bytes.
const ENTRY_BYTES: usize = 96;
const KEY_BYTES: usize = 16;

/// BLAKE3 of a model's definition and a text, cut to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; KEY_BYTES]);

impl Key {
    /// The key of each text.
    pub fn of<'a>(model: &Model, texts: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let mut begun = blake3::Hasher::new();
        begun.update(model.fingerprint().0.as_bytes());
        begun.update(&[0]);
        let key = |text: &str| {
            let mut key = [0; KEY_BYTES];
            let hash = begun.clone().update(text.as_bytes()).finalize();
            key.copy_from_slice(&hash.as_bytes()[..KEY_BYTES]);
            Self(key)
        };
        texts.map(key).collect()
    }
}

/// The embeddings.
#[derive(Debug)]
pub(super) struct Cache {
    shelves: Mutex<Shelves>,
    /// 0: nothing is kept.
    bytes_max: usize,
}

/// Two generations: the old one goes whole when the young one is full, but for what was asked for meanwhile.
#[derive(Debug, Default)]
struct Shelves {
    young: HashMap<Key, Arc<Embedding>>,
    old: HashMap<Key, Arc<Embedding>>,
    young_bytes: usize,
    /// What somebody is making.
    coming: HashMap<Key, watch::Receiver<()>>,
    /// How often everything was forgotten.
    forgotten: u64,
}

/// What a look found.
pub(super) struct Found<'a> {
    /// By the place of the key that was asked for.
    pub made: Vec<(usize, Arc<Embedding>)>,
    /// Places that the asker shall make.
    pub mine: Vec<usize>,
    /// Places that others are making, with what ends when they are done.
    pub others: Vec<(usize, watch::Receiver<()>)>,
    /// To be held until they are made, or have failed.
    pub claim: Claim<'a>,
}

/// Embeddings that the holder is making.
pub(super) struct Claim<'a> {
    cache: &'a Cache,
    keys: Vec<Key>,
    forgotten: u64,
    /// Ends with the claim.
    _open: watch::Sender<()>,
}

impl Cache {
    /// An empty one of so many bytes at most.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            shelves: Mutex::default(),
            bytes_max,
        }
    }

    /// Looks for each of `keys`, which are without repetitions, at these places.
    pub fn look(&self, keys: &[Key], places: &[usize]) -> Found<'_> {
        let (open, ended) = watch::channel(());
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Found {
            made: Vec::new(),
            mine: Vec::new(),
            others: Vec::new(),
            claim: Claim {
                cache: self,
                keys: Vec::new(),
                forgotten: shelves.forgotten,
                _open: open,
            },
        };
        for place in places.iter().copied() {
            let key = keys[place];
            if let Some(embedding) = shelves.take(key) {
                shelves.put(key, Arc::clone(&embedding), self.bytes_max);
                found.made.push((place, embedding));
            } else if let Some(other) = shelves.coming.get(&key) {
                found.others.push((place, other.clone()));
            } else {
                if self.bytes_max > 0 {
                    shelves.coming.insert(key, ended.clone());
                    found.claim.keys.push(key);
                }
                found.mine.push(place);
            }
        }
        found
    }

    /// How many of `keys` would have to be made.
    pub fn absent(&self, keys: &[Key]) -> Vec<usize> {
        let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |key: &Key| {
            shelves.young.contains_key(key)
                || shelves.old.contains_key(key)
                || shelves.coming.contains_key(key)
        };
        (0..keys.len()).filter(|place| !is_known(&keys[*place])).collect()
    }

    /// Forgets everything, also what is being made: an embedder was changed.
    pub fn forget(&self) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        *shelves = Shelves {
            forgotten: shelves.forgotten + 1,
            ..Shelves::default()
        };
    }
}

impl Shelves {
    fn take(&mut self, key: Key) -> Option<Arc<Embedding>> {
        if let Some(embedding) = self.young.get(&key) {
            return Some(Arc::clone(embedding));
        }
        self.old.remove(&key)
    }

    fn put(&mut self, key: Key, embedding: Arc<Embedding>, bytes_max: usize) {
        let bytes = bytes(&embedding);
        let generation_max = bytes_max / 2;
        if bytes > generation_max || self.young.contains_key(&key) {
            return;
        }
        if self.young_bytes + bytes > generation_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, embedding);
    }
}

impl Claim<'_> {
    /// Keeps what was made.
    pub fn keep(&self, key: Key, embedding: &Arc<Embedding>) {
        let mut shelves = self.cache.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.forgotten == self.forgotten {
            shelves.put(key, Arc::clone(embedding), self.cache.bytes_max);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut shelves = self.cache.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.forgotten == self.forgotten {
            for key in &self.keys {
                shelves.coming.remove(key);
            }
        }
    }
}

fn bytes(embedding: &Embedding) -> usize {
    let numbers = match embedding {
        Embedding::Dense(row) => row.len(),
        Embedding::Sparse { indices, values } => indices.len() + values.len(),
        Embedding::Multi(rows) => rows.iter().map(Vec::len).sum(),
    };
    numbers * size_of::<f32>() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u8) -> Vec<Key> {
        (0..count).map(|number| Key([number; KEY_BYTES])).collect()
    }

    fn embedding() -> Arc<Embedding> {
        Arc::new(Embedding::Dense(vec![1.0; 26]))
    }

    #[test]
    fn what_one_makes_others_wait_for_and_then_find() {
        let cache = Cache::new(10_000);
        let keys = keys(3);
        let first = cache.look(&keys, &[0, 1]);
        assert_eq!(first.mine, [0, 1]);
        let second = cache.look(&keys, &[0, 1, 2]);
        assert_eq!(second.mine, [2]);
        assert_eq!(second.others.len(), 2);
        assert!(second.others.iter().all(|(_, other)| other.has_changed().is_ok()));
        first.claim.keep(keys[0], &embedding());
        drop(first);
        assert!(
            second
                .others
                .iter()
                .all(|(_, other)| other.has_changed().is_err())
        );
        // The one was made, the other failed: it is made by whoever asks next.
        let third = cache.look(&keys, &[0, 1, 2]);
        assert_eq!(
            (third.made.len(), third.mine.as_slice(), third.others.len()),
            (1, [1].as_slice(), 1)
        );
    }

    #[test]
    fn it_keeps_to_its_bytes_and_forgets_what_is_not_asked_for() {
        // Two generations of five entries of 200 bytes each.
        let cache = Cache::new(2_000);
        let keys = keys(40);
        for place in 0..keys.len() {
            let found = cache.look(&keys, &[0, place]);
            for made in found.mine {
                found.claim.keep(keys[made], &embedding());
            }
            let shelves = cache.shelves.lock().unwrap();
            assert!(shelves.young.len() + shelves.old.len() <= 10);
            assert!(shelves.young_bytes <= 1_000);
        }
        assert_eq!(cache.look(&keys, &[0]).made.len(), 1, "asked for all the time");
        assert_eq!(cache.look(&keys, &[10]).mine, [10]);
        assert_eq!(cache.absent(&keys[..2]), [1]);
    }

    #[test]
    fn after_a_change_of_the_embedder_nothing_earlier_is_found() {
        let cache = Cache::new(10_000);
        let keys = keys(2);
        let found = cache.look(&keys, &[0, 1]);
        found.claim.keep(keys[0], &embedding());
        cache.forget();
        found.claim.keep(keys[1], &embedding());
        let anew = cache.look(&keys, &[0, 1]);
        assert_eq!(anew.mine, [0, 1]);
        drop(found);
        assert_eq!(
            cache.look(&keys, &[0, 1]).others.len(),
            2,
            "the newer claims stand"
        );
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing_and_lets_nobody_wait() {
        let cache = Cache::new(0);
        let keys = keys(1);
        let found = cache.look(&keys, &[0]);
        found.claim.keep(keys[0], &embedding());
        assert_eq!(cache.look(&keys, &[0]).mine, [0]);
    }
}
