//! Vectors as clients give them: arrays, sparse pairs, ids, texts, images and objects.

use std::borrow::Cow;

use super::Scanner;
use crate::domain::few::Few;
use crate::domain::op::{Document, Input, InputValue};
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::Kind;
use crate::wire::json::errors;

/// The members of an object that may be a vector.
#[derive(Debug, Default)]
pub(super) struct Loose<'a> {
    text: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    /// `image` or `object`.
    other: Option<&'static str>,
    has_options: bool,
    has_indices: bool,
    has_values: bool,
    /// The first of its keys, for errors.
    first: Option<&'static str>,
}

/// The keys that an object in a vector's place may have.
const KEYS: &[&str] = &["text", "model", "options", "image", "object", "indices", "values"];

impl<'a> Loose<'a> {
    /// The first key that was met.
    pub fn first(&self) -> Option<&'static str> {
        self.first
    }

    /// Whether it is a text alone. Without a model it is no document to Qdrant, but, as a whole query, one to rank by in
    /// a payload field.
    pub fn is_bare_text(&self) -> bool {
        let is_model_named = self.model.is_some() || self.has_options;
        let is_other = self.other.is_some() || self.has_indices || self.has_values;
        self.text.is_some() && !is_model_named && !is_other
    }

    /// What it is, once all members were met. Exactly one form must be complete, with nothing of another.
    pub fn finish(self) -> Result<InputValue<'a>, Refusal> {
        let is_sparse = self.has_indices || self.has_values;
        let forms =
            usize::from(is_sparse) + usize::from(self.text.is_some()) + usize::from(self.other.is_some());
        let is_inferred = self.model.is_some() || self.has_options;
        if forms > 1 || (is_sparse && is_inferred) {
            return Err(errors::ambiguous(
                "a vector must be exactly one of {\"indices\", \"values\"}, {\"text\", \"model\"}, {\"image\", \"model\"} and {\"object\", \"model\"}",
            ));
        }
        if is_sparse {
            return match (self.has_indices, self.has_values) {
                (true, true) => Ok(InputValue::Sparse),
                (false, _) => Err(errors::missing("indices")),
                (true, false) => Err(errors::missing("values")),
            };
        }
        if let Some(text) = self.text {
            return Ok(InputValue::Document(Document {
                text,
                model: self.model.unwrap_or_default(),
                has_options: self.has_options,
            }));
        }
        match (self.other, self.model) {
            (Some(_), Some(model)) => Ok(InputValue::Other { model }),
            (Some(_), None) => Err(errors::missing("model")),
            (None, _) => Err(errors::format("expected some form of vector")),
        }
    }
}

impl<'a> Scanner<'a, '_> {
    /// A query's input, with its site: any form of vector, or a point's id.
    pub(super) fn input(&mut self) -> Result<Input<'a>, Refusal> {
        let start = self.cursor.offset();
        let value = match self.cursor.peek()? {
            Kind::Number | Kind::Text => InputValue::Point(self.point_id()?),
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => self.vector()?,
        };
        Ok(Input {
            site: self.place_value(start),
            value,
        })
    }

    /// A list of inputs, or `null`.
    pub(super) fn inputs(&mut self, into: &mut Few<Input<'a>>) -> Result<(), Refusal> {
        if self.cursor.null()? {
            return Ok(());
        }
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            into.push(self.input()?);
        }
        Ok(())
    }

    /// Any form of vector.
    pub(super) fn vector(&mut self) -> Result<InputValue<'a>, Refusal> {
        match self.cursor.peek()? {
            Kind::Array => self.array_vector(),
            Kind::Object => {
                let mut loose = Loose::default();
                let mut members = self.cursor.object("a vector")?;
                while let Some(key) = self.cursor.next_key(&mut members)? {
                    if !self.loose_member(&key, &mut loose)? {
                        return Err(errors::unknown(&key, "a vector"));
                    }
                }
                loose.finish()
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text => {
                Err(self.cursor.fail("invalid type: expected some form of vector"))
            }
        }
    }

    /// An array of numbers, or of such arrays. An empty one is dense: Qdrant tries that first.
    pub(super) fn array_vector(&mut self) -> Result<InputValue<'a>, Refusal> {
        let mut first_row = None;
        let mut items = self.cursor.array()?;
        let mut is_dense = false;
        while self.cursor.next_item(&mut items)? {
            if self.cursor.peek()? == Kind::Array && !is_dense {
                let length = self.cursor.numbers()?;
                first_row.get_or_insert(length);
            } else if first_row.is_none() {
                self.cursor.number_run(&mut items)?;
                is_dense = true;
            } else {
                return Err(self.cursor.fail("invalid type: expected an array of numbers"));
            }
        }
        Ok(match first_row {
            Some(length) => InputValue::Multi(length),
            None => InputValue::Dense(items.count),
        })
    }

    /// Reads one member of an object in a vector's place, if it is one.
    pub(super) fn loose_member(&mut self, key: &str, loose: &mut Loose<'a>) -> Result<bool, Refusal> {
        let Some(known) = KEYS.iter().find(|known| **known == key) else {
            return Ok(false);
        };
        loose.first.get_or_insert(known);
        match *known {
            "text" => loose.text = Some(self.cursor.text()?),
            "model" => loose.model = Some(self.cursor.text()?),
            "options" => {
                loose.has_options = self.cursor.peek()? != Kind::Null;
                self.cursor.skip()?;
            }
            "indices" => {
                loose.has_indices = true;
                self.cursor.numbers()?;
            }
            "values" => {
                loose.has_values = true;
                self.cursor.numbers()?;
            }
            other => {
                if let Some(first) = loose.other.replace(other) {
                    return Err(errors::ambiguous(format_args!(
                        "a vector with both `{first}` and `{other}`"
                    )));
                }
                self.cursor.skip()?;
            }
        }
        Ok(true)
    }
}
