//! Plans to bodies. Called by `engine` with the scan that the plan was made from; decides nothing.

mod batch;
mod flat;
mod point;
mod tagged;
mod tags;

use bytes::Bytes;

use self::batch::write_batch;
pub(super) use self::batch::{put_existing, selector_span};
use self::flat::flat;
use self::tagged::tagged;
use super::encode::{path_of, put_bytes, put_header, put_message, put_texts};
use super::places::{FrameId, Place, Places, Slot};
use super::refuse::unfit;
use super::splice::{Spliced, Splicer};
use crate::domain::ids::VectorName;
use crate::domain::op::{Op, Site, Verb};
use crate::domain::plan::{Edit, EmbedRef, Embedding, PayloadEdit, Plan, Step};
use crate::domain::refusal::Refusal;
use crate::wire::{Outgoing, Scan};

/// Members of the selectors' oneofs.
const INCLUDE: u32 = 2;
const EXCLUDE: u32 = 3;

/// Carries out a plan: its edits at their sites and, where it has more steps than the client's own, as one batch.
/// `message` is what `scan` was made from; `embeddings` answers `plan.embeds` in order.
pub fn rewrite(
    scan: &Scan<'_, Places>,
    message: &Bytes,
    plan: &Plan,
    embeddings: &[Embedding],
    reserved_key: &str,
) -> Result<Outgoing, Refusal> {
    let is_unbatched = is_unbatched(&scan.op, &scan.places, &plan.steps);
    if is_unbatched {
        let tagged = tagged(&scan.places, message, &plan.edits, reserved_key);
        let short = tagged.or_else(|| flat(&scan.places, message, &plan.edits, reserved_key));
        if let Some(parts) = short {
            return Ok(Outgoing {
                verb: Some(scan.op.verb),
                parts,
            });
        }
    }
    let edited = edit(&scan.places, message, &plan.edits, embeddings, reserved_key)?;
    if is_unbatched {
        return Ok(Outgoing {
            verb: Some(scan.op.verb),
            parts: edited.all()?,
        });
    }
    Ok(Outgoing {
        verb: Some(Verb::UpdateBatch),
        parts: write_batch(scan, message, &edited, &plan.steps, reserved_key)?,
    })
}

/// Whether the body goes out as the verb that it came in as.
fn is_unbatched(op: &Op<'_>, places: &Places, steps: &[Step]) -> bool {
    let is_own = steps
        .iter()
        .enumerate()
        .all(|(index, step)| *step == Step::Client(index));
    steps.is_empty() || (is_own && (op.verb != Verb::UpdateBatch || steps.len() == places.ops.len()))
}

/// The body with its edits.
pub(super) fn edit(
    places: &Places,
    message: &Bytes,
    edits: &[(Site, Edit)],
    embeddings: &[Embedding],
    reserved_key: &str,
) -> Result<Spliced, Refusal> {
    let mut splicer = Splicer::with_capacity(edits.len(), places.frames.len());
    let mut out = point::Out {
        places,
        message,
        embeddings,
        reserved_key,
        tags: tags::Tags::default(),
    };
    for (site, edit) in edits {
        let place = places
            .site(*site)
            .ok_or_else(|| unfit("an edit is for a site that the body does not have"))?;
        if let Some(slot) = slot_of(edit, place) {
            fill(&mut splicer, places, slot);
            splicer.put(|out| put_slot(out, slot.number, edit, reserved_key));
            continue;
        }
        match (edit, place) {
            (Edit::Names(names), Place::Names(frame)) => {
                refill(&mut splicer, places, *frame)?;
                splicer.put(|out| put_names(out, names));
            }
            (Edit::Embedding(of), Place::Input(frame)) => {
                refill(&mut splicer, places, *frame)?;
                put_embedding(&mut splicer, [2, 3, 4], embedding(embeddings, *of)?);
            }
            (Edit::Embedding(of), Place::Vector(frame)) => {
                refill(&mut splicer, places, *frame)?;
                put_embedding(&mut splicer, point::VECTOR_MEMBERS, embedding(embeddings, *of)?);
            }
            (Edit::Point(edit), Place::Point(place)) => {
                out.point(&mut splicer, place, edit)?;
            }
            (
                Edit::Name(_) | Edit::Names(_) | Edit::Payload(_) | Edit::Embedding(_) | Edit::Point(_),
                Place::Name(_)
                | Place::WithVectors(_)
                | Place::WithPayload(_)
                | Place::Names(_)
                | Place::Input(_)
                | Place::Vector(_)
                | Place::Point(_)
                | Place::Fixed,
            ) => return Err(unfit("an edit is not of the kind that its site takes")),
        }
    }
    Ok(splicer.finish(&places.frames, message))
}

