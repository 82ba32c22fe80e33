//! A point's vectors and its tag.

use bytes::Bytes;

use super::{embedding, encode_embedding, fill};
use crate::domain::plan::{Embedding, OutVector, PointEdit, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::wire::pb::encode::{field_len, put_bytes, put_entry, put_header};
use crate::wire::pb::places::{Places, PointPlace};
use crate::wire::pb::reader::Cursor;
use crate::wire::pb::refuse::unfit;
use crate::wire::pb::splice::Splicer;

/// Dense, sparse and multi in the oneof of `Vector`.
pub(super) const VECTOR_MEMBERS: [u32; 3] = [101, 102, 103];

/// Members of the oneof of `Vectors`.
const SINGLE: u32 = 1;
const NAMED: u32 = 2;

/// Within `NamedVectors` and its entries.
const ENTRY: u32 = 1;
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Gives a point its vectors and its tag. Where every vector stays in place under its own name, only the tag is
/// added.
pub(super) fn edit_point(
    splicer: &mut Splicer<'_>,
    places: &Places,
    message: &Bytes,
    place: &PointPlace,
    edit: &PointEdit,
    embeddings: &[Embedding],
    reserved_key: &str,
) -> Result<(), Refusal> {
    let names = names(places, message, place)?;
    if !keeps_all(&names, &edit.vectors) {
        put_vectors(splicer, places, place, &edit.vectors, embeddings)?;
    }
    match (&edit.tag, place.payload) {
        (Some(tag), Some(number)) => {
            // A later entry of a map overrides an earlier one.
            splicer.append(place.frame);
            splicer.put(|out| put_entry(out, number, reserved_key, &tag.to_json()));
            Ok(())
        }
        (Some(_), None) => Err(unfit("a vector update carries no tag")),
        (None, _) => Ok(()),
    }
}

/// The names of a point's vectors as the body has them.
fn names<'m>(places: &Places, message: &'m Bytes, place: &PointPlace) -> Result<Vec<&'m [u8]>, Refusal> {
    if place.is_single {
        return Ok(vec![b""]);
    }
    let mut names = Vec::with_capacity(place.vectors.len());
    let Some(outer) = &place.slot.present else {
        return Ok(names);
    };
    debug_assert!(place.vectors.end <= places.vectors.len());
    // vectors → NamedVectors → entry → key: each level read as far as its names.
    let mut field = Cursor::new(message, outer.clone());
    while let Some(vectors) = field.next()? {
        let mut members = Cursor::new(message, vectors.content());
        while let Some(named) = members.next()? {
            let mut entries = Cursor::new(message, named.content());
            while let Some(entry) = entries.next()? {
                let mut name: &[u8] = b"";
                let mut fields = Cursor::new(message, entry.content());
                while let Some(field) = fields.next()? {
                    if field.number == KEY {
                        name = &message[field.content()];
                    }
                }
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// Whether the outgoing vectors are the body's, each under its own name.
fn keeps_all(names: &[&[u8]], vectors: &[OutVector]) -> bool {
    let mut is_kept = vec![false; names.len()];
    for vector in vectors {
        match vector.from {
            VectorFrom::Kept(index) if names.get(index) == Some(&vector.name.as_str().as_bytes()) => {
                is_kept[index] = true;
            }
            VectorFrom::Kept(_) | VectorFrom::Embedded(_) => return false,
        }
    }
    vectors.len() == names.len() && is_kept.iter().all(|kept| *kept)
}

/// Where one outgoing vector's `Vector` comes from.
enum Source {
    Kept(std::ops::Range<usize>),
    New(Vec<u8>),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Kept(range) => range.len(),
            Self::New(bytes) => bytes.len(),
        }
    }

    fn put(self, splicer: &mut Splicer<'_>) {
        match self {
            Self::Kept(range) => splicer.keep(range),
            Self::New(bytes) => splicer.put(|out| out.extend_from_slice(&bytes)),
        }
    }
}

/// Builds the field `vectors` anew. A single unnamed vector stays in its shape.
fn put_vectors(
    splicer: &mut Splicer<'_>,
    places: &Places,
    place: &PointPlace,
    vectors: &[OutVector],
    embeddings: &[Embedding],
) -> Result<(), Refusal> {
    let mut sources = Vec::with_capacity(vectors.len());
    for vector in vectors {
        let source = match vector.from {
            VectorFrom::Kept(index) => {
                let kept = place
                    .vectors
                    .clone()
                    .nth(index)
                    .and_then(|index| places.vectors.get(index));
                Source::Kept(
                    kept.ok_or_else(|| unfit("a kept vector is not there"))?
                        .clone(),
                )
            }
            VectorFrom::Embedded(of) => {
                let mut bytes = Vec::new();
                encode_embedding(&mut bytes, VECTOR_MEMBERS, embedding(embeddings, of)?);
                Source::New(bytes)
            }
        };
        sources.push((vector.name.as_str(), source));
    }
    fill(splicer, &place.slot);
    if place.is_single
        && let [("", _)] = sources.as_slice()
    {
        for (_, source) in sources {
            let len = source.len();
            splicer.put(|out| {
                put_header(out, place.slot.number, field_len(SINGLE, len));
                put_header(out, SINGLE, len);
            });
            source.put(splicer);
        }
        return Ok(());
    }
    let entry_len = |name: &str, source: &Source| field_len(KEY, name.len()) + field_len(VALUE, source.len());
    let named_len = sources
        .iter()
        .map(|(name, source)| field_len(ENTRY, entry_len(name, source)))
        .sum();
    splicer.put(|out| {
        put_header(out, place.slot.number, field_len(NAMED, named_len));
        put_header(out, NAMED, named_len);
    });
    for (name, source) in sources {
        splicer.put(|out| {
            put_header(out, ENTRY, entry_len(name, &source));
            put_bytes(out, KEY, name.as_bytes());
            put_header(out, VALUE, source.len());
        });
        source.put(splicer);
    }
    Ok(())
}
