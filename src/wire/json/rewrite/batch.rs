//! The body of `POST …/points/batch`: the client's operations with ours among them, in the plan's order.

use bytes::Bytes;

use super::super::errors;
use super::super::places::{Places, SelectorPlace, WritePlace};
use super::super::splice::{self, Parts, Splices};
use super::super::strings;
use super::values;
use crate::domain::ids::PointId;
use crate::domain::plan::{Extra, Guard, Marked, Step, Written};
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
        Step::ClientMarked(_, marked) => ("update_vectors", update_marked(write, splices, marked)?),
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

/// The client's vector update, on the points that were marked.
fn update_marked(write: &WritePlace, splices: &Splices<'_>, marked: &[Marked]) -> Result<Parts, Refusal> {
    let points = write
        .points
        .ok_or_else(|| errors::misfit("an operation without points"))?;
    let mut any_of = Vec::with_capacity(marked.len());
    for marked in marked {
        any_of.push(guarded(write, splices, &marked.ids, &marked.guards)?);
    }
    let filter = splice::wrap("{\"should\":[", splice::join(any_of), "]}");
    let points = splice::member("points", splices.emit(points)?);
    object(
        write,
        splices,
        vec![points, splice::member("update_filter", filter)],
    )
}

/// A filter that takes those of `ids` that exist and pass the guards.
fn guarded(
    write: &WritePlace,
    splices: &Splices<'_>,
    ids: &[PointId],
    guards: &[Guard],
) -> Result<Parts, Refusal> {
    let mut must = vec![vec![splice::new(format!("{{\"has_id\":{}}}", values::ids(ids)))]];
    for guard in guards {
        must.push(match guard {
            Guard::Written(written) => vec![splice::new(has_written(written))],
            Guard::UpdateFilter => {
                let filter = write.update_filter;
                splices.emit(filter.ok_or_else(|| errors::misfit("an operation without a condition"))?)?
            }
        });
    }
    Ok(splice::wrap("{\"must\":[", splice::join(must), "]}"))
}

/// A condition: one of the write ids stands at the path.
fn has_written(written: &Written) -> String {
    let ids: Vec<String> = written.ids.iter().map(ToString::to_string).collect();
    format!(
        "{{\"key\":{},\"match\":{{\"any\":{}}}}}",
        strings::quote(&written.path),
        super::list(&ids)
    )
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
        Extra::SetTag { ids, guards, tag } => (
            "set_payload",
            vec![
                text_member("payload", tag.to_json().to_string()),
                splice::member("key", values::quoted(&values::path_of(reserved_key))),
                match guards.is_empty() {
                    true => text_member("points", values::ids(ids)),
                    false => splice::member("filter", guarded(write, splices, ids, guards)?),
                },
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
    let written = written.map(|written| format!(",{}", has_written(written)));
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
