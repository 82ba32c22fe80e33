//! Qdrant's answer envelope: `{"result": …, "status": …, "time": …}`. Shared by everything that reads answers.

use bytes::Bytes;

use super::cursor::{Cursor, Kind, Members, Span};
use super::errors;
use super::splice::{self, Parts, Splices};
use crate::domain::refusal::Refusal;

/// Levels of an answer: a payload nests as deep as a request may, and a few levels stand above it.
const ANSWER_DEPTH_MAX: usize = 160;

/// Reads `result` by `read`, if the answer has one. False where the status is an error: then what was read does not count.
pub(super) fn read_result<'a>(
    answer: &'a [u8],
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<(), Refusal>,
) -> Result<bool, Refusal> {
    walk(answer, &mut read).map_err(|e| errors::bad_answer(e.message))
}

fn walk<'a>(
    answer: &'a [u8],
    read: &mut impl FnMut(&mut Cursor<'a>) -> Result<(), Refusal>,
) -> Result<bool, Refusal> {
    let mut cursor = Cursor::new(answer, ANSWER_DEPTH_MAX)?;
    let mut is_fine = true;
    let mut members = cursor.object("an answer")?;
    while let Some(key) = cursor.next_key(&mut members)? {
        match key.as_ref() {
            "result" if cursor.null()? => {}
            "result" => read(&mut cursor)?,
            "status" => {
                is_fine = cursor.peek()? != Kind::Object;
                cursor.skip()?;
            }
            _ => {
                cursor.skip()?;
            }
        }
    }
    cursor.finish()?;
    Ok(is_fine)
}

/// The whole of a body with the edits made so far.
pub(super) fn emit(mut splices: Splices<'_>) -> Result<Vec<Bytes>, Refusal> {
    splices.sort();
    let end = splices.body().len();
    splices.emit(Span { start: 0, end })
}

/// The members of an object, each with its key, where the whole member stands, and where its value does.
pub(super) type Listed<'a> = Vec<(std::borrow::Cow<'a, str>, Span, Span)>;

/// Lists the members of the object that is next.
pub(super) fn list<'a>(cursor: &mut Cursor<'a>) -> Result<Listed<'a>, Refusal> {
    let mut listed = Vec::new();
    let mut members: Members<'a> = cursor.object("an object")?;
    while let Some(key) = cursor.next_key(&mut members)? {
        let value = cursor.skip()?;
        let whole = Span {
            start: members.key_start(),
            end: value.end,
        };
        listed.push((key, whole, value));
    }
    Ok(listed)
}

/// An object of these members, their bytes kept.
pub(super) fn object_of<'s>(
    body: &Bytes,
    members: impl IntoIterator<Item = &'s Span>,
) -> Result<Parts, Refusal> {
    let mut kept = Vec::new();
    for span in members {
        kept.push(vec![splice::kept(body, *span)?]);
    }
    Ok(splice::wrap("{", splice::join(kept), "}"))
}
