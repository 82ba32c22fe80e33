//! Reads of ours over the points of a client's write: what payload keys do they hold?

use bytes::Bytes;

use super::super::errors;
use super::super::places::{Places, SelectorPlace};
use super::super::splice::{self, Parts};
use super::super::strings;
use super::{batch, values};
use crate::domain::ids::PointId;
use crate::domain::plan::Plan;
use crate::domain::refusal::Refusal;
use crate::wire::Scan;

/// [`scroll_of_planned`] without edits: for writes whose filter names no vector.
///
/// # Errors
/// As there.
pub fn scroll_of(
    scan: &Scan<'_, Places>,
    body: &Bytes,
    write: usize,
    offset: Option<PointId>,
    limit: u32,
    reserved_key: &str,
) -> Result<Bytes, Refusal> {
    scroll_of_planned(scan, body, &Plan::default(), write, offset, limit, reserved_key)
}

/// The body of a `POST …/points/scroll` over the points that the write of this index selects, `limit` points from
/// `offset` on, payload without the reserved key, no vectors. The plan's edits apply to the filter, so that a
/// `has_vector` in it means the real name.
///
/// # Errors
/// A refusal where there is no such write, it has no selector, or the plan does not fit the body.
pub fn scroll_of_planned(
    scan: &Scan<'_, Places>,
    body: &Bytes,
    plan: &Plan,
    write: usize,
    offset: Option<PointId>,
    limit: u32,
    reserved_key: &str,
) -> Result<Bytes, Refusal> {
    // Embeddings are not there yet, and no filter has one.
    let names = Plan {
        edits: plan
            .edits
            .iter()
            .filter(|(_, edit)| matches!(edit, crate::domain::plan::Edit::Name(_)))
            .cloned()
            .collect(),
        ..Plan::default()
    };
    let splices = super::splices(scan, body, &names, &[], reserved_key)?;
    let place = scan
        .places
        .writes
        .get(write)
        .ok_or_else(|| errors::misfit("a scroll for an operation that is not there"))?;
    let filter = match place.selector {
        Some(SelectorPlace::Filter(span)) => splices.emit(span)?,
        Some(SelectorPlace::Ids(span)) => splice::wrap("{\"must\":[{\"has_id\":", splices.emit(span)?, "}]}"),
        None => return Err(errors::misfit("an operation without a selector")),
    };
    let mut members = vec![splice::member("filter", filter)];
    members.extend(batch::shard_key(place, &splices)?);
    if let Some(offset) = offset {
        members.push(splice::member("offset", vec![splice::new(values::id(&offset))]));
    }
    let hidden = strings::quote_list([values::path_of(reserved_key).as_str()]);
    members.push(vec![splice::new(format!(
        "\"limit\":{limit},\"with_payload\":{{\"exclude\":{hidden}}},\"with_vector\":false"
    ))]);
    Ok(concat(&splice::wrap("{", splice::join(members), "}")))
}

fn concat(parts: &Parts) -> Bytes {
    Bytes::from(parts.concat())
}
