//! What this module must hold, against serde_json and by hand.

mod answers;
mod bodies;
mod bounds;
mod cursor;
mod nesting;
mod points;
mod properties;
mod refusals;
mod rewriting;
mod scanning;
mod steps;
mod walk;

use bytes::Bytes;
use serde_json::Value;

use super::{Places, scan};
use crate::domain::op::{Op, OpKind, Read, Verb, Write};
use crate::domain::refusal::Refusal;
use crate::wire::{Lens, Limits, Scan};

/// The lens of these tests.
pub(super) const LENS: Lens<'static> = Lens {
    reserved_key: "_embedding",
    source_keys: &["title", "body"],
    limits: Limits {
        prefetch_depth_max: 3,
        message_depth_max: 100,
        json_depth_max: 40,
        batch_items_max: 4,
        points_max: 8,
    },
};

pub(super) fn scanned(verb: Verb, body: &str) -> Result<Scan<'_, Places>, Refusal> {
    scan(verb, "c", body.as_bytes(), &LENS)
}

pub(super) fn reads<'s, 'a>(op: &'s Op<'a>) -> &'s [Read<'a>] {
    match &op.kind {
        OpKind::Reads(reads) => reads,
        OpKind::Writes(_) | OpKind::Info => panic!("not a read"),
    }
}

pub(super) fn writes<'s, 'a>(op: &'s Op<'a>) -> &'s [Write<'a>] {
    match &op.kind {
        OpKind::Writes(writes) => writes,
        OpKind::Reads(_) | OpKind::Info => panic!("not a write"),
    }
}

pub(super) fn value(parts: &[Bytes]) -> Value {
    serde_json::from_slice(&parts.concat()).expect("valid JSON")
}
