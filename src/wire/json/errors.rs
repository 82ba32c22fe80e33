//! The refusals of this module, with their stable reasons. Where Qdrant itself would answer `Format error in JSON body`,
//! so do these.

use std::fmt::Display;

use crate::domain::refusal::{Refusal, RefusalKind};

/// The body is not what its route takes.
pub(super) fn format(what: impl Display) -> Refusal {
    Refusal::invalid("malformed_body", format!("Format error in JSON body: {what}"))
}

/// A required field is absent.
pub(super) fn missing(field: &str) -> Refusal {
    format(format_args!("missing field `{field}`"))
}

/// One key twice in an object.
pub(super) fn duplicate(key: &str) -> Refusal {
    Refusal::invalid(
        "duplicate_key",
        format!("Format error in JSON body: duplicate field `{key}`: give it once"),
    )
}

/// A key that this version does not know where it stands.
pub(super) fn unknown(key: &str, place: &str) -> Refusal {
    Refusal::invalid(
        "unknown_field",
        format!(
            "unknown field `{key}` in {place}: this version of Interlock does not know it; remove it or check its spelling"
        ),
    )
}

/// A body that Qdrant reads in one way and a person in another.
pub(super) fn ambiguous(what: impl Display) -> Refusal {
    Refusal::invalid("ambiguous_body", format!("ambiguous body: {what}"))
}

/// Nested too deeply.
pub(super) fn too_deep(what: &str, levels_max: usize) -> Refusal {
    Refusal::invalid(
        "too_deep",
        format!("{what} nested deeper than {levels_max} levels is not taken"),
    )
}

/// More items than the bound.
pub(super) fn too_many(what: &str, count_max: usize) -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        "too_many_items",
        format!("more than {count_max} {what} in one request: split it"),
    )
}

/// The upstream's answer is not what its route answers.
pub(super) fn bad_answer(what: impl Display) -> Refusal {
    Refusal::unavailable(
        "bad_answer",
        format!("the upstream's answer cannot be read: {what}"),
    )
}

/// A plan that does not belong to this body: a fault of ours, which must not reach the upstream.
pub(super) fn misfit(what: &str) -> Refusal {
    Refusal::invalid("internal", format!("internal error: {what}; nothing was sent"))
}
