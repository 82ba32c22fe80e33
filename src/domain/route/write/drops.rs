//! Vectors that a write leaves out and the upstream may keep: they are dropped after it, unless the tag claims them.

use crate::domain::ids::{PointId, VectorName, WriteId};
use crate::domain::plan::{Extra, Written};
use crate::domain::tag::TagPaths;

use super::point::PointPlan;

/// What is to be dropped, by space.
#[derive(Debug, Default)]
pub(super) struct Drops(Vec<Drop>);

#[derive(Debug)]
struct Drop {
    field: VectorName,
    space: VectorName,
    points: Vec<PointId>,
    /// The field whose entry the points have if they were written, and not anew since, with their write ids.
    written: Option<(VectorName, Vec<WriteId>)>,
}

impl Drops {
    /// Everything that an upserted point does not name.
    ///
    /// A conditional upsert may have skipped the point, and a point from before the adoption has no claims, so that
    /// their absence alone would not spare it. What the write itself left there tells: its write id. A point that
    /// names no vector of a field has none, and nothing of it is dropped.
    pub fn after_upsert(&mut self, id: PointId, planned: &PointPlan, is_conditional: bool) {
        let written = planned.entries.first().filter(|_| is_conditional);
        if is_conditional && written.is_none() {
            return;
        }
        let written = written.map(|entry| (&entry.field, entry.write_id));
        for (field, space) in planned.absent.iter() {
            self.push(id, field, space, written);
        }
    }

    /// What a vector update leaves out of the fields that it writes, of points whose entry still is the mark's.
    pub fn after_update(&mut self, id: PointId, planned: &PointPlan, mark: WriteId) {
        for (field, space) in planned.absent.iter() {
            if planned.entries.iter().any(|entry| entry.field == *field) {
                self.push(id, field, space, Some((field, mark)));
            }
        }
    }

    fn push(
        &mut self,
        id: PointId,
        field: &VectorName,
        space: &VectorName,
        written: Option<(&VectorName, WriteId)>,
    ) {
        let known = self.0.iter_mut().find(|drop| {
            drop.field == *field
                && drop.space == *space
                && drop.written.as_ref().map(|(of, _)| of) == written.map(|(of, _)| of)
        });
        match known {
            Some(drop) => {
                drop.points.push(id);
                if let (Some((_, ids)), Some((_, write_id))) = (&mut drop.written, written)
                    && ids.last() != Some(&write_id)
                {
                    ids.push(write_id);
                }
            }
            None => self.0.push(Drop {
                field: field.clone(),
                space: space.clone(),
                points: vec![id],
                written: written.map(|(of, write_id)| (of.clone(), vec![write_id])),
            }),
        }
    }

    pub fn into_extras(self, reserved_key: &str) -> impl Iterator<Item = Extra> {
        self.0.into_iter().map(move |drop| Extra::DropUnclaimed {
            ids: drop.points,
            claim_path: TagPaths {
                key: reserved_key,
                field: drop.field.as_str(),
            }
            .model_of(drop.space.as_str()),
            space: drop.space,
            written: drop.written.map(|(field, ids)| Written {
                path: TagPaths {
                    key: reserved_key,
                    field: field.as_str(),
                }
                .write_id(),
                ids,
            }),
        })
    }
}
