//! Points in the form that client libraries write: every tag and field once, in its shortest spelling, no deprecated
//! member. Reads those at a fraction of the general way's cost and leaves every other point to it; it accepts nothing
//! that the general way would not, and says the same of it.

mod bytes;
mod heads;

use std::borrow::Cow;
use std::ops::Range;

use uuid::Uuid;

use self::bytes::{
    Entry, FIELD_1, FIELD_2, FIELD_3, FIELD_4, TEXT, Value, all_ascii, entry, is_number, number, only,
    short_entry, take, value_of,
};
use self::heads::Head;
use super::fields::{Here, Item, Scanner, slot};
use super::point;
use crate::domain::few::Few;
use crate::domain::ids::PointId;
use crate::domain::op::{Point, Site};
use crate::wire::pb::places::{Frame, FrameId, Place, PointPlace};
use crate::wire::pb::schema::{Kind, POINT_STRUCT, VALUE_ENTRY};

/// Fields of `PointStruct`, as tags.
const ID: u8 = FIELD_1;
const PAYLOAD: u8 = FIELD_3;
const VECTORS: u8 = FIELD_4;
/// Of `PointId`: its member `num`, as a tag.
const NUM: u8 = 0x08;

/// Levels below a point: a payload's value, and a vector's components.
const ENTRY_LEVELS: usize = 2;
const VECTOR_LEVELS: usize = 5;

/// One of 64 bits, by what keys mostly differ in.
#[inline(always)]
fn key_bit(key: &[u8]) -> u64 {
    let first = key.first().copied().unwrap_or_default();
    1 << ((usize::from(first) + 5 * key.len()) % 64)
}

#[inline(always)]
fn plain_id(id: &[u8]) -> Option<PointId> {
    match id {
        [NUM, rest @ ..] => number(rest).map(PointId::Num),
        _ => plain_uuid(id),
    }
}

fn plain_uuid(id: &[u8]) -> Option<PointId> {
    Uuid::try_parse_ascii(only(id, FIELD_2)?).ok().map(PointId::Uuid)
}

/// Keys of a payload that are remembered. Beyond these, two that look alike are told apart the general way.
const KEYS: usize = 16;

