//! The closed sets of label values that are telemetry's own.

/// How a client's request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream's answer went out, whatever it says.
    Answered,
    /// Refused by Interlock, for a reason in the request or the table.
    Refused,
    /// The upstream or an embedder was down, or the outcome is unknown.
    Unavailable,
    /// Its deadline passed.
    Late,
    /// The client went away first.
    Cancelled,
}

impl Outcome {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Refused => "refused",
            Outcome::Unavailable => "unavailable",
            Outcome::Late => "late",
            Outcome::Cancelled => "cancelled",
        }
    }
}

/// How an attempt to connect to the upstream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// Connected.
    Connected,
    /// Not.
    Failed,
}

impl ConnectOutcome {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectOutcome::Connected => "connected",
            ConnectOutcome::Failed => "failed",
        }
    }
}

/// How a call of an embedder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedOutcome {
    /// Every text has its vector.
    Embedded,
    /// None has.
    Failed,
}

impl EmbedOutcome {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            EmbedOutcome::Embedded => "embedded",
            EmbedOutcome::Failed => "failed",
        }
    }
}
