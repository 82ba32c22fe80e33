//! Points on their way out: vectors kept or embedded, and the tag in their payload.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use super::super::cursor::Span;
use super::super::errors;
use super::super::places::{PayloadPlace, Place, Places, PointForm, PointPlace};
use super::super::splice::{self, Parts};
use super::super::strings;
use super::{Editor, values};
use crate::domain::op::Site;
use crate::domain::plan::{Edit, OutVector, PointEdit, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::domain::tag::Tag;

impl Editor<'_, '_> {
    /// Edits a point that is an object of its own.
    pub(super) fn point(&mut self, place: &PointPlace, edit: &PointEdit) -> Result<(), Refusal> {
        let PointForm::Object(vectors) = place.form else {
            return Err(errors::misfit("a row without its columns"));
        };
        if !is_kept(place, &edit.vectors) {
            let value = self.vectors(place, &edit.vectors)?;
            self.splices.replace(vectors, value);
        }
        let Some(tag) = &edit.tag else {
            return Ok(());
        };
        let key = Cow::Borrowed(self.reserved_key);
        match place.payload {
            PayloadPlace::Absent { open } => {
                let payload = self.tag_alone(tag);
                self.splices
                    .put_member(open, false, Cow::Borrowed("payload"), payload);
            }
            PayloadPlace::Null(span) => {
                let payload = self.tag_alone(tag);
                self.splices.replace(span, payload);
            }
            PayloadPlace::Object { span, is_empty } => {
                self.splices
                    .put_member(span.start + 1, is_empty, key, tag_value(tag));
            }
        }
        Ok(())
    }

    /// Turns a columnar upsert into one of points, if any of its rows is edited. Takes the rows' edits out of `edits`.
    pub(super) fn columns(
        &mut self,
        places: &Places,
        span: Span,
        sites: &[Site],
        edits: &mut HashMap<Site, &Edit>,
    ) -> Result<(), Refusal> {
        if !sites.iter().any(|site| edits.contains_key(site)) {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(sites.len());
        for site in sites {
            let edit = match edits.remove(site) {
                Some(Edit::Point(edit)) => Some(edit),
                None => None,
                Some(Edit::Name(_) | Edit::Names(_) | Edit::Payload(_) | Edit::Embedding(_)) => {
                    return Err(errors::misfit("an edit that a point does not take"));
                }
            };
            let Some(Place::Point(place)) = places.get(*site) else {
                return Err(errors::misfit("a row is not a point"));
            };
            rows.push(self.row(place, edit)?);
        }
        let list = splice::wrap("[", splice::join(rows), "]");
        self.splices.replace(span, splice::member("points", list));
        Ok(())
    }

    fn row(&self, place: &PointPlace, edit: Option<&PointEdit>) -> Result<Parts, Refusal> {
        let body = self.splices.body();
        let vectors = match edit {
            Some(edit) => self.vectors(place, &edit.vectors)?,
            None => self.vectors(place, &all_kept(place))?,
        };
        let mut members = vec![
            splice::member("id", vec![splice::kept(body, place.id)?]),
            splice::member("vector", vectors),
        ];
        let tag = edit.and_then(|edit| edit.tag.as_ref());
        match (place.payload, tag) {
            (PayloadPlace::Object { span, .. }, None) => {
                members.push(splice::member("payload", vec![splice::kept(body, span)?]));
            }
            (PayloadPlace::Object { span, is_empty }, Some(tag)) => {
                let mut payload = vec![Bytes::from_static(b"{")];
                payload.extend(splice::member(self.reserved_key, tag_value(tag)));
                if !is_empty {
                    payload.push(Bytes::from_static(b","));
                }
                let rest = Span {
                    start: span.start + 1,
                    end: span.end,
                };
                payload.push(splice::kept(body, rest)?);
                members.push(splice::member("payload", payload));
            }
            (PayloadPlace::Absent { .. } | PayloadPlace::Null(_), Some(tag)) => {
                members.push(splice::member("payload", self.tag_alone(tag)));
            }
            (PayloadPlace::Absent { .. } | PayloadPlace::Null(_), None) => {}
        }
        Ok(splice::wrap("{", splice::join(members), "}"))
    }

    /// The value of `vector`: bare where only the unnamed one is left and may stand so, else a map.
    fn vectors(&self, place: &PointPlace, vectors: &[OutVector]) -> Result<Parts, Refusal> {
        if let [only] = vectors
            && only.name.is_unnamed()
            && self.can_be_bare(place, only.from)
        {
            return self.vector(place, only.from);
        }
        let mut members = Vec::with_capacity(vectors.len());
        for vector in vectors {
            let value = self.vector(place, vector.from)?;
            members.push(splice::member(vector.name.as_str(), value));
        }
        Ok(splice::wrap("{", splice::join(members), "}"))
    }

    fn can_be_bare(&self, place: &PointPlace, from: VectorFrom) -> bool {
        match from {
            VectorFrom::Kept(index) => place.vectors.get(index).is_some_and(|v| v.can_be_bare),
            VectorFrom::Embedded(embed) => values::can_be_bare(self.embeddings, embed),
        }
    }

    fn vector(&self, place: &PointPlace, from: VectorFrom) -> Result<Parts, Refusal> {
        match from {
            VectorFrom::Embedded(embed) => values::embedding(self.embeddings, embed),
            VectorFrom::Kept(index) => {
                let kept = place
                    .vectors
                    .get(index)
                    .ok_or_else(|| errors::misfit("a vector that the point lacks"))?;
                Ok(vec![splice::kept(self.splices.body(), kept.value)?])
            }
        }
    }

    fn tag_alone(&self, tag: &Tag) -> Parts {
        vec![splice::new(format!(
            "{{{}:{}}}",
            strings::quote(self.reserved_key),
            tag.to_json()
        ))]
    }
}

fn tag_value(tag: &Tag) -> Parts {
    vec![splice::new(tag.to_json().to_string())]
}

/// Whether every vector stays in place under its own name.
fn is_kept(place: &PointPlace, vectors: &[OutVector]) -> bool {
    vectors.len() == place.vectors.len()
        && vectors
            .iter()
            .zip(&place.vectors)
            .enumerate()
            .all(|(i, (out, here))| out.from == VectorFrom::Kept(i) && out.name.as_str() == here.name)
}

fn all_kept(place: &PointPlace) -> Vec<OutVector> {
    let kept = |(i, vector): (usize, &super::super::places::VectorPlace)| OutVector {
        name: vector.name.as_str().into(),
        from: VectorFrom::Kept(i),
    };
    place.vectors.iter().enumerate().map(kept).collect()
}
