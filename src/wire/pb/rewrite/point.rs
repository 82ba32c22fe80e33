//! A point's vectors and its tag.

use bytes::Bytes;

use super::tags::Tags;
use super::{append, embedding, encode_embedding, fill};
use crate::domain::plan::{Embedding, OutVector, PointEdit, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::{Places, PointPlace, VectorPlace};
use crate::wire::pb::refuse::unfit;
use crate::wire::pb::splice::Splicer;
use crate::wire::pb::vectors::{Source, put_vectors_field};

/// Dense, sparse and multi in the oneof of `Vector`.
pub(super) const VECTOR_MEMBERS: [u32; 3] = [101, 102, 103];

/// What the points of a body go out with.
pub(super) struct Out<'m> {
    pub places: &'m Places,
    pub message: &'m Bytes,
    pub embeddings: &'m [Embedding],
    pub reserved_key: &'m str,
    pub tags: Tags,
}

impl Out<'_> {
    /// Gives a point its vectors and its tag. Where every vector stays in place under its own name, only the tag is
    /// added.
    pub fn point(
        &mut self,
        splicer: &mut Splicer,
        place: &PointPlace,
        edit: &PointEdit,
    ) -> Result<(), Refusal> {
        let places = self.places;
        let here = places.vectors.get(place.vectors.clone()).unwrap_or_default();
        if !keeps_all(self.message, here, &edit.vectors) {
            put_vectors(splicer, places, place, &edit.vectors, self.embeddings)?;
        }
        match (&edit.tag, place.payload) {
            (Some(tag), Some(number)) => {
                // A later entry of a map overrides an earlier one.
                append(splicer, places, place.frame);
                let bytes = self.tags.bytes(tag, number, self.reserved_key);
                splicer.put(|out| out.extend_from_slice(bytes));
                Ok(())
            }
            (Some(_), None) => Err(unfit("a vector update carries no tag")),
            (None, _) => Ok(()),
        }
    }
}

/// Whether the outgoing vectors are the body's, each in its place and under its own name.
pub(super) fn keeps_all(message: &[u8], here: &[VectorPlace], vectors: &[OutVector]) -> bool {
    let is_kept = |(index, (vector, place)): (usize, (&OutVector, &VectorPlace))| {
        vector.from == VectorFrom::Kept(index)
            && message[place.name.clone()] == *vector.name.as_str().as_bytes()
    };
    vectors.len() == here.len() && vectors.iter().zip(here).enumerate().all(is_kept)
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
                Source::Kept(
                    kept.ok_or_else(|| unfit("a kept vector is not there"))?
                        .body
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
    fill(splicer, places, &place.slot);
    put_vectors_field(splicer, place.slot.number, place.is_single, sources);
    Ok(())
}
