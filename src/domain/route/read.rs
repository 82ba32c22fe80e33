//! Reads: every node of the query tree to the one space of its model, and nothing of ours in what comes back.

mod shown;

use smallvec::SmallVec;

use crate::domain::ids::VectorName;
use crate::domain::model::{ModelId, ModelRef};
use crate::domain::op::{Filters, InputValue, LookupFrom, Node, Ranking, Read, Verb};
use crate::domain::plan::{Edit, Embed, EmbedRef, Plan, Purpose};
use crate::domain::refusal::Refusal;
use crate::domain::table::{Field, Space};
use crate::domain::tag::path_touches;

use super::Context;
use super::claim::{self, Target};
use shown::Shown;

/// The space of each field that this request has used so far, in the order of the fields' names: one model a field, for
/// the whole request. Mostly it is one field.
#[derive(Default)]
pub(super) struct Used<'t>(SmallVec<[(&'t VectorName, &'t Space); 1]>);

impl<'t> Used<'t> {
    fn get(&self, field: &VectorName) -> Option<&'t Space> {
        let found = self.0.iter().find(|(known, _)| *known == field);
        found.map(|(_, space)| *space)
    }

    /// Gives the one before.
    fn insert(&mut self, field: &'t VectorName, space: &'t Space) -> Option<&'t Space> {
        match self.0.binary_search_by(|(known, _)| (*known).cmp(field)) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, space)),
            Err(at) => {
                self.0.insert(at, (field, space));
                None
            }
        }
    }

    fn models(&self) -> Vec<ModelId> {
        self.0.iter().map(|(_, space)| space.model.clone()).collect()
    }
}

pub(super) fn decide(context: &Context<'_>, verb: Verb, reads: &[Read<'_>]) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let mut used = Used::default();
    for read in reads {
        for node in &read.nodes {
            rank(context, node, &mut used, &mut plan)?;
        }
    }
    let mut shown = Shown::default();
    for read in reads {
        filters(context, &read.filters, &mut used, &mut plan)?;
        if let Some(selecting) = &read.with_vectors {
            shown.vectors(context, verb, selecting, &mut used, &mut plan)?;
        }
        if let Some(selecting) = &read.with_payload {
            shown::payload(context, verb, selecting, &mut plan);
        }
        if let Some(lookup) = &read.lookup {
            shown::lookup(context, lookup, &mut plan)?;
        }
    }
    plan.unwrite.vectors = shown.finish(verb);
    plan.models = used.models();
    if plan.models.is_empty() {
        plan.models = context.serving_models();
    }
    Ok(plan)
}

/// Takes `space` for `field`, unless the request has already used another.
fn take<'t>(field: &'t Field, space: &'t Space, used: &mut Used<'t>) -> Result<(), Refusal> {
    claim::readable(field, space)?;
    match used.insert(&field.name, space) {
        Some(earlier) if earlier != space => Err(Refusal::invalid(
            "mixed_space",
            format!(
                "the request would rank vector `{}` by `{}` and by `{}`: their scores and vectors cannot be compared; ask one model a request",
                field.name, earlier.model, space.model
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// The space of a field for what follows the query tree: the one it used, or the one its claims give.
fn space_for<'t>(context: &Context<'t>, field: &'t Field, used: &mut Used<'t>) -> Result<&'t Space, Refusal> {
    if let Some(space) = used.get(&field.name) {
        return Ok(space);
    }
    let space = claim::space(field, context.managed, context.claims, None, &[])?;
    take(field, space, used)?;
    Ok(space)
}

/// The space of a field's vector that is named outside the query tree, perhaps with its model.
fn space_named<'t>(
    context: &Context<'t>,
    field: &'t Field,
    named: Option<&ModelRef>,
    used: &mut Used<'t>,
) -> Result<&'t Space, Refusal> {
    if named.is_none() {
        return space_for(context, field, used);
    }
    let space = claim::space(field, context.managed, context.claims, named, &[])?;
    take(field, space, used)?;
    Ok(space)
}

fn rank<'t>(
    context: &Context<'t>,
    node: &Node<'_>,
    used: &mut Used<'t>,
    plan: &mut Plan,
) -> Result<(), Refusal> {
    let given = node.using.as_deref();
    match node.ranking {
        Ranking::Vectors => {}
        Ranking::Text => return reserved(context, given.into_iter()),
        // The server ignores `using` here; what is fused was checked at its own node.
        Ranking::Unranked | Ranking::Prefetches | Ranking::Other => return Ok(()),
    }
    let documents = || claim::document_models(node.inputs.iter().map(|input| &input.value));
    match claim::target(context.managed, given.unwrap_or(""))? {
        Target::Opaque(_) => opaque_lookup(context, node.lookup_from.as_ref()),
        Target::Field(field, named) => {
            let space = claim::space(
                field,
                context.managed,
                context.claims,
                named.as_ref(),
                &documents()?,
            )?;
            take(field, space, used)?;
            if space.vector.as_str() != given.unwrap_or("") {
                plan.edits.push((node.site, Edit::Name(space.vector.clone())));
            }
            inputs(context, node, space, plan)?;
            match &node.lookup_from {
                Some(from) => lookup_from(context, from, given.unwrap_or(""), space, plan),
                None => Ok(()),
            }
        }
    }
}

