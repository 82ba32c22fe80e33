//! The common read: at most a few fields of the message itself are set, and no length but theirs changes. Makes the body
//! in one pass; where an edit is of another kind, the general way does it.

use bytes::Bytes;
use smallvec::SmallVec;

use super::tagged::Body;
use super::{put_slot, slot_of};
use crate::domain::op::Site;
use crate::domain::plan::Edit;
use crate::wire::pb::places::{FrameId, Places};

/// More edits than this are made the general way.
const EDITS_MAX: usize = 4;

/// What a field that is set mostly takes.
const FIELD_BYTES: usize = 64;

/// The whole body, if all `edits` set fields of the message itself.
pub(super) fn flat(
    places: &Places,
    message: &Bytes,
    edits: &[(Site, Edit)],
    reserved_key: &str,
) -> Option<Vec<Bytes>> {
    if edits.len() > EDITS_MAX {
        return None;
    }
    let mut fields = SmallVec::<[_; EDITS_MAX]>::new();
    for (site, edit) in edits {
        let slot = slot_of(edit, places.site(*site)?)?;
        if slot.frame != FrameId::ROOT {
            return None;
        }
        let end = message.len();
        let at = slot.present.clone().unwrap_or(end..end);
        fields.push((at, slot.number, edit));
    }
    // What is absent goes to the end, in the order of the edits.
    fields.sort_by_key(|(at, ..)| at.start);
    let mut body = Body {
        message,
        new: Vec::with_capacity(fields.len() * FIELD_BYTES),
        cuts: SmallVec::new(),
    };
    let mut done = 0;
    for (at, number, edit) in fields {
        if at.start < done {
            return None;
        }
        body.keep(done..at.start);
        put_slot(&mut body.new, number, edit, reserved_key);
        done = at.end;
    }
    body.keep(done..message.len());
    Some(body.into_parts())
}
