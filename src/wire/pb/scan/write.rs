//! Writes: single ones and the operations of a batch.

use super::fields::{Fields, Here, Item, Scanner};
use super::read::message;
use super::shapes::{BATCH_MEMBERS, WriteForm, WriteRole, WriteShape};
use crate::domain::op::{Filters, OpKind, Point, Selector, Write, WriteKind};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::{OpPlace, Place};
use crate::wire::pb::refuse::{malformed, too_large};
use crate::wire::pb::schema::{BATCH_OPERATION, FILTER, Kind, POINTS_SELECTOR, UPDATE_BATCH};

/// The highest `update_mode` that this version knows.
const UPDATE_MODE_MAX: u64 = 2;

/// What a write's fields hold.
#[derive(Default)]
struct Partial<'a> {
    collection: &'a str,
    points: Vec<Point<'a>>,
    selector: Option<Selector>,
    names: Option<(crate::domain::op::Site, Vec<std::borrow::Cow<'a, str>>)>,
    keys: Vec<std::borrow::Cow<'a, str>>,
    path: Option<std::borrow::Cow<'a, str>>,
    filters: Filters<'a>,
    has_update_filter: bool,
    update_mode: u64,
}

impl<'a> Scanner<'a, '_> {
    pub(super) fn single_write(
        &mut self,
        shape: &'static WriteShape,
    ) -> Result<(&'a str, OpKind<'a>), Refusal> {
        let root = self.root(shape.schema);
        self.places.ops.push(OpPlace {
            shape,
            frame: root.frame,
            outer: None,
        });
        let (collection, write) = self.write(shape, root)?;
        Ok((collection, OpKind::Writes(vec![write])))
    }

    pub(super) fn batch_write(&mut self) -> Result<(&'a str, OpKind<'a>), Refusal> {
        let root = self.root(&UPDATE_BATCH);
        let (mut collection, mut writes) = ("", Vec::new());
        let mut fields = self.fields(root);
        while let Some(item) = fields.next()? {
            match item.kind {
                Kind::Text => collection = item.text,
                Kind::Message(schema) if schema.is(&BATCH_OPERATION) => {
                    writes.push(self.operation(root, &item)?);
                    self.bound_batch(writes.len())?;
                }
                Kind::Message(_) | Kind::Number | Kind::Float | Kind::Double => {
                    self.check_item(root, &item)?
                }
                Kind::Map(_) | Kind::Floats | Kind::Numbers => self.check_item(root, &item)?,
            }
        }
        Ok((collection, OpKind::Writes(writes)))
    }

    fn operation(&mut self, here: Here, item: &Item<'a>) -> Result<Write<'a>, Refusal> {
        let inside = self.enter(here, &item.raw, &BATCH_OPERATION)?;
        let mut write = None;
        let mut fields = self.fields(inside);
        while let Some(member) = fields.next()? {
            let number = member.raw.number;
            let shape = BATCH_MEMBERS
                .into_iter()
                .find(|shape| shape.member == number)
                .ok_or_else(|| malformed(BATCH_OPERATION.name, "its member is unknown"))?;
            let below = self.enter(inside, &member.raw, shape.schema)?;
            self.places.ops.push(OpPlace {
                shape,
                frame: below.frame,
                outer: Some(item.raw.outer()),
            });
            write = Some(self.write(shape, below)?.1);
        }
        write.ok_or_else(|| {
            malformed(
                BATCH_OPERATION.name,
                "it is empty; Qdrant would stop there, with the operations before it done",
            )
        })
    }

    fn write(&mut self, shape: &'static WriteShape, here: Here) -> Result<(&'a str, Write<'a>), Refusal> {
        let mut partial = Partial::default();
        if shape.schema.is(&POINTS_SELECTOR) {
            partial.selector = self.selector(here, &mut partial.filters)?;
        } else {
            let keys = self.begin_keys();
            let mut fields = self.fields(here);
            while let Some(item) = fields.next()? {
                self.write_field(shape, here, (&item, &mut fields), &mut partial)?;
            }
            self.end_keys(keys, shape.schema)?;
        }
        let collection = partial.collection;
        Ok((collection, finish(shape, partial)?))
    }

    fn write_field(
        &mut self,
        shape: &'static WriteShape,
        here: Here,
        (item, after): (&Item<'a>, &mut Fields<'a>),
        partial: &mut Partial<'a>,
    ) -> Result<(), Refusal> {
        match shape.role(item.raw.number) {
            Some(WriteRole::Collection) => partial.collection = item.text,
            Some(WriteRole::Points) => self.write_points(here, *item, after, &mut partial.points)?,
            Some(WriteRole::Selector) => {
                let inside = self.enter(here, &item.raw, message(item)?)?;
                partial.selector = self.selector(inside, &mut partial.filters)?;
            }
            Some(WriteRole::VectorNames) => {
                let inside = self.enter(here, &item.raw, message(item)?)?;
                let names = self.text_list(inside)?;
                partial.names = Some((self.site(Place::Names(inside.frame))?, names));
            }
            Some(WriteRole::Payload) => {
                let entry = self.entry(self.inside(here, &item.raw, message(item)?)?)?;
                if let Some(value) = entry.value {
                    self.check(value)?;
                }
                partial.keys.push(entry.key.into());
            }
            Some(WriteRole::Path) => partial.path = Some(item.text.into()),
            Some(WriteRole::Paths) => partial.keys.push(item.text.into()),
            Some(WriteRole::FieldName) => partial.filters.keys.push(item.text.into()),
            Some(WriteRole::UpdateFilter) => {
                partial.has_update_filter = true;
                self.filters(here, item, &mut partial.filters, false)?;
            }
            Some(WriteRole::UpdateMode) => {
                // A value that is not known to the server means a plain upsert there.
                if item.raw.varint > UPDATE_MODE_MAX {
                    return Err(Refusal::invalid(
                        "unknown_field",
                        format!("update_mode {} is not known to this version", item.raw.varint),
                    ));
                }
                // Of a number that stands twice the last one counts.
                partial.update_mode = item.raw.varint;
            }
            Some(WriteRole::Wait | WriteRole::Ordering | WriteRole::Timeout | WriteRole::ShardKey) | None => {
                self.check_item(here, item)?;
            }
        }
        Ok(())
    }

    /// The points from `item` on, as long as nothing stands between them.
    fn write_points(
        &mut self,
        here: Here,
        mut item: Item<'a>,
        after: &mut Fields<'a>,
        points: &mut Vec<Point<'a>>,
    ) -> Result<(), Refusal> {
        if points.is_empty() {
            // As many as there is room for, if all are as long as the first.
            let (rest, one) = (here.end - item.raw.start, item.raw.end - item.raw.start);
            self.expect_points((rest / one).min(self.lens.limits.points_max), points);
        }
        loop {
            let next = self.plain_points(here, &item, points);
            if next > item.raw.start {
                after.skip_to(next);
                match after.next_like(&item) {
                    Some(next) => item = next,
                    None => return Ok(()),
                }
            }
            self.write_point(here, &item, points)?;
            match after.next_like(&item) {
                Some(next) => item = next,
                None => return Ok(()),
            }
        }
    }

    /// One that is not plain.
    fn write_point(
        &mut self,
        here: Here,
        item: &Item<'a>,
        points: &mut Vec<Point<'a>>,
    ) -> Result<(), Refusal> {
        let max = self.lens.limits.points_max;
        if points.len() >= max {
            return Err(too_large(
                "too_many_points",
                format!("the write has more than {max} points; send several"),
            ));
        }
        points.push(self.point(here, item)?);
        Ok(())
    }

    /// A `PointsSelector`; `None` where it is empty.
    fn selector(&mut self, here: Here, filters: &mut Filters<'a>) -> Result<Option<Selector>, Refusal> {
        let mut selector = None;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            let schema = message(&item)?;
            selector = Some(if schema.is(&FILTER) {
                self.filters(here, &item, filters, false)?;
                Selector::Filter(self.site(Place::Fixed)?)
            } else {
                let list = self.inside(here, &item.raw, schema)?;
                let mut ids = Vec::new();
                let mut items = self.fields(list);
                while let Some(id) = items.next()? {
                    ids.push(self.point_id(self.inside(list, &id.raw, message(&id)?)?)?);
                }
                Selector::Ids(ids)
            });
        }
        Ok(selector)
    }
}

