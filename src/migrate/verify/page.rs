//! One page of a verification. All points are read without vectors; those that seem to claim what is not so, and those
//! that are drawn for the sample, are read a second time, each whole, and only that reading counts against them: what
//! changes between two readings is no difference.

use std::collections::BTreeSet;
use std::sync::Arc;

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{Operation, SetPayload};
use qdrant_client::qdrant::{PointId as ProtoId, PointsSelector, PointsUpdateOperation};
use uuid::Uuid;

use super::seen::{Holders, Read, read, read_whole};
use crate::domain::embedder::EmbedderSpec;
use crate::domain::ids::WriteId;
use crate::domain::model::Model;
use crate::domain::phase::Migration;
use crate::domain::plan::Embedding;
use crate::domain::table::Space;
use crate::domain::tag::TagEntry;
use crate::domain::verify::{Difference, Verification, cosine, is_sampled};
use crate::migrate::candidate;
use crate::migrate::conditions::FieldView;
use crate::migrate::embedding::{self, Texts};
use crate::migrate::error::{ControlError, ErrorKind};
use crate::migrate::inner::{Inner, chain};
use crate::upstream::calls::filters::{all, has_id, has_vector, is_any_of};
use crate::upstream::calls::{PageQuery, parse_id, spelled};

/// What a page is looked at with.
struct Lens<'a> {
    collection: &'a str,
    view: FieldView<'a>,
    spaces: [&'a Space; 2],
    models: [Model; 2],
    marks: Vec<String>,
    /// Whether each space's model has an embedder.
    can_fill: Vec<bool>,
}

/// A point that was read whole.
struct Whole {
    read: Read,
    vectors: Vec<Option<Embedding>>,
    found: Vec<(Difference, usize)>,
}

impl Inner {
    /// Looks at the page from the cursor on. Returns where the next one starts. On an error, nothing of the page counts.
    pub(super) async fn look_at_page(
        &self,
        migration: &Migration,
        seen: &mut Verification,
    ) -> Result<Option<String>, ControlError> {
        let field = self.field_of(migration)?;
        let spaces = [&migration.from, &migration.to];
        let models = [self.model(&spaces[0].model)?, self.model(&spaces[1].model)?];
        let lens = Lens {
            collection: migration.key.collection.as_str(),
            view: self.view(&field),
            spaces,
            marks: models.iter().map(Model::mark).collect(),
            can_fill: models
                .iter()
                .map(|model| !matches!(self.spec(&model.id), EmbedderSpec::None))
                .collect(),
            models,
        };
        let (reads, next) = self.read_page(&lens, seen.cursor.as_deref()).await?;
        // What the page says, kept apart until it is whole.
        let mut after = seen.clone();
        let again = count(&lens, &reads, &mut after);
        let mut whole = self.read_again(&lens, again).await?;
        self.compare(&lens, &mut whole, &mut after).await?;
        for point in &whole {
            for (difference, index) in &point.found {
                if difference.is_false_claim() {
                    after.note(*difference, &lens.spaces[*index].vector, spelled(&point.read.id));
                }
            }
        }
        if after.ask.repair {
            after.repaired += self.repair(&lens, &whole).await?;
        }
        after.error = None;
        *seen = after;
        Ok(next.as_ref().map(spelled))
    }

    async fn read_page(
        &self,
        lens: &Lens<'_>,
        cursor: Option<&str>,
    ) -> Result<(Vec<Read>, Option<ProtoId>), ControlError> {
        let from = match cursor {
            Some(cursor) => Some(parse_id(cursor).ok_or_else(|| {
                ControlError::new(
                    ErrorKind::Store,
                    format!("`{cursor}` is no point id: the store is damaged"),
                )
            })?),
            None => None,
        };
        let query = PageQuery {
            from,
            points_max: self.settings.page_points,
            payload_paths: candidate::paths(lens.view),
            ..PageQuery::default()
        };
        let page = self.calls.scroll(lens.collection, query).await?;
        let ids: Vec<ProtoId> = page.points.iter().filter_map(|point| point.id.clone()).collect();
        let mut holders: Vec<Holders> = Vec::with_capacity(lens.spaces.len());
        for space in lens.spaces {
            let query = PageQuery {
                filter: all(vec![has_id(ids.clone()), has_vector(space.vector.as_str())]),
                points_max: self.settings.page_points,
                ..PageQuery::default()
            };
            let held = self.calls.scroll(lens.collection, query).await?.points;
            holders.push(held.into_iter().filter_map(|point| point.id).collect());
        }
        let reads = page.points.into_iter().filter_map(|point| {
            let id = point.id?;
            let holds = |index: usize| holders.get(index).is_some_and(|all| all.contains(&id));
            read(lens.view, &lens.spaces, Some(id.clone()), &point.payload, holds)
        });
        Ok((reads.collect(), page.next))
    }

    /// Those that still exist, each read in one piece.
    async fn read_again(&self, lens: &Lens<'_>, ids: Vec<ProtoId>) -> Result<Vec<Whole>, ControlError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let names = lens.spaces.iter().map(|space| space.vector.to_string()).collect();
        let paths = candidate::paths(lens.view);
        let points = self
            .calls
            .get_vectors(lens.collection, ids, &paths, names)
            .await?;
        let whole = points.into_iter().filter_map(|point| {
            let (read, vectors) = read_whole(lens.view, &lens.spaces, point)?;
            let found = read.seen.differences(&lens.marks);
            Some(Whole { read, vectors, found })
        });
        Ok(whole.collect())
    }

