//! The common upsert: every point stays as it came and a tag is added to it. Makes the body in one walk over the edits;
//! where any edit is of another kind, the general way does it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use prost::encoding::encode_varint;
use smallvec::SmallVec;

use super::point::keeps_all;
use super::tags::{TAG_BYTES, Tags};
use crate::domain::op::Site;
use crate::domain::plan::{Edit, OutVector};
use crate::wire::pb::places::{FrameId, Place, Places, VectorPlace};
use crate::wire::pb::splice::COPY_BYTES_MAX;

/// The whole body, if `edits` are tags alone, of points that stand in the body itself, in its order.
pub(super) fn tagged(
    places: &Places,
    message: &Bytes,
    edits: &[(Site, Edit)],
    reserved_key: &str,
) -> Option<Vec<Bytes>> {
    let [(_, Edit::Point(_)), ..] = edits else {
        return None;
    };
    let mut tags = Tags::default();
    let mut latest = None;
    let mut body = Body {
        message,
        new: Vec::with_capacity(TAG_BYTES * edits.len()),
        cuts: SmallVec::with_capacity(edits.len() + 1),
    };
    let mut at = 0;
    for (site, edit) in edits {
        let (Edit::Point(edit), Place::Point(place)) = (edit, places.site(*site)?) else {
            return None;
        };
        let frame = places.frame(place.frame)?;
        let vectors = places.vectors.get(place.vectors.clone())?;
        let is_next = frame.parent == FrameId::ROOT && frame.length.start >= at;
        if !is_next || !stays(message, vectors, &edit.vectors, &mut latest) {
            return None;
        }
        // A later entry of a map overrides an earlier one.
        let tag = tags.bytes(edit.tag.as_ref()?, place.payload?, reserved_key);
        body.keep(at..frame.length.start);
        put_length(&mut body.new, frame.body.len() + tag.len());
        body.keep(frame.body.clone());
        body.new.extend_from_slice(tag);
        at = frame.body.end;
    }
    body.keep(at..message.len());
    Some(body.into_parts())
}

/// More parts than this need memory of their own.
const CUTS: usize = 4;

/// A length, most of which take two bytes.
#[inline(always)]
fn put_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0x80..0x4000 => out.extend_from_slice(&[length as u8 | 0x80, (length >> 7) as u8]),
        _ => encode_varint(length as u64, out),
    }
}

/// What a point's only vector is called, and what becomes of it.
type Only<'e> = (Range<usize>, &'e Arc<[OutVector]>);

/// Whether a point's vectors all stay in place. Most points share the latest one's plan and name.
fn stays<'e>(
    message: &[u8],
    here: &[VectorPlace],
    vectors: &'e Arc<[OutVector]>,
    latest: &mut Option<Only<'e>>,
) -> bool {
    if let ([only], Some((name, known))) = (here, &*latest)
        && only.name == *name
        && Arc::ptr_eq(known, vectors)
    {
        return true;
    }
    let stays = keeps_all(message, here, vectors);
    if let ([only], true) = (here, stays) {
        *latest = Some((only.name.clone(), vectors));
    }
    stays
}

/// A body on its way out: new bytes, and the parts of the message that stand between them.
pub(super) struct Body<'m> {
    pub message: &'m Bytes,
    pub new: Vec<u8>,
    /// Each part, with how many of the new bytes stand before it.
    pub cuts: SmallVec<[(usize, Range<usize>); CUTS]>,
}

impl Body<'_> {
    /// Adds a part of the message: by reference, unless it is short.
    #[inline(always)]
    pub fn keep(&mut self, range: Range<usize>) {
        match &self.message[range.clone()] {
            [] => {}
            [one] => self.new.push(*one),
            short if short.len() <= COPY_BYTES_MAX => self.new.extend_from_slice(short),
            _ => self.cuts.push((self.new.len(), range)),
        }
    }

    pub fn into_parts(self) -> Vec<Bytes> {
        let mut parts = Vec::with_capacity(2 * self.cuts.len() + 1);
        if let ([(0, kept)], false) = (&*self.cuts, self.new.is_empty()) {
            // The common read: something is set at its end.
            parts.extend([self.message.slice(kept.clone()), Bytes::from(self.new)]);
            return parts;
        }
        let (new, message) = (Bytes::from(self.new), self.message.clone());
        let mut from = 0;
        for (to, kept) in self.cuts {
            if to > from {
                parts.push(new.slice(from..to));
            }
            parts.push(message.slice(kept));
            from = to;
        }
        if new.len() > from {
            parts.push(new.slice(from..));
        }
        parts
    }
}
