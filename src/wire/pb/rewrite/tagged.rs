//! The common upsert: every point stays as it came and a tag is added to it. Makes the body in one walk over the edits;
//! where any edit is of another kind, the general way does it.

use bytes::Bytes;

use super::point::keeps_all;
use super::tags::Tags;
use crate::domain::op::Site;
use crate::domain::plan::Edit;
use crate::wire::pb::places::{FrameId, Place, Places};
use crate::wire::pb::splice::Sink;

/// What most points get: a tag, and their new length.
const TAG_BYTES: usize = 320;

/// The whole body, if `edits` are tags alone, of points that stand in the body itself, in its order.
pub(super) fn tagged(
    places: &Places,
    message: &Bytes,
    edits: &[(Site, Edit)],
    reserved_key: &str,
) -> Option<Vec<Bytes>> {
    let mut tags = Tags::default();
    let mut out = Sink::with_capacity(2 * edits.len() + 1, TAG_BYTES * edits.len());
    let mut at = 0;
    for (site, edit) in edits {
        let (Edit::Point(edit), Place::Point(place)) = (edit, places.site(*site)?) else {
            return None;
        };
        let frame = places.frame(place.frame)?;
        let vectors = places.vectors.get(place.vectors.clone())?;
        let is_next = frame.parent == FrameId::ROOT && frame.length.start >= at;
        if !is_next || !keeps_all(message, vectors, &edit.vectors) {
            return None;
        }
        // A later entry of a map overrides an earlier one.
        let tag = tags.bytes(edit.tag.as_ref()?, place.payload?, reserved_key);
        out.slice(message, at..frame.length.start);
        out.put_varint((frame.body.len() + tag.len()) as u64);
        out.slice(message, frame.body.clone());
        out.put(tag);
        at = frame.body.end;
    }
    out.slice(message, at..message.len());
    Some(out.into_parts())
}
