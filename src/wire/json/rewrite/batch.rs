//! The body of `POST …/points/batch`: the client's operations with ours among them, in the plan's order.

use bytes::Bytes;

use super::super::errors;
use super::super::places::{Places, SelectorPlace, WritePlace};
use super::super::splice::{self, Parts, Splices};
use super::super::strings;
use super::values;
use crate::domain::ids::PointId;
use crate::domain::plan::{Extra, Step, Written};
use crate::domain::refusal::Refusal;

/// The whole body.
pub(super) fn body(
    places: &Places,
    splices: &Splices<'_>,
    steps: &[Step],
    reserved_key: &str,
) -> Result<Parts, Refusal> {
    let mut operations = Vec::with_capacity(steps.len());
    for step in steps {
        let write = places
            .writes
            .get(step.owner())
            .ok_or_else(|| errors::misfit("a step for an operation that is not there"))?;
        operations.push(operation(write, splices, step, reserved_key)?);
    }
    Ok(splice::wrap("{\"operations\":[", splice::join(operations), "]}"))
}

fn operation(
    write: &WritePlace,
    splices: &Splices<'_>,
    step: &Step,
    reserved_key: &str,
) -> Result<Parts, Refusal> {
    let (key, body) = match step {
        Step::Client(_) => {
            let key = write
                .operation
                .key()
                .ok_or_else(|| errors::misfit("an index operation cannot be batched"))?;
            (key, splices.emit(write.body)?)
        }
        Step::SetInstead(_, ids) => ("set_payload", set_instead(write, splices, ids.as_deref())?),
        Step::Extra(_, extra) => extra_operation(write, splices, extra, reserved_key)?,
    };
    Ok(splice::wrap("{", splice::member(key, body), "}"))
}

/// The client's overwrite as a merge. Its `key` is left out: an overwrite ignores it.
fn set_instead(write: &WritePlace, splices: &Splices<'_>, ids: Option<&[PointId]>) -> Result<Parts, Refusal> {
    let payload = write
        .payload
        .ok_or_else(|| errors::misfit("an operation without a payload"))?;
    let selector = match ids {
        Some(ids) => splice::member("filter", values::has_id(ids)),
        None => selector(write, splices)?,
    };
    let payload = splice::member("payload", splices.emit(payload)?);
    object(write, splices, vec![payload, selector])
}

fn extra_operation(
    write: &WritePlace,
    splices: &Splices<'_>,
    extra: &Extra,
    reserved_key: &str,
) -> Result<(&'static str, Parts), Refusal> {
    let (key, members) = match extra {
        Extra::DropUnclaimed {
            ids,
            space,
            claim_path,
            written,
        } => {
            let filter = unclaimed(ids, claim_path, written.as_ref());
            let names = strings::quote_list([space.as_str()]);
            (
                "delete_vectors",
                vec![text_member("vector", names), text_member("filter", filter)],
            )
        }
        Extra::SetTag { ids, tag } => (
            "set_payload",
            vec![
                text_member("payload", tag.to_json().to_string()),
                splice::member("key", values::quoted(&values::path_of(reserved_key))),
                text_member("points", values::ids(ids)),
            ],
        ),
        Extra::DeletePayload { paths } => (
            "delete_payload",
            vec![text_member("keys", super::list(paths)), selector(write, splices)?],
        ),
        Extra::DeletePayloadOf { ids, paths } => (
            "delete_payload",
            vec![
                text_member("keys", super::list(paths)),
                splice::member("filter", values::has_id(ids)),
            ],
        ),
    };
    Ok((key, object(write, splices, members)?))
}

/// A filter: one of the ids, nothing at the path, and, where it is given, written.
fn unclaimed(ids: &[PointId], path: &str, written: Option<&Written>) -> String {
    let written = written.map(|written| {
        let ids: Vec<String> = written.ids.iter().map(ToString::to_string).collect();
        format!(
            ",{{\"key\":{},\"match\":{{\"any\":{}}}}}",
            strings::quote(&written.path),
            super::list(&ids)
        )
    });
    format!(
        "{{\"must\":[{{\"has_id\":{}}},{{\"is_empty\":{{\"key\":{}}}}}{}]}}",
        values::ids(ids),
        strings::quote(path),
        written.unwrap_or_default()
    )
}

fn text_member(key: &str, value: String) -> Parts {
    splice::member(key, vec![splice::new(value)])
}

/// The client's own selector.
fn selector(write: &WritePlace, splices: &Splices<'_>) -> Result<Parts, Refusal> {
    match write.selector {
        Some(SelectorPlace::Ids(span)) => Ok(splice::member("points", splices.emit(span)?)),
        Some(SelectorPlace::Filter(span)) => Ok(splice::member("filter", splices.emit(span)?)),
        None => Err(errors::misfit("an operation without a selector")),
    }
}

/// An operation of ours: its members, and the shard key of the client's that it belongs to.
fn object(write: &WritePlace, splices: &Splices<'_>, mut members: Vec<Parts>) -> Result<Parts, Refusal> {
    members.extend(shard_key(write, splices)?);
    Ok(splice::wrap("{", splice::join(members), "}"))
}

/// The client's shard key as a member, where it gave one.
pub(super) fn shard_key(write: &WritePlace, splices: &Splices<'_>) -> Result<Option<Parts>, Refusal> {
    let Some(span) = write.shard_key else {
        return Ok(None);
    };
    let value: Vec<Bytes> = splices.emit(span)?;
    Ok(Some(splice::member("shard_key", value)))
}
