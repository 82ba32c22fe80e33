//! Several operations as one `UpdateBatchPoints`: the client's own, moved field by field, and ours between them.

mod guards;

use std::ops::Range;

use bytes::Bytes;

use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::plan::{Extra, Guard, Step, Written};
use crate::domain::refusal::Refusal;
use crate::wire::Scan;
use crate::wire::pb::encode::{
    path_of, put_bytes, put_entry, put_header, put_ids, put_message, put_tag, put_texts,
};
use crate::wire::pb::places::{OpPlace, Places};
use crate::wire::pb::reader::{Cursor, Raw};
use crate::wire::pb::refuse::unfit;
use crate::wire::pb::scan::shapes::{
    BATCH_DELETE_PAYLOAD, BATCH_DELETE_VECTORS, BATCH_MEMBERS, BATCH_SET_PAYLOAD, WriteRole, WriteShape,
};
use crate::wire::pb::splice::{Sink, Spliced};

pub(in super::super) use guards::put_existing;
use guards::{put_sink, put_unclaimed};

/// Fields of `UpdateBatchPoints`.
const OPERATIONS: u32 = 3;
const BATCH_ROLES: [(WriteRole, u32); 4] = [
    (WriteRole::Collection, 1),
    (WriteRole::Wait, 2),
    (WriteRole::Ordering, 4),
    (WriteRole::Timeout, 5),
];

/// Members of the oneof of `PointsSelector`.
const SELECT_IDS: u32 = 1;
const SELECT_FILTER: u32 = 2;

/// The parts of the batch that `steps` make of a body.
pub(super) fn write_batch(
    scan: &Scan<'_, Places>,
    message: &Bytes,
    edited: &Spliced,
    steps: &[Step],
    reserved_key: &str,
) -> Result<Vec<Bytes>, Refusal> {
    let batch = Batch {
        places: &scan.places,
        message,
        edited,
        reserved_key,
    };
    let mut out = Sink::default();
    batch.head(scan.op.verb, &mut out)?;
    for step in steps {
        batch.step(step, &mut out)?;
    }
    Ok(out.into_parts())
}

struct Batch<'s> {
    places: &'s Places,
    message: &'s Bytes,
    edited: &'s Spliced,
    reserved_key: &'s str,
}