/// A payload that is being read.
struct Payload<'a> {
    /// Its keys, and a bit of each.
    keys: [&'a [u8]; KEYS],
    count: usize,
    seen: u64,
    has_reserved_key: bool,
    texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Payload<'a> {
    /// Adds the entries at the front of `rest` that are short and hold one scalar, all of it ASCII. Gives the rest, from
    /// the first on that is not so, or whose key may be there already. `has_sources`: texts are left, too.
    #[inline(never)]
    fn add_short(&mut self, mut rest: &'a [u8], reserved: &[u8], has_sources: bool) -> &'a [u8] {
        let (mut seen, mut count) = (self.seen, self.count);
        while let Some((Entry { all, key, value }, after)) = short_entry(rest, PAYLOAD) {
            let is_plain = match value {
                // One look at all of it tells of both texts.
                [TEXT, length, text @ ..] => {
                    usize::from(*length) == text.len() && !has_sources && all_ascii(all)
                }
                _ => is_number(value) && all_ascii(key),
            };
            // A bit that is new says that the key is.
            let bit = key_bit(key);
            if !is_plain || seen & bit != 0 || key == reserved {
                break;
            }
            seen |= bit;
            self.keys[count % KEYS] = key;
            count += 1;
            rest = after;
        }
        (self.seen, self.count) = (seen, count);
        rest
    }

    /// Notes a key. `None` where it is there already, or may be.
    fn add(&mut self, key: &'a [u8]) -> Option<()> {
        // Only of keys whose bit is not new the others are looked at.
        let bit = key_bit(key);
        if self.seen & bit != 0 && self.has(key) {
            return None;
        }
        self.seen |= bit;
        self.keys[self.count % KEYS] = key;
        self.count += 1;
        Some(())
    }

    fn has(&self, key: &[u8]) -> bool {
        self.count > KEYS || self.keys[..self.count].contains(&key)
    }
}

impl<'a> Scanner<'a, '_> {
    /// Adds the points from `item` on to `points`, with their sites, up to the first that is not plain. Gives where
    /// that one starts.
    pub(super) fn plain_points(&mut self, here: Here, item: &Item<'a>, points: &mut Vec<Point<'a>>) -> usize {
        let start = item.raw.start;
        let is_struct = matches!(item.kind, Kind::Message(schema) if schema.is(&POINT_STRUCT));
        let limits = &self.lens.limits;
        let deepest = here.level + 1 + VECTOR_LEVELS.max(ENTRY_LEVELS);
        // So many parts can still be numbered.
        let numbered = self.places.frames.len().max(self.places.sites.len());
        let room = points.len() + (u32::MAX as usize).saturating_sub(numbered);
        let most = limits.points_max.min(room);
        let is_flat = deepest <= limits.message_depth_max;
        let (true, Some(mut rest)) = (is_struct && is_flat, self.bytes.get(start..here.end)) else {
            return start;
        };
        let tag = (item.raw.number as u8) << 3 | 2;
        let mut head = None;
        let mut payload = Payload {
            keys: [&[]; KEYS],
            count: 0,
            seen: 0,
            has_reserved_key: false,
            texts: Vec::new(),
        };
        while points.len() < most {
            let at = here.end - rest.len();
            let vectors = self.places.vectors.len();
            let body = take(&mut rest, tag);
            let end = here.end - rest.len();
            let known = (&mut head, &mut payload);
            let point = body.and_then(|body| self.plain_point(here, body, (at + 1, end), known, points));
            if point.is_none() {
                self.places.vectors.truncate(vectors);
                return at;
            }
        }
        here.end - rest.len()
    }

    /// One of them. Its length stands at `length`, its `body` ends at `end`.
    #[inline(always)]
    fn plain_point(
        &mut self,
        here: Here,
        body: &'a [u8],
        (length, end): (usize, usize),
        (head, payload): (&mut Option<Head<'a>>, &mut Payload<'a>),
        points: &mut Vec<Point<'a>>,
    ) -> Option<()> {
        let first_vector = self.places.vectors.len();
        let (mut id, mut found) = (None, None);
        (payload.count, payload.seen, payload.has_reserved_key) = (0, 0, false);
        let mut rest = body;
        while let Some(tag) = rest.first() {
            match *tag {
                PAYLOAD => rest = self.plain_payload(here, rest, end, payload)?,
                ID if id.is_none() => id = Some(plain_id(take(&mut rest, ID)?)?),
                VECTORS if found.is_none() => {
                    let places = &mut self.places.vectors;
                    found = Some(heads::vectors(&mut rest, end, head, points.last(), places)?);
                }
                _ => return None,
            }
        }
        let id = id?;
        let (present, vectors) = match (found, &*head) {
            (Some(found), Some(head)) => {
                let vectors = found.vectors.unwrap_or_else(|| head.vectors());
                (Some(found.span), vectors)
            }
            (Some(found), None) => (Some(found.span), found.vectors.unwrap_or_default()),
            (None, _) => (None, Few::default()),
        };
        let start = end - body.len();
        let frame = FrameId(self.places.frames.len() as u32);
        let site = Site(self.places.sites.len() as u32);
        self.places.frames.push(Frame {
            parent: here.frame,
            length: length..start,
            body: start..end,
        });
        self.places.sites.push(Place::Point(PointPlace {
            frame,
            slot: slot(Here { frame, ..here }, point::VECTORS, present),
            payload: Some(point::PAYLOAD),
            is_single: false,
            vectors: first_vector..self.places.vectors.len(),
        }));
        points.push(Point {
            site,
            id,
            vectors,
            has_payload: payload.count > 0,
            has_reserved_key: payload.has_reserved_key,
            texts: std::mem::take(&mut payload.texts),
        });
        Some(())
    }

    /// The entries of a payload at the front of `rest`, which ends at `end`. Gives what follows them.
    fn plain_payload(
        &mut self,
        here: Here,
        mut rest: &'a [u8],
        end: usize,
        payload: &mut Payload<'a>,
    ) -> Option<&'a [u8]> {
        let reserved = self.lens.reserved_key.as_bytes();
        let has_sources = !self.lens.source_keys.is_empty();
        loop {
            rest = payload.add_short(rest, reserved, has_sources);
            let [PAYLOAD, ..] = rest else {
                return Some(rest);
            };
            let (found, after) = entry(rest, PAYLOAD)?;
            let end = end - after.len();
            self.other_entry(here, &found, end, payload)?;
            rest = after;
        }
    }

    /// An entry that ends at `end`. A value that nests is checked the general way.
    #[inline(never)]
    fn other_entry(
        &mut self,
        here: Here,
        found: &Entry<'a>,
        end: usize,
        payload: &mut Payload<'a>,
    ) -> Option<()> {
        let Entry { all, key, value } = *found;
        payload.add(key)?;
        match value_of(value) {
            Value::Text(text) => {
                let (name, text) = (std::str::from_utf8(key).ok()?, std::str::from_utf8(text).ok()?);
                if self.is_source(key) {
                    payload.texts.push((name.into(), text.into()));
                }
            }
            Value::Scalar => {
                std::str::from_utf8(key).ok()?;
            }
            Value::Other => self.nested_entry(here, key, end - all.len()..end)?,
        }
        payload.has_reserved_key |= key == self.lens.reserved_key.as_bytes();
        Some(())
    }

    fn is_source(&self, key: &[u8]) -> bool {
        let mut keys = self.lens.source_keys.iter();
        keys.any(|known| known.as_bytes() == key)
    }

    #[cold]
    fn nested_entry(&mut self, here: Here, key: &[u8], span: Range<usize>) -> Option<()> {
        // It may still be a text.
        if self.is_source(key) {
            return None;
        }
        let entry = Here {
            schema: &VALUE_ENTRY,
            start: span.start,
            end: span.end,
            // Below the write: the point, then the entry.
            level: here.level + 2,
            ..here
        };
        let keys = self.begin_keys();
        let checked = self.check(entry).ok();
        self.forget_keys(keys);
        checked
    }
}
