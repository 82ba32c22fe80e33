//! Filters, and the other places that name payload keys: orders and search parameters.

use std::borrow::Cow;

use super::Scanner;
use crate::domain::op::Filters;
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::Kind;
use crate::wire::json::errors;
use crate::wire::json::places::Place;

/// What was met of a condition. Exactly one of its forms may be there.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// The first form, by the key that tells it.
    form: Option<&'static str>,
    /// A key that goes only with `key`.
    comparison: Option<&'static str>,
}

impl Condition {
    fn is(&mut self, form: &'static str) -> Result<(), Refusal> {
        match self.form.replace(form) {
            Some(other) if other != form => Err(errors::ambiguous(format_args!(
                "a condition with both `{other}` and `{form}`: split it"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether any of its keys was met.
    pub fn is_there(&self) -> bool {
        self.form.is_some() || self.comparison.is_some()
    }

    /// Refuses a comparison without a key.
    pub fn check(&self) -> Result<(), Refusal> {
        match (self.form, self.comparison) {
            (Some("key"), _) | (_, None) => Ok(()),
            (Some(form), Some(comparison)) => Err(errors::ambiguous(format_args!(
                "a condition with both `{form}` and `{comparison}`: split it"
            ))),
            (None, Some(_)) => Err(errors::missing("key")),
        }
    }
}

/// The keys of a field condition besides `key`, `is_empty` and `is_null`.
const COMPARISONS: &[&str] = &[
    "match",
    "range",
    "geo_bounding_box",
    "geo_radius",
    "geo_polygon",
    "values_count",
];

/// The filter that a condition or an operation carries, with whether it stands inside `nested`.
#[derive(Debug)]
pub(super) struct Scope<'f, 'a> {
    pub filters: &'f mut Filters<'a>,
    pub is_nested: bool,
}

impl<'a> Scope<'_, 'a> {
    /// Notes a payload key. Inside `nested`, keys are relative and left out.
    pub fn key(&mut self, key: Cow<'a, str>) {
        if !self.is_nested {
            self.filters.keys.push(key);
        }
    }
}

impl<'a> Scanner<'a, '_> {
    /// A filter or `null`, not nested.
    pub(super) fn filter_option(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        if self.cursor.null()? {
            return Ok(());
        }
        let mut scope = Scope {
            filters,
            is_nested: false,
        };
        self.filter(&mut scope)
    }

    /// A filter.
    pub(super) fn filter(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("a filter")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if !self.filter_member(&key, scope)? {
                return Err(errors::unknown(&key, "a filter"));
            }
        }
        Ok(())
    }

    fn filter_member(&mut self, key: &str, scope: &mut Scope<'_, 'a>) -> Result<bool, Refusal> {
        match key {
            "must" | "should" | "must_not" => {
                self.conditions(scope)?;
                Ok(true)
            }
            "min_should" => {
                self.min_should(scope)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn min_should(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        if self.cursor.null()? {
            return Ok(());
        }
        let mut members = self.cursor.object("min_should")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "conditions" if self.cursor.peek()? == Kind::Array => self.conditions(scope)?,
                "conditions" => {
                    return Err(self.cursor.fail("invalid type: expected an array of conditions"));
                }
                "min_count" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "min_should")),
            }
        }
        Ok(())
    }

    /// One condition, several, or `null`.
    fn conditions(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Null => self.cursor.skip().map(drop),
            Kind::Object => self.condition(scope),
            Kind::Array => {
                let mut items = self.cursor.array()?;
                while self.cursor.next_item(&mut items)? {
                    self.condition(scope)?;
                }
                Ok(())
            }
            Kind::Bool | Kind::Number | Kind::Text => {
                Err(self.cursor.fail("invalid type: expected one or more conditions"))
            }
        }
    }

