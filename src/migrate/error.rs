//! Why a verb of the operator was not carried out.

use serde::{Deserialize, Serialize};

use crate::domain::gate::Reason;

/// The kind of a [`ControlError`]; stable, snake_case, also a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is wrong as it stands.
    Invalid,
    /// Nothing of that name.
    NotFound,
    /// The gate says no; [`ControlError::reasons`] say why.
    NotReady,
    /// Another model, collection, migration or writer stands in the way.
    Conflict,
    /// Qdrant cannot be reached, or refused.
    Upstream,
    /// The table or a migration could not be stored.
    Store,
    /// An embedder cannot be made or does not answer.
    Embedder,
    /// Interlock is shutting down; whether it was done shows after the restart.
    Stopping,
}

/// Why a verb was not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// For machines.
    pub kind: ErrorKind,
    /// For people: what was wrong and what to do.
    pub message: String,
    /// Every reason of the gate; empty for other kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

impl ControlError {
    /// An error without reasons.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reasons: Vec::new(),
        }
    }
}
