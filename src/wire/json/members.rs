//! The members of an object that is being walked. Called by the cursor.

use std::borrow::Cow;
use std::collections::HashSet;

use super::errors;
use crate::domain::refusal::Refusal;

/// An object that is being walked: which keys were seen, so that a second one is refused.
#[derive(Debug)]
pub(super) struct Members<'a> {
    open: usize,
    count: usize,
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
    key_start: usize,
}

/// Beyond this many keys a hash set replaces the list.
const FEW_KEYS: usize = 16;

impl<'a> Members<'a> {
    /// Begins at the offset just after the opening brace.
    pub fn new(open: usize) -> Self {
        Self {
            open,
            count: 0,
            few: Vec::new(),
            many: HashSet::new(),
            key_start: open,
        }
    }

    /// Notes that another member starts here.
    pub fn next_at(&mut self, key_start: usize) {
        self.count += 1;
        self.key_start = key_start;
    }

    /// Just after the opening brace.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether the walk met no member.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where the latest key starts, its quote included.
    pub fn key_start(&self) -> usize {
        self.key_start
    }

    /// Notes a key; a second one of the same name is refused, since Qdrant takes now the first, now the last.
    pub fn claim(&mut self, key: Cow<'a, str>) -> Result<(), Refusal> {
        if self.few.contains(&key) || self.many.contains(&key) {
            return Err(errors::duplicate(&key));
        }
        if self.few.len() < FEW_KEYS {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
        Ok(())
    }
}
