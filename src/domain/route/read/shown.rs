//! What comes back: which vectors and payload are asked for, and under which names clients see them.

use crate::domain::ids::VectorName;
use crate::domain::model::ModelRef;
use crate::domain::op::{PayloadSelection, Selecting, VectorSelection, Verb, WithLookup};
use crate::domain::plan::{Edit, PayloadEdit, Plan};
use crate::domain::refusal::Refusal;
use crate::domain::tag::path_touches;

use super::super::claim::{self, Target};
use super::super::{Claims, Context};
use super::{Used, space_for, space_named};

/// A vector that may come back: its real name, then the client's.
type Pair = (VectorName, VectorName);

/// The vectors that all reads of a request ask for.
#[derive(Default)]
pub(super) struct Shown(Vec<Pair>);

impl Shown {
    /// Asks for the real vectors that a selection means. `true` becomes a list: what else a point may hold is not the
    /// client's to see.
    pub fn vectors<'t>(
        &mut self,
        context: &Context<'t>,
        verb: Verb,
        selecting: &Selecting<VectorSelection<'_>>,
        used: &mut Used<'t>,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        let pairs = selected(context, &selecting.value, used)?;
        if pairs.is_empty() {
            return Ok(());
        }
        // Its request cannot say which vectors it wants.
        if verb != Verb::GetOne && must_name(&selecting.value, &pairs) {
            plan.edits.push((selecting.site, names(&pairs)));
        }
        for pair in pairs {
            if self.0.contains(&pair) {
                continue;
            }
            if let Some((_, earlier)) = self.0.iter().find(|(real, _)| *real == pair.0) {
                return Err(Refusal::invalid(
                    "two_spellings",
                    format!(
                        "`{earlier}` and `{}` are one vector: use one of the names",
                        pair.1
                    ),
                ));
            }
            self.0.push(pair);
        }
        Ok(())
    }

    /// What the answer is to be searched for, where a name in it would be another than the client's.
    pub fn finish(self, verb: Verb) -> Option<Vec<Pair>> {
        let is_needed = is_renamed(&self.0) || (verb == Verb::GetOne && !self.0.is_empty());
        is_needed.then_some(self.0)
    }
}

fn is_renamed(pairs: &[Pair]) -> bool {
    pairs.iter().any(|(real, name)| real != name)
}

/// Whether the selection must be spelled out in real names.
fn must_name(selection: &VectorSelection<'_>, pairs: &[Pair]) -> bool {
    *selection == VectorSelection::All || is_renamed(pairs)
}

fn names(pairs: &[Pair]) -> Edit {
    Edit::Names(pairs.iter().map(|(real, _)| real.clone()).collect())
}

/// Which real vectors come back, and under which names.
fn selected<'t>(
    context: &Context<'t>,
    selection: &VectorSelection<'_>,
    used: &mut Used<'t>,
) -> Result<Vec<Pair>, Refusal> {
    let mut pairs = Vec::new();
    match selection {
        VectorSelection::None => {}
        VectorSelection::All => {
            for field in context.managed.fields.values() {
                let space = space_for(context, field, used)?;
                pairs.push((space.vector.clone(), field.name.clone()));
            }
            let opaque = context.managed.opaque.iter();
            pairs.extend(opaque.map(|name| (name.clone(), name.clone())));
        }
        VectorSelection::Names(names) => {
            for name in names {
                let real = match claim::target(context.managed, name)? {
                    Target::Opaque(name) => name,
                    Target::Field(field, named) => &space_named(context, field, named.as_ref(), used)?.vector,
                };
                pairs.push((real.clone(), VectorName::from(name.as_ref())));
            }
        }
    }
    Ok(pairs)
}

fn payload_edit(reserved_key: &str, selection: &PayloadSelection<'_>) -> Option<PayloadEdit> {
    match selection {
        PayloadSelection::None => None,
        PayloadSelection::All => Some(PayloadEdit::Exclude(Vec::new())),
        PayloadSelection::Exclude(keys) => Some(PayloadEdit::Exclude(
            keys.iter().map(|key| key.clone().into_owned()).collect(),
        )),
        PayloadSelection::Include(keys) => {
            let kept: Vec<String> = keys
                .iter()
                .filter(|key| !path_touches(key, reserved_key))
                .map(|key| key.clone().into_owned())
                .collect();
            (kept.len() < keys.len()).then_some(PayloadEdit::Include(kept))
        }
    }
}

/// Keeps tags out of what comes back, unless the client asks for them.
pub(super) fn payload(
    context: &Context<'_>,
    verb: Verb,
    selecting: &Selecting<PayloadSelection<'_>>,
    plan: &mut Plan,
) {
    if context.claims.shows_tags {
        return;
    }
    if verb == Verb::GetOne {
        plan.unwrite.payload_key = Some(context.reserved_key.to_owned());
    } else if let Some(edit) = payload_edit(context.reserved_key, &selecting.value) {
        plan.edits.push((selecting.site, Edit::Payload(edit)));
    }
}

/// `with_lookup`: the other collection's payload without its tags, and its vectors as a read of that collection would
/// bring them, by the claims that are about it. An unmanaged one passes.
pub(super) fn lookup(context: &Context<'_>, lookup: &WithLookup<'_>, plan: &mut Plan) -> Result<(), Refusal> {
    let collection = (context.resolve)(&lookup.collection);
    let Some(managed) = context.table.managed(collection.as_str()) else {
        return Ok(());
    };
    let is_about = |model: &&_| {
        let mut spaces = managed.fields.values().flat_map(|field| field.spaces());
        spaces.any(|space| ModelRef::names(model, &space.model))
    };
    let claims = Claims {
        header: context.claims.header.iter().filter(is_about).cloned().collect(),
        ..context.claims.clone()
    };
    let there = Context {
        collection: &collection,
        managed,
        claims: &claims,
        ..*context
    };
    let selection = &lookup.with_vectors.value;
    let pairs = selected(&there, selection, &mut Used::default())?;
    if !pairs.is_empty() && must_name(selection, &pairs) {
        plan.edits.push((lookup.with_vectors.site, names(&pairs)));
    }
    plan.unwrite.lookup_vectors = is_renamed(&pairs).then_some(pairs);
    if !context.claims.shows_tags
        && let Some(edit) = payload_edit(context.reserved_key, &lookup.with_payload.value)
    {
        plan.edits.push((lookup.with_payload.site, Edit::Payload(edit)));
    }
    Ok(())
}
