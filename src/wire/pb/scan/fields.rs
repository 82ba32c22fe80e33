//! Walks messages along their tables, and refuses what they do not allow. Every other part of `scan` reads through
//! this, so nothing is accepted unread.

use std::ops::Range;

use super::super::places::{Frame, FrameId, Place, Places};
use super::super::reader::{Cursor, Raw, Wire, varint};
use super::super::refuse::{malformed, repeated, too_deep, too_large, unknown_field};
use super::super::schema::{Kind, Message};
use crate::domain::op::Site;
use crate::domain::refusal::Refusal;
use crate::wire::Lens;

/// A message that is being walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here {
    pub schema: &'static Message,
    pub start: usize,
    pub end: usize,
    pub frame: FrameId,
    pub level: usize,
}

/// A field that its table allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub raw: Raw,
    pub kind: Kind,
    /// The content of a text field.
    pub text: &'a str,
}

impl Item<'_> {
    /// Floats in this field: its share of a repeated field.
    pub fn floats(&self) -> usize {
        const FLOAT_BYTES: usize = size_of::<f32>();
        (self.raw.end - self.raw.body) / FLOAT_BYTES
    }
}

/// Up to this many keys of a map are compared with each other; more are sorted.
const FEW_KEYS: usize = 16;

/// A map's entry.
pub(super) struct Entry<'a> {
    pub key: &'a str,
    /// Where the key stands; at the entry's end where it has none.
    pub span: Range<usize>,
    /// The value, unread.
    pub value: Option<Here>,
}

/// What all scanning functions share.
pub(super) struct Scanner<'a, 'l> {
    pub bytes: &'a [u8],
    pub lens: &'l Lens<'l>,
    pub places: Places,
    /// Keys of the maps that are being walked, the innermost last.
    keys: Vec<&'a [u8]>,
}

/// The fields of one message, checked one by one.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    cursor: Cursor<'a>,
    schema: &'static Message,
    /// Bit per field of the table that has been there.
    seen: u64,
    /// Bit per oneof that has been set.
    set: u64,
}

impl<'a> Fields<'a> {
    /// The next field, if it is another one of a repeated message, `item`.
    #[inline]
    pub fn next_like(&mut self, item: &Item<'a>) -> Option<Item<'a>> {
        const WIRE_BYTES: u8 = 2;
        const NUMBER_MAX: u32 = 15;
        if item.raw.number > NUMBER_MAX {
            return None;
        }
        let raw = self.cursor.next_like((item.raw.number as u8) << 3 | WIRE_BYTES)?;
        Some(Item { raw, ..*item })
    }

    /// Goes on at `at`, where a field starts or the message ends.
    pub fn skip_to(&mut self, at: usize) {
        self.cursor.skip_to(at);
    }

    /// The next field. Wherever it is called most of what it tells is not asked for, so it is worth its place there.
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Item<'a>>, Refusal> {
        let raw = match self.cursor.short() {
            Some(raw) => raw,
            None => match self.cursor.other()? {
                Some(raw) => raw,
                None => return Ok(None),
            },
        };
        let name = self.schema.name;
        let Some((index, field)) = self.schema.field(raw.number) else {
            return Err(unknown_field(name, raw.number));
        };
        if !field.takes(raw.wire) {
            return Err(unknown_field(name, raw.number));
        }
        let bit = 1u64 << index;
        // Of a number that stands twice the last one counts, as in Qdrant. Texts and messages are refused: the one
        // because routing depends on them, the other because Qdrant would merge them.
        if self.seen & bit != 0 && !field.is_repeated && !is_scalar(field.kind) {
            return Err(repeated(name, raw.number));
        }
        self.seen |= bit;
        if field.oneof != 0 {
            let bit = 1u64 << field.oneof;
            if self.set & bit != 0 {
                return Err(repeated(name, raw.number));
            }
            self.set |= bit;
        }
        let text = match field.is_looked_at {
            true => self.look(&raw, field.kind)?,
            false => "",
        };
        Ok(Some(Item {
            raw,
            kind: field.kind,
            text,
        }))
    }

    /// Looks at the content of a field. Gives that of a text.
    #[inline(never)]
    fn look(&self, raw: &Raw, kind: Kind) -> Result<&'a str, Refusal> {
        let name = self.schema.name;
        match kind {
            Kind::Text => {
                return std::str::from_utf8(&self.bytes[raw.content()])
                    .map_err(|_| malformed(name, "a text is not UTF-8"));
            }
            Kind::Floats if !(raw.end - raw.body).is_multiple_of(size_of::<f32>()) => {
                return Err(malformed(name, "packed floats are cut short"));
            }
            Kind::Numbers if raw.wire == Wire::Bytes => {
                let mut at = raw.body;
                while at < raw.end {
                    (_, at) = varint(self.bytes, at, raw.end)?;
                }
            }
            Kind::Number
            | Kind::Float
            | Kind::Double
            | Kind::Message(_)
            | Kind::Map(_)
            | Kind::Floats
            | Kind::Numbers => {}
        }
        Ok("")
    }
}

fn is_scalar(kind: Kind) -> bool {
    match kind {
        Kind::Number | Kind::Float | Kind::Double => true,
        Kind::Text | Kind::Message(_) | Kind::Map(_) | Kind::Floats | Kind::Numbers => false,
    }
}

