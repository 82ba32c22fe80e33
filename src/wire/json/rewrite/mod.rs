//! A plan's edits on a scanned body. Called by `engine` between `route` and the upstream. Decides nothing: each site takes
//! exactly the edit that it is given.

mod batch;
mod point;
mod scroll;
mod texts;
mod values;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::cursor::Span;
use super::errors;
use super::places::{Member, Place, Places, Slot};
use super::splice::{self, Parts, Splices};
use super::strings;
use crate::domain::op::{OpKind, Site, Verb};
use crate::domain::plan::{Edit, Embedding, PayloadEdit, Plan, Step};
use crate::domain::refusal::Refusal;
use crate::wire::{Outgoing, Scan};

pub use scroll::scroll_of;
pub use texts::{get_texts, texts};

/// The body that goes out: the client's with the plan's edits, or one ordered batch where the plan has steps of ours.
/// `body` must be the one that was scanned; the query string stays the caller's.
///
/// # Errors
/// A refusal where the plan does not fit the body, or an embedding is missing or not finite.
pub fn rewrite(
    scan: &Scan<'_, Places>,
    body: &Bytes,
    plan: &Plan,
    embeddings: &[Embedding],
    reserved_key: &str,
) -> Result<Outgoing, Refusal> {
    let verb = scan.op.verb;
    if !has_body(verb) {
        return Ok(Outgoing {
            verb: Some(verb),
            parts: Parts::new(),
        });
    }
    let splices = splices(scan, body, &plan.edits, embeddings, reserved_key)?;
    if passes_alone(scan, &plan.steps) {
        let whole = Span {
            start: 0,
            end: body.len(),
        };
        return Ok(Outgoing {
            verb: Some(verb),
            parts: splices.emit(whole)?,
        });
    }
    Ok(Outgoing {
        verb: Some(Verb::UpdateBatch),
        parts: batch::body(&scan.places, &splices, &plan.steps, reserved_key)?,
    })
}

fn has_body(verb: Verb) -> bool {
    !matches!(
        verb,
        Verb::GetOne | Verb::CollectionInfo | Verb::CollectionExists | Verb::DeleteFieldIndex
    )
}

/// Whether the steps are just the client's own operations, in order.
fn passes_alone(scan: &Scan<'_, Places>, steps: &[Step]) -> bool {
    let count = match &scan.op.kind {
        OpKind::Writes(writes) => writes.len(),
        OpKind::Reads(_) | OpKind::Info => 0,
    };
    steps.is_empty()
        || (steps.len() == count && steps.iter().enumerate().all(|(i, step)| *step == Step::Client(i)))
}

/// What the edits of one body share.
struct Editor<'b, 'p> {
    splices: Splices<'b>,
    embeddings: &'p [Embedding],
    reserved_key: &'p str,
    /// Members for lookups that are plain strings: they become objects.
    lookups: BTreeMap<Span, Vec<Parts>>,
}

fn splices<'b>(
    scan: &Scan<'_, Places>,
    body: &'b Bytes,
    given: &[(Site, Edit)],
    embeddings: &[Embedding],
    reserved_key: &str,
) -> Result<Splices<'b>, Refusal> {
    let mut editor = Editor {
        splices: Splices::new(body),
        embeddings,
        reserved_key,
        lookups: BTreeMap::new(),
    };
    let mut edits: HashMap<Site, &Edit> = HashMap::with_capacity(given.len());
    for (site, edit) in given {
        if edits.insert(*site, edit).is_some() {
            return Err(errors::misfit("two edits of one place"));
        }
    }
    for write in &scan.places.writes {
        if let Some((span, sites)) = &write.columns {
            editor.columns(&scan.places, *span, sites, &mut edits)?;
        }
    }
    for (site, edit) in given {
        if edits.contains_key(site) {
            let place = scan
                .places
                .get(*site)
                .ok_or_else(|| errors::misfit("a place of another body"))?;
            editor.apply(place, edit)?;
        }
    }
    editor.finish()
}

impl<'b> Editor<'b, '_> {
    fn finish(mut self) -> Result<Splices<'b>, Refusal> {
        for (span, members) in std::mem::take(&mut self.lookups) {
            let collection = vec![splice::kept(self.splices.body(), span)?];
            let all = std::iter::once(splice::member("collection", collection)).chain(members);
            self.splices
                .replace(span, splice::wrap("{", splice::join(all), "}"));
        }
        self.splices.sort();
        Ok(self.splices)
    }

    fn apply(&mut self, place: &Place, edit: &Edit) -> Result<(), Refusal> {
        match (place, edit) {
            (Place::Point(point), Edit::Point(edit)) => self.point(point, edit),
            (Place::Member(member), Edit::Name(_) | Edit::Names(_) | Edit::Payload(_)) => {
                let value = self.value(edit)?;
                self.member(member, value);
                Ok(())
            }
            (Place::Value(span), Edit::Name(_) | Edit::Names(_) | Edit::Embedding(_)) => {
                let value = self.value(edit)?;
                self.splices.replace(*span, value);
                Ok(())
            }
            (Place::Unnamed(span), Edit::Name(name)) => {
                if !name.is_unnamed() {
                    let open = format!("{{\"name\":{},\"vector\":", strings::quote(name.as_str()));
                    self.splices.insert(span.start, vec![splice::new(open)]);
                    self.splices.insert(span.end, vec![Bytes::from_static(b"}")]);
                }
                Ok(())
            }
            (Place::LookupText { span, key }, Edit::Names(_) | Edit::Payload(_)) => {
                let value = self.value(edit)?;
                self.lookups
                    .entry(*span)
                    .or_default()
                    .push(splice::member(key, value));
                Ok(())
            }
            // Such a request cannot say it; the answer is narrowed by `unwrite`.
            (Place::Answer, Edit::Names(_) | Edit::Payload(_)) => Ok(()),
            (
                Place::Member(_)
                | Place::Value(_)
                | Place::Unnamed(_)
                | Place::LookupText { .. }
                | Place::Point(_)
                | Place::Answer,
                Edit::Name(_) | Edit::Names(_) | Edit::Payload(_) | Edit::Embedding(_) | Edit::Point(_),
            ) => Err(errors::misfit("an edit that its place does not take")),
        }
    }

    /// The JSON of an edit that is one value.
    fn value(&self, edit: &Edit) -> Result<Parts, Refusal> {
        let text = match edit {
            Edit::Name(name) => strings::quote(name.as_str()),
            Edit::Names(names) => strings::quote_list(names.iter().map(|name| name.as_str())),
            Edit::Payload(PayloadEdit::Include(paths)) => {
                format!("{{\"include\":{}}}", list(paths))
            }
            Edit::Payload(PayloadEdit::Exclude(paths)) => {
                let reserved = values::path_of(self.reserved_key);
                let all = paths.iter().chain([&reserved]);
                format!("{{\"exclude\":{}}}", list(all))
            }
            Edit::Embedding(embed) => return values::embedding(self.embeddings, *embed),
            Edit::Point(_) => return Err(errors::misfit("a point is not one value")),
        };
        Ok(vec![splice::new(text)])
    }

    fn member(&mut self, member: &Member, value: Parts) {
        match member.slot {
            Slot::Value(span) => self.splices.replace(span, value),
            Slot::Absent { open, is_empty } => {
                self.splices
                    .put_member(open, is_empty, Cow::Borrowed(member.key), value);
            }
        }
    }
}

fn list<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    strings::quote_list(texts.into_iter().map(String::as_str))
}
