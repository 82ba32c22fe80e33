//! Fields as client libraries write them, read off the front of what is left. Nothing here knows a message, and `None`
//! only says that something is written otherwise.

use crate::wire::pb::reader::varint;

/// Tags of length-delimited fields.
pub(super) const FIELD_1: u8 = 0x0a;
pub(super) const FIELD_2: u8 = 0x12;
pub(super) const FIELD_3: u8 = 0x1a;
pub(super) const FIELD_4: u8 = 0x22;
/// Of `Value`: its member `string_value`.
pub(super) const TEXT: u8 = FIELD_4;

/// Takes a length-delimited field of this tag off the front of `rest`, and gives its content.
#[inline(always)]
pub(super) fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
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
pub(super) fn only(rest: &[u8], tag: u8) -> Option<&[u8]> {
    match rest {
        [first, length, content @ ..]
            if *first == tag && content.len() < 0x80 && usize::from(*length) == content.len() =>
        {
            Some(content)
        }
        _ => longer(rest, tag),
    }
}

#[inline(never)]
fn longer(mut rest: &[u8], tag: u8) -> Option<&[u8]> {
    let content = take(&mut rest, tag)?;
    rest.is_empty().then_some(content)
}

/// The varint that is all of `rest`.
#[inline(always)]
pub(super) fn number(rest: &[u8]) -> Option<u64> {
    match rest {
        [one] if *one < 0x80 => Some(u64::from(*one)),
        [low, high] if *low >= 0x80 && *high < 0x80 => Some(u64::from(*low & 0x7f) | u64::from(*high) << 7),
        _ => long_number(rest),
    }
}

#[inline(never)]
fn long_number(rest: &[u8]) -> Option<u64> {
    let (value, end) = varint(rest, 0, rest.len()).ok()?;
    (end == rest.len()).then_some(value)
}

/// Whether all of a few bytes are ASCII. The last ones are looked at together, perhaps again, and not one by one.
#[inline(always)]
pub(super) fn all_ascii(bytes: &[u8]) -> bool {
    const WORD: usize = size_of::<u64>();
    const WIDE: usize = 4 * WORD;
    const HIGH: u64 = u64::from_le_bytes([0x80; WORD]);
    let word = |word: &[u8; WORD]| u64::from_le_bytes(*word);
    let words = |words: &[[u8; WORD]]| words.iter().fold(0, |all, next| all | word(next));
    let all = if let Some(tail) = bytes.last_chunk::<WIDE>() {
        let (chunks, _) = bytes.as_chunks::<WIDE>();
        chunks.iter().fold(words(tail.as_chunks().0), |all, chunk| {
            all | words(chunk.as_chunks().0)
        })
    } else if let (Some(head), Some(tail)) = (
        bytes.first_chunk::<{ 2 * WORD }>(),
        bytes.last_chunk::<{ 2 * WORD }>(),
    ) {
        words(head.as_chunks().0) | words(tail.as_chunks().0)
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        word(head) | word(tail)
    } else {
        return few_ascii(bytes);
    };
    all & HIGH == 0
}

#[inline(never)]
fn few_ascii(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii)
}

/// An entry of a map.
pub(super) struct Entry<'a> {
    /// Both fields of it.
    pub all: &'a [u8],
    pub key: &'a [u8],
    pub value: &'a [u8],
}

/// The map's entry of this tag at the front of `rest`, if it is so short that each of its lengths takes one byte, and
/// what follows it.
#[inline(always)]
pub(super) fn short_entry(rest: &[u8], tag: u8) -> Option<(Entry<'_>, &[u8])> {
    /// A tag and a length of one byte each.
    const HEADER: usize = 2;
    if let [first, all, FIELD_1, key, after @ ..] = rest
        && (*first, *all < 0x80) == (tag, true)
        && let (all, key) = (usize::from(*all), usize::from(*key))
        && all >= key + 2 * HEADER
        && let Some((fields, next)) = after.split_at_checked(all - HEADER)
        && let (key, [FIELD_2, length, value @ ..]) = fields.split_at(key)
        && usize::from(*length) == value.len()
    {
        let all = &rest[HEADER..HEADER + all];
        return Some((Entry { all, key, value }, next));
    }
    None
}

/// The same of an entry of any length.
pub(super) fn entry(mut rest: &[u8], tag: u8) -> Option<(Entry<'_>, &[u8])> {
    let all = take(&mut rest, tag)?;
    let mut fields = all;
    let key = take(&mut fields, FIELD_1)?;
    let value = only(fields, FIELD_2)?;
    Some((Entry { all, key, value }, rest))
}

/// What a `Value` holds.
pub(super) enum Value<'a> {
    /// A string, not yet known to be text.
    Text(&'a [u8]),
    /// Another scalar.
    Scalar,
    /// Something that nests, or is written otherwise.
    Other,
}

/// Reads the body of a `Value`.
pub(super) fn value_of(value: &[u8]) -> Value<'_> {
    match value {
        [TEXT, ..] => only(value, TEXT).map_or(Value::Other, Value::Text),
        _ if is_number(value) => Value::Scalar,
        _ => Value::Other,
    }
}

/// Whether a `Value` is one of the scalars that are no string.
#[inline(always)]
pub(super) fn is_number(value: &[u8]) -> bool {
    /// Tags of null, integer and bool, and of double.
    const NUMBERS: u64 = 1 << 0x08 | 1 << 0x18 | 1 << 0x28;
    const DOUBLE: u8 = 0x11;
    match value {
        [tag, rest @ ..] if *tag < 0x40 && NUMBERS >> *tag & 1 != 0 => number(rest).is_some(),
        [DOUBLE, rest @ ..] => rest.len() == size_of::<f64>(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
        for length in 0..140 {
            let mut bytes = vec![b'a'; length];
            assert!(all_ascii(&bytes), "{length}");
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!all_ascii(&bytes), "{at} of {length}");
                bytes[at] = 0x7f;
            }
        }
    }

    proptest! {
        #[test]
        fn a_field_is_all_of_what_is_left_exactly_where_nothing_is_left_after_it(
            length in 0..300usize,
            header in prop_oneof![
                Just(vec![]),
                proptest::collection::vec(any::<u8>(), 1..4),
            ],
        ) {
            let mut field = vec![FIELD_1];
            match header.is_empty() {
                true => prost::encoding::encode_varint(length as u64, &mut field),
                false => field.extend(header),
            }
            field.resize(field.len() + length, b'x');
            let mut rest = field.as_slice();
            let taken = take(&mut rest, FIELD_1).filter(|_| rest.is_empty());
            prop_assert_eq!(only(&field, FIELD_1), taken);
            prop_assert_eq!(only(&field, FIELD_2), None);
        }

        #[test]
        fn a_number_is_read_as_prost_reads_it(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut rest = bytes.as_slice();
            let theirs = prost::encoding::decode_varint(&mut rest).ok().filter(|_| rest.is_empty());
            prop_assert_eq!(number(&bytes), theirs);
        }
    }
}