/// A selector on its way out.
enum Selected<'s> {
    /// The client's own, edited.
    Own,
    Ids(&'s [PointId]),
    /// Those of the ids that exist and pass the guards.
    Guarded(&'s [PointId], &'s [Guard]),
    /// Those of the ids that exist.
    Existing(&'s [PointId]),
    /// Those of the ids that exist, have nothing at the path, and, where it is given, were written.
    Unclaimed(&'s [PointId], &'s str, Option<&'s Written>),
}

impl Batch<'_> {
    /// Collection, wait, ordering and timeout, as the body has them.
    fn head(&self, verb: Verb, out: &mut Sink) -> Result<(), Refusal> {
        let mut fields = Cursor::new(self.message, 0..self.message.len());
        while let Some(field) = fields.next()? {
            if verb == Verb::UpdateBatch {
                if field.number != OPERATIONS {
                    out.slice(self.message, field.outer());
                }
                continue;
            }
            let role = self.op(0)?.shape.role(field.number);
            if let Some((_, number)) = BATCH_ROLES.iter().find(|(known, _)| Some(*known) == role) {
                self.renumber(&field, *number, out)?;
            }
        }
        Ok(())
    }

    fn op(&self, index: usize) -> Result<&OpPlace, Refusal> {
        self.places
            .ops
            .get(index)
            .ok_or_else(|| unfit("a step is for an operation that the body does not have"))
    }

    fn step(&self, step: &Step, out: &mut Sink) -> Result<(), Refusal> {
        match step {
            Step::Client(index) => {
                let op = self.op(*index)?;
                match &op.outer {
                    Some(outer) => self.edited.emit(outer.clone(), out),
                    None => self.moved(op, member_of(op)?, |_| true, None, out),
                }
            }
            Step::SetInstead(index, ids) => {
                let selected = match ids {
                    Some(ids) => Selected::Existing(ids),
                    None => Selected::Own,
                };
                // An overwrite ignores its path, so the path must not come along.
                let is_taken = |role| matches!(role, WriteRole::Payload | WriteRole::ShardKey);
                let op = self.op(*index)?;
                self.moved(op, &BATCH_SET_PAYLOAD, is_taken, Some(selected), out)
            }
            Step::ClientMarked(index, marked) => self.update_marked(self.op(*index)?, marked, out),
            Step::Extra(index, extra) => self.extra(self.op(*index)?, extra, out),
        }
    }

    fn extra(&self, op: &OpPlace, extra: &Extra, out: &mut Sink) -> Result<(), Refusal> {
        let mut fields = Vec::new();
        let (shape, selected) = match extra {
            Extra::DropUnclaimed {
                ids,
                space,
                claim_path,
                written,
            } => {
                let names = number(&BATCH_DELETE_VECTORS, WriteRole::VectorNames)?;
                put_message(&mut fields, names, |out| put_texts(out, 1, [space.as_str()]));
                (
                    &BATCH_DELETE_VECTORS,
                    Selected::Unclaimed(ids, claim_path.as_str(), written.as_ref()),
                )
            }
            Extra::SetTag { ids, guards, tag } => {
                let payload = number(&BATCH_SET_PAYLOAD, WriteRole::Payload)?;
                for entry in &tag.0 {
                    put_entry(&mut fields, payload, entry.field.as_str(), &entry.to_json());
                }
                let path = number(&BATCH_SET_PAYLOAD, WriteRole::Path)?;
                put_bytes(&mut fields, path, path_of(self.reserved_key).as_bytes());
                let selected = match guards.is_empty() {
                    true => Selected::Ids(ids),
                    false => Selected::Guarded(ids, guards),
                };
                (&BATCH_SET_PAYLOAD, selected)
            }
            Extra::DeletePayload { paths } => {
                put_paths(&mut fields, paths)?;
                (&BATCH_DELETE_PAYLOAD, Selected::Own)
            }
            Extra::DeletePayloadOf { ids, paths } => {
                put_paths(&mut fields, paths)?;
                (&BATCH_DELETE_PAYLOAD, Selected::Existing(ids))
            }
        };
        let mut body = Sink::default();
        body.put(&fields);
        self.take(op, shape, |role| role == WriteRole::ShardKey, &mut body)?;
        self.select(op, shape, &selected, &mut body)?;
        wrap(shape, body, out);
        Ok(())
    }

    /// An operation made of those fields of `op` that are taken, and perhaps another selector.
    fn moved(
        &self,
        op: &OpPlace,
        shape: &'static WriteShape,
        is_taken: impl Fn(WriteRole) -> bool,
        selected: Option<Selected<'_>>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let mut body = Sink::default();
        self.take(op, shape, is_taken, &mut body)?;
        if let Some(selected) = selected {
            self.select(op, shape, &selected, &mut body)?;
        }
        wrap(shape, body, out);
        Ok(())
    }

    /// The fields of `op` that `shape` has too, edited, under its numbers.
    fn take(
        &self,
        op: &OpPlace,
        shape: &'static WriteShape,
        is_taken: impl Fn(WriteRole) -> bool,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let mut fields = Cursor::new(self.message, self.body(op)?);
        while let Some(field) = fields.next()? {
            let role = op.shape.role(field.number).filter(|role| is_taken(*role));
            if let Some(number) = role.and_then(|role| shape.number(role)) {
                self.renumber(&field, number, out)?;
            }
        }
        Ok(())
    }

    /// A field under another number.
    fn renumber(&self, field: &Raw, number: u32, out: &mut Sink) -> Result<(), Refusal> {
        let mut tag = Vec::new();
        prost::encoding::encode_key(number, wire_type(field), &mut tag);
        out.put(&tag);
        self.edited.emit(field.value..field.end, out)
    }

    fn body(&self, op: &OpPlace) -> Result<Range<usize>, Refusal> {
        let frame = self.places.frame(op.frame);
        Ok(frame
            .ok_or_else(|| unfit("an operation is in no message"))?
            .body
            .clone())
    }

    fn select(
        &self,
        op: &OpPlace,
        shape: &'static WriteShape,
        selected: &Selected<'_>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let member = number(shape, WriteRole::Selector)?;
        let mut new = Vec::new();
        match selected {
            Selected::Own => {
                put_tag(&mut new, member);
                out.put(&new);
                return self
                    .edited
                    .emit(selector_span(self.places, self.message, op)?, out);
            }
            Selected::Ids(ids) => put_message(&mut new, member, |out| {
                put_message(out, SELECT_IDS, |out| put_ids(out, 1, ids));
            }),
            Selected::Guarded(ids, guards) => {
                let mut selector = Sink::default();
                put_sink(SELECT_FILTER, self.guarded(op, ids, guards)?, &mut selector);
                put_sink(member, selector, out);
            }
            Selected::Existing(ids) => put_message(&mut new, member, |out| {
                put_message(out, SELECT_FILTER, |out| put_existing(out, ids));
            }),
            Selected::Unclaimed(ids, path, written) => put_message(&mut new, member, |out| {
                put_message(out, SELECT_FILTER, |out| {
                    put_existing(out, ids);
                    put_unclaimed(out, path, *written);
                });
            }),
        }
        out.put(&new);
        Ok(())
    }
}

/// Length and content of an operation's selector, without its tag.
pub(in super::super) fn selector_span(
    places: &Places,
    message: &Bytes,
    op: &OpPlace,
) -> Result<Range<usize>, Refusal> {
    let missing = || unfit("the operation has no selector");
    let frame = places.frame(op.frame).ok_or_else(missing)?;
    if op.shape.roles.is_empty() {
        return Ok(frame.length.start..frame.body.end);
    }
    let mut span = None;
    let mut fields = Cursor::new(message, frame.body.clone());
    while let Some(field) = fields.next()? {
        if op.shape.role(field.number) == Some(WriteRole::Selector) {
            span = Some(field.value..field.end);
        }
    }
    span.ok_or_else(missing)
}

/// The batch's form of a write that is a request of its own.
fn member_of(op: &OpPlace) -> Result<&'static WriteShape, Refusal> {
    BATCH_MEMBERS
        .into_iter()
        .find(|shape| shape.form == op.shape.form)
        .ok_or_else(|| unfit("this call cannot stand in a batch"))
}

fn number(shape: &WriteShape, role: WriteRole) -> Result<u32, Refusal> {
    shape
        .number(role)
        .ok_or_else(|| unfit("an operation has no such field"))
}

fn put_paths(out: &mut Vec<u8>, paths: &[String]) -> Result<(), Refusal> {
    let number = number(&BATCH_DELETE_PAYLOAD, WriteRole::Paths)?;
    put_texts(out, number, paths.iter().map(String::as_str));
    Ok(())
}

/// An operation around its member.
fn wrap(shape: &WriteShape, body: Sink, out: &mut Sink) {
    let mut member = Vec::new();
    put_header(&mut member, shape.member, body.len());
    let mut head = Vec::new();
    put_header(&mut head, OPERATIONS, member.len() + body.len());
    head.extend_from_slice(&member);
    out.put(&head);
    out.append(body);
}

fn wire_type(field: &Raw) -> prost::encoding::WireType {
    use super::super::reader::Wire;
    use prost::encoding::WireType;
    match field.wire {
        Wire::Varint => WireType::Varint,
        Wire::Fixed64 => WireType::SixtyFourBit,
        Wire::Bytes => WireType::LengthDelimited,
        Wire::Fixed32 => WireType::ThirtyTwoBit,
    }
}
