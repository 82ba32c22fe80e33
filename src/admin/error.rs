//! The operator's errors and the one place where they become HTTP statuses and gRPC codes, and come back.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::domain::gate::Reason;
use crate::migrate::{ControlError, ErrorKind as ControlKind};

const DOMAIN: &str = "interlock";

/// What went wrong, for machines; the same word in JSON and in gRPC's `ErrorInfo.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is wrong as it stands: 400, INVALID_ARGUMENT.
    Invalid,
    /// No token, or another one: 401, UNAUTHENTICATED.
    Unauthenticated,
    /// Not from there: 403, PERMISSION_DENIED.
    Forbidden,
    /// Nothing of that name: 404, NOT_FOUND.
    NotFound,
    /// Another verb, model or migration stands in the way: 409, ALREADY_EXISTS.
    Conflict,
    /// Right, but not now: 409, FAILED_PRECONDITION; says why.
    NotReady,
    /// A body over its bound: 413, RESOURCE_EXHAUSTED.
    TooLarge,
    /// The upstream or an embedder is down, or Interlock stops: 503, UNAVAILABLE.
    Unavailable,
    /// Interlock's own fault: 500, INTERNAL.
    Internal,
}

/// An error as both faces say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// For machines.
    pub kind: ErrorKind,
    /// For people: what was wrong and what to do.
    pub message: String,
    /// Where the gate said no: each of its reasons.
    #[serde(default)]
    pub reasons: Vec<GateReason>,
}

/// One reason of the gate, for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReason {
    /// Stable, snake_case: the `reason` that a migration's state shows too.
    pub reason: String,
    /// What stands against the flip, and what to do.
    pub message: String,
}

impl From<&Reason> for GateReason {
    fn from(reason: &Reason) -> Self {
        let code = match reason {
            Reason::Phase { .. } => "phase",
            Reason::SpaceMissing => "space_missing",
            Reason::OtherMigration { .. } => "other_migration",
            Reason::Pending { .. } => "pending",
            Reason::Coverage { .. } => "coverage",
            Reason::Unsourced { .. } => "unsourced",
            Reason::Unverified => "unverified",
            Reason::FalseClaims { .. } => "false_claims",
            Reason::RecentlyRead { .. } => "recently_read",
            Reason::PinnedUndeclared { .. } => "pinned_undeclared",
        };
        Self {
            reason: code.to_owned(),
            message: reason.to_string(),
        }
    }
}

impl ErrorKind {
    const ALL: [Self; 9] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::NotReady,
        Self::TooLarge,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The kind as JSON and `ErrorInfo.reason` spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::NotReady => "not_ready",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict | Self::NotReady => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC code.
    pub fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::Conflict => Code::AlreadyExists,
            Self::NotReady => Code::FailedPrecondition,
            Self::TooLarge => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }
}

impl AdminError {
    /// An error without reasons.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reasons: Vec::new(),
        }
    }

    /// The request is wrong as it stands.
    pub fn invalid(message: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, message.to_string())
    }

    /// The JSON face's document: `{"error": {"kind", "message", "reasons"}}`.
    pub fn document(&self) -> serde_json::Value {
        serde_json::json!({"error": {
            "kind": self.kind.as_str(),
            "message": self.message,
            "reasons": self.reasons,
        }})
    }

    /// The error in a status that our own server sent; `None` where something else made the status.
    pub fn from_status(status: &Status) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
        let kind = ErrorKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == info.reason)?;
        let reasons = details.precondition_failure().map_or_else(Vec::new, |failure| {
            let of = |violation: &tonic_types::PreconditionViolation| GateReason {
                reason: violation.r#type.clone(),
                message: violation.description.clone(),
            };
            failure.violations.iter().map(of).collect()
        });
        Some(Self {
            kind,
            message: status.message().to_owned(),
            reasons,
        })
    }
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(error.kind.as_str(), DOMAIN, std::collections::HashMap::new());
        for reason in error.reasons {
            details.add_precondition_failure_violation(reason.reason, "", reason.message);
        }
        Status::with_error_details(error.kind.code(), error.message, details)
    }
}

impl From<ControlError> for AdminError {
    fn from(error: ControlError) -> Self {
        let kind = match error.kind {
            ControlKind::Invalid => ErrorKind::Invalid,
            ControlKind::NotFound => ErrorKind::NotFound,
            ControlKind::NotReady => ErrorKind::NotReady,
            ControlKind::Conflict => ErrorKind::Conflict,
            ControlKind::Upstream | ControlKind::Embedder | ControlKind::Stopping => ErrorKind::Unavailable,
            ControlKind::Store => ErrorKind::Internal,
        };
        Self {
            kind,
            message: error.message,
            reasons: error.reasons.iter().map(GateReason::from).collect(),
        }
    }
}
