//! Vectors, told apart and measured but not decoded; documents and point ids.

use uuid::Uuid;

use super::fields::{Here, Item, Scanner};
use super::read::message;
use crate::domain::ids::PointId;
use crate::domain::op::{Document, InputValue};
use crate::domain::refusal::Refusal;
use crate::wire::pb::refuse::malformed;
use crate::wire::pb::schema::{DENSE_VECTOR, DOCUMENT, Kind, MULTI_VECTOR, Message, POINT_ID, SPARSE_VECTOR};

impl<'a> Scanner<'a, '_> {
    /// A `VectorInput`.
    pub(super) fn vector_input(&mut self, here: Here) -> Result<InputValue<'a>, Refusal> {
        let mut value = None;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            value = Some(self.member(here, &item)?);
        }
        value.ok_or_else(|| malformed(here.schema.name, "it is empty"))
    }

    /// A `Vector`, in its present form or in the deprecated one, which the present one overrides.
    pub(super) fn vector(&mut self, here: Here) -> Result<InputValue<'a>, Refusal> {
        let (mut value, mut floats, mut is_sparse, mut rows) = (None, 0, false, None);
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            match item.raw.number {
                1 => floats += item.floats(),
                2 => {
                    is_sparse = true;
                    self.check_item(here, &item)?;
                }
                // The field is 32 bits wide: prost drops the rest.
                3 => rows = Some(item.raw.varint as u32 as usize),
                _ => value = Some(self.member(here, &item)?),
            }
        }
        match (value, is_sparse, rows) {
            (Some(value), _, _) => Ok(value),
            (None, true, _) => Ok(InputValue::Sparse),
            (None, false, None) => Ok(InputValue::Dense(floats)),
            (None, false, Some(0)) => Err(malformed(here.schema.name, "vectors_count is 0")),
            (None, false, Some(rows)) => Ok(InputValue::Multi(floats / rows)),
        }
    }

    /// A member of the oneof of `Vector` or `VectorInput`.
    fn member(&mut self, here: Here, item: &Item<'a>) -> Result<InputValue<'a>, Refusal> {
        let schema = message(item)?;
        let inside = self.inside(here, &item.raw, schema)?;
        if schema.is(&DENSE_VECTOR) {
            Ok(InputValue::Dense(self.components(inside)?))
        } else if schema.is(&SPARSE_VECTOR) {
            self.check(inside)?;
            Ok(InputValue::Sparse)
        } else if schema.is(&MULTI_VECTOR) {
            let mut first = None;
            let mut fields = self.fields(inside);
            while let Some(item) = fields.next()? {
                let row = self.inside(inside, &item.raw, &DENSE_VECTOR)?;
                let components = self.components(row)?;
                first.get_or_insert(components);
            }
            Ok(InputValue::Multi(first.unwrap_or(0)))
        } else if schema.is(&DOCUMENT) {
            self.document(inside).map(InputValue::Document)
        } else if schema.is(&POINT_ID) {
            self.point_id(inside).map(InputValue::Point)
        } else {
            self.other(inside, schema)
        }
    }

    /// Components of a `DenseVector`, however many chunks they come in.
    fn components(&mut self, here: Here) -> Result<usize, Refusal> {
        let mut components = 0;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            components += item.floats();
        }
        Ok(components)
    }

    fn document(&mut self, here: Here) -> Result<Document<'a>, Refusal> {
        let (mut text, mut model, mut has_options) = ("", "", false);
        let keys = self.begin_keys();
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            match item.raw.number {
                1 => text = item.text,
                3 => model = item.text,
                _ => {
                    has_options = true;
                    self.check_item(here, &item)?;
                }
            }
        }
        self.end_keys(keys, here.schema)?;
        Ok(Document {
            text: text.into(),
            model: model.into(),
            has_options,
        })
    }

    /// An `Image` or an `InferenceObject`, whose only text is its model.
    fn other(&mut self, here: Here, schema: &'static Message) -> Result<InputValue<'a>, Refusal> {
        let mut model = "";
        let keys = self.begin_keys();
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            if matches!(item.kind, Kind::Text) {
                model = item.text;
            }
            self.check_item(here, &item)?;
        }
        self.end_keys(keys, schema)?;
        Ok(InputValue::Other { model: model.into() })
    }

    /// A `PointId`.
    pub(super) fn point_id(&mut self, here: Here) -> Result<PointId, Refusal> {
        let mut id = None;
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            id = Some(if matches!(item.kind, Kind::Text) {
                let uuid = Uuid::parse_str(item.text)
                    .map_err(|_| malformed(here.schema.name, "its uuid cannot be parsed"))?;
                PointId::Uuid(uuid)
            } else {
                PointId::Num(item.raw.varint)
            });
        }
        id.ok_or_else(|| malformed(here.schema.name, "it is empty"))
    }
}
