//! Reads that Interlock makes itself, to replace or clear payloads without touching tags: a scroll over the points
//! that a client's write selects, and what its answer holds. Called by `engine`.

use bytes::Bytes;
use prost::Message as _;
use qdrant_client::qdrant::ScrollResponse;
use qdrant_client::qdrant::point_id::PointIdOptions;
use uuid::Uuid;

use super::encode::{path_of, put_bytes, put_ids, put_message, put_number, put_tag};
use super::places::Places;
use super::reader::Cursor;
use super::refuse::{bad_answer, unfit};
use super::rewrite::{edit, put_existing, selector_span};
use super::scan::shapes::WriteRole;
use super::splice::{Sink, Spliced};
use crate::domain::ids::PointId;
use crate::domain::op::{OpKind, Selector, Site, WriteKind};
use crate::domain::plan::Edit;
use crate::domain::refusal::Refusal;
use crate::wire::{KeyPage, Scan};

/// Fields of `ScrollPoints`.
mod scroll {
    pub const COLLECTION: u32 = 1;
    pub const FILTER: u32 = 2;
    pub const OFFSET: u32 = 3;
    pub const LIMIT: u32 = 4;
    pub const WITH_PAYLOAD: u32 = 6;
    pub const SHARD_KEY: u32 = 9;
}

/// A `ScrollPoints` over the points that the write of this index selects, `limit` points from `offset` on, with every
/// payload key but the reserved one and no vectors. `edits` are the plan's: names in the filter are read as they will be
/// sent.
pub fn scroll_of(
    scan: &Scan<'_, Places>,
    message: &Bytes,
    edits: &[(Site, Edit)],
    write: usize,
    offset: Option<PointId>,
    limit: u32,
    reserved_key: &str,
) -> Result<Bytes, Refusal> {
    const EXCLUDE: u32 = 3;
    let place = (scan.places.ops.get(write)).ok_or_else(|| unfit("the body has no such operation"))?;
    let frame = scan.places.frame(place.frame);
    let body = frame
        .ok_or_else(|| unfit("an operation is in no message"))?
        .body
        .clone();
    // Embeddings are not there yet, and no filter has one.
    let edits: Vec<_> = edits
        .iter()
        .filter(|(_, edit)| matches!(edit, Edit::Name(_)))
        .cloned()
        .collect();
    let edited = edit(&scan.places, message, &edits, &[], reserved_key)?;

    let mut out = Sink::default();
    let mut head = Vec::new();
    put_bytes(&mut head, scroll::COLLECTION, scan.op.collection.as_bytes());
    out.put(&head);
    match selector(scan, write)? {
        Selector::Ids(ids) => {
            let mut filter = Vec::new();
            put_message(&mut filter, scroll::FILTER, |out| put_existing(out, ids));
            out.put(&filter);
        }
        Selector::Filter(_) => {
            let span = selector_span(&scan.places, message, place)?;
            put_filter(message, &edited, span, &mut out)?;
        }
    }
    let mut fields = Cursor::new(message, body);
    while let Some(field) = fields.next()? {
        if place.shape.role(field.number) == Some(WriteRole::ShardKey) {
            let mut tag = Vec::new();
            put_tag(&mut tag, scroll::SHARD_KEY);
            out.put(&tag);
            out.slice(message, field.value..field.end);
        }
    }
    let mut tail = Vec::new();
    if let Some(offset) = offset {
        put_ids(&mut tail, scroll::OFFSET, &[offset]);
    }
    put_number(&mut tail, scroll::LIMIT, u64::from(limit));
    put_message(&mut tail, scroll::WITH_PAYLOAD, |out| {
        put_message(out, EXCLUDE, |out| {
            put_bytes(out, 1, path_of(reserved_key).as_bytes());
        });
    });
    out.put(&tail);
    Ok(super::answer::join(out.into_parts()))
}

/// The selector of a write that replaces or clears payloads.
fn selector<'s>(scan: &'s Scan<'_, Places>, write: usize) -> Result<&'s Selector, Refusal> {
    let OpKind::Writes(writes) = &scan.op.kind else {
        return Err(unfit("the body writes nothing"));
    };
    match writes.get(write).map(|write| &write.kind) {
        Some(
            WriteKind::OverwritePayload { selector, .. }
            | WriteKind::ClearPayload { selector }
            | WriteKind::DeleteVectors { selector, .. },
        ) => Ok(selector),
        Some(
            WriteKind::Upsert(_)
            | WriteKind::UpdateVectors(_)
            | WriteKind::Delete
            | WriteKind::SetPayload { .. }
            | WriteKind::DeletePayload { .. }
            | WriteKind::FieldIndex,
        )
        | None => Err(unfit("the write has no selector to read by")),
    }
}

/// The filter of a selector, which stands at `span` with its length, as the scroll's filter.
fn put_filter(
    message: &Bytes,
    edited: &Spliced,
    span: std::ops::Range<usize>,
    out: &mut Sink,
) -> Result<(), Refusal> {
    let (_, body) = super::reader::varint(message, span.start, span.end)?;
    let mut members = Cursor::new(message, body..span.end);
    while let Some(member) = members.next()? {
        let mut tag = Vec::new();
        put_tag(&mut tag, scroll::FILTER);
        out.put(&tag);
        edited.emit(member.value..member.end, out)?;
    }
    Ok(())
}

/// What a page of such a scroll holds.
pub fn key_page(answer: &Bytes) -> Result<KeyPage, Refusal> {
    let page = ScrollResponse::decode(answer.clone()).map_err(|_| bad_answer("it is no page of points"))?;
    let mut found = KeyPage::default();
    for point in page.result {
        found.ids.push(point_id(point.id)?);
        found.keys.extend(point.payload.into_keys());
    }
    found.next = match page.next_page_offset {
        Some(id) => Some(point_id(Some(id))?),
        None => None,
    };
    Ok(found)
}

pub(super) fn point_id(id: Option<qdrant_client::qdrant::PointId>) -> Result<PointId, Refusal> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(num)) => Ok(PointId::Num(num)),
        Some(PointIdOptions::Uuid(text)) => Uuid::parse_str(&text)
            .map(PointId::Uuid)
            .map_err(|_| bad_answer("a point's uuid cannot be parsed")),
        None => Err(bad_answer("a point has no id")),
    }
}
