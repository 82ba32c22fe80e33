//! The table itself, in four parts. Two rows never share a path, and two patterns of one method never overlap, so the
//! order of rows does not count.

mod admin;
mod collections;
mod internal;
mod points;

use strum::EnumCount;

use super::{Closed, Reach, Row, Treatment};
use crate::domain::access::Group;
use crate::domain::op::Verb;
use crate::domain::schema::SchemaCall;

const PARTS: [&[Row]; 4] = [points::ROWS, collections::ROWS, admin::ROWS, internal::ROWS];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.into_iter().flatten()
}

/// What no row names.
pub(super) static UNKNOWN: Row = Row {
    name: "unknown",
    grpc: &[],
    rest: &[],
    treatment: Treatment::Refused("no such call"),
};

/// A verb's row.
pub(super) fn row(verb: Verb) -> &'static Row {
    BY_VERB[verb as usize]
}

/// A verb without a row, or with two, does not compile.
static BY_VERB: [&Row; Verb::COUNT] = {
    let mut found = [&UNKNOWN; Verb::COUNT];
    let mut is_found = [false; Verb::COUNT];
    let mut left = Verb::COUNT;
    let mut part = 0;
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            let row = &PARTS[part][at];
            if let Treatment::Scanned(verb) = row.treatment {
                assert!(!is_found[verb as usize], "a verb has two rows");
                is_found[verb as usize] = true;
                found[verb as usize] = row;
                left -= 1;
            }
            at += 1;
        }
        part += 1;
    }
    assert!(left == 0, "a verb has no row");
    found
};

type Paths = &'static [&'static str];

const fn row_of(name: &'static str, grpc: Paths, rest: Paths, treatment: Treatment) -> Row {
    Row {
        name,
        grpc,
        rest,
        treatment,
    }
}

const fn passed(name: &'static str, grpc: Paths, rest: Paths) -> Row {
    row_of(name, grpc, rest, Treatment::Passed)
}

const fn scanned(verb: Verb, name: &'static str, grpc: Paths, rest: Paths) -> Row {
    row_of(name, grpc, rest, Treatment::Scanned(verb))
}

const fn refused(name: &'static str, why: &'static str, grpc: Paths, rest: Paths) -> Row {
    row_of(name, grpc, rest, Treatment::Refused(why))
}

const fn schema(call: SchemaCall, name: &'static str, grpc: Paths, rest: Paths) -> Row {
    row_of(name, grpc, rest, Treatment::Schema(call))
}

/// Opened with `group`.
const fn closed(
    group: Group,
    reach: Reach,
    name: &'static str,
    could: &'static str,
    grpc: Paths,
    rest: Paths,
) -> Row {
    let closed = Closed {
        reach,
        group: Some(group),
        could,
        replaces: matches!(group, Group::Restore),
    };
    row_of(name, grpc, rest, Treatment::Closed(closed))
}
