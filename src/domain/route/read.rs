//! Reads: every node of the query tree to the one space of its model, and nothing of ours in what comes back.

use std::collections::BTreeMap;

use crate::domain::ids::VectorName;
use crate::domain::model::ModelId;
use crate::domain::op::{
    Filters, InputValue, LookupFrom, Node, PayloadSelection, Ranking, Read, Selecting, VectorSelection, Verb,
};
use crate::domain::plan::{Edit, Embed, EmbedRef, PayloadEdit, Plan, Purpose, Unwrite};
use crate::domain::refusal::Refusal;
use crate::domain::table::{Field, Managed, Space};
use crate::domain::tag::path_touches;

use super::Context;
use super::claim::{self, Target};

/// The space of each field that this request has used so far: one model a field, for the whole request.
type Used<'t> = BTreeMap<&'t VectorName, &'t Space>;

pub(super) fn decide(context: &Context<'_>, verb: Verb, reads: &[Read<'_>]) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let mut used = Used::new();
    for read in reads {
        for node in &read.nodes {
            rank(context, node, &mut used, &mut plan)?;
        }
    }
    for read in reads {
        filters(context, &read.filters, &mut used, &mut plan)?;
        if let Some(selecting) = &read.with_vectors {
            vectors(context, verb, selecting, &mut used, &mut plan)?;
        }
        if let Some(selecting) = &read.with_payload {
            payload(context, verb, selecting, &mut plan);
        }
        lookup(context, read, &mut plan)?;
    }
    plan.models = used.values().map(|space| space.model.clone()).collect();
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
        let space = match &named {
            Some(_) => claim::space(field, context.managed, context.claims, named.as_ref(), &[])?,
            None => space_for(context, field, used)?,
        };
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

fn add_names(unwrite: &mut Unwrite, pairs: Vec<(VectorName, VectorName)>) {
    let known = unwrite.vectors.get_or_insert_default();
    for pair in pairs {
        if !known.contains(&pair) {
            known.push(pair);
        }
    }
}

/// Which real vectors come back, and under which names.
fn selected<'t>(
    context: &Context<'t>,
    selection: &VectorSelection<'_>,
    used: &mut Used<'t>,
) -> Result<Vec<(VectorName, VectorName)>, Refusal> {
    let mut pairs = Vec::new();
    match selection {
        VectorSelection::None => {}
        VectorSelection::All => {
            for field in context.managed.fields.values() {
                pairs.push((
                    space_for(context, field, used)?.vector.clone(),
                    field.name.clone(),
                ));
            }
            pairs.extend(
                context
                    .managed
                    .opaque
                    .iter()
                    .map(|name| (name.clone(), name.clone())),
            );
        }
        VectorSelection::Names(names) => {
            for name in names {
                let real = match claim::target(context.managed, name)? {
                    Target::Opaque(name) => name.clone(),
                    Target::Field(field, None) => space_for(context, field, used)?.vector.clone(),
                    Target::Field(field, Some(named)) => {
                        let space = claim::space(field, context.managed, context.claims, Some(&named), &[])?;
                        take(field, space, used)?;
                        space.vector.clone()
                    }
                };
                pairs.push((real, VectorName::from(name.as_ref())));
            }
        }
    }
    Ok(pairs)
}

/// Whether what clients see of this collection's vectors is what Qdrant holds.
fn is_plain(managed: &Managed) -> bool {
    managed
        .fields
        .values()
        .all(|field| field.standby.is_none() && field.serving.vector == field.name)
}

fn vectors<'t>(
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
    if verb == Verb::GetOne {
        add_names(&mut plan.unwrite, pairs);
        return Ok(());
    }
    let asked_all = selecting.value == VectorSelection::All;
    let renamed = pairs.iter().any(|(real, name)| real != name);
    if renamed || (asked_all && !is_plain(context.managed)) {
        plan.edits.push((
            selecting.site,
            Edit::Names(pairs.iter().map(|(real, _)| real.clone()).collect()),
        ));
    }
    if renamed {
        add_names(&mut plan.unwrite, pairs);
    }
    Ok(())
}

/// The reserved key as a JSON path.
fn reserved_path(key: &str) -> String {
    if key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    {
        key.into()
    } else {
        format!("\"{key}\"")
    }
}

fn payload_edit(reserved_key: &str, selection: &PayloadSelection<'_>) -> Option<PayloadEdit> {
    match selection {
        PayloadSelection::None => None,
        PayloadSelection::All => Some(PayloadEdit::Exclude(vec![reserved_path(reserved_key)])),
        PayloadSelection::Exclude(keys) => {
            let mut keys: Vec<String> = keys.iter().map(|key| key.clone().into_owned()).collect();
            keys.push(reserved_path(reserved_key));
            Some(PayloadEdit::Exclude(keys))
        }
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

fn payload(context: &Context<'_>, verb: Verb, selecting: &Selecting<PayloadSelection<'_>>, plan: &mut Plan) {
    if context.claims.shows_tags {
        return;
    }
    if verb == Verb::GetOne {
        plan.unwrite.payload_key = Some(context.reserved_key.to_owned());
    } else if let Some(edit) = payload_edit(context.reserved_key, &selecting.value) {
        plan.edits.push((selecting.site, Edit::Payload(edit)));
    }
}

/// `with_lookup`: the other collection's payload without its tags; its vectors only where no name would change.
fn lookup(context: &Context<'_>, read: &Read<'_>, plan: &mut Plan) -> Result<(), Refusal> {
    let Some(lookup) = &read.lookup else { return Ok(()) };
    let managed = context
        .table
        .managed((context.resolve)(&lookup.collection).as_str());
    let brings_vectors = lookup.with_vectors.value != VectorSelection::None;
    if brings_vectors && (plan.unwrite.vectors.is_some() || managed.is_some_and(|managed| !is_plain(managed)))
    {
        return Err(Refusal::invalid(
            "lookup_vectors",
            format!(
                "`with_lookup` cannot bring vectors of `{}` while a migration renames spaces: ask for them in a request of their own",
                lookup.collection
            ),
        ));
    }
    if managed.is_some()
        && !context.claims.shows_tags
        && let Some(edit) = payload_edit(context.reserved_key, &lookup.with_payload.value)
    {
        plan.edits.push((lookup.with_payload.site, Edit::Payload(edit)));
    }
    Ok(())
}
