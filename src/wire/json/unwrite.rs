//! Answers, as the client would see them without Interlock: vectors under its names, no tag, no standby space. Called by
//! `engine` on the way back. An answer of an unexpected shape is refused, so that nothing passes unread.

use bytes::Bytes;

use super::answer::{self, Listed};
use super::cursor::{Cursor, Kind, Span};
use super::errors;
use super::splice::{self, Parts, Splices};
use crate::domain::op::Verb;
use crate::domain::plan::Unwrite;
use crate::domain::refusal::Refusal;

/// Where an answer's records stand in its result.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// There are none.
    Nothing,
    /// The result is one.
    Record,
    /// A record of another collection, which a group looked up.
    LookedUp,
    /// The result is a list of them.
    Records,
    /// They are a list under `points`.
    Page,
    /// They are each group's `hits` and `lookup`.
    Groups,
    /// The result is a list of lists of them.
    ManyRecords,
    /// The result is a list of pages.
    ManyPages,
}

fn shape(verb: Verb) -> Shape {
    match verb {
        Verb::GetOne => Shape::Record,
        Verb::Get | Verb::ShardGet | Verb::Search | Verb::Recommend | Verb::Discover => Shape::Records,
        Verb::Scroll | Verb::ShardScroll | Verb::Query => Shape::Page,
        Verb::SearchGroups | Verb::RecommendGroups | Verb::QueryGroups => Shape::Groups,
        Verb::SearchBatch | Verb::RecommendBatch | Verb::DiscoverBatch => Shape::ManyRecords,
        Verb::QueryBatch => Shape::ManyPages,
        Verb::Upsert
        | Verb::Delete
        | Verb::UpdateVectors
        | Verb::DeleteVectors
        | Verb::SetPayload
        | Verb::OverwritePayload
        | Verb::DeletePayload
        | Verb::ClearPayload
        | Verb::UpdateBatch
        | Verb::CreateFieldIndex
        | Verb::DeleteFieldIndex
        | Verb::Count
        | Verb::Facet
        | Verb::SearchMatrixPairs
        | Verb::SearchMatrixOffsets
        | Verb::ShardCount
        | Verb::CollectionInfo
        | Verb::CollectionExists => Shape::Nothing,
    }
}

/// The answer of `verb` with its vectors renamed or dropped and the payload key removed. An answer whose status is an
/// error passes unchanged.
///
/// # Errors
/// `bad_answer` where the answer is not what the verb answers.
pub fn unwrite(verb: Verb, answer: &Bytes, unwrite: &Unwrite) -> Result<Vec<Bytes>, Refusal> {
    let shape = shape(verb);
    if unwrite.is_nothing() || matches!(shape, Shape::Nothing) {
        return Ok(vec![answer.clone()]);
    }
    let mut walk = Walk {
        unwrite,
        splices: Splices::new(answer),
    };
    if !answer::read_result(answer, |cursor| walk.shape(cursor, shape))? {
        return Ok(vec![answer.clone()]);
    }
    answer::emit(walk.splices)
}

struct Walk<'b, 'u> {
    unwrite: &'u Unwrite,
    splices: Splices<'b>,
}

impl Walk<'_, '_> {
    fn shape(&mut self, cursor: &mut Cursor<'_>, shape: Shape) -> Result<(), Refusal> {
        match shape {
            Shape::Nothing => cursor.skip().map(drop),
            Shape::Record => self.record(cursor, self.unwrite.vectors.as_deref()),
            Shape::LookedUp => self.record(cursor, self.unwrite.lookup_vectors.as_deref()),
            Shape::Records => self.each(cursor, Shape::Record),
            Shape::ManyRecords => self.each(cursor, Shape::Records),
            Shape::ManyPages => self.each(cursor, Shape::Page),
            Shape::Page => self.under(cursor, "points"),
            Shape::Groups => self.under(cursor, "groups"),
        }
    }

    fn each(&mut self, cursor: &mut Cursor<'_>, shape: Shape) -> Result<(), Refusal> {
        let mut items = cursor.array()?;
        while cursor.next_item(&mut items)? {
            self.shape(cursor, shape)?;
        }
        Ok(())
    }

