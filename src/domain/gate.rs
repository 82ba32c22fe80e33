//! The cutover's gate: facts in, a value out. Called by the migration before each flip, and for status.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::ModelId;
use super::phase::PhaseName;

/// What the gate looks at. Counts are exact. Each of those that speak against a flip is one count of its own, not the
/// difference of two: under live writes two counts see two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where the migration stands.
    pub phase: PhaseName,
    /// Whether the schema holds the target space with the target model's configuration.
    pub space_in_schema: bool,
    /// The target of another migration that is open on the field.
    pub other_migration_to: Option<ModelId>,
    /// Points that have the field.
    pub points: u64,
    /// Those of them without a vector in the target space.
    pub missing: u64,
    /// Points of the field that the target space does not hold fresh.
    pub pending: u64,
    /// Those of them that have no source text, as far as a pass has seen them.
    pub unsourced: u64,
}

/// One reason against a flip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The migration is not that far.
    Phase {
        /// Where it stands.
        phase: PhaseName,
    },
    /// The target space is not in the collection's schema, or not as the model needs it.
    SpaceMissing,
    /// Another migration of the field is open.
    OtherMigration {
        /// Its target.
        to: ModelId,
    },
    /// Points whose vector in the target space is missing or not of their last write.
    Pending {
        /// How many.
        points: u64,
    },
    /// Points without a vector in the target space.
    Coverage {
        /// How many.
        missing: u64,
        /// Points that have the field.
        points: u64,
    },
    /// Points whose payload does not give the source text.
    Unsourced {
        /// How many.
        points: u64,
    },
    /// Somebody may still read the space that is to go.
    RecentlyRead {
        /// Since the last read, or since the program began to watch, in seconds.
        seconds_ago: u64,
        /// What is asked for, in seconds.
        quiet_seconds: u64,
        /// Who read, as far as they say; some of them.
        callers: Vec<String>,
    },
    /// Requests that declare no model are pinned to the model that is to go.
    PinnedUndeclared {
        /// The model.
        model: ModelId,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase { phase } => write!(
                f,
                "the migration is in phase `{phase}`: wait until `interlock migrate status` says `ready`"
            ),
            Self::SpaceMissing => f.write_str(
                "the target space is not in the collection's schema as the model needs it: was it changed behind Interlock?",
            ),
            Self::OtherMigration { to } => write!(f, "a migration of the field to `{to}` is open"),
            Self::Pending { points } => write!(f, "{points} points are pending in the target space"),
            Self::Coverage { missing, points } => write!(
                f,
                "{missing} of {points} points have no vector in the target space"
            ),
            Self::Unsourced { points } => write!(
                f,
                "{points} points have no source text: give their payload the template's keys, or write their vectors as `field@model`"
            ),
            Self::RecentlyRead {
                seconds_ago,
                quiet_seconds,
                callers,
            } => write!(
                f,
                "the space was read {seconds_ago} s ago, or may have been, and {quiet_seconds} s without a read are asked for; callers: {}",
                match callers.is_empty() {
                    true => "none since the start of this process".to_owned(),
                    false => callers.join(", "),
                }
            ),
            Self::PinnedUndeclared { model } => write!(
                f,
                "requests that declare no model are pinned to `{model}`: say what they shall mean with --undeclared"
            ),
        }
    }
}

/// The gate's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Flip.
    Go(Armed),
    /// Don't: every reason, never empty.
    NoGo(Vec<Reason>),
}

/// Proof that the gate said go. Only [`decide`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed(());

/// Whether a flip to the target space may be made.
pub fn decide(evidence: &Evidence) -> Gate {
    let mut reasons = Vec::new();
    match evidence.phase {
        PhaseName::Ready | PhaseName::ServingNew | PhaseName::RolledBack => {}
        PhaseName::Brownout => {}
        phase @ (PhaseName::Planned
        | PhaseName::Opening
        | PhaseName::DualWriting
        | PhaseName::Backfilling
        | PhaseName::Paused
        | PhaseName::Retiring
        | PhaseName::Done
        | PhaseName::Cancelling
        | PhaseName::Cancelled) => reasons.push(Reason::Phase { phase }),
    }
    if !evidence.space_in_schema {
        reasons.push(Reason::SpaceMissing);
    }
    if let Some(to) = &evidence.other_migration_to {
        reasons.push(Reason::OtherMigration { to: to.clone() });
    }
    if evidence.pending > 0 {
        reasons.push(Reason::Pending {
            points: evidence.pending,
        });
    }
    if evidence.missing > 0 {
        reasons.push(Reason::Coverage {
            missing: evidence.missing,
            points: evidence.points,
        });
    }
    if evidence.unsourced > 0 && evidence.pending > 0 {
        reasons.push(Reason::Unsourced {
            points: evidence.unsourced,
        });
    }
    match reasons.is_empty() {
        true => Gate::Go(Armed(())),
        false => Gate::NoGo(reasons),
    }
}

/// What stands against dropping the space that served before. Counts and clocks are the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetireEvidence {
    /// Seconds since the space was read, or since the program began to watch.
    pub quiet_for_seconds: u64,
    /// Seconds without a read that are asked for.
    pub quiet_seconds: u64,
    /// Who read it.
    pub callers: Vec<String>,
    /// The model that is to go, where requests that declare none are pinned to it and stay so.
    pub pinned_to: Option<ModelId>,
}

/// Every reason against a retirement; empty: none.
pub fn against_retiring(evidence: &RetireEvidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(model) = &evidence.pinned_to {
        reasons.push(Reason::PinnedUndeclared { model: model.clone() });
    }
    if evidence.quiet_for_seconds < evidence.quiet_seconds {
        reasons.push(Reason::RecentlyRead {
            seconds_ago: evidence.quiet_for_seconds,
            quiet_seconds: evidence.quiet_seconds,
            callers: evidence.callers.clone(),
        });
    }
    reasons
}

#[cfg(test)]
pub(super) mod tests;
