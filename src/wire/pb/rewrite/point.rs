//! A point's vectors and its tag.

use bytes::Bytes;

use super::{append, embedding, encode_embedding, fill};
use crate::domain::plan::{Embedding, OutVector, PointEdit, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::wire::pb::encode::put_entry;
use crate::wire::pb::places::{Places, PointPlace};
use crate::wire::pb::reader::Cursor;
use crate::wire::pb::refuse::unfit;
use crate::wire::pb::splice::Splicer;
use crate::wire::pb::vectors::{KEY, Source, put_vectors_field};

/// Dense, sparse and multi in the oneof of `Vector`.
pub(super) const VECTOR_MEMBERS: [u32; 3] = [101, 102, 103];

/// Gives a point its vectors and its tag. Where every vector stays in place under its own name, only the tag is
/// added.
pub(super) fn edit_point(
    splicer: &mut Splicer,
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
            append(splicer, places, place.frame);
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

/// Builds the field `vectors` anew. A single unnamed vector stays in its shape.
fn put_vectors(
    splicer: &mut Splicer,
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
                Source::Kept(kept.ok_or_else(|| unfit("a kept vector is not there"))?.clone())
            }
            VectorFrom::Embedded(of) => {
                let mut bytes = Vec::new();
                encode_embedding(&mut bytes, VECTOR_MEMBERS, embedding(embeddings, of)?);
                Source::New(bytes)
            }
        };
        sources.push((vector.name.as_str(), source));
    }
    fill(splicer, places, &place.slot);
    put_vectors_field(splicer, place.slot.number, place.is_single, sources);
    Ok(())
}