    /// Embeds the sample's texts anew and compares.
    async fn compare(
        &self,
        lens: &Lens<'_>,
        whole: &mut [Whole],
        seen: &mut Verification,
    ) -> Result<(), ControlError> {
        let least = f64::from(self.settings.verify_cosine_min_percent) / 100.0;
        for (index, model) in lens.models.iter().enumerate() {
            if !lens.can_fill[index] {
                continue;
            }
            let is_drawn = |point: &Whole| {
                let id = spelled(&point.read.id);
                point.read.seen.is_of_its_text()
                    && point.read.seen.is_fresh(index, &lens.marks[index])
                    && is_sampled(seen.started_at_ms, &id, seen.ask.sample, seen.total)
            };
            let drawn: Vec<usize> = (0..whole.len()).filter(|at| is_drawn(&whole[*at])).collect();
            let texts = Texts::of(drawn.iter().filter_map(|at| whole[*at].read.text.as_deref()));
            let embedded = embedding::all(&self.embedders, &model.id, &texts)
                .await
                .map_err(|failure| ControlError::new(ErrorKind::Embedder, chain(&failure)))?;
            for at in drawn {
                let point = &mut whole[at];
                let text = point.read.text.as_deref();
                let place = text.and_then(|text| texts.place(text));
                let expected = place.and_then(|place| embedded.vectors.get(place)?.as_ref());
                let (Some(expected), Some(held)) = (expected, &point.vectors[index]) else {
                    continue;
                };
                let near = cosine(expected, held).unwrap_or(-1.0);
                let look = &mut seen.spaces[index];
                look.sampled += 1;
                look.lowest_cosine = Some(look.lowest_cosine.map_or(near, |lowest| lowest.min(near)));
                if near < least {
                    point.found.push((Difference::Deviating, index));
                }
            }
        }
        Ok(())
    }

    /// Takes away what is claimed and not so, where the point is still of the write that was read. What is not claimed
    /// is pending, and filled anew by the migration's own loop.
    async fn repair(&self, lens: &Lens<'_>, whole: &[Whole]) -> Result<u64, ControlError> {
        let mut operations = Vec::new();
        for point in whole {
            let Some(kept) = point.read.seen.kept_claims(&point.found, &lens.can_fill) else {
                continue;
            };
            let Some(write_id) = &point.read.seen.write_id else {
                continue;
            };
            let mut entry = TagEntry {
                field: lens.view.field.name.clone(),
                write_id: WriteId(Uuid::now_v7()),
                source_hash: match kept.is_empty() {
                    // Everything is made anew, from the text of now.
                    true => point.read.seen.text_hash.clone(),
                    false => point.read.seen.source_hash.clone(),
                },
                models: Arc::default(),
            };
            for index in kept {
                entry.claim(lens.spaces[index].vector.clone(), &lens.models[index]);
            }
            operations.push(operation(lens, &point.read.id, write_id, &entry));
        }
        let repaired = operations.len() as u64;
        if repaired > 0 {
            self.calls.update_batch(lens.collection, operations).await?;
        }
        Ok(repaired)
    }
}

/// Counts a page. Returns the points that have to be read again.
fn count(lens: &Lens<'_>, reads: &[Read], seen: &mut Verification) -> Vec<ProtoId> {
    let mut again = BTreeSet::new();
    for (at, Read { id, seen: point, .. }) in reads.iter().enumerate() {
        if !point.has_field() {
            continue;
        }
        seen.points += 1;
        let id = spelled(id);
        for (index, mark) in lens.marks.iter().enumerate() {
            let is_fresh = point.is_fresh(index, mark);
            let look = &mut seen.spaces[index];
            look.fresh += u64::from(is_fresh);
            look.pending += u64::from(!is_fresh);
            if let (true, Some(write_id)) = (is_fresh, &point.write_id) {
                let hash = point.source_hash.as_deref().unwrap_or_default();
                look.digest = look.digest.with(&id, write_id, hash);
            }
        }
        for (difference, index) in point.differences(&lens.marks) {
            if difference.is_false_claim() {
                again.insert(at);
            } else {
                seen.note(difference, &lens.spaces[index].vector, id.clone());
            }
        }
        if is_sampled(seen.started_at_ms, &id, seen.ask.sample, seen.total) {
            again.insert(at);
        }
    }
    again.into_iter().map(|at| reads[at].id.clone()).collect()
}

fn operation(lens: &Lens<'_>, id: &ProtoId, write_id: &str, entry: &TagEntry) -> PointsUpdateOperation {
    let unchanged = is_any_of(lens.view.paths().write_id(), vec![write_id.to_owned()]);
    let filter = all(vec![has_id(vec![id.clone()]), unchanged]);
    let set = SetPayload {
        payload: std::iter::once((entry.field.to_string(), entry.to_json().into())).collect(),
        points_selector: Some(PointsSelector {
            points_selector_one_of: Some(PointsSelectorOneOf::Filter(filter)),
        }),
        key: Some(format!("\"{}\"", lens.view.reserved_key)),
        ..SetPayload::default()
    };
    PointsUpdateOperation {
        operation: Some(Operation::SetPayload(set)),
    }
}
