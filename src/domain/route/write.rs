//! Writes: every vector to the space of its model, every space of the field kept fresh, and a tag that says so in the
//! same request.

mod point;

use std::ops::Range;

use crate::domain::ids::{PointId, VectorName, WriteId};
use crate::domain::op::{Point, Selector, Site, Write, WriteKind};
use crate::domain::plan::{Edit, Extra, Plan, PointEdit, Step};
use crate::domain::refusal::Refusal;
use crate::domain::tag::{Tag, TagPaths, path_touches};

use super::claim::{self, Target};
use super::{Context, Decision, FoundPayloads, Lookup, read};
use point::PointPlan;

/// What is being put together for one run of writes.
struct Draft<'c, 't> {
    context: &'c Context<'t>,
    new_id: &'c mut dyn FnMut() -> WriteId,
    plan: Plan,
    needs: Vec<Lookup>,
}

pub(super) fn runs(writes: &[Write<'_>]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (index, write) in writes.iter().enumerate() {
        let looks_up = matches!(
            write.kind,
            WriteKind::OverwritePayload { .. } | WriteKind::ClearPayload { .. }
        );
        if looks_up && index > start {
            runs.push(start..index);
            start = index;
        }
    }
    runs.push(start..writes.len());
    runs
}

pub(super) fn decide(
    context: &Context<'_>,
    writes: &[Write<'_>],
    range: Range<usize>,
    new_id: &mut dyn FnMut() -> WriteId,
) -> Result<Decision, Refusal> {
    let mut draft = Draft {
        context,
        new_id,
        plan: Plan::default(),
        needs: Vec::new(),
    };
    for index in range {
        if let Some(write) = writes.get(index) {
            draft.write(index, write)?;
        }
    }
    if !draft.needs.is_empty() {
        return Ok(Decision::Needs(draft.needs, draft.plan.edits));
    }
    if draft.plan.models.is_empty() {
        draft.plan.models = context.serving_models();
    }
    Ok(Decision::Plan(draft.plan))
}

fn tampering(what: &str) -> Refusal {
    Refusal::forbidden(
        "tag_tampering",
        format!("`{what}` would write Interlock's own payload key: leave it out; Interlock keeps it itself"),
    )
}

impl Draft<'_, '_> {
    fn write(&mut self, index: usize, write: &Write<'_>) -> Result<(), Refusal> {
        if let WriteKind::FieldIndex = write.kind
            && let Some(key) = write
                .filters
                .keys
                .iter()
                .find(|key| path_touches(key, self.context.reserved_key))
        {
            return Err(tampering(key));
        }
        read::filters(
            self.context,
            &write.filters,
            &mut Default::default(),
            &mut self.plan,
        )?;
        match &write.kind {
            WriteKind::Upsert(points) => self.upsert(index, points),
            WriteKind::UpdateVectors(points) => self.update_vectors(index, points, write.has_update_filter),
            WriteKind::DeleteVectors { site, names, .. } => self.delete_vectors(index, *site, names),
            WriteKind::SetPayload { keys, path } => {
                self.untouched(keys.iter().filter(|_| path.is_none()).chain(path))?;
                self.client(index);
                Ok(())
            }
            WriteKind::DeletePayload { keys } => {
                self.untouched(keys.iter())?;
                self.client(index);
                Ok(())
            }
            WriteKind::OverwritePayload { keys, selector } => {
                if let Some(key) = keys.iter().find(|key| key.as_ref() == self.context.reserved_key) {
                    return Err(tampering(key));
                }
                let new: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
                self.replace_payload(index, selector, Some(&new))
            }
            WriteKind::ClearPayload { selector } => self.replace_payload(index, selector, None),
            WriteKind::Delete | WriteKind::FieldIndex => {
                self.client(index);
                Ok(())
            }
        }
    }

    fn client(&mut self, index: usize) {
        self.plan.steps.push(Step::Client(index));
    }

    fn extra(&mut self, index: usize, extra: Extra) {
        self.plan.steps.push(Step::Extra(index, extra));
    }

    fn untouched<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k std::borrow::Cow<'k, str>>,
    ) -> Result<(), Refusal> {
        match keys.find(|key| path_touches(key, self.context.reserved_key)) {
            Some(key) => Err(tampering(key)),
            None => Ok(()),
        }
    }

    /// A whole point carries its tag. Where the upstream may keep a vector that the point no longer names, it is
    /// dropped afterwards, unless the tag claims it: then a newer write, or a skipped one, put it there.
    fn upsert(&mut self, index: usize, points: &[Point<'_>]) -> Result<(), Refusal> {
        let mut drops: Vec<(VectorName, VectorName, Vec<PointId>)> = Vec::new();
        for point in points {
            if point.has_reserved_key {
                return Err(tampering(self.context.reserved_key));
            }
            let planned = self.point(point)?;
            let drops_here = planned.absent.iter().filter(|_| self.context.upsert_retains);
            note_absent(&mut drops, point.id, drops_here);
            let edit = PointEdit {
                vectors: planned.vectors,
                tag: Some(Tag(planned.entries)),
            };
            self.plan.edits.push((point.site, Edit::Point(edit)));
        }
        self.client(index);
        self.drop_unclaimed(index, drops);
        Ok(())
    }

    /// Vector updates do not touch payloads, so the claim is taken away first and made last, point by point.
    fn update_vectors(
        &mut self,
        index: usize,
        points: &[Point<'_>],
        has_filter: bool,
    ) -> Result<(), Refusal> {
        if has_filter {
            return Err(Refusal::invalid(
                "conditional_vector_update",
                "`update_filter` of a vector update is not open on managed collections: the tag cannot follow which points it skipped; use an upsert with `update_filter`",
            ));
        }
        let waits = self.look_up_sources(points);
        let mut drops = Vec::new();
        let mut claims: Vec<(PointId, Tag)> = Vec::new();
        let mut emptied: Vec<VectorName> = Vec::new();
        for point in points {
            let planned = match self.point(point) {
                // The text that it lacks may be a stored one, which is being looked up.
                Err(refusal) if waits && refusal.reason == point::NO_SOURCE_TEXT => continue,
                planned => planned?,
            };
            for entry in &planned.entries {
                if !emptied.contains(&entry.field) {
                    emptied.push(entry.field.clone());
                }
            }
            let touched = planned
                .absent
                .iter()
                .filter(|(field, _)| planned.entries.iter().any(|e| e.field == *field));
            note_absent(&mut drops, point.id, touched);
            self.plan.edits.push((
                point.site,
                Edit::Point(PointEdit {
                    vectors: planned.vectors,
                    tag: None,
                }),
            ));
            claims.push((point.id, Tag(planned.entries)));
        }
        let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
        if !emptied.is_empty() {
            let write_id = (self.new_id)();
            let entries = emptied
                .into_iter()
                .map(|field| point::unclaimed(field, write_id))
                .collect();
            self.extra(
                index,
                Extra::SetTag {
                    ids,
                    tag: Tag(entries),
                },
            );
        }
        self.client(index);
        self.drop_unclaimed(index, drops);
        for (id, tag) in merged(claims) {
            if !tag.0.is_empty() {
                self.extra(index, Extra::SetTag { ids: vec![id], tag });
            }
        }
        Ok(())
    }

    fn delete_vectors(
        &mut self,
        index: usize,
        site: Site,
        names: &[std::borrow::Cow<'_, str>],
    ) -> Result<(), Refusal> {
        let mut real = Vec::new();
        let mut paths = Vec::new();
        for name in names {
            match claim::target(self.context.managed, name)? {
                Target::Opaque(name) => real.push(name.clone()),
                Target::Field(field, None) => {
                    real.extend(field.spaces().map(|space| space.vector.clone()));
                    paths.push(
                        TagPaths {
                            key: self.context.reserved_key,
                            field: field.name.as_str(),
                        }
                        .entry(),
                    );
                }
                Target::Field(field, Some(_)) => {
                    return Err(Refusal::invalid(
                        "wrong_space",
                        format!(
                            "`{name}` is one space of vector `{}`: delete `{}`, and all its spaces go",
                            field.name, field.name
                        ),
                    ));
                }
            }
        }
        if !paths.is_empty() {
            self.extra(index, Extra::DeletePayload { paths });
        }
        self.plan.edits.push((site, Edit::Names(real)));
        self.client(index);
        Ok(())
    }

    /// Replacing or clearing a payload must leave each point's own tag: the keys that go are deleted by name.
    fn replace_payload(
        &mut self,
        index: usize,
        selector: &Selector,
        new: Option<&[&str]>,
    ) -> Result<(), Refusal> {
        let Some(FoundPayloads { ids, keys }) = self.context.known.payloads.get(&index) else {
            self.needs.push(Lookup::Payloads { write: index });
            return Ok(());
        };
        let gone = keys
            .iter()
            .filter(|key| !new.unwrap_or_default().contains(&key.as_str()));
        let paths = gone.map(|key| quoted(key)).collect::<Result<Vec<_>, _>>()?;
        let by_filter = matches!(selector, Selector::Filter(_));
        if new.is_some() {
            self.plan
                .steps
                .push(Step::SetInstead(index, by_filter.then(|| ids.clone())));
        }
        if !paths.is_empty() || new.is_none() {
            let extra = match by_filter {
                true => Extra::DeletePayloadOf {
                    ids: ids.clone(),
                    paths,
                },
                false => Extra::DeletePayload { paths },
            };
            self.extra(index, extra);
        }
        Ok(())
    }

    fn drop_unclaimed(&mut self, index: usize, drops: Vec<(VectorName, VectorName, Vec<PointId>)>) {
        for (field, space, ids) in drops {
            let claim_path = TagPaths {
                key: self.context.reserved_key,
                field: field.as_str(),
            }
            .model_of(space.as_str());
            self.extra(
                index,
                Extra::DropUnclaimed {
                    ids,
                    space,
                    claim_path,
                },
            );
        }
    }

    fn point(&mut self, point: &Point<'_>) -> Result<PointPlan, Refusal> {
        point::plan(self.context, point, &mut self.plan, self.new_id)
    }

    /// A vector update carries no payload: the texts that the other space needs are read from the stored points.
    /// Returns whether the decision waits for them.
    fn look_up_sources(&mut self, points: &[Point<'_>]) -> bool {
        if self.context.known.sources.is_some() {
            return false;
        }
        let with_source = |point: &&Point<'_>| {
            point.vectors.iter().any(|vector| {
                matches!(claim::target(self.context.managed, &vector.name),
                    Ok(Target::Field(field, _)) if field.source.is_some())
            })
        };
        let ids: Vec<PointId> = points.iter().filter(with_source).map(|point| point.id).collect();
        let waits = !ids.is_empty();
        if waits {
            self.needs.push(Lookup::Sources { ids });
        }
        waits
    }
}

fn note_absent<'a>(
    drops: &mut Vec<(VectorName, VectorName, Vec<PointId>)>,
    id: PointId,
    absent: impl Iterator<Item = &'a (VectorName, VectorName)>,
) {
    for (field, space) in absent {
        match drops.iter_mut().find(|(f, s, _)| f == field && s == space) {
            Some((_, _, ids)) => ids.push(id),
            None => drops.push((field.clone(), space.clone(), vec![id])),
        }
    }
}

/// Entries of points that stand in the request more than once: the server merges them by name, the last one wins.
fn merged(claims: Vec<(PointId, Tag)>) -> Vec<(PointId, Tag)> {
    let mut merged: Vec<(PointId, Tag)> = Vec::with_capacity(claims.len());
    let mut places = std::collections::HashMap::with_capacity(claims.len());
    for (id, tag) in claims {
        let place = *places.entry(id).or_insert_with(|| {
            merged.push((id, Tag::default()));
            merged.len() - 1
        });
        for entry in tag.0 {
            merged[place].1.0.retain(|earlier| earlier.field != entry.field);
            merged[place].1.0.push(entry);
        }
    }
    merged
}

/// A top-level key as a JSON path.
fn quoted(key: &str) -> Result<String, Refusal> {
    if key.contains('"') {
        return Err(Refusal::invalid(
            "unquotable_key",
            format!(
                "payload key `{key}` holds a quotation mark, which Qdrant's JSON paths cannot say: delete it with an upsert"
            ),
        ));
    }
    Ok(format!("\"{key}\""))
}
