//! `query`: any form of vector, or one of the query kinds.

use super::Scanner;
use super::input::Loose;
use crate::domain::few::Few;
use crate::domain::op::{Filters, Input, LookupFrom, Ranking, Site};
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::{Kind, Span};
use crate::wire::json::errors;
use crate::wire::json::places::Place;

/// What was met of one query node.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub ranking: Ranking,
    pub using: Option<(Span, Option<std::borrow::Cow<'a, str>>)>,
    pub inputs: Few<Input<'a>>,
    pub lookup_from: Option<LookupFrom<'a>>,
    /// Where a legacy search takes its name.
    pub named_at: Option<Site>,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            ranking: Ranking::Unranked,
            using: None,
            inputs: Few::default(),
            lookup_from: None,
            named_at: None,
        }
    }
}

/// What was met of a query object.
#[derive(Debug, Default)]
struct Form {
    kind: Option<&'static str>,
    /// A key that goes with one kind only: the key, and the kind.
    companion: Option<(&'static str, &'static str)>,
}

impl Form {
    fn is(&mut self, kind: &'static str) -> Result<(), Refusal> {
        match self.kind.replace(kind) {
            None => Ok(()),
            Some(other) => Err(two_kinds(other, kind)),
        }
    }
}

fn two_kinds(one: &str, other: &str) -> Refusal {
    errors::ambiguous(format_args!(
        "a query with both `{one}` and `{other}`: exactly one kind of query is taken"
    ))
}

