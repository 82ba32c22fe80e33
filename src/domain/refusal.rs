//! Why Interlock answers a request itself, in terms that both APIs can say.

use std::borrow::Cow;

/// The kind of a refusal; each has one HTTP status and one gRPC code (`server` maps them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The request is wrong as it stands: 400, INVALID_ARGUMENT.
    Invalid,
    /// Nothing of that name: 404, NOT_FOUND.
    NotFound,
    /// Right, but not now: 409, FAILED_PRECONDITION.
    NotReady,
    /// Not allowed: 403, PERMISSION_DENIED.
    Forbidden,
    /// A body over its bound: 413, RESOURCE_EXHAUSTED.
    TooLarge,
    /// A queue over its bound: 429, RESOURCE_EXHAUSTED.
    Busy,
    /// An embedder or the upstream is down, or the outcome is unknown: 503, UNAVAILABLE.
    Unavailable,
    /// A call that exists nowhere here: 404 with an empty body, UNIMPLEMENTED.
    Unknown,
}

/// A refusal: its kind, a stable reason for machines, and a message that says what was wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Status and code.
    pub kind: RefusalKind,
    /// Stable, snake_case; also a metric label.
    pub reason: &'static str,
    /// For people.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of `kind`.
    pub fn new(kind: RefusalKind, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason,
            message: message.into(),
        }
    }

    /// The request is wrong as it stands.
    pub fn invalid(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Invalid, reason, message)
    }

    /// Not allowed.
    pub fn forbidden(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Forbidden, reason, message)
    }

    /// Something that the answer needs is down.
    pub fn unavailable(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Unavailable, reason, message)
    }
}