/// The field that an edit sets, where it sets one.
fn slot_of<'p>(edit: &Edit, place: &'p Place) -> Option<&'p Slot> {
    match (edit, place) {
        (Edit::Name(_), Place::Name(slot))
        | (Edit::Names(_), Place::WithVectors(slot))
        | (Edit::Payload(_), Place::WithPayload(slot)) => Some(slot),
        (
            Edit::Name(_) | Edit::Names(_) | Edit::Payload(_) | Edit::Embedding(_) | Edit::Point(_),
            Place::Name(_)
            | Place::WithVectors(_)
            | Place::WithPayload(_)
            | Place::Names(_)
            | Place::Input(_)
            | Place::Vector(_)
            | Place::Point(_)
            | Place::Fixed,
        ) => None,
    }
}

/// The field that such an edit makes.
fn put_slot(out: &mut Vec<u8>, number: u32, edit: &Edit, reserved_key: &str) {
    match edit {
        Edit::Name(name) => put_bytes(out, number, name.as_str().as_bytes()),
        Edit::Names(names) => put_message(out, number, |out| {
            put_message(out, INCLUDE, |out| put_names(out, names));
        }),
        Edit::Payload(selection) => {
            put_message(out, number, |out| put_selection(out, selection, reserved_key));
        }
        Edit::Embedding(_) | Edit::Point(_) => {}
    }
}

/// Starts the change of a field, which is there or goes to the end of its message.
fn fill(splicer: &mut Splicer, places: &Places, slot: &Slot) {
    match &slot.present {
        Some(range) => splicer.replace(slot.frame, range.clone()),
        None => append(splicer, places, slot.frame),
    }
}

/// Starts an insertion at the end of a message.
fn append(splicer: &mut Splicer, places: &Places, frame: FrameId) {
    let end = places.frame(frame).map_or(0, |frame| frame.body.end);
    splicer.replace(frame, end..end);
}

/// Starts the change of a whole submessage's content.
fn refill(splicer: &mut Splicer, places: &Places, frame: FrameId) -> Result<(), Refusal> {
    let body = places
        .frame(frame)
        .ok_or_else(|| unfit("a site is in no message"))?
        .body
        .clone();
    splicer.replace(frame, body);
    Ok(())
}

fn put_names(out: &mut Vec<u8>, names: &[VectorName]) {
    put_texts(out, 1, names.iter().map(VectorName::as_str));
}

fn put_selection(out: &mut Vec<u8>, selection: &PayloadEdit, reserved_key: &str) {
    match selection {
        PayloadEdit::Include(paths) => put_message(out, INCLUDE, |out| {
            put_texts(out, 1, paths.iter().map(String::as_str));
        }),
        PayloadEdit::Exclude(paths) => put_message(out, EXCLUDE, |out| {
            put_texts(out, 1, paths.iter().map(String::as_str));
            put_bytes(out, 1, path_of(reserved_key).as_bytes());
        }),
    }
}

fn embedding(embeddings: &[Embedding], of: EmbedRef) -> Result<&Embedding, Refusal> {
    embeddings
        .get(of.0)
        .ok_or_else(|| unfit("a text has no embedding"))
}

/// An embedding as a member of a vector's oneof; `members` are those of dense, sparse and multi.
fn put_embedding(splicer: &mut Splicer, members: [u32; 3], embedding: &Embedding) {
    splicer.put(|out| encode_embedding(out, members, embedding));
}

fn encode_embedding(out: &mut Vec<u8>, [dense, sparse, multi]: [u32; 3], embedding: &Embedding) {
    match embedding {
        Embedding::Dense(values) => put_message(out, dense, |out| put_floats(out, 1, values)),
        Embedding::Sparse { indices, values } => put_message(out, sparse, |out| {
            put_floats(out, 1, values);
            put_message(out, 2, |out| {
                for index in indices {
                    prost::encoding::encode_varint(u64::from(*index), out);
                }
            });
        }),
        Embedding::Multi(rows) => put_message(out, multi, |out| {
            for row in rows {
                put_message(out, 1, |out| put_floats(out, 1, row));
            }
        }),
    }
}

fn put_floats(out: &mut Vec<u8>, number: u32, values: &[f32]) {
    put_header(out, number, size_of_val(values));
    let start = out.len();
    out.resize(start + size_of_val(values), 0);
    let (places, _) = out.split_at_mut(start).1.as_chunks_mut();
    for (place, value) in places.iter_mut().zip(values) {
        *place = value.to_le_bytes();
    }
}
