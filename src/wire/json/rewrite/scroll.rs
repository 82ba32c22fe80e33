//! Reads of ours over the points of a client's write: what payload keys do they hold?

use bytes::Bytes;

use super::super::errors;
use super::super::places::{Places, SelectorPlace};
use super::super::splice::{self, Parts};
use super::super::strings;
use super::{batch, values};
use crate::domain::ids::PointId;
use crate::domain::op::Site;
use crate::domain::plan::Edit;
use crate::domain::refusal::Refusal;
use crate::wire::Scan;

/// The body of a `POST …/points/scroll` over the points that the write of this index selects, `limit` points from
/// `offset` on, payload without the reserved key, no vectors. `edits` are the plan's: a `has_vector` in the write's
/// filter is read as it will be sent.
///
/// # Errors
/// A refusal where there is no such write, it has no selector, or the edits do not fit the body.
pub fn scroll_of(
    scan: &Scan<'_, Places>,
    body: &Bytes,
    edits: &[(Site, Edit)],
    write: usize,
    offset: Option<PointId>,
    limit: u32,
    reserved_key: &str,
) -> Result<Bytes, Refusal> {
    // Embeddings are not there yet, and no filter has one.
    let is_name = |(_, edit): &&(Site, Edit)| matches!(edit, Edit::Name(_));
    let names: Vec<_> = edits.iter().filter(is_name).cloned().collect();
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