    fn condition(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        let mut condition = Condition::default();
        let mut members = self.cursor.object("a condition")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if !self.condition_member(&key, &mut condition, scope)? {
                return Err(errors::unknown(&key, "a condition"));
            }
        }
        condition.check()
    }

    /// Reads one member of a condition, if it is one.
    pub(super) fn condition_member(
        &mut self,
        key: &str,
        condition: &mut Condition,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<bool, Refusal> {
        match key {
            "key" => {
                condition.is("key")?;
                scope.key(self.cursor.text()?);
            }
            "is_empty" => self.emptiness("is_empty", condition, scope)?,
            "is_null" => self.emptiness("is_null", condition, scope)?,
            "has_id" => {
                condition.is("has_id")?;
                self.point_ids()?;
            }
            "has_vector" => {
                condition.is("has_vector")?;
                let start = self.cursor.offset();
                let name = self.cursor.text()?;
                let site = self.place_value(start);
                scope.filters.has_vectors.push((site, name));
            }
            "nested" => {
                condition.is("nested")?;
                self.nested(scope)?;
            }
            // A share of the points by the hash of their ids, since 1.19: it reads neither vectors nor payload.
            "slice" => {
                condition.is("slice")?;
                self.cursor.skip()?;
            }
            _ => {
                if let Some(comparison) = COMPARISONS.iter().find(|known| **known == key) {
                    condition.comparison = Some(comparison);
                    self.cursor.skip()?;
                } else if self.filter_member(key, scope)? {
                    condition.is("filter")?;
                } else {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// `is_empty` and `is_null`: a condition of their own with a key inside, or a boolean beside `key`.
    fn emptiness(
        &mut self,
        name: &'static str,
        condition: &mut Condition,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), Refusal> {
        if self.cursor.peek()? != Kind::Object {
            condition.comparison = Some(name);
            return self.cursor.skip().map(drop);
        }
        condition.is(name)?;
        let mut field = None;
        let mut members = self.cursor.object(name)?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "key" => field = Some(self.cursor.text()?),
                _ => return Err(errors::unknown(&key, name)),
            }
        }
        scope.key(field.ok_or_else(|| errors::missing("key"))?);
        Ok(())
    }

    fn nested(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        let mut field = None;
        let mut members = self.cursor.object("nested")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "key" => field = Some(self.cursor.text()?),
                "filter" => {
                    let mut inner = Scope {
                        filters: scope.filters,
                        is_nested: true,
                    };
                    self.filter(&mut inner)?;
                }
                _ => return Err(errors::unknown(&key, "nested")),
            }
        }
        scope.key(field.ok_or_else(|| errors::missing("key"))?);
        Ok(())
    }

    /// `order_by`: a key, or an object with it, or `null`.
    pub(super) fn order_by(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Null => return self.cursor.skip().map(drop),
            Kind::Text => {
                filters.keys.push(self.cursor.text()?);
                return Ok(());
            }
            Kind::Bool | Kind::Number | Kind::Array | Kind::Object => {}
        }
        let mut field = None;
        let mut members = self.cursor.object("order_by")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "key" => field = Some(self.cursor.text()?),
                "direction" | "start_from" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "order_by")),
            }
        }
        filters.keys.push(field.ok_or_else(|| errors::missing("key"))?);
        Ok(())
    }

    /// `params`: one of them, `idf.corpus`, is a filter.
    pub(super) fn params(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        if self.cursor.null()? {
            return Ok(());
        }
        let mut members = self.cursor.object("params")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "hnsw_ef" | "exact" | "quantization" | "indexed_only" | "acorn" => {
                    self.cursor.skip()?;
                }
                "idf" => self.idf(filters)?,
                _ => return Err(errors::unknown(&key, "params")),
            }
        }
        Ok(())
    }

    /// `params.idf`: the name of a scope, or an object with a corpus, or `null`.
    fn idf(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Null | Kind::Text => return self.cursor.skip().map(drop),
            Kind::Bool | Kind::Number | Kind::Array | Kind::Object => {}
        }
        let mut idf = self.cursor.object("idf")?;
        while let Some(key) = self.cursor.next_key(&mut idf)? {
            match key.as_ref() {
                "corpus" => self.filter_option(filters)?,
                _ => return Err(errors::unknown(&key, "params.idf")),
            }
        }
        Ok(())
    }

    /// The site of the value that started at `start` and was just read.
    pub(super) fn place_value(&mut self, start: usize) -> crate::domain::op::Site {
        let end = self.cursor.end();
        self.places
            .add(Place::Value(crate::wire::json::cursor::Span { start, end }))
    }
}