fn finish<'a>(shape: &WriteShape, partial: Partial<'a>) -> Result<Write<'a>, Refusal> {
    let selected = |selector: Option<Selector>| {
        selector.ok_or_else(|| {
            malformed(
                shape.schema.name,
                "it selects no points; set its ids or its filter",
            )
        })
    };
    let kind = match shape.form {
        WriteForm::Upsert => WriteKind::Upsert(partial.points),
        WriteForm::UpdateVectors => WriteKind::UpdateVectors(partial.points),
        WriteForm::DeleteVectors => {
            let (site, names) = partial
                .names
                .ok_or_else(|| malformed(shape.schema.name, "it names no vectors"))?;
            WriteKind::DeleteVectors {
                site,
                names,
                selector: selected(partial.selector)?,
            }
        }
        WriteForm::Delete => {
            selected(partial.selector)?;
            WriteKind::Delete
        }
        WriteForm::SetPayload => {
            selected(partial.selector)?;
            WriteKind::SetPayload {
                keys: partial.keys,
                path: partial.path,
            }
        }
        WriteForm::OverwritePayload => WriteKind::OverwritePayload {
            keys: partial.keys,
            selector: selected(partial.selector)?,
        },
        WriteForm::DeletePayload => {
            selected(partial.selector)?;
            WriteKind::DeletePayload { keys: partial.keys }
        }
        WriteForm::ClearPayload => WriteKind::ClearPayload {
            selector: selected(partial.selector)?,
        },
        WriteForm::FieldIndex => WriteKind::FieldIndex,
    };
    Ok(Write {
        kind,
        filters: partial.filters,
        is_conditional: partial.has_update_filter || partial.update_mode != 0,
    })
}
