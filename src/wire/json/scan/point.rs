//! Points as clients write them: objects with their vectors and payload.

use std::borrow::Cow;

use super::Scanner;
use super::input::Loose;
use crate::domain::op::{InputValue, Point, PointVector};
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::{Kind, Members, Span};
use crate::wire::json::errors;
use crate::wire::json::places::{PayloadPlace, Place, PointForm, PointPlace, VectorPlace};

/// A vector that was met, with where it stands.
pub(super) type Placed<'a> = (PointVector<'a>, VectorPlace);

/// What was met of a payload.
#[derive(Debug)]
pub(super) struct PayloadParts<'a> {
    pub place: PayloadPlace,
    pub has_reserved_key: bool,
    pub texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl PayloadParts<'_> {
    /// No payload; it can be put just after `open`.
    pub fn absent(open: usize) -> Self {
        Self {
            place: PayloadPlace::Absent { open },
            has_reserved_key: false,
            texts: Vec::new(),
        }
    }
}

/// The keys that tell a text, image or object from a map of named vectors.
const INFERENCE_KEYS: &[&str] = &["text", "image", "object", "model", "options"];

impl<'a> Scanner<'a, '_> {
    /// A list of points. `has_payloads` is false for vector updates, whose points take no payload.
    pub(super) fn points(&mut self, has_payloads: bool) -> Result<Vec<Point<'a>>, Refusal> {
        let mut points = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.bound(items.count, self.lens.limits.points_max, "points")?;
            points.push(self.point(has_payloads)?);
        }
        Ok(points)
    }

    fn point(&mut self, has_payloads: bool) -> Result<Point<'a>, Refusal> {
        let mut id = None;
        let mut vectors = None;
        let mut payload = None;
        let mut members = self.cursor.object("a point")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            let start = self.cursor.offset();
            match key.as_ref() {
                "id" => {
                    let value = self.point_id()?;
                    id = Some((value, self.span_from(start)));
                }
                "vector" | "vectors" => {
                    if key == "vectors" {
                        members.claim(Cow::Borrowed("vector"))?;
                    }
                    let list = self.point_vectors()?;
                    vectors = Some((list, self.span_from(start)));
                }
                "payload" if has_payloads => payload = Some(self.payload()?),
                _ => return Err(errors::unknown(&key, "a point")),
            }
        }
        let (id, id_span) = id.ok_or_else(|| errors::missing("id"))?;
        let (vectors, span) = vectors.ok_or_else(|| errors::missing("vector"))?;
        let payload = payload.unwrap_or_else(|| PayloadParts::absent(members.open()));
        Ok(self.placed_point((id, id_span), PointForm::Object(span), vectors, payload))
    }

    /// A point, with its site.
    pub(super) fn placed_point(
        &mut self,
        (id, id_span): (crate::domain::ids::PointId, Span),
        form: PointForm,
        vectors: Vec<Placed<'a>>,
        payload: PayloadParts<'a>,
    ) -> Point<'a> {
        let (vectors, places) = vectors.into_iter().unzip();
        let site = self.places.add(Place::Point(PointPlace {
            id: id_span,
            form,
            vectors: places,
            payload: payload.place,
        }));
        Point {
            site,
            id,
            vectors,
            has_payload: matches!(payload.place, PayloadPlace::Object { .. }),
            has_reserved_key: payload.has_reserved_key,
            texts: payload.texts,
        }
    }

    pub(super) fn span_from(&self, start: usize) -> Span {
        Span {
            start,
            end: self.cursor.end(),
        }
    }

    /// A payload: an object or `null`.
    pub(super) fn payload(&mut self) -> Result<PayloadParts<'a>, Refusal> {
        let start = self.cursor.offset();
        let mut parts = PayloadParts::absent(start);
        if self.cursor.null()? {
            parts.place = PayloadPlace::Null(self.span_from(start));
            return Ok(parts);
        }
        let mut members = self.cursor.object("a payload")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            parts.has_reserved_key |= key == self.lens.reserved_key;
            if self.lens.source_keys.contains(&key.as_ref()) && self.cursor.peek()? == Kind::Text {
                let text = self.cursor.text()?;
                parts.texts.push((key, text));
            } else {
                self.cursor.skip()?;
            }
        }
        parts.place = PayloadPlace::Object {
            span: self.span_from(start),
            is_empty: members.is_empty(),
        };
        Ok(parts)
    }

    /// The value of a point's `vector`: an array, a map of named vectors, or something to embed.
    fn point_vectors(&mut self) -> Result<Vec<Placed<'a>>, Refusal> {
        let start = self.cursor.offset();
        match self.cursor.peek()? {
            Kind::Array => {
                let value = self.array_vector()?;
                Ok(vec![self.placed_vector(Cow::Borrowed(""), value, start)])
            }
            Kind::Object => self.vector_map(start),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text => Err(self
                .cursor
                .fail("invalid type: expected a vector or a map of vectors")),
        }
    }

    pub(super) fn placed_vector(
        &self,
        name: Cow<'a, str>,
        value: InputValue<'a>,
        start: usize,
    ) -> Placed<'a> {
        let place = VectorPlace {
            name: name.clone().into_owned(),
            value: self.span_from(start),
            can_be_bare: matches!(value, InputValue::Dense(_) | InputValue::Multi(_)),
        };
        (PointVector { name, value }, place)
    }

    fn vector_map(&mut self, start: usize) -> Result<Vec<Placed<'a>>, Refusal> {
        let mut vectors: Vec<Placed<'a>> = Vec::new();
        let mut members = self.cursor.object("vectors")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            // A vector may be called `text`; whether this one is, its members' values tell.
            if INFERENCE_KEYS.contains(&key.as_ref()) && self.is_inference(&members)? {
                self.cursor.rewind(members.open());
                let value = self.inference(&mut vectors)?;
                return Ok(vec![self.placed_vector(Cow::Borrowed(""), value, start)]);
            }
            let at = self.cursor.offset();
            let value = self.vector()?;
            let placed = self.placed_vector(key, value, at);
            vectors.push(placed);
        }
        let mut names: Vec<_> = vectors.iter().map(|(vector, _)| vector.name.as_ref()).collect();
        names.sort_unstable();
        if names == ["indices", "values"] {
            return Err(errors::ambiguous(
                "{\"indices\", \"values\"} here names two dense vectors, as Qdrant reads it: write a sparse vector under its name, {\"<name>\": {\"indices\": …, \"values\": …}}",
            ));
        }
        Ok(vectors)
    }

    /// Whether an object is something to embed: then some member is neither array nor object, which no vector is.
    /// Comes back to where it started.
    fn is_inference(&mut self, members: &Members<'a>) -> Result<bool, Refusal> {
        let back = self.cursor.offset();
        self.cursor.rewind(members.open());
        let found = self.has_scalar_member();
        self.cursor.rewind(back);
        found
    }

    fn has_scalar_member(&mut self) -> Result<bool, Refusal> {
        let mut again = self.cursor.again();
        while self.cursor.next_key(&mut again)?.is_some() {
            match self.cursor.peek()? {
                Kind::Null | Kind::Bool | Kind::Number | Kind::Text => return Ok(true),
                Kind::Array | Kind::Object => self.cursor.skip()?,
            };
        }
        // The walk passed the closing brace, and with it left a level that the caller is still in.
        self.cursor.reenter();
        Ok(false)
    }

    /// The object of a text, image or object, from its first member on.
    fn inference(&mut self, before: &mut Vec<Placed<'a>>) -> Result<InputValue<'a>, Refusal> {
        before.clear();
        let mut loose = Loose::default();
        let mut again = self.cursor.again();
        while let Some(key) = self.cursor.next_key(&mut again)? {
            if !self.loose_member(&key, &mut loose)? {
                return Err(errors::unknown(&key, "a vector"));
            }
        }
        loose.finish()
    }
}
