//! Points in the form that client libraries write: every tag and field once, in its shortest spelling, no deprecated
//! member. Reads those at a fraction of the general way's cost and leaves every other point to it; it accepts nothing
//! that the general way would not, and says the same of it.

use std::borrow::Cow;
use std::ops::Range;

use uuid::Uuid;

use super::fields::{Here, Scanner, slot};
use super::point;
use crate::domain::few::Few;
use crate::domain::ids::PointId;
use crate::domain::op::{InputValue, Point, PointVector, Site};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::{Place, PointPlace, VectorPlace};
use crate::wire::pb::reader::varint;
use crate::wire::pb::schema::VALUE_ENTRY;

/// Tags of length-delimited fields.
const FIELD_1: u8 = 0x0a;
const FIELD_2: u8 = 0x12;
const PAYLOAD: u8 = 0x1a;
const VECTORS: u8 = 0x22;
/// Of `Vector`: its member `dense`, 101.
const DENSE: [u8; 2] = [0xaa, 0x06];
/// Of `PointId`: its member `num`.
const NUM: u8 = 0x08;

/// Levels below a point: a payload's value, and a vector's components.
const ENTRY_LEVELS: usize = 2;
const VECTOR_LEVELS: usize = 5;

/// Takes a length-delimited field of this tag off the front of `rest`, and gives its content. `None` where another one
/// stands there.
#[inline(always)]
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (length, after) = match *rest {
        [first, length, after @ ..] if *first == tag && *length < 0x80 => (usize::from(*length), after),
        [first, low, high, after @ ..] if *first == tag && *high < 0x80 => {
            (usize::from(*low & 0x7f) | usize::from(*high) << 7, after)
        }
        [first, length @ ..] if *first == tag => long(length)?,
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

/// A length of more than two bytes, and what follows it.
#[cold]
fn long(rest: &[u8]) -> Option<(usize, &[u8])> {
    let (length, end) = varint(rest, 0, rest.len()).ok()?;
    Some((usize::try_from(length).ok()?, rest.get(end..)?))
}

/// The content of a field of this tag that is all of `rest`.
#[inline(always)]
fn only(mut rest: &[u8], tag: u8) -> Option<&[u8]> {
    let content = take(&mut rest, tag)?;
    rest.is_empty().then_some(content)
}

/// Whether a varint is all of `rest`; gives it.
#[inline(always)]
fn number(rest: &[u8]) -> Option<u64> {
    match rest {
        [one] if *one < 0x80 => Some(u64::from(*one)),
        _ => varint(rest, 0, rest.len())
            .ok()
            .filter(|(_, end)| *end == rest.len())
            .map(|(value, _)| value),
    }
}

/// Whether all of a few bytes are ASCII. The last eight are looked at whole, perhaps again, and not one by one.
#[inline(always)]
fn all_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let Some(tail) = bytes.last_chunk() else {
        return bytes.is_ascii();
    };
    let (words, _) = bytes.as_chunks();
    let all = words.iter().fold(u64::from_le_bytes(*tail), |all, word| {
        all | u64::from_le_bytes(*word)
    });
    all & HIGH == 0
}

/// Whether bytes are text; `is_ascii` says that what they stand in is ASCII.
#[inline(always)]
fn is_text(text: &[u8], is_ascii: bool) -> bool {
    is_ascii || all_ascii(text) || std::str::from_utf8(text).is_ok()
}

/// Whether a `Value` holds one plain scalar.
#[inline(always)]
fn is_scalar(value: &[u8], is_ascii: bool) -> bool {
    const TEXT: u8 = 0x22;
    match value {
        [TEXT, ..] => only(value, TEXT).is_some_and(|text| is_text(text, is_ascii)),
        // null, integer and bool
        [0x08 | 0x18 | 0x28, rest @ ..] => number(rest).is_some(),
        // double
        [0x11, rest @ ..] => rest.len() == size_of::<f64>(),
        _ => false,
    }
}

/// One of 64 bits, by what keys mostly differ in.
#[inline(always)]
fn key_bit(key: &[u8]) -> u64 {
    let first = key.first().copied().unwrap_or_default();
    1 << ((usize::from(first) + 5 * key.len()) % 64)
}

fn plain_id(id: &[u8]) -> Option<PointId> {
    match id {
        [NUM, rest @ ..] => number(rest).map(PointId::Num),
        _ => Uuid::try_parse_ascii(only(id, FIELD_2)?).ok().map(PointId::Uuid),
    }
}

/// Components of a `Vector` that is dense.
#[inline(always)]
fn plain_dense(vector: &[u8]) -> Option<usize> {
    let [first, second] = DENSE;
    let rest = vector.strip_prefix(&[first])?;
    let floats = only(only(rest, second)?, FIELD_1)?.len();
    floats
        .is_multiple_of(size_of::<f32>())
        .then_some(floats / size_of::<f32>())
}