impl<'a, 'l> Scanner<'a, 'l> {
    /// For a message that mostly has so many parts.
    pub fn new(bytes: &'a [u8], lens: &'l Lens<'l>, parts: usize) -> Self {
        let mut places = Places {
            frames: Vec::with_capacity(parts),
            sites: Vec::with_capacity(parts),
            ..Places::default()
        };
        places.frames.push(Frame {
            parent: FrameId::ROOT,
            length: 0..0,
            body: 0..bytes.len(),
        });
        Self {
            bytes,
            lens,
            places,
            keys: Vec::new(),
        }
    }

    /// The whole body.
    pub fn root(&self, schema: &'static Message) -> Here {
        Here {
            schema,
            start: 0,
            end: self.bytes.len(),
            frame: FrameId::ROOT,
            level: 1,
        }
    }

    pub fn fields(&self, here: Here) -> Fields<'a> {
        Fields {
            bytes: self.bytes,
            cursor: Cursor::new(self.bytes, here.start..here.end),
            schema: here.schema,
            seen: 0,
            set: 0,
        }
    }

    /// Goes into a submessage that holds no sites.
    #[inline]
    pub fn inside(&self, here: Here, raw: &Raw, schema: &'static Message) -> Result<Here, Refusal> {
        let level = here.level + 1;
        if level > self.lens.limits.message_depth_max {
            return Err(too_deep(self.lens.limits.message_depth_max));
        }
        Ok(Here {
            schema,
            start: raw.body,
            end: raw.end,
            frame: here.frame,
            level,
        })
    }

    /// Goes into a submessage that may hold sites.
    #[inline]
    pub fn enter(&mut self, here: Here, raw: &Raw, schema: &'static Message) -> Result<Here, Refusal> {
        let inside = self.inside(here, raw, schema)?;
        let id = u32::try_from(self.places.frames.len())
            .map_err(|_| too_large("too_many_parts", "the request has too many parts".into()))?;
        self.places.frames.push(Frame {
            parent: here.frame,
            length: raw.value..raw.body,
            body: raw.content(),
        });
        Ok(Here {
            frame: FrameId(id),
            ..inside
        })
    }

    #[inline]
    pub fn site(&mut self, place: Place) -> Result<Site, Refusal> {
        let id = u32::try_from(self.places.sites.len())
            .map_err(|_| too_large("too_many_parts", "the request has too many parts".into()))?;
        self.places.sites.push(place);
        Ok(Site(id))
    }

    /// Reads a message that routing does not depend on, only to refuse what Qdrant would refuse or choke on.
    pub fn check(&mut self, here: Here) -> Result<(), Refusal> {
        let keys = self.begin_keys();
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            self.check_item(here, &item)?;
        }
        self.end_keys(keys, here.schema)
    }

    /// [`Self::check`] for one field. Of a map's entry, the key is noted for [`Self::end_keys`].
    pub fn check_item(&mut self, here: Here, item: &Item<'a>) -> Result<(), Refusal> {
        match item.kind {
            Kind::Message(schema) => self.check(self.inside(here, &item.raw, schema)?),
            Kind::Map(schema) => {
                let entry = self.entry(self.inside(here, &item.raw, schema)?)?;
                entry.value.map_or(Ok(()), |value| self.check(value))
            }
            Kind::Number | Kind::Float | Kind::Double | Kind::Text | Kind::Floats | Kind::Numbers => Ok(()),
        }
    }

    /// A map's entry: its key, which is noted, and its value, unread.
    pub fn entry(&mut self, here: Here) -> Result<Entry<'a>, Refusal> {
        let (mut key, mut span, mut value) = ("", here.end..here.end, None);
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            match item.kind {
                Kind::Text => {
                    key = item.text;
                    span = item.raw.content();
                }
                Kind::Message(schema) => value = Some(self.inside(here, &item.raw, schema)?),
                Kind::Number | Kind::Float | Kind::Double | Kind::Map(_) | Kind::Floats | Kind::Numbers => {}
            }
        }
        self.keys.push(key.as_bytes());
        Ok(Entry { key, span, value })
    }

    /// To be called before the first [`Self::entry`] of a message's map.
    #[inline]
    pub fn begin_keys(&self) -> usize {
        self.keys.len()
    }

    /// Refuses a map that has a key twice, and forgets its keys.
    pub fn end_keys(&mut self, begin: usize, schema: &'static Message) -> Result<(), Refusal> {
        let keys = &mut self.keys[begin..];
        let is_twice = if keys.len() <= FEW_KEYS {
            let rest = |(at, key): (usize, &&[u8])| keys[..at].contains(key);
            keys.iter().enumerate().any(rest)
        } else {
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair[0] == pair[1])
        };
        if is_twice {
            return Err(malformed(schema.name, "a map has the same key twice"));
        }
        self.keys.truncate(begin);
        Ok(())
    }

    /// Forgets keys without a look.
    #[inline]
    pub fn forget_keys(&mut self, begin: usize) {
        self.keys.truncate(begin);
    }

    /// The texts of a message that is a list of them.
    pub fn text_list(&self, here: Here) -> Result<Vec<std::borrow::Cow<'a, str>>, Refusal> {
        let mut texts = Vec::new();
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            texts.push(item.text.into());
        }
        Ok(texts)
    }
}

/// The place of a field within `here`.
pub(super) fn slot(here: Here, number: u32, present: Option<Range<usize>>) -> super::super::places::Slot {
    super::super::places::Slot {
        frame: here.frame,
        number,
        present,
    }
}
