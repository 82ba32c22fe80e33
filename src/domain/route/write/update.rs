//! Vector updates. They do not touch payloads, so the tag is changed beside them, in one ordered batch: the claim is
//! taken away first and made last.
//!
//! What takes the claim away marks the point, with a write id that stands in no other tag. Claims are then made, and
//! conditional vectors set, where the mark still stands: a point that another client has written in between is that
//! client's, and one that an `update_filter` passed over was never marked.

use std::collections::HashMap;

use crate::domain::few::Few;
use crate::domain::ids::{PointId, VectorName, WriteId};
use crate::domain::op::{InputValue, Point, PointVector};
use crate::domain::plan::{Edit, Extra, Guard, Marked, OutVector, PointEdit, Step, VectorFrom, Written};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::tag::{Tag, TagPaths};

use super::super::Lookup;
use super::super::claim::{self, Target};
use super::drops::Drops;
use super::{Draft, point};

/// Every place of one point in a request, in order.
type Places<'p> = Vec<&'p Point<'p>>;

impl Draft<'_, '_> {
    pub(super) fn update_vectors(
        &mut self,
        index: usize,
        points: &[Point<'_>],
        is_conditional: bool,
    ) -> Result<(), Refusal> {
        let mark = (self.new_id)();
        let waits = self.look_up_sources(points);
        let mut drops = Drops::default();
        let mut claims: Vec<(PointId, Tag)> = Vec::new();
        for places in by_id(points) {
            let planned = match self.updated_point(&places) {
                // The text that it lacks may be a stored one, which is being looked up.
                Err(refusal) if waits && refusal.reason == point::NO_SOURCE_TEXT => continue,
                Err(refusal) if refusal.reason == point::NO_SOURCE_TEXT => {
                    return Err(self.missing(&places).unwrap_or(refusal));
                }
                planned => planned?,
            };
            let Some(first) = places.first() else { continue };
            drops.after_update(first.id, &planned, mark);
            claims.push((first.id, Tag(planned.entries)));
        }
        let marked = self.take_claims_away(index, mark, &claims, is_conditional);
        // Without a managed vector there is no tag to keep, and the client's own condition stands.
        if is_conditional && !marked.is_empty() {
            if claims.iter().any(|(_, tag)| tag.0.is_empty()) {
                return Err(unmarkable());
            }
            self.plan.steps.push(Step::ClientMarked(index, marked));
        } else {
            self.client(index);
        }
        self.drop_unclaimed(index, drops);
        for (id, tag) in claims.into_iter().filter(|(_, tag)| !tag.0.is_empty()) {
            let guards = self.bearing(mark, tag.0.iter().map(|entry| &entry.field));
            let ids = vec![id];
            self.extra(index, Extra::SetTag { ids, guards, tag });
        }
        Ok(())
    }

    /// Plans one point, and gives each of its places its part: the server merges them by name, and of one name the
    /// last stands. What is embedded goes to the last place.
    fn updated_point(&mut self, places: &Places<'_>) -> Result<point::PointPlan, Refusal> {
        let merged = Merged::of(places);
        let planned = match (&merged, places.as_slice()) {
            (None, [single]) => self.point(single)?,
            (Some(merged), _) => self.point(&merged.point)?,
            (None, _) => return Err(Refusal::invalid("malformed", "a point is nowhere in the request")),
        };
        for (place, point) in places.iter().enumerate() {
            let vectors = match &merged {
                None => planned.vectors.clone(),
                Some(merged) => merged.vectors_at(place, &planned.vectors).into(),
            };
            let edit = PointEdit { vectors, tag: None };
            self.plan.edits.push((point.site, Edit::Point(edit)));
        }
        Ok(planned)
    }

    /// Qdrant's own answer where the point is not there at all.
    fn missing(&self, places: &Places<'_>) -> Option<Refusal> {
        let id = places.first()?.id;
        let is_there = self.context.known.sources.as_ref()?.contains_key(&id);
        let message = || format!("Not found: No point with id {id} found");
        (!is_there).then(|| Refusal::new(RefusalKind::NotFound, "missing_point", message()))
    }

    /// Of each point only the claims of those fields that it is about to get vectors for.
    fn take_claims_away(
        &mut self,
        index: usize,
        mark: WriteId,
        claims: &[(PointId, Tag)],
        is_conditional: bool,
    ) -> Vec<Marked> {
        let mut emptied: Vec<(Vec<VectorName>, Vec<PointId>)> = Vec::new();
        for (id, tag) in claims.iter().filter(|(_, tag)| !tag.0.is_empty()) {
            let fields: Vec<VectorName> = tag.0.iter().map(|entry| entry.field.clone()).collect();
            match emptied.iter_mut().find(|(known, _)| *known == fields) {
                Some((_, ids)) => ids.push(*id),
                None => emptied.push((fields, vec![*id])),
            }
        }
        let mut marked = Vec::with_capacity(emptied.len());
        for (fields, ids) in emptied {
            let guards = self.bearing(mark, fields.iter());
            let entries = fields.into_iter().map(|field| point::unclaimed(field, mark));
            let set = Extra::SetTag {
                ids: ids.clone(),
                guards: is_conditional
                    .then_some(Guard::UpdateFilter)
                    .into_iter()
                    .collect(),
                tag: Tag(entries.collect()),
            };
            self.extra(index, set);
            marked.push(Marked { ids, guards });
        }
        marked
    }

    /// Holds of a point whose entries of all these fields are the mark's.
    fn bearing<'f>(&self, mark: WriteId, fields: impl Iterator<Item = &'f VectorName>) -> Vec<Guard> {
        let key = self.context.reserved_key;
        let written = |field: &VectorName| {
            let field = field.as_str();
            Guard::Written(Written {
                path: TagPaths { key, field }.write_id(),
                ids: vec![mark],
            })
        };
        fields.map(written).collect()
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

fn unmarkable() -> Refusal {
    Refusal::invalid(
        "conditional_vector_update",
        "an `update_filter` is asked of all points at once, but points without a managed vector have no tag to be marked in: update them in a request of their own",
    )
}

/// The points of a request, each with all its places, in the order of the first ones.
fn by_id<'p>(points: &'p [Point<'p>]) -> Vec<Places<'p>> {
    let mut found: Vec<Places<'p>> = Vec::with_capacity(points.len());
    let mut known = HashMap::with_capacity(points.len());
    for point in points {
        let at = *known.entry(point.id).or_insert(found.len());
        match found.get_mut(at) {
            Some(places) => places.push(point),
            None => found.push(vec![point]),
        }
    }
    found
}

fn is_raw(vector: &PointVector<'_>) -> bool {
    matches!(
        vector.value,
        InputValue::Dense(_) | InputValue::Sparse | InputValue::Multi(_)
    )
}

/// A point that stands in a request more than once, as the server will see it.
struct Merged<'p> {
    point: Point<'p>,
    /// Where each of its vectors stands raw: which place, and which vector there; of several the last one counts.
    origins: Vec<Vec<(usize, usize)>>,
    last: usize,
}

impl<'p> Merged<'p> {
    fn of(places: &Places<'p>) -> Option<Self> {
        let [first, _, ..] = places.as_slice() else {
            return None;
        };
        let mut merged = Self {
            point: Point {
                site: first.site,
                id: first.id,
                vectors: Few::default(),
                has_payload: false,
                has_reserved_key: false,
                texts: Vec::new(),
            },
            origins: Vec::new(),
            last: places.len() - 1,
        };
        for (place, point) in places.iter().enumerate() {
            for (index, vector) in point.vectors.iter().enumerate() {
                let earlier = merged.point.vectors.iter().position(|v| v.name == vector.name);
                match earlier {
                    Some(at) => {
                        merged.point.vectors[at] = vector.clone();
                        // A text that is overridden is not embedded, so it cannot stay.
                        merged.origins[at].retain(|(place, index)| is_raw(&places[*place].vectors[*index]));
                        merged.origins[at].push((place, index));
                    }
                    None => {
                        merged.point.vectors.push(vector.clone());
                        merged.origins.push(vec![(place, index)]);
                    }
                }
            }
        }
        Some(merged)
    }

    /// What a place brings: also a vector that a later place overrides, as it did when it came, for Qdrant refuses a
    /// place without any.
    fn vectors_at(&self, place: usize, planned: &[OutVector]) -> Vec<OutVector> {
        let here = |vector: &OutVector| {
            let from = match vector.from {
                VectorFrom::Kept(at) => self
                    .origins
                    .get(at)?
                    .iter()
                    .rfind(|(from, _)| *from == place)
                    .map(|(_, index)| VectorFrom::Kept(*index))?,
                VectorFrom::Embedded(_) if place == self.last => vector.from,
                VectorFrom::Embedded(_) => return None,
            };
            Some(OutVector {
                name: vector.name.clone(),
                from,
            })
        };
        planned.iter().filter_map(here).collect()
    }
}
