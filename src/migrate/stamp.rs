//! Gives a tag to points that have none, so that every later compare has a write id to compare with. Absence cannot be
//! compared: it may end and come back between a read and a write.

use std::sync::Arc;

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{Operation, SetPayload};
use qdrant_client::qdrant::{Condition, PointId as ProtoId, PointsSelector, PointsUpdateOperation};
use uuid::Uuid;

use super::candidate::{self, Candidate, Entry};
use super::conditions::FieldView;
use crate::domain::ids::{CollectionName, WriteId};
use crate::domain::model::Model;
use crate::domain::source::source_hash;
use crate::domain::tag::TagEntry;
use crate::upstream::calls::filters::{all, has_id, has_vector, is_empty, not};
use crate::upstream::calls::{CallError, Calls, PageQuery};

/// A point that was given a tag, if it still had none.
#[derive(Clone, Debug)]
pub(super) struct Stamped {
    /// The point.
    pub id: ProtoId,
    /// The write id of its tag.
    pub write_id: String,
}

/// A page of points that have the adopted space's vector and no tag is given tags. Returns where the next page starts.
pub(super) async fn page(
    calls: &Calls,
    collection: &CollectionName,
    view: FieldView<'_>,
    adopted: &Model,
    from: Option<ProtoId>,
    points_max: u32,
) -> Result<Option<ProtoId>, CallError> {
    let Some(filter) = view.untagged() else {
        return Ok(None);
    };
    let query = PageQuery {
        filter,
        from,
        points_max,
        payload_paths: candidate::paths(view),
    };
    let page = calls.scroll(collection.as_str(), query).await?;
    let candidates: Vec<_> = page
        .points
        .into_iter()
        .filter_map(|point| candidate::read(view, point))
        .filter(|candidate| candidate.entry == Entry::Untagged)
        .collect();
    stamp(calls, collection, view, Some(adopted), &candidates).await?;
    Ok(page.next)
}

/// Gives these points a tag where they still have none. It claims the adopted space for its model where the point has
/// a vector there, and nothing else.
pub(super) async fn stamp(
    calls: &Calls,
    collection: &CollectionName,
    view: FieldView<'_>,
    adopted: Option<&Model>,
    candidates: &[Candidate],
) -> Result<Vec<Stamped>, CallError> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let mut operations = Vec::with_capacity(candidates.len());
    let mut stamped = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let write_id = WriteId(Uuid::now_v7());
        let mut entry = TagEntry {
            field: view.field.name.clone(),
            write_id,
            source_hash: candidate.text.as_deref().map(source_hash),
            models: Arc::default(),
        };
        if let (Some(model), Some(space)) = (adopted, view.adopted()) {
            let mut claiming = entry.clone();
            claiming.claim(space.vector.clone(), model);
            let has_vector = has_vector(space.vector.as_str());
            operations.push(operation(view, candidate, &claiming, Some(has_vector.clone())));
            // Without that vector there is nothing to claim, nor a text that it was made from.
            entry.source_hash = None;
            operations.push(operation(view, candidate, &entry, Some(not(has_vector))));
        } else {
            operations.push(operation(view, candidate, &entry, None));
        }
        stamped.push(Stamped {
            id: candidate.id.clone(),
            write_id: write_id.to_string(),
        });
    }
    calls.update_batch(collection.as_str(), operations).await?;
    Ok(stamped)
}

fn operation(
    view: FieldView<'_>,
    candidate: &Candidate,
    entry: &TagEntry,
    also: Option<Condition>,
) -> PointsUpdateOperation {
    let mut conditions = vec![
        has_id(vec![candidate.id.clone()]),
        is_empty(view.paths().write_id()),
    ];
    conditions.extend(also);
    let selector = PointsSelector {
        points_selector_one_of: Some(PointsSelectorOneOf::Filter(all(conditions))),
    };
    let set = SetPayload {
        payload: std::iter::once((entry.field.to_string(), entry.to_json().into())).collect(),
        points_selector: Some(selector),
        key: Some(format!("\"{}\"", view.reserved_key)),
        ..SetPayload::default()
    };
    PointsUpdateOperation {
        operation: Some(Operation::SetPayload(set)),
    }
}