    /// The list under `points` or `groups` of the object that is next.
    fn under(&mut self, cursor: &mut Cursor<'_>, name: &str) -> Result<(), Refusal> {
        let mut members = cursor.object("a result")?;
        while let Some(key) = cursor.next_key(&mut members)? {
            if key != name {
                cursor.skip()?;
            } else if name == "points" {
                self.each(cursor, Shape::Record)?;
            } else {
                let mut items = cursor.array()?;
                while cursor.next_item(&mut items)? {
                    self.group(cursor)?;
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let mut members = cursor.object("a group")?;
        while let Some(key) = cursor.next_key(&mut members)? {
            match key.as_ref() {
                "hits" => self.each(cursor, Shape::Record)?,
                "lookup" if cursor.null()? => {}
                "lookup" => self.shape(cursor, Shape::LookedUp)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    /// One record, of whose vectors these may be shown; all, where none are given.
    fn record(&mut self, cursor: &mut Cursor<'_>, names: Option<&Names>) -> Result<(), Refusal> {
        let mut members = cursor.object("a record")?;
        while let Some(key) = cursor.next_key(&mut members)? {
            let start = cursor.offset();
            match (key.as_ref(), cursor.peek()?, names, &self.unwrite.payload_key) {
                ("vector", Kind::Array, Some(names), _) => {
                    cursor.skip()?;
                    let end = cursor.end();
                    self.bare(Span { start, end }, names)?;
                }
                ("vector", Kind::Object, Some(names), _) => {
                    let listed = answer::list(cursor)?;
                    let end = cursor.end();
                    self.map(Span { start, end }, &listed, names)?;
                }
                ("vector", Kind::Bool | Kind::Number | Kind::Text, Some(_), _) => {
                    return Err(errors::bad_answer("a vector is neither array nor map"));
                }
                ("payload", Kind::Object, _, Some(hidden)) => {
                    let listed = answer::list(cursor)?;
                    let end = cursor.end();
                    self.payload(Span { start, end }, &listed, hidden)?;
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    /// The unnamed vector alone.
    fn bare(&mut self, span: Span, names: &Names) -> Result<(), Refusal> {
        match client_name("", names) {
            Some("") => {}
            Some(name) => {
                let value = vec![splice::kept(self.splices.body(), span)?];
                let map = splice::wrap("{", splice::member(name, value), "}");
                self.splices.replace(span, map);
            }
            None => self.splices.replace(span, vec![Bytes::from_static(b"{}")]),
        }
        Ok(())
    }

    /// A map of vectors: an allow-list, since other writers may have left names that no schema has.
    fn map(&mut self, span: Span, listed: &Listed<'_>, names: &Names) -> Result<(), Refusal> {
        let shown: Vec<(&str, Span)> = listed
            .iter()
            .filter_map(|(name, _, value)| Some((client_name(name, names)?, *value)))
            .collect();
        let is_same = shown.len() == listed.len()
            && shown
                .iter()
                .zip(listed)
                .all(|((name, _), (real, _, _))| name == real);
        let body = self.splices.body();
        if let [("", value)] = shown.as_slice()
            && body.get(value.start) == Some(&b'[')
        {
            let bare = vec![splice::kept(body, *value)?];
            self.splices.replace(span, bare);
        } else if !is_same {
            let mut members: Vec<Parts> = Vec::with_capacity(shown.len());
            for (name, value) in shown {
                members.push(splice::member(name, vec![splice::kept(body, value)?]));
            }
            self.splices
                .replace(span, splice::wrap("{", splice::join(members), "}"));
        }
        Ok(())
    }

    fn payload(&mut self, span: Span, listed: &Listed<'_>, hidden: &str) -> Result<(), Refusal> {
        if listed.iter().any(|(key, _, _)| key == hidden) {
            let kept = listed
                .iter()
                .filter(|(key, _, _)| key != hidden)
                .map(|(_, whole, _)| whole);
            let rest = answer::object_of(self.splices.body(), kept)?;
            self.splices.replace(span, rest);
        }
        Ok(())
    }
}

type Names = [(crate::domain::ids::VectorName, crate::domain::ids::VectorName)];

/// How the client calls a vector, if it may see it.
pub(super) fn client_name<'n>(real: &str, names: &'n Names) -> Option<&'n str> {
    names
        .iter()
        .find(|(name, _)| name.as_str() == real)
        .map(|(_, client)| client.as_str())
}
