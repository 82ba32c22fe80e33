//! `GET /collections/{name}`: collection info as the client would see it without Interlock. Called by `engine`.

use bytes::Bytes;

use super::answer::{self, Listed};
use super::cursor::{Cursor, Kind, Span};
use super::splice::{self, Parts, Splices};
use super::unwrite::client_name;
use crate::domain::identity::is_ours;
use crate::domain::refusal::Refusal;
use crate::domain::tag::path_touches;
use crate::wire::InfoView;

/// The answer with standby spaces hidden, vectors under the client's names, the single-vector shape where only the
/// unnamed vector is left, and without our metadata key and indexes. All else stays, in its order. An answer whose status
/// is an error passes unchanged.
///
/// # Errors
/// `bad_answer` where the answer is not collection info.
pub fn info(answer: &Bytes, view: &InfoView) -> Result<Bytes, Refusal> {
    let mut walk = Walk {
        view,
        splices: Splices::new(answer),
    };
    if !answer::read_result(answer, |cursor| walk.result(cursor))? {
        return Ok(answer.clone());
    }
    Ok(Bytes::from(answer::emit(walk.splices)?.concat()))
}

struct Walk<'b, 'v> {
    view: &'v InfoView,
    splices: Splices<'b>,
}

/// What stands at a key, and what is done with it.
#[derive(Clone, Copy, Debug)]
enum Part {
    Result,
    Config,
    Params,
    StrictMode,
}

impl<'v> Walk<'_, 'v> {
    fn result(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        self.part(cursor, Part::Result)
    }

    /// Walks an object of which some members are edited or walked, and others, where nothing is left of them, removed.
    fn part(&mut self, cursor: &mut Cursor<'_>, part: Part) -> Result<(), Refusal> {
        let start = cursor.offset();
        let mut listed: Listed<'_> = Vec::new();
        let mut removed = false;
        let mut members = cursor.object("collection info")?;
        while let Some(key) = cursor.next_key(&mut members)? {
            let key_start = members.key_start();
            let value_start = cursor.offset();
            let is_kept = self.member(cursor, part, &key)?;
            let end = cursor.end();
            if is_kept {
                let whole = Span {
                    start: key_start,
                    end,
                };
                let value = Span {
                    start: value_start,
                    end,
                };
                listed.push((key, whole, value));
            }
            removed |= !is_kept;
        }
        if removed {
            let end = cursor.end();
            self.without_removed(Span { start, end }, &listed)?;
        }
        Ok(())
    }

    /// Writes an object anew from its kept members, with the edits that were made inside them.
    fn without_removed(&mut self, span: Span, listed: &Listed<'_>) -> Result<(), Refusal> {
        let mut kept: Vec<Parts> = Vec::with_capacity(listed.len());
        for (_, whole, _) in listed {
            kept.push(self.splices.take(*whole)?);
        }
        // What was edited inside removed members goes with them.
        self.splices.take(span)?;
        self.splices
            .replace(span, splice::wrap("{", splice::join(kept), "}"));
        Ok(())
    }

    /// Whether the member stays.
    fn member(&mut self, cursor: &mut Cursor<'_>, part: Part, key: &str) -> Result<bool, Refusal> {
        if cursor.peek()? != Kind::Object {
            cursor.skip()?;
            return Ok(true);
        }
        match (part, key) {
            (Part::Result, "config") => self.part(cursor, Part::Config)?,
            (Part::Result, "payload_schema") => {
                let hidden = &self.view.payload_key;
                self.retain(cursor, |path| !path_touches(path, hidden))?;
            }
            (Part::Config, "params") => self.part(cursor, Part::Params)?,
            (Part::Config, "metadata") => {
                let hidden = &self.view.metadata_key;
                // Where nothing but ours is in it, a collection without ours would have none.
                return self.retain(cursor, |key| !is_ours(key, hidden));
            }
            (Part::Config, "strict_mode_config") => self.part(cursor, Part::StrictMode)?,
            (Part::Params, "vectors") => self.vectors(cursor)?,
            (Part::Params, "sparse_vectors") | (Part::StrictMode, "multivector_config" | "sparse_config") => {
                return self.names(cursor);
            }
            (Part::Result | Part::Config | Part::Params | Part::StrictMode, _) => {
                cursor.skip()?;
            }
        }
        Ok(true)
    }

    /// Keeps the members whose key passes. False where some went and none is left.
    fn retain(&mut self, cursor: &mut Cursor<'_>, keep: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        let start = cursor.offset();
        let listed = answer::list(cursor)?;
        let end = cursor.end();
        let kept: Vec<Span> = listed
            .iter()
            .filter(|(key, _, _)| keep(key))
            .map(|(_, whole, _)| *whole)
            .collect();
        if kept.len() == listed.len() {
            return Ok(true);
        }
        let object = answer::object_of(self.splices.body(), &kept)?;
        self.splices.replace(Span { start, end }, object);
        Ok(!kept.is_empty())
    }

    /// `params.vectors`: one vector's parameters, or a map by name.
    fn vectors(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let start = cursor.offset();
        let listed = answer::list(cursor)?;
        let end = cursor.end();
        let span = Span { start, end };
        let body = self.splices.body();
        // Only parameters have a number under `size`; a vector of that name would have an object.
        let is_single = listed
            .iter()
            .any(|(key, _, value)| key == "size" && body.get(value.start) != Some(&b'{'));
        if !is_single {
            let shown = self.shown(&listed);
            return match shown.as_slice() {
                [("", value)] => {
                    let bare = vec![splice::kept(body, *value)?];
                    self.splices.replace(span, bare);
                    Ok(())
                }
                _ => self.put_names(span, shown),
            };
        }
        match client_name("", &self.view.vectors) {
            Some("") => Ok(()),
            Some(name) => self.put_names(span, vec![(name, span)]),
            None => self.put_names(span, Vec::new()),
        }
    }

    /// A map by vector name. False where some went and none is left.
    fn names(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Refusal> {
        let start = cursor.offset();
        let listed = answer::list(cursor)?;
        let end = cursor.end();
        let shown = self.shown(&listed);
        let is_kept = listed.is_empty() || !shown.is_empty();
        self.put_names(Span { start, end }, shown)?;
        Ok(is_kept)
    }

    fn shown(&self, listed: &Listed<'_>) -> Vec<(&'v str, Span)> {
        listed
            .iter()
            .filter_map(|(name, _, value)| Some((client_name(name, &self.view.vectors)?, *value)))
            .collect()
    }

    fn put_names(&mut self, span: Span, shown: Vec<(&str, Span)>) -> Result<(), Refusal> {
        let mut members: Vec<Parts> = Vec::with_capacity(shown.len());
        for (name, value) in shown {
            let value = vec![splice::kept(self.splices.body(), value)?];
            members.push(splice::member(name, value));
        }
        self.splices
            .replace(span, splice::wrap("{", splice::join(members), "}"));
        Ok(())
    }
}
