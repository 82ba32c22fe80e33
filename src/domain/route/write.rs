//! Writes: every vector to the space of its model, every space of the field kept fresh, and a tag that says so in the
//! same request.

mod drops;
mod point;
mod update;

use std::ops::Range;

use smallvec::SmallVec;

use crate::domain::ids::WriteId;
use crate::domain::op::{Point, Selector, Site, Write, WriteKind};
use crate::domain::plan::{Edit, Extra, Plan, PointEdit, Step};
use crate::domain::refusal::Refusal;
use crate::domain::tag::{Tag, TagPaths, path_touches};

use super::claim::{self, Target};
use super::{Context, Decision, FoundPayloads, Lookup, read};
use drops::Drops;
use point::PointPlan;

/// What is being put together for one run of writes.
struct Draft<'c, 't> {
    context: &'c Context<'t>,
    new_id: &'c mut dyn FnMut() -> WriteId,
    plan: Plan,
    needs: Vec<Lookup>,
}

pub(super) fn runs(writes: &[Write<'_>]) -> SmallVec<[Range<usize>; 1]> {
    let mut runs = SmallVec::new();
    let mut start = 0;
    for (index, write) in writes.iter().enumerate() {
        let earlier = writes.get(start..index).unwrap_or_default();
        if must_see(&write.kind, earlier) {
            runs.push(start..index);
            start = index;
        }
    }
    runs.push(start..writes.len());
    runs
}

/// Whether a write depends on what those before it leave: the payload keys that it replaces, or stored source texts.
fn must_see(kind: &WriteKind<'_>, earlier: &[Write<'_>]) -> bool {
    match kind {
        WriteKind::OverwritePayload { .. } | WriteKind::ClearPayload { .. } => !earlier.is_empty(),
        WriteKind::UpdateVectors(_) => earlier.iter().any(|write| match write.kind {
            WriteKind::Upsert(_)
            | WriteKind::SetPayload { .. }
            | WriteKind::OverwritePayload { .. }
            | WriteKind::DeletePayload { .. }
            | WriteKind::ClearPayload { .. } => true,
            WriteKind::UpdateVectors(_)
            | WriteKind::DeleteVectors { .. }
            | WriteKind::Delete
            | WriteKind::FieldIndex => false,
        }),
        WriteKind::Upsert(_)
        | WriteKind::DeleteVectors { .. }
        | WriteKind::Delete
        | WriteKind::SetPayload { .. }
        | WriteKind::DeletePayload { .. }
        | WriteKind::FieldIndex => false,
    }
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
            WriteKind::Upsert(points) => self.upsert(index, points, write.is_conditional),
            WriteKind::UpdateVectors(points) => self.update_vectors(index, points, write.is_conditional),
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
    fn upsert(&mut self, index: usize, points: &[Point<'_>], is_conditional: bool) -> Result<(), Refusal> {
        let mut drops = Drops::default();
        let mut template: Option<point::Template<'_, '_>> = None;
        self.plan.edits.reserve(points.len());
        for point in points {
            if point.has_reserved_key {
                return Err(tampering(self.context.reserved_key));
            }
            let known = template.as_ref();
            if let Some(edit) = known.and_then(|known| known.edit(self.context, point, self.new_id)) {
                self.plan.edits.push((point.site, Edit::Point(edit)));
                continue;
            }
            let planned = point::plan(self.context, point, &mut self.plan, self.new_id, &mut template)?;
            if self.context.upsert_retains {
                drops.after_upsert(point.id, &planned, is_conditional);
            }
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

    fn drop_unclaimed(&mut self, index: usize, drops: Drops) {
        for extra in drops.into_extras(self.context.reserved_key) {
            self.extra(index, extra);
        }
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

    fn point(&mut self, point: &Point<'_>) -> Result<PointPlan, Refusal> {
        point::plan(self.context, point, &mut self.plan, self.new_id, &mut None)
    }
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
