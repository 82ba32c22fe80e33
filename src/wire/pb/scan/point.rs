//! Points as clients write them: `PointStruct` and `PointVectors`. The hot path of writes.

use std::borrow::Cow;
use std::ops::Range;

use super::fields::{Entry, Here, Item, Scanner, slot};
use super::read::message;
use crate::domain::few::Few;
use crate::domain::op::{Point, PointVector};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::{Place, PointPlace, VectorPlace};
use crate::wire::pb::refuse::malformed;
use crate::wire::pb::schema::{Kind, POINT_ID, POINT_STRUCT, VALUE, VECTOR};

/// Fields of `PointStruct`.
pub(super) const PAYLOAD: u32 = 3;
pub(super) const VECTORS: u32 = 4;

/// Vectors of one point.
type Vectors<'a> = Few<PointVector<'a>>;

impl<'a> Scanner<'a, '_> {
    /// Makes room for a write's points.
    pub(super) fn expect_points(&mut self, count: usize, points: &mut Vec<Point<'a>>) {
        points.reserve(count);
        self.places.frames.reserve(count);
        self.places.sites.reserve(count);
        self.places.vectors.reserve(count);
    }

    /// A point in any form, with its site.
    pub(super) fn point(&mut self, here: Here, item: &Item<'a>) -> Result<Point<'a>, Refusal> {
        let schema = message(item)?;
        let inside = self.enter(here, &item.raw, schema)?;
        let has_payload_field = schema.is(&POINT_STRUCT);
        let first_vector = self.places.vectors.len();
        let (mut id, mut present, mut is_single, mut vectors) = (None, None, false, Vectors::default());
        let (mut has_payload, mut has_reserved_key, mut texts) = (false, false, Vec::new());
        let keys = self.begin_keys();
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            match item.kind {
                Kind::Map(_) => {
                    has_payload = true;
                    has_reserved_key |= self.payload(inside, &item, &mut texts)?;
                }
                Kind::Message(below) if below.is(&POINT_ID) => {
                    let below = self.inside(inside, &item.raw, below)?;
                    id = Some(self.point_id(below)?);
                }
                Kind::Message(below) => {
                    let below = self.inside(inside, &item.raw, below)?;
                    present = Some(item.raw.outer());
                    is_single = self.vectors(below, &mut vectors)?;
                }
                Kind::Number | Kind::Float | Kind::Double | Kind::Text | Kind::Floats | Kind::Numbers => {
                    self.check_item(inside, &item)?;
                }
            }
        }
        self.end_keys(keys, schema)?;
        let number = if has_payload_field { VECTORS } else { 2 };
        let site = self.site(Place::Point(PointPlace {
            frame: inside.frame,
            slot: slot(inside, number, present),
            payload: has_payload_field.then_some(PAYLOAD),
            is_single,
            vectors: first_vector..self.places.vectors.len(),
        }))?;
        Ok(Point {
            site,
            id: id.ok_or_else(|| malformed(schema.name, "it has no id"))?,
            vectors,
            has_payload,
            has_reserved_key,
            texts,
        })
    }

    /// One entry of a payload: whether it is the reserved key. Keeps the text that a source template may want.
    fn payload(
        &mut self,
        here: Here,
        item: &Item<'a>,
        texts: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<bool, Refusal> {
        let Entry { key, value, .. } = self.entry(self.inside(here, &item.raw, message(item)?)?)?;
        if let Some(value) = value {
            if self.lens.source_keys.contains(&key) {
                if let Some(text) = self.value_text(value)? {
                    texts.push((key.into(), text.into()));
                }
            } else {
                self.check(value)?;
            }
        }
        Ok(key == self.lens.reserved_key)
    }

    /// The content of a `Value` that is a string.
    fn value_text(&mut self, here: Here) -> Result<Option<&'a str>, Refusal> {
        debug_assert!(here.schema.is(&VALUE));
        let mut text = None;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            if matches!(item.kind, Kind::Text) {
                text = Some(item.text);
            }
            self.check_item(here, &item)?;
        }
        Ok(text)
    }

    /// A `Vectors`. Gives whether it is the one unnamed vector.
    fn vectors(&mut self, here: Here, vectors: &mut Vectors<'a>) -> Result<bool, Refusal> {
        let mut is_single = false;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            let schema = message(&item)?;
            let inside = self.inside(here, &item.raw, schema)?;
            if schema.is(&VECTOR) {
                is_single = true;
                self.point_vector("", inside.end..inside.end, Some(inside), vectors)?;
                continue;
            }
            let keys = self.begin_keys();
            let mut entries = self.fields(inside);
            while let Some(entry) = entries.next()? {
                let here = self.inside(inside, &entry.raw, message(&entry)?)?;
                let entry = self.entry(here)?;
                self.point_vector(entry.key, entry.span, entry.value, vectors)?;
            }
            self.end_keys(keys, schema)?;
        }
        Ok(is_single)
    }

    /// One vector. An absent one is an empty `Vector`.
    fn point_vector(
        &mut self,
        name: &'a str,
        span: Range<usize>,
        value: Option<Here>,
        vectors: &mut Vectors<'a>,
    ) -> Result<(), Refusal> {
        let body = value.map_or(span.end..span.end, Self::range);
        let value = match value {
            Some(here) => self.vector(here)?,
            None => crate::domain::op::InputValue::Dense(0),
        };
        self.places.vectors.push(VectorPlace { name: span, body });
        vectors.push(PointVector {
            name: name.into(),
            value,
        });
        Ok(())
    }
}