fn inputs(context: &Context<'_>, node: &Node<'_>, space: &Space, plan: &mut Plan) -> Result<(), Refusal> {
    let model = claim::model_of(context.table, space)?;
    for input in &node.inputs {
        claim::fits(model, &input.value)?;
        if let InputValue::Document(document) = &input.value {
            plan.edits
                .push((input.site, Edit::Embedding(EmbedRef(plan.embeds.len()))));
            plan.embeds.push(Embed {
                model: space.model.clone(),
                purpose: Purpose::Query,
                text: document.text.clone().into_owned(),
                required: true,
            });
        }
    }
    Ok(())
}

fn other_model(from: &LookupFrom<'_>, space: &ModelId) -> Refusal {
    Refusal::invalid(
        "wrong_space",
        format!(
            "`lookup_from` reads vectors of `{}` that `{space}` did not make, or whose model is not known: look up in a field of the same model",
            from.collection
        ),
    )
}

/// The stored vectors that are looked up must be the same model's.
fn lookup_from(
    context: &Context<'_>,
    from: &LookupFrom<'_>,
    using: &str,
    space: &Space,
    plan: &mut Plan,
) -> Result<(), Refusal> {
    let managed = context
        .table
        .managed((context.resolve)(&from.collection).as_str());
    let managed = managed.ok_or_else(|| other_model(from, &space.model))?;
    let default = if from.defaults_to_unnamed { "" } else { using };
    let name = from.vector.as_deref().unwrap_or(default);
    let found = match claim::target(managed, name)? {
        Target::Opaque(_) => None,
        Target::Field(field, named) => {
            let found = field
                .space_of(&space.model)
                .filter(|found| named.is_none_or(|model| model.names(&found.model)));
            if let Some(found) = found {
                claim::readable(field, found)?;
            }
            found
        }
    };
    let found = found.ok_or_else(|| other_model(from, &space.model))?;
    let sent = match (&from.vector, from.defaults_to_unnamed) {
        (Some(given), _) => given.as_ref(),
        (None, true) => "",
        (None, false) => space.vector.as_str(),
    };
    if sent != found.vector.as_str() {
        plan.edits
            .push((from.vector_site, Edit::Name(found.vector.clone())));
    }
    Ok(())
}

/// An opaque vector may not be ranked by a field's stored vectors.
fn opaque_lookup(context: &Context<'_>, from: Option<&LookupFrom<'_>>) -> Result<(), Refusal> {
    let Some(from) = from else { return Ok(()) };
    let Some(managed) = context
        .table
        .managed((context.resolve)(&from.collection).as_str())
    else {
        return Ok(());
    };
    match claim::target(managed, from.vector.as_deref().unwrap_or(""))? {
        Target::Opaque(_) => Ok(()),
        Target::Field(field, _) => Err(other_model(from, &field.serving.model)),
    }
}

/// Conditions on vectors mean the client's space; the tag is nobody's to filter, order or group by.
pub(super) fn filters<'t>(
    context: &Context<'t>,
    filters: &Filters<'_>,
    used: &mut Used<'t>,
    plan: &mut Plan,
) -> Result<(), Refusal> {
    reserved(context, filters.keys.iter().map(AsRef::as_ref))?;
    for (site, name) in &filters.has_vectors {
        let Target::Field(field, named) = claim::target(context.managed, name)? else {
            continue;
        };
        let space = space_named(context, field, named.as_ref(), used)?;
        if space.vector.as_str() != name.as_ref() {
            plan.edits.push((*site, Edit::Name(space.vector.clone())));
        }
    }
    Ok(())
}

fn reserved<'a>(context: &Context<'_>, mut keys: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    match keys.find(|key| path_touches(key, context.reserved_key)) {
        None => Ok(()),
        Some(key) => Err(Refusal::invalid(
            "reserved_key",
            format!(
                "`{key}` is Interlock's own payload key: it cannot be filtered, ordered, grouped or indexed by"
            ),
        )),
    }
}
