//! Answers of requests that are ours in shape: the batch that a write became, and the scroll over what it selects.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::answer;
use super::cursor::{Cursor, Kind, Span};
use super::errors;
use super::splice::{self, Splices};
use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;
use crate::wire::KeyPage;

/// The answer of `POST …/points/batch`, made into the one that the client's verb has: the last step's result for a single
/// write, and for a batch each operation's last, in order. `owners[i]` is the client's operation of step `i`. An answer
/// whose status is an error passes unchanged.
///
/// # Errors
/// `bad_answer` where the results are not one a step.
pub fn unbatch(verb: Verb, answer: &Bytes, owners: &[usize]) -> Result<Bytes, Refusal> {
    let mut results = Vec::new();
    let mut whole = None;
    let is_fine = answer::read_result(answer, |cursor| {
        let start = cursor.offset();
        let mut items = cursor.array()?;
        while cursor.next_item(&mut items)? {
            results.push(cursor.skip()?);
        }
        let end = cursor.end();
        whole = Some(Span { start, end });
        Ok(())
    })?;
    let Some(whole) = whole.filter(|_| is_fine) else {
        return Ok(answer.clone());
    };
    if results.len() != owners.len() {
        return Err(errors::bad_answer(format_args!(
            "{} results for {} operations",
            results.len(),
            owners.len()
        )));
    }
    let last: BTreeMap<usize, Span> = owners.iter().copied().zip(results).collect();
    let mut kept = Vec::with_capacity(last.len());
    for span in last.values() {
        kept.push(vec![splice::kept(answer, *span)?]);
    }
    let result = if verb == Verb::UpdateBatch {
        splice::wrap("[", splice::join(kept), "]")
    } else {
        kept.pop()
            .ok_or_else(|| errors::bad_answer("a batch without results"))?
    };
    let mut splices = Splices::new(answer);
    splices.replace(whole, result);
    Ok(Bytes::from(answer::emit(splices)?.concat()))
}

/// The page of a scroll that [`super::scroll_of`] asked for. The reserved key is not in it, since the request left it out.
///
/// # Errors
/// `bad_answer` where the answer is not a scroll's; an error of the upstream is one too, with its text.
pub fn key_page(answer: &Bytes) -> Result<KeyPage, Refusal> {
    let mut page = KeyPage::default();
    let mut has_result = false;
    let is_fine = answer::read_result(answer, |cursor| {
        has_result = true;
        result(cursor, &mut page)
    })?;
    if is_fine && has_result {
        return Ok(page);
    }
    let shown: String = String::from_utf8_lossy(answer)
        .chars()
        .take(ERROR_SHOWN_CHARS_MAX)
        .collect();
    Err(errors::bad_answer(shown))
}

/// How much of the upstream's error is repeated.
const ERROR_SHOWN_CHARS_MAX: usize = 200;

fn result(cursor: &mut Cursor<'_>, page: &mut KeyPage) -> Result<(), Refusal> {
    let mut members = cursor.object("a result")?;
    while let Some(key) = cursor.next_key(&mut members)? {
        match key.as_ref() {
            "points" => {
                let mut items = cursor.array()?;
                while cursor.next_item(&mut items)? {
                    record(cursor, page)?;
                }
            }
            "next_page_offset" if cursor.null()? => {}
            "next_page_offset" => page.next = Some(id(cursor)?),
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}

fn record(cursor: &mut Cursor<'_>, page: &mut KeyPage) -> Result<(), Refusal> {
    let mut members = cursor.object("a record")?;
    while let Some(key) = cursor.next_key(&mut members)? {
        match (key.as_ref(), cursor.peek()?) {
            ("id", _) => page.ids.push(id(cursor)?),
            ("payload", Kind::Object) => {
                let mut payload = cursor.object("a payload")?;
                while let Some(key) = cursor.next_key(&mut payload)? {
                    if !page.keys.contains(key.as_ref()) {
                        page.keys.insert(key.into_owned());
                    }
                    cursor.skip()?;
                }
            }
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}

fn id(cursor: &mut Cursor<'_>) -> Result<PointId, Refusal> {
    let id = match cursor.peek()? {
        Kind::Number => cursor.number_text()?.parse().ok().map(PointId::Num),
        Kind::Text => uuid::Uuid::parse_str(&cursor.text()?).ok().map(PointId::Uuid),
        Kind::Null | Kind::Bool | Kind::Array | Kind::Object => None,
    };
    id.ok_or_else(|| cursor.fail("a point without a valid id"))
}
