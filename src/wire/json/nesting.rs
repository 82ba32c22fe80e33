//! How deep a JSON text nests, and how many prefetches, told while its chunks go by unkept. A stock Qdrant ends its
//! process on some fifty prefetches in each other. Called by `engine` for what passes. Reads structure alone: what is no
//! JSON is the server's to refuse.

use super::errors;
use crate::domain::refusal::Refusal;

const PREFETCH: &[u8] = b"prefetch";

/// Bounds of [`Nesting`] that its bits can hold.
const DEPTH_MAX: usize = 128;

/// What stood before the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Anything else.
    Other,
    /// A string that may be the key `prefetch`.
    Text,
    /// That key and its colon.
    Key,
}

/// Follows one text.
#[derive(Debug)]
pub struct Nesting {
    /// A bit per container that is open, the innermost lowest: whether it is the value of a `prefetch`.
    prefetches: u128,
    depth: usize,
    depth_max: usize,
    prefetch_depth_max: usize,
    before: Before,
    /// Within a string: how much of `prefetch` it has been so far. `None` where it is something else.
    matched: Option<usize>,
    is_text: bool,
    is_escape: bool,
    /// Whether the string has had an escape.
    has_escape: bool,
}

impl Nesting {
    /// At the start of a text. Depths over 128 cannot be told apart, and are refused.
    pub fn new(depth_max: usize, prefetch_depth_max: usize) -> Self {
        Self {
            prefetches: 0,
            depth: 0,
            depth_max: depth_max.min(DEPTH_MAX),
            prefetch_depth_max,
            before: Before::Other,
            matched: None,
            is_text: false,
            is_escape: false,
            has_escape: false,
        }
    }

    /// Reads the next chunk.
    ///
    /// # Errors
    /// `too_deep`, before the byte that goes too deep has passed.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), Refusal> {
        while !chunk.is_empty() {
            chunk = match self.is_text {
                true => self.text(chunk),
                false => self.outside(chunk)?,
            };
        }
        Ok(())
    }

    /// Within a string, up to its end.
    fn text<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        if self.is_escape {
            self.is_escape = false;
            return &chunk[1..];
        }
        let stop = memchr::memchr2(b'"', b'\\', chunk).unwrap_or(chunk.len());
        let (plain, rest) = chunk.split_at(stop);
        self.matched = self.matched.and_then(|seen| {
            let wanted = PREFETCH.get(seen..)?;
            wanted.starts_with(plain).then_some(seen + plain.len())
        });
        match rest.split_first() {
            None => rest,
            Some((b'"', rest)) => {
                self.is_text = false;
                // A key may be spelled with escapes: one that is counted needlessly does no harm.
                let is_prefetch = self.has_escape || self.matched == Some(PREFETCH.len());
                self.before = if is_prefetch { Before::Text } else { Before::Other };
                rest
            }
            Some((_, rest)) => {
                self.is_escape = true;
                self.has_escape = true;
                rest
            }
        }
    }

    /// Outside strings, up to the next string or container.
    fn outside<'c>(&mut self, chunk: &'c [u8]) -> Result<&'c [u8], Refusal> {
        if self.before != Before::Other
            && let Some(at) = chunk.iter().position(|byte| !byte.is_ascii_whitespace())
        {
            self.before = match (self.before, chunk[at]) {
                (Before::Text, b':') => Before::Key,
                (Before::Key, b'{' | b'[') => return self.open(&chunk[at + 1..]),
                _ => Before::Other,
            };
            if self.before == Before::Key {
                return Ok(&chunk[at + 1..]);
            }
        }
        let next = memchr::memchr3(b'"', b'{', b'[', chunk);
        let (passed, rest) = chunk.split_at(next.unwrap_or(chunk.len()));
        for _ in memchr::memchr2_iter(b'}', b']', passed) {
            self.depth = self.depth.saturating_sub(1);
            self.prefetches >>= 1;
        }
        match rest.split_first() {
            None => Ok(rest),
            Some((b'"', rest)) => {
                self.is_text = true;
                self.has_escape = false;
                self.matched = Some(0);
                Ok(rest)
            }
            Some((_, rest)) => self.open(rest),
        }
    }

    fn open<'c>(&mut self, rest: &'c [u8]) -> Result<&'c [u8], Refusal> {
        if self.depth >= self.depth_max {
            return Err(errors::too_deep("JSON", self.depth_max));
        }
        self.depth += 1;
        self.prefetches = self.prefetches << 1 | u128::from(self.before == Before::Key);
        self.before = Before::Other;
        if self.prefetches.count_ones() as usize > self.prefetch_depth_max {
            return Err(errors::too_deep("prefetches", self.prefetch_depth_max));
        }
        Ok(rest)
    }
}