impl<'a> Scanner<'a, '_> {
    /// `query`, or `null`.
    pub(super) fn query(&mut self, parts: &mut Parts<'a>, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Null => self.cursor.skip().map(drop),
            Kind::Object => self.query_object(parts, filters),
            Kind::Number | Kind::Text | Kind::Array => {
                parts.ranking = Ranking::Vectors;
                parts.inputs.push(self.input()?);
                Ok(())
            }
            Kind::Bool => Err(self
                .cursor
                .fail("Expected some form of vector, id, or a type of query")),
        }
    }

    fn query_object(&mut self, parts: &mut Parts<'a>, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        let start = self.cursor.offset();
        let mut form = Form::default();
        let mut loose = Loose::default();
        let mut members = self.cursor.object("a query")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if key == "text" && self.cursor.peek()? == Kind::Object {
                form.is("text")?;
                parts.ranking = Ranking::Text;
                self.text_query()?;
            } else if !self.loose_member(&key, &mut loose)?
                && !self.query_member(&key, &mut form, parts, filters)?
            {
                return Err(errors::unknown(&key, "a query"));
            }
        }
        match (form.kind, loose.first()) {
            (Some(kind), Some(key)) => return Err(two_kinds(kind, key)),
            (Some(_), None) => {}
            (None, _) if form.companion.is_some() => {}
            (None, None) => {
                return Err(errors::format(
                    "Expected some form of vector, id, or a type of query",
                ));
            }
            (None, Some(_)) if loose.is_bare_text() => parts.ranking = Ranking::Text,
            (None, Some(_)) => {
                parts.ranking = Ranking::Vectors;
                let value = loose.finish()?;
                let site = self.place_value(start);
                parts.inputs.push(Input { site, value });
            }
        }
        match form.companion {
            Some((key, kind)) if form.kind != Some(kind) => Err(errors::ambiguous(format_args!(
                "a query with `{key}` but without `{kind}`, which it belongs to"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn query_member(
        &mut self,
        key: &str,
        form: &mut Form,
        parts: &mut Parts<'a>,
        filters: &mut Filters<'a>,
    ) -> Result<bool, Refusal> {
        match key {
            "nearest" => {
                form.is("nearest")?;
                parts.ranking = Ranking::Vectors;
                parts.inputs.push(self.input()?);
            }
            "mmr" => {
                form.companion = Some(("mmr", "nearest"));
                self.known_members("mmr", &["diversity", "candidates_limit"])?;
            }
            "recommend" => {
                form.is("recommend")?;
                parts.ranking = Ranking::Vectors;
                self.recommend(parts)?;
            }
            "discover" => {
                form.is("discover")?;
                parts.ranking = Ranking::Vectors;
                self.discover(parts)?;
            }
            "context" => {
                form.is("context")?;
                parts.ranking = Ranking::Vectors;
                self.context(parts)?;
            }
            "relevance_feedback" => {
                form.is("relevance_feedback")?;
                parts.ranking = Ranking::Vectors;
                self.relevance_feedback(parts)?;
            }
            "order_by" => {
                form.is("order_by")?;
                parts.ranking = Ranking::Other;
                self.order_by(filters)?;
            }
            "sample" => {
                form.is("sample")?;
                parts.ranking = Ranking::Other;
                self.cursor.text()?;
            }
            "fusion" => {
                form.is("fusion")?;
                parts.ranking = Ranking::Prefetches;
                self.cursor.text()?;
            }
            "rrf" => {
                form.is("rrf")?;
                parts.ranking = Ranking::Prefetches;
                self.known_members("rrf", &["k", "weights"])?;
            }
            "formula" => {
                form.is("formula")?;
                parts.ranking = Ranking::Prefetches;
                self.formula(filters)?;
            }
            "defaults" => {
                form.companion = Some(("defaults", "formula"));
                self.defaults(filters)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The long form of a text query, since 1.20: `{query, scoring}`.
    fn text_query(&mut self) -> Result<(), Refusal> {
        let mut has_query = false;
        let mut members = self.cursor.object("text")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "query" => {
                    has_query = true;
                    self.cursor.text()?;
                }
                "scoring" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "text")),
            }
        }
        match has_query {
            true => Ok(()),
            false => Err(errors::missing("query")),
        }
    }

    /// An object that holds no input: its keys are checked, its values passed over. Or `null`.
    pub(super) fn known_members(&mut self, what: &'static str, known: &[&str]) -> Result<(), Refusal> {
        if self.cursor.null()? {
            return Ok(());
        }
        let mut members = self.cursor.object(what)?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if !known.contains(&key.as_ref()) {
                return Err(errors::unknown(&key, what));
            }
            self.cursor.skip()?;
        }
        Ok(())
    }

    fn recommend(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("recommend")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "positive" | "negative" => self.inputs(&mut parts.inputs)?,
                "strategy" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "recommend")),
            }
        }
        Ok(())
    }

    fn discover(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("discover")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "target" => parts.inputs.push(self.input()?),
                "context" => self.context(parts)?,
                _ => return Err(errors::unknown(&key, "discover")),
            }
        }
        Ok(())
    }

    /// Context pairs: one, several, or `null`.
    pub(super) fn context(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Null => self.cursor.skip().map(drop),
            Kind::Array => {
                let mut items = self.cursor.array()?;
                while self.cursor.next_item(&mut items)? {
                    self.pair(parts)?;
                }
                Ok(())
            }
            Kind::Bool | Kind::Number | Kind::Text | Kind::Object => self.pair(parts),
        }
    }

    fn pair(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("a context pair")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "positive" | "negative" => parts.inputs.push(self.input()?),
                _ => return Err(errors::unknown(&key, "a context pair")),
            }
        }
        Ok(())
    }

    fn relevance_feedback(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("relevance_feedback")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "target" => parts.inputs.push(self.input()?),
                "feedback" => {
                    let mut items = self.cursor.array()?;
                    while self.cursor.next_item(&mut items)? {
                        self.feedback_item(parts)?;
                    }
                }
                "strategy" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "relevance_feedback")),
            }
        }
        Ok(())
    }

    fn feedback_item(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("a feedback item")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "example" => parts.inputs.push(self.input()?),
                "score" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "a feedback item")),
            }
        }
        Ok(())
    }

    /// The `vector` of a legacy search: an array, or `{name, vector}`.
    pub(super) fn search_vector(&mut self, parts: &mut Parts<'a>) -> Result<(), Refusal> {
        if self.cursor.peek()? == Kind::Array {
            let start = self.cursor.offset();
            parts.inputs.push(self.input()?);
            let end = self.cursor.end();
            parts.named_at = Some(self.places.add(Place::Unnamed(Span { start, end })));
            return Ok(());
        }
        let mut has_vector = false;
        let mut members = self.cursor.object("vector")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "name" => {
                    let start = self.cursor.offset();
                    let name = self.cursor.text()?;
                    let end = self.cursor.end();
                    parts.using = Some((Span { start, end }, Some(name)));
                    parts.named_at = Some(self.place_value(start));
                }
                "vector" => {
                    has_vector = true;
                    parts.inputs.push(self.input()?);
                }
                _ => return Err(errors::unknown(&key, "vector")),
            }
        }
        if parts.using.is_none() {
            return Err(errors::missing("name"));
        }
        if !has_vector {
            return Err(errors::missing("vector"));
        }
        Ok(())
    }
}
