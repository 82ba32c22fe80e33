//! Which field a vector name means, and which model made a request's vectors: the contract's order.

use std::borrow::Cow;

use crate::domain::ids::VectorName;
use crate::domain::model::{Kind, Model, ModelId, ModelRef};
use crate::domain::op::InputValue;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::table::{Field, Managed, Space, Table, Undeclared, Unreadable};

use super::Claims;

/// The reason of a read that a brownout refuses.
pub const RETIRED_SPACE: &str = "retired_space";

/// The name for a field's serving model in a `Document`.
const AUTO: &str = "auto";

/// What a vector name means.
#[derive(Clone, Debug)]
pub(super) enum Target<'t> {
    /// A field, perhaps with the model that the name itself says.
    Field(&'t Field, Option<ModelRef>),
    /// A vector that passes unchecked.
    Opaque(&'t VectorName),
}

/// Finds what `name` means: an exact field first, then an opaque vector, then `field@model`, split at the first `@`.
pub(super) fn target<'t>(managed: &'t Managed, name: &str) -> Result<Target<'t>, Refusal> {
    if let Some(field) = managed.fields.get(name) {
        return Ok(Target::Field(field, None));
    }
    if let Some(opaque) = managed.opaque.iter().find(|opaque| opaque.as_str() == name) {
        return Ok(Target::Opaque(opaque));
    }
    if let Some((field, model)) = name.split_once('@')
        && let (Some(field), Ok(model)) = (managed.fields.get(field), model.parse())
    {
        return Ok(Target::Field(field, Some(model)));
    }
    Err(Refusal::invalid(
        "unknown_vector",
        format!("Wrong input: Not existing vector name error: {name}"),
    ))
}

/// The space that a request's vectors of `field` belong to.
///
/// `named` is the model that the vector's own name says, `documents` are the models of the texts given for the field.
pub(super) fn space<'t>(
    field: &'t Field,
    managed: &Managed,
    claims: &Claims,
    named: Option<&ModelRef>,
    documents: &[&str],
) -> Result<&'t Space, Refusal> {
    let mut claimed: Option<&Space> = None;
    let mut agree = |space: &'t Space| match claimed {
        Some(earlier) if earlier.model != space.model => Err(contradiction(field, earlier, space)),
        Some(_) | None => {
            claimed = Some(space);
            Ok(())
        }
    };
    if let Some(space) = from_header(field, managed, &claims.header)? {
        agree(space)?;
    }
    for model in documents.iter().filter(|model| !model.is_empty()) {
        agree(if *model == AUTO {
            &field.serving
        } else {
            named_space(field, &model_ref(model)?)?
        })?;
    }
    if let Some(model) = named {
        agree(named_space(field, model)?)?;
    }
    let bound = claims.key.iter().filter_map(|model| field.space_of(model));
    let bound: Vec<&Space> = bound.collect();
    match (claimed, bound.as_slice()) {
        (Some(space), []) => Ok(space),
        (None, [space]) => Ok(*space),
        (Some(space), bound) if bound.contains(&space) => Ok(space),
        (Some(space), [other, ..]) => Err(contradiction(field, space, other)),
        (None, [one, other, ..]) => Err(Refusal::invalid(
            "contradicting_models",
            format!(
                "the API key is bound to both `{}` and `{}`, and vector `{}` has a space of each: send the `embedding-model` header with the one that you use",
                one.model, other.model, field.name
            ),
        )),
        (None, []) if documents.contains(&"") => Ok(&field.serving),
        (None, []) if claims.key.is_empty() => undeclared(field),
        (None, []) => Err(unbound(field, &claims.key)),
    }
}

fn contradiction(field: &Field, one: &Space, other: &Space) -> Refusal {
    Refusal::invalid(
        "contradicting_models",
        format!(
            "the request says both `{}` and `{}` of vector `{}`: say one model, or split the request",
            one.model, other.model, field.name
        ),
    )
}

/// The undeclared policy is for clients that nothing is known of. Of this one it is known that it uses other models.
fn unbound(field: &Field, bound: &[ModelId]) -> Refusal {
    let bound: Vec<_> = bound.iter().map(ToString::to_string).collect();
    Refusal::invalid(
        "wrong_space",
        format!(
            "the API key is bound to {}, none of which has a space for vector `{}`: bind it to `{}` too, or send the `embedding-model` header",
            bound.join(", "),
            field.name,
            field.serving.model
        ),
    )
}

/// The space whose shape a client sees as the field's own: that of its vectors, or the serving one where it says none.
pub(super) fn shown<'t>(field: &'t Field, managed: &Managed, claims: &Claims) -> Result<&'t Space, Refusal> {
    if let Some(space) = from_header(field, managed, &claims.header)? {
        return Ok(space);
    }
    let bound = claims.key.iter().find_map(|model| field.space_of(model));
    let pinned = || match &field.undeclared {
        Undeclared::Reject => None,
        Undeclared::Pinned(model) => field.space_of(model),
    };
    Ok(bound.or_else(pinned).unwrap_or(&field.serving))
}

fn model_ref(text: &str) -> Result<ModelRef, Refusal> {
    text.parse()
        .map_err(|bad| Refusal::invalid("unknown_model", format!("{bad}")))
}

