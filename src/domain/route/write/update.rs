//! Vector updates. They do not touch payloads, so the claim is taken away first and made last.

use std::collections::HashMap;

use crate::domain::ids::{PointId, VectorName};
use crate::domain::op::Point;
use crate::domain::plan::{Edit, Extra, OutVector, PointEdit, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::domain::tag::Tag;

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
        if is_conditional {
            return Err(Refusal::invalid(
                "conditional_vector_update",
                "`update_filter` of a vector update is not open on managed collections: the tag cannot follow which points it skipped; use an upsert with `update_filter`",
            ));
        }
        let waits = self.look_up_sources(points);
        let mut drops = Drops::default();
        let mut claims: Vec<(PointId, Tag)> = Vec::new();
        for places in by_id(points) {
            let planned = match self.updated_point(&places) {
                // The text that it lacks may be a stored one, which is being looked up.
                Err(refusal) if waits && refusal.reason == point::NO_SOURCE_TEXT => continue,
                planned => planned?,
            };
            let Some(first) = places.first() else { continue };
            drops.after_update(first.id, &planned);
            claims.push((first.id, Tag(planned.entries)));
        }
        self.take_claims_away(index, &claims);
        self.client(index);
        self.drop_unclaimed(index, drops);
        for (id, tag) in claims {
            if !tag.0.is_empty() {
                self.extra(index, Extra::SetTag { ids: vec![id], tag });
            }
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
                Some(merged) => merged.vectors_at(place, &planned.vectors),
            };
            let edit = PointEdit { vectors, tag: None };
            self.plan.edits.push((point.site, Edit::Point(edit)));
        }
        Ok(planned)
    }

    /// Of each point only the claims of those fields that it is about to get vectors for.
    fn take_claims_away(&mut self, index: usize, claims: &[(PointId, Tag)]) {
        let mut emptied: Vec<(Vec<VectorName>, Vec<PointId>)> = Vec::new();
        for (id, tag) in claims.iter().filter(|(_, tag)| !tag.0.is_empty()) {
            let fields: Vec<VectorName> = tag.0.iter().map(|entry| entry.field.clone()).collect();
            match emptied.iter_mut().find(|(known, _)| *known == fields) {
                Some((_, ids)) => ids.push(*id),
                None => emptied.push((fields, vec![*id])),
            }
        }
        for (fields, ids) in emptied {
            let write_id = (self.new_id)();
            let entries = fields.into_iter().map(|field| point::unclaimed(field, write_id));
            let tag = Tag(entries.collect());
            self.extra(index, Extra::SetTag { ids, tag });
        }
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

/// A point that stands in a request more than once, as the server will see it.
struct Merged<'p> {
    point: Point<'p>,
    /// Where each of its vectors comes from: which place, and which vector there.
    origins: Vec<(usize, usize)>,
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
                vectors: Vec::new(),
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
                        merged.origins[at] = (place, index);
                    }
                    None => {
                        merged.point.vectors.push(vector.clone());
                        merged.origins.push((place, index));
                    }
                }
            }
        }
        Some(merged)
    }

    fn vectors_at(&self, place: usize, planned: &[OutVector]) -> Vec<OutVector> {
        let here = |vector: &OutVector| {
            let from = match vector.from {
                VectorFrom::Kept(at) => self
                    .origins
                    .get(at)
                    .filter(|(from, _)| *from == place)
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
