//! Tags as the payload entries that they go out as. The points of a request mostly differ in their write ids alone, so
//! the bytes are made once and then patched.

use uuid::fmt::Hyphenated;

use crate::domain::ids::WriteId;
use crate::domain::tag::{Tag, TagEntry};
use crate::wire::pb::encode::{put_bytes, put_message};

/// What most tags take.
pub(super) const TAG_BYTES: usize = 320;

/// The bytes of the latest tag.
#[derive(Default)]
pub(super) struct Tags {
    entries: Vec<TagEntry>,
    /// Where each entry's write id stands, and its source hash.
    places: Vec<(usize, Option<usize>)>,
    bytes: Vec<u8>,
}

impl Tags {
    /// The entry of the payload map `number` that `tag` is.
    pub fn bytes(&mut self, tag: &Tag, number: u32, reserved_key: &str) -> &[u8] {
        if let ([known], [new], [(at, None)]) = (&mut *self.entries, &*tag.0, &*self.places)
            && new.source_hash.is_none()
            && known.is_shared(new)
        {
            // The common one: of one field, without a text.
            if let Some(room) = self.bytes[*at..].first_chunk_mut() {
                put_id(room, &mut known.write_id, new.write_id);
            }
        } else if self.is_like(tag) {
            self.patch(tag);
        } else {
            self.make(tag, number, reserved_key);
        }
        &self.bytes
    }

    fn is_like(&self, tag: &Tag) -> bool {
        let is_same = |(known, new): (&TagEntry, &TagEntry)| {
            known.is_shared(new)
                && known.source_hash.as_ref().map(String::len) == new.source_hash.as_ref().map(String::len)
        };
        self.places.len() == tag.0.len() && !tag.0.is_empty() && self.entries.iter().zip(&tag.0).all(is_same)
    }

    fn patch(&mut self, tag: &Tag) {
        for (((write_id, source_hash), known), entry) in self.places.iter().zip(&mut self.entries).zip(&tag.0)
        {
            if let Some(room) = self.bytes[*write_id..].first_chunk_mut() {
                put_id(room, &mut known.write_id, entry.write_id);
            }
            if let (Some(at), Some(hash)) = (source_hash, &entry.source_hash) {
                self.bytes[*at..*at + hash.len()].copy_from_slice(hash.as_bytes());
            }
        }
    }

    fn make(&mut self, tag: &Tag, number: u32, reserved_key: &str) {
        self.bytes.clear();
        self.bytes.reserve(TAG_BYTES);
        put_map_entry(&mut self.bytes, number, reserved_key, |out| put_tag(out, tag));
        self.entries.clear();
        self.places.clear();
        for entry in &tag.0 {
            let mut id = [0; Hyphenated::LENGTH];
            entry.write_id.0.hyphenated().encode_lower(&mut id);
            let write_id = place(&self.bytes, &id);
            let hash = entry
                .source_hash
                .as_ref()
                .map(|hash| place(&self.bytes, hash.as_bytes()));
            let (Some(write_id), None | Some(Some(_))) = (write_id, hash) else {
                // What stands there twice cannot be patched: the next tag is made anew.
                self.places.clear();
                return;
            };
            self.places.push((write_id, hash.flatten()));
            self.entries.push(entry.clone());
        }
    }
}

/// Writes an id over the one before it. Those of a request mostly differ in their last byte alone.
#[inline(always)]
fn put_id(room: &mut [u8; Hyphenated::LENGTH], known: &mut WriteId, id: WriteId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let [old, new] = [&*known, &id].map(|id| u128::from_le_bytes(*id.0.as_bytes()));
    if (old ^ new) << u8::BITS == 0 {
        let ([.., high, low], [.., last]) = (room, id.0.as_bytes());
        (*high, *low) = (DIGITS[usize::from(last >> 4)], DIGITS[usize::from(last & 0xf)]);
    } else {
        id.0.hyphenated().encode_lower(room);
    }
    *known = id;
}

/// An entry of a `map<string, Value>`.
fn put_map_entry(out: &mut Vec<u8>, number: u32, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    put_message(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, value);
    });
}

/// A `Value` that is a struct of these entries.
fn put_struct(out: &mut Vec<u8>, entries: impl FnOnce(&mut Vec<u8>)) {
    const STRUCT: u32 = 6;
    put_message(out, STRUCT, entries);
}

fn put_string(out: &mut Vec<u8>, key: &str, text: &str) {
    const STRING: u32 = 4;
    put_map_entry(out, 1, key, |out| put_bytes(out, STRING, text.as_bytes()));
}

/// What [`Tag::to_json`] is, as a `Value`.
fn put_tag(out: &mut Vec<u8>, tag: &Tag) {
    put_struct(out, |out| {
        for entry in &tag.0 {
            put_map_entry(out, 1, entry.field.as_str(), |out| {
                put_struct(out, |out| {
                    let mut room = [0; Hyphenated::LENGTH];
                    put_string(
                        out,
                        "write_id",
                        entry.write_id.0.hyphenated().encode_lower(&mut room),
                    );
                    if let Some(hash) = &entry.source_hash {
                        put_string(out, "source_hash", hash);
                    }
                    put_map_entry(out, 1, "models", |out| {
                        put_struct(out, |out| {
                            for (space, mark) in entry.models.iter() {
                                put_string(out, space.as_str(), mark);
                            }
                        });
                    });
                });
            });
        }
    });
}

/// Where `text` stands, if it stands there once.
fn place(bytes: &[u8], text: &[u8]) -> Option<usize> {
    // A search for so few bytes costs less than to prepare one.
    let (last, head) = text.split_last()?;
    let ends = memchr::memchr_iter(*last, bytes).filter(|end| bytes[..*end].ends_with(head));
    let mut places = ends.map(|end| end - head.len());
    let first = places.next();
    first.filter(|_| places.next().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_written_over_any_other(first: u128, then in proptest::collection::vec((any::<u8>(), any::<bool>()), 0..8)) {
            let mut known = WriteId(Uuid::from_u128(first));
            let mut room = [0; Hyphenated::LENGTH];
            known.0.hyphenated().encode_lower(&mut room);
            let mut id = first;
            for (add, is_far) in then {
                id = id.wrapping_add(u128::from(add) << if is_far { 56 } else { 0 });
                put_id(&mut room, &mut known, WriteId(Uuid::from_u128(id)));
                let expected = Uuid::from_u128(id).to_string();
                prop_assert_eq!(std::str::from_utf8(&room), Ok(expected.as_str()));
            }
        }
    }
}