/// The header names a model a field; a field that none of them is about has no claim from it, as long as each of them
/// is about some field of the collection.
fn from_header<'t>(
    field: &'t Field,
    managed: &Managed,
    header: &[ModelRef],
) -> Result<Option<&'t Space>, Refusal> {
    let mut found = None;
    for model in header {
        if let Some(space) = field.spaces().find(|space| model.names(&space.model)) {
            if found.is_some_and(|earlier: &Space| earlier != space) {
                return Err(Refusal::invalid(
                    "contradicting_models",
                    format!(
                        "`embedding-model` names two models of vector `{}`: name one",
                        field.name
                    ),
                ));
            }
            found = Some(space);
        } else if !managed
            .fields
            .values()
            .any(|f| f.spaces().any(|space| model.names(&space.model)))
        {
            return Err(unknown_model(field, model));
        }
    }
    Ok(found)
}

fn named_space<'t>(field: &'t Field, model: &ModelRef) -> Result<&'t Space, Refusal> {
    let mut spaces = field.spaces().filter(|space| model.names(&space.model));
    match (spaces.next(), spaces.next()) {
        (Some(space), None) => Ok(space),
        (Some(first), Some(second)) => Err(Refusal::invalid(
            "ambiguous_model",
            format!(
                "`{model}` is both `{}` and `{}`: say the version",
                first.model, second.model
            ),
        )),
        (None, _) => Err(unknown_model(field, model)),
    }
}

fn unknown_model(field: &Field, model: &ModelRef) -> Refusal {
    let known: Vec<_> = field.spaces().map(|space| space.model.to_string()).collect();
    Refusal::invalid(
        "wrong_space",
        format!(
            "model `{model}` has no space for vector `{}`; it has: {}. Send vectors of one of these, or start a migration to `{model}`",
            field.name,
            known.join(", ")
        ),
    )
}

fn undeclared(field: &Field) -> Result<&Space, Refusal> {
    match &field.undeclared {
        Undeclared::Reject => Err(Refusal::invalid(
            "undeclared_model",
            format!(
                "the request does not say which model made its vectors for `{}`: send the `embedding-model` header, or name the vector `{}@{}`",
                field.name, field.name, field.serving.model
            ),
        )),
        Undeclared::Pinned(model) => field.space_of(model).ok_or_else(|| {
            Refusal::invalid(
                "retired_model",
                format!(
                    "clients that declare no model are pinned to `{model}`, whose space of `{}` is gone: declare `{}`",
                    field.name, field.serving.model
                ),
            )
        }),
    }
}

/// Refuses a space that clients may not read.
pub(super) fn readable(field: &Field, space: &Space) -> Result<(), Refusal> {
    match field.unreadable(space) {
        None => Ok(()),
        Some(Unreadable::Filling) => Err(Refusal::new(
            RefusalKind::NotReady,
            "space_not_ready",
            format!(
                "the space of `{}` for vector `{}` is still being filled: `interlock status` shows its coverage; query with `{}` until the cutover",
                space.model, field.name, field.serving.model
            ),
        )),
        Some(Unreadable::Closed) => Err(Refusal::invalid(
            RETIRED_SPACE,
            format!(
                "the space of `{}` for vector `{}` is being retired: query with `{}`",
                space.model, field.name, field.serving.model
            ),
        )),
    }
}

/// The registered model of a space.
pub(super) fn model_of<'t>(table: &'t Table, space: &Space) -> Result<&'t Model, Refusal> {
    table
        .model(&space.model)
        .ok_or_else(|| unregistered(&space.model))
}

fn unregistered(model: &ModelId) -> Refusal {
    Refusal::invalid(
        "unknown_model",
        format!("model `{model}` is not registered: add it with `interlock model add`"),
    )
}

/// Refuses a raw vector whose shape is not the model's. Passes documents and point ids.
pub(super) fn fits(model: &Model, value: &InputValue<'_>) -> Result<(), Refusal> {
    let (kind, dimension) = match value {
        InputValue::Dense(dimension) => (Kind::Dense, *dimension),
        InputValue::Multi(dimension) => (Kind::Multivector, *dimension),
        InputValue::Sparse => (Kind::Sparse, 0),
        InputValue::Point(_) | InputValue::Document(_) | InputValue::Other { .. } => return Ok(()),
    };
    // Qdrant takes a single dense query for a multivector space.
    if kind != model.kind && !(kind == Kind::Dense && model.kind == Kind::Multivector) {
        return Err(Refusal::invalid(
            "wrong_kind",
            format!(
                "Wrong input: the vector is {kind:?}, but `{}` makes {:?} vectors",
                model.id, model.kind
            ),
        ));
    }
    if model.kind != Kind::Sparse && dimension != model.dimension as usize {
        return Err(Refusal::invalid(
            "wrong_dimension",
            format!(
                "Wrong input: Vector dimension error: expected dim: {}, got {dimension}",
                model.dimension
            ),
        ));
    }
    Ok(())
}

/// The models that the texts among `values` name.
pub(super) fn document_models<'a>(
    values: impl Iterator<Item = &'a InputValue<'a>>,
) -> Result<Vec<&'a str>, Refusal> {
    let mut models = Vec::new();
    for value in values {
        match value {
            InputValue::Document(document) if document.has_options => {
                return Err(Refusal::invalid(
                    "document_options",
                    "a document's `options` change what the model makes: register that as a model of its own, and leave them out",
                ));
            }
            InputValue::Document(document) => models.push(Cow::as_ref(&document.model)),
            InputValue::Other { model } => {
                return Err(Refusal::invalid(
                    "unsupported_input",
                    format!("Interlock embeds text only: send the vector of `{model}` itself"),
                ));
            }
            InputValue::Dense(_) | InputValue::Sparse | InputValue::Multi(_) | InputValue::Point(_) => {}
        }
    }
    Ok(models)
}
