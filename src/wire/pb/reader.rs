//! Protobuf as it stands on the wire: varints and fields, without any schema. Called by everything in `pb`; allocates
//! nothing and knows no message.

use std::ops::Range;

/// Why bytes are no protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub &'static str);

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Wire type 0.
    Varint,
    /// Wire type 1.
    Fixed64,
    /// Wire type 2.
    Bytes,
    /// Wire type 5.
    Fixed32,
}

/// One field, as offsets into the whole message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    pub number: u32,
    pub wire: Wire,
    /// Where its tag starts.
    pub start: usize,
    /// Where its tag ends; for [`Wire::Bytes`] its length stands there.
    pub value: usize,
    /// Where its content starts.
    pub body: usize,
    /// Where it ends.
    pub end: usize,
    /// The value of a [`Wire::Varint`].
    pub varint: u64,
}

impl Raw {
    /// Tag, length and content.
    pub fn outer(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The content.
    pub fn content(&self) -> Range<usize> {
        self.body..self.end
    }
}

/// Reads a varint at `at`, as strictly as prost: ten bytes at most, no overflow. Gives value and end.
#[inline]
pub(super) fn varint(bytes: &[u8], at: usize, end: usize) -> Result<(u64, usize), Malformed> {
    match bytes.get(at) {
        Some(low) if *low < 0x80 && at < end => Ok((u64::from(*low), at + 1)),
        Some(low) => match bytes.get(at + 1) {
            Some(high) if *high < 0x80 && at + 1 < end => {
                Ok((u64::from(*low & 0x7f) | u64::from(*high) << 7, at + 2))
            }
            Some(_) | None => long_varint(bytes, at, end),
        },
        None => long_varint(bytes, at, end),
    }
}

fn long_varint(bytes: &[u8], at: usize, end: usize) -> Result<(u64, usize), Malformed> {
    const VARINT_BYTES_MAX: usize = 10;
    let mut value = 0u64;
    for (count, byte) in bytes[at..end].iter().take(VARINT_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * count);
        if *byte < 0x80 {
            if count == VARINT_BYTES_MAX - 1 && *byte > 1 {
                return Err(Malformed("a varint overflows"));
            }
            return Ok((value, at + count + 1));
        }
    }
    Err(Malformed("a varint has no end"))
}

/// The fields of one message, in order.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Reads the message that stands at `span` of `bytes`, which must lie inside it.
    pub fn new(bytes: &'a [u8], span: Range<usize>) -> Self {
        Self {
            bytes,
            at: span.start,
            end: span.end,
        }
    }

    /// Goes on at `at`.
    pub fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next field, if its tag is the one byte `tag`, of a length-delimited field, and nothing is wrong with it.
    #[inline]
    pub fn next_like(&mut self, tag: u8) -> Option<Raw> {
        let start = self.at;
        if start >= self.end || *self.bytes.get(start)? != tag {
            return None;
        }
        let value = start + 1;
        let (length, body) = varint(self.bytes, value, self.end).ok()?;
        let end = body.checked_add(usize::try_from(length).ok()?)?;
        if end > self.end {
            return None;
        }
        self.at = end;
        Some(Raw {
            number: u32::from(tag >> 3),
            wire: Wire::Bytes,
            start,
            value,
            body,
            end,
            varint: 0,
        })
    }

    /// The next field, or `None` at the end.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Raw>, Malformed> {
        if self.at >= self.end {
            return Ok(None);
        }
        match self.short() {
            Some(raw) => Ok(Some(raw)),
            None => self.any(),
        }
    }

    /// [`Self::next`], after [`Self::short`] has not taken it.
    #[inline(never)]
    pub fn other(&mut self) -> Result<Option<Raw>, Malformed> {
        if self.at >= self.end {
            return Ok(None);
        }
        self.any()
    }

    /// The next field, if its tag is one byte, its length or value one or two, and nothing is wrong with it.
    #[inline(always)]
    pub fn short(&mut self) -> Option<Raw> {
        let start = self.at;
        let (tag, low, high) = match self.bytes.get(start..self.end)? {
            [tag, low, ..] if *low < 0x80 => (*tag, *low, None),
            [tag, low, high, ..] if *high < 0x80 => (*tag, *low, Some(*high)),
            _ => return None,
        };
        let value = start + 1;
        let (number, after) = match high {
            None => (usize::from(low), start + 2),
            Some(high) => (usize::from(low & 0x7f) | usize::from(high) << 7, start + 3),
        };
        let (wire, body, end, varint) = match tag & 7 {
            0 => (Wire::Varint, value, after, number as u64),
            2 => (Wire::Bytes, after, after + number, 0),
            _ => return None,
        };
        if !(8..0x80).contains(&tag) || end > self.end {
            return None;
        }
        self.at = end;
        Some(Raw {
            number: u32::from(tag >> 3),
            wire,
            start,
            value,
            body,
            end,
            varint,
        })
    }

    #[inline(never)]
    fn any(&mut self) -> Result<Option<Raw>, Malformed> {
        let start = self.at;
        let (key, value) = varint(self.bytes, start, self.end)?;
        let key = u32::try_from(key).map_err(|_| Malformed("a tag overflows"))?;
        let number = key >> 3;
        if number == 0 {
            return Err(Malformed("a field has number 0"));
        }
        let mut number_value = 0;
        let (wire, body, end) = match key & 7 {
            0 => {
                let (varint, end) = varint(self.bytes, value, self.end)?;
                number_value = varint;
                (Wire::Varint, value, end)
            }
            1 => (Wire::Fixed64, value, value + 8),
            2 => {
                let (length, body) = varint(self.bytes, value, self.end)?;
                let length = usize::try_from(length).map_err(|_| Malformed("a length overflows"))?;
                let end = body.checked_add(length).ok_or(Malformed("a length overflows"))?;
                (Wire::Bytes, body, end)
            }
            5 => (Wire::Fixed32, value, value + 4),
            3 | 4 => return Err(Malformed("a group, which Qdrant does not use")),
            _ => return Err(Malformed("a wire type that does not exist")),
        };
        if end > self.end {
            return Err(Malformed("a field is cut short"));
        }
        self.at = end;
        Ok(Some(Raw {
            number,
            wire,
            start,
            value,
            body,
            end,
            varint: number_value,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::encoding::{decode_varint, encode_varint};

    proptest! {
        #[test]
        fn a_varint_is_read_as_prost_reads_it(bytes in proptest::collection::vec(any::<u8>(), 0..14)) {
            let mut rest = bytes.as_slice();
            let theirs = decode_varint(&mut rest).ok().map(|v| (v, bytes.len() - rest.len()));
            prop_assert_eq!(varint(&bytes, 0, bytes.len()).ok(), theirs);
        }

        #[test]
        fn a_short_field_is_read_as_any_other(
            bytes in proptest::collection::vec(prop_oneof![0u8..0x30, any::<u8>()], 0..20),
        ) {
            let (mut short, mut any) = (Cursor::new(&bytes, 0..bytes.len()), Cursor::new(&bytes, 0..bytes.len()));
            while any.at < any.end {
                let (one, other) = (short.next(), any.any());
                prop_assert_eq!(format!("{:?}", one), format!("{:?}", other));
                prop_assert_eq!(short.at, any.at);
                if other.is_err() {
                    break;
                }
            }
        }

        #[test]
        fn every_number_comes_back(value: u64) {
            let mut bytes = Vec::new();
            encode_varint(value, &mut bytes);
            prop_assert_eq!(varint(&bytes, 0, bytes.len()), Ok((value, bytes.len())));
        }
    }
}