impl<'a> Scanner<'a, '_> {
    /// Adds the `PointStruct` at `here` to `points`, with its site, if it is a plain one. Leaves nothing behind where it
    /// is not.
    #[inline]
    pub(super) fn plain_point(&mut self, here: Here, points: &mut Vec<Point<'a>>) -> Result<bool, Refusal> {
        let deepest = here.level + VECTOR_LEVELS.max(ENTRY_LEVELS);
        if deepest > self.lens.limits.message_depth_max || !self.lens.source_keys.is_empty() {
            return Ok(false);
        }
        let (keys, first) = (self.begin_keys(), self.places.vectors.len());
        let mut point = Point {
            site: Site(0),
            id: PointId::Num(0),
            vectors: Few::default(),
            has_payload: false,
            has_reserved_key: false,
            texts: Vec::new(),
        };
        let present = self.plain_fields(here, keys, &mut point);
        self.forget_keys(keys);
        let Some(present) = present else {
            self.places.vectors.truncate(first);
            return Ok(false);
        };
        point.site = self.site(Place::Point(PointPlace {
            frame: here.frame,
            slot: slot(here, point::VECTORS, present),
            payload: Some(point::PAYLOAD),
            is_single: false,
            vectors: first..self.places.vectors.len(),
        }))?;
        points.push(point);
        Ok(true)
    }

    /// Reads a plain point, all but its site. Gives where its field `vectors` stands.
    #[inline(always)]
    fn plain_fields(
        &mut self,
        here: Here,
        keys: usize,
        point: &mut Point<'a>,
    ) -> Option<Option<Range<usize>>> {
        let (mut has_id, mut present, mut seen) = (false, None, 0);
        let mut rest = self.bytes.get(here.start..here.end)?;
        while let Some(tag) = rest.first() {
            match *tag {
                PAYLOAD => {
                    let entry = take(&mut rest, PAYLOAD)?;
                    point.has_payload = true;
                    point.has_reserved_key |=
                        self.plain_entry(here, entry, here.end - rest.len(), (keys, &mut seen))?;
                }
                FIELD_1 if !has_id => {
                    has_id = true;
                    point.id = plain_id(take(&mut rest, FIELD_1)?)?;
                }
                VECTORS if present.is_none() => {
                    let start = here.end - rest.len();
                    let content = take(&mut rest, VECTORS)?;
                    let stop = here.end - rest.len();
                    present = Some(start..stop);
                    self.plain_vectors(content, stop, &mut point.vectors)?;
                }
                _ => return None,
            }
        }
        has_id.then_some(present)
    }

    /// One entry of the payload, which ends at `end`: whether it is the reserved key. A value that nests is checked the
    /// general way.
    #[inline(always)]
    fn plain_entry(
        &mut self,
        point: Here,
        entry: &'a [u8],
        end: usize,
        (keys, seen): (usize, &mut u64),
    ) -> Option<bool> {
        let mut rest = entry;
        let key = take(&mut rest, FIELD_1)?;
        let value = only(rest, FIELD_2)?;
        let is_ascii = all_ascii(entry);
        // A bit that is new says that the key is; only of the others the keys are compared.
        let (bit, before) = (key_bit(key), *seen);
        *seen |= bit;
        if !is_text(key, is_ascii) || (before & bit != 0 && self.has_key(keys, key)) {
            return None;
        }
        if !is_scalar(value, is_ascii) {
            self.nested_entry(point, end - entry.len()..end)?;
        }
        self.add_key(key);
        Some(key == self.lens.reserved_key.as_bytes())
    }

    #[cold]
    fn nested_entry(&mut self, point: Here, span: Range<usize>) -> Option<()> {
        let entry = Here {
            schema: &VALUE_ENTRY,
            start: span.start,
            end: span.end,
            level: point.level + 1,
            ..point
        };
        let keys = self.begin_keys();
        let checked = self.check(entry).ok();
        self.forget_keys(keys);
        checked
    }

    /// A map of dense vectors, which ends at `end`.
    #[inline(always)]
    fn plain_vectors(
        &mut self,
        vectors: &'a [u8],
        end: usize,
        found: &mut Few<PointVector<'a>>,
    ) -> Option<()> {
        let mut rest = only(vectors, FIELD_2)?;
        while !rest.is_empty() {
            let mut entry = take(&mut rest, FIELD_1)?;
            let stop = end - rest.len();
            let name = take(&mut entry, FIELD_1)?;
            let name_end = stop - entry.len();
            let value = only(entry, FIELD_2)?;
            // Most points name the vectors that the one before them named.
            let name = match self.latest_name {
                known if known.as_bytes() == name => known,
                _ => std::str::from_utf8(name).ok()?,
            };
            self.latest_name = name;
            if found.iter().any(|known| known.name == name) {
                return None;
            }
            found.push(PointVector {
                name: Cow::Borrowed(name),
                value: InputValue::Dense(plain_dense(value)?),
            });
            self.places.vectors.push(VectorPlace {
                name: name_end - name.len()..name_end,
                body: stop - value.len()..stop,
            });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
        for length in 0..40 {
            let mut bytes = vec![b'a'; length];
            assert!(all_ascii(&bytes), "{length}");
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!all_ascii(&bytes), "{at} of {length}");
                bytes[at] = 0x7f;
            }
        }
    }
}
