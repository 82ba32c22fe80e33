//! Filters of ours: which points a step may touch.

use super::{Batch, wrap};
use crate::domain::ids::PointId;
use crate::domain::plan::{Guard, Marked, Written};
use crate::domain::refusal::Refusal;
use crate::wire::pb::encode::{put_bytes, put_header, put_ids, put_message, put_tag};
use crate::wire::pb::places::OpPlace;
use crate::wire::pb::reader::{Cursor, Raw};
use crate::wire::pb::refuse::unfit;
use crate::wire::pb::scan::shapes::{BATCH_UPDATE_VECTORS, WriteRole};
use crate::wire::pb::splice::Sink;

/// Lists of conditions in `Filter`.
const SHOULD: u32 = 1;
const MUST: u32 = 2;

/// Members of the oneof of `Condition`.
const FIELD: u32 = 1;
const IS_EMPTY: u32 = 2;
const HAS_ID: u32 = 3;
const FILTER: u32 = 4;

/// The key of a condition on a payload field.
const KEY: u32 = 1;

impl Batch<'_> {
    /// The client's vector update, on the points that were marked.
    pub(super) fn update_marked(
        &self,
        op: &OpPlace,
        marked: &[Marked],
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let mut body = Sink::default();
        let is_taken = |role| matches!(role, WriteRole::Points | WriteRole::ShardKey);
        self.take(op, &BATCH_UPDATE_VECTORS, is_taken, &mut body)?;
        let mut any_of = Sink::default();
        for marked in marked {
            let mut condition = Sink::default();
            put_sink(
                FILTER,
                self.guarded(op, &marked.ids, &marked.guards)?,
                &mut condition,
            );
            put_sink(SHOULD, condition, &mut any_of);
        }
        let filter = super::number(&BATCH_UPDATE_VECTORS, WriteRole::UpdateFilter)?;
        put_sink(filter, any_of, &mut body);
        wrap(&BATCH_UPDATE_VECTORS, body, out);
        Ok(())
    }

    /// The body of a filter that takes those of `ids` that exist and pass the guards.
    pub(super) fn guarded(&self, op: &OpPlace, ids: &[PointId], guards: &[Guard]) -> Result<Sink, Refusal> {
        let mut filter = Sink::default();
        let mut own = Vec::new();
        put_existing(&mut own, ids);
        for guard in guards {
            match guard {
                Guard::Written(written) => put_written(&mut own, written),
                Guard::UpdateFilter => {
                    let theirs = self.update_filter(op)?;
                    let mut tag = Vec::new();
                    put_tag(&mut tag, FILTER);
                    let mut condition = Sink::default();
                    condition.put(&tag);
                    self.edited.emit(theirs.value..theirs.end, &mut condition)?;
                    put_sink(MUST, condition, &mut filter);
                }
            }
        }
        filter.put(&own);
        Ok(filter)
    }

    /// The `update_filter` of an operation.
    fn update_filter(&self, op: &OpPlace) -> Result<Raw, Refusal> {
        let mut found = None;
        let mut fields = Cursor::new(self.message, self.body(op)?);
        while let Some(field) = fields.next()? {
            if op.shape.role(field.number) == Some(WriteRole::UpdateFilter) {
                found = Some(field);
            }
        }
        found.ok_or_else(|| unfit("the operation has no condition"))
    }
}

/// The body of a filter: the id is one of `ids`.
pub(in super::super::super) fn put_existing(out: &mut Vec<u8>, ids: &[PointId]) {
    put_message(out, MUST, |out| {
        put_message(out, HAS_ID, |out| put_ids(out, 1, ids));
    });
}

/// More of a filter: nothing stands at `path`, and the write id is one of those given.
pub(super) fn put_unclaimed(out: &mut Vec<u8>, path: &str, written: Option<&Written>) {
    put_message(out, MUST, |out| {
        put_message(out, IS_EMPTY, |out| put_bytes(out, KEY, path.as_bytes()));
    });
    if let Some(written) = written {
        put_written(out, written);
    }
}

/// One of the write ids stands at the path.
fn put_written(out: &mut Vec<u8>, written: &Written) {
    const MATCH: u32 = 2;
    const KEYWORDS: u32 = 5;
    put_message(out, MUST, |out| {
        put_message(out, FIELD, |out| {
            put_bytes(out, KEY, written.path.as_bytes());
            put_message(out, MATCH, |out| {
                put_message(out, KEYWORDS, |out| {
                    for id in &written.ids {
                        put_bytes(out, 1, id.to_string().as_bytes());
                    }
                });
            });
        });
    });
}

/// A submessage whose body is in parts.
pub(super) fn put_sink(number: u32, body: Sink, out: &mut Sink) {
    let mut head = Vec::new();
    put_header(&mut head, number, body.len());
    out.put(&head);
    out.append(body);
}
