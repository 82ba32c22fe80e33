//! The columnar form of an upsert: `{ids, vectors, payloads}`. Its rows are treated as points.

use std::borrow::Cow;

use super::Scanner;
use super::point::{PayloadParts, Placed};
use crate::domain::ids::PointId;
use crate::domain::op::Point;
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::{Kind, Span};
use crate::wire::json::errors;
use crate::wire::json::places::PointForm;

impl<'a> Scanner<'a, '_> {
    /// The value of `batch`.
    pub(super) fn columns(&mut self) -> Result<Vec<Point<'a>>, Refusal> {
        let mut ids = None;
        let mut vectors = None;
        let mut payloads = None;
        let mut members = self.cursor.object("a batch of points")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "ids" => ids = Some(self.id_column()?),
                "vectors" => vectors = Some(self.vector_columns()?),
                "payloads" if self.cursor.null()? => {}
                "payloads" => payloads = Some(self.payload_column()?),
                _ => return Err(errors::unknown(&key, "a batch of points")),
            }
        }
        let ids = ids.ok_or_else(|| errors::missing("ids"))?;
        let vectors = vectors.ok_or_else(|| errors::missing("vectors"))?;
        let rows = ids.len();
        if vectors.iter().any(|column| column.len() != rows) {
            return Err(errors::format("number of ids and vectors must be equal"));
        }
        let payloads = match payloads {
            Some(payloads) if payloads.len() == rows => payloads,
            Some(_) => return Err(errors::format("number of ids and payloads must be equal")),
            None => ids
                .iter()
                .map(|(_, span)| PayloadParts::absent(span.end))
                .collect(),
        };
        let mut columns: Vec<_> = vectors.into_iter().map(Vec::into_iter).collect();
        let mut points = Vec::with_capacity(rows);
        for (id, payload) in ids.into_iter().zip(payloads) {
            let row = columns.iter_mut().filter_map(Iterator::next).collect();
            points.push(self.placed_point(id, PointForm::Row, row, payload));
        }
        Ok(points)
    }

    fn id_column(&mut self) -> Result<Vec<(PointId, Span)>, Refusal> {
        let mut ids = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.bound(items.count, self.lens.limits.points_max, "points")?;
            let start = self.cursor.offset();
            let id = self.point_id()?;
            ids.push((id, self.span_from(start)));
        }
        Ok(ids)
    }

    /// One unnamed column, or one for each name.
    fn vector_columns(&mut self) -> Result<Vec<Vec<Placed<'a>>>, Refusal> {
        if self.cursor.peek()? == Kind::Array {
            return Ok(vec![self.vector_column(&Cow::Borrowed(""))?]);
        }
        let mut columns = Vec::new();
        let mut members = self.cursor.object("vectors")?;
        while let Some(name) = self.cursor.next_key(&mut members)? {
            columns.push(self.vector_column(&name)?);
        }
        Ok(columns)
    }

    fn vector_column(&mut self, name: &Cow<'a, str>) -> Result<Vec<Placed<'a>>, Refusal> {
        let mut column = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.bound(items.count, self.lens.limits.points_max, "points")?;
            let start = self.cursor.offset();
            let value = self.vector()?;
            column.push(self.placed_vector(name.clone(), value, start));
        }
        Ok(column)
    }

    fn payload_column(&mut self) -> Result<Vec<PayloadParts<'a>>, Refusal> {
        let mut payloads = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.bound(items.count, self.lens.limits.points_max, "points")?;
            payloads.push(self.payload()?);
        }
        Ok(payloads)
    }
}
