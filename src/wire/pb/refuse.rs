//! The refusals that bodies give rise to. Called by everything in `pb`.

use super::reader::Malformed;
use crate::domain::refusal::{Refusal, RefusalKind};

impl From<Malformed> for Refusal {
    fn from(Malformed(what): Malformed) -> Self {
        Self::invalid("malformed", format!("the request is not valid protobuf: {what}"))
    }
}

/// The bytes of a request break a rule of its message.
#[cold]
pub(super) fn malformed(message: &str, what: &str) -> Refusal {
    Refusal::invalid("malformed", format!("{message}: {what}"))
}

/// A field that this version does not know, or of a type that it does not have.
#[cold]
pub(super) fn unknown_field(message: &str, number: u32) -> Refusal {
    Refusal::invalid(
        "unknown_field",
        format!("{message} has field {number} of a kind that this version of Interlock does not know"),
    )
}

/// Something stands twice that counts once.
#[cold]
pub(super) fn repeated(message: &str, number: u32) -> Refusal {
    malformed(
        message,
        &format!("field {number}, or its oneof, or its map key, stands more than once; send it once"),
    )
}

/// More levels of messages than are taken.
#[cold]
pub(super) fn too_deep(depth_max: usize) -> Refusal {
    Refusal::invalid(
        "too_deep",
        format!("the request nests more than {depth_max} messages; flatten its filters or payload"),
    )
}

/// A bound of ours.
#[cold]
pub(super) fn too_large(reason: &'static str, what: String) -> Refusal {
    Refusal::new(RefusalKind::TooLarge, reason, what)
}

/// A plan that does not fit the body that it was made for.
pub(super) fn unfit(what: &'static str) -> Refusal {
    Refusal::invalid(
        "plan_unfit",
        format!("Interlock could not carry out its own plan: {what}"),
    )
}

/// An answer that cannot be read, and so cannot be shown.
pub(super) fn bad_answer(what: &str) -> Refusal {
    Refusal::unavailable(
        "bad_answer",
        format!("the upstream's answer cannot be read: {what}"),
    )
}
