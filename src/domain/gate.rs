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
    /// The last comparison of both spaces that came to its end.
    pub verified: Option<Verified>,
    /// Whether one is asked for before a flip.
    pub must_be_verified: bool,
}

/// What the gate knows of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// When it ended, in milliseconds since 1970.
    pub finished_at_ms: u64,
    /// Points that claimed what was not so, and were left as they were.
    pub false_claims: u64,
}

/// One reason for a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Favour {
    /// The target space stands as the model needs it.
    SpaceStands,
    /// Every point of the field has a vector there.
    Covered {
        /// How many.
        points: u64,
    },
    /// Each of them is of its point's last write.
    NothingPending,
    /// Both spaces were compared, and nothing false was left.
    Verified {
        /// When that ended, in milliseconds since 1970.
        finished_at_ms: u64,
    },
}

/// The gate's answer as it is shown: everything that speaks for a flip, and against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it says go.
    pub go: bool,
    /// Whether it would with `--force`.
    pub go_if_forced: bool,
    /// For.
    pub favours: Vec<Favour>,
    /// Against.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Favour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpaceStands => f.write_str("the space stands as its model needs it"),
            Self::Covered { points } => write!(f, "each of the {points} points has a vector there"),
            Self::NothingPending => f.write_str("none of them is pending"),
            Self::Verified { .. } => f.write_str("both spaces were compared, and nothing false was left"),
        }
    }
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
    /// Both spaces were not compared, as the configuration asks for.
    Unverified,
    /// The last comparison left points whose tags claim what is not so.
    FalseClaims {
        /// How many claims.
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
            Self::Unverified => {
                f.write_str("the spaces were not compared: `interlock migrate verify` does it")
            }
            Self::FalseClaims { points } => write!(
                f,
                "the last verification left {points} claims that are not so: `interlock migrate verify --repair` has them filled anew"
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

impl Reason {
    /// Whether an operator may flip all the same: what is missing then can be seen, and is filled later. A space that
    /// does not stand, or a phase before dual writing is open, cannot be flipped to by anybody.
    pub fn can_be_forced(&self) -> bool {
        match self {
            Self::Pending { .. }
            | Self::Coverage { .. }
            | Self::Unsourced { .. }
            | Self::Unverified
            | Self::FalseClaims { .. } => true,
            Self::Phase { phase } => match phase {
                PhaseName::Backfilling | PhaseName::Paused => true,
                PhaseName::Planned
                | PhaseName::Opening
                | PhaseName::DualWriting
                | PhaseName::Ready
                | PhaseName::ServingNew
                | PhaseName::RolledBack
                | PhaseName::Brownout
                | PhaseName::Retiring
                | PhaseName::Done
                | PhaseName::Cancelling
                | PhaseName::Cancelled => false,
            },
            Self::SpaceMissing
            | Self::OtherMigration { .. }
            | Self::RecentlyRead { .. }
            | Self::PinnedUndeclared { .. } => false,
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

/// Proof that the gate said go. Only [`decide`] and [`decide_forced`] make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    is_forced: bool,
}

impl Armed {
    /// Whether an operator insisted.
    pub fn is_forced(&self) -> bool {
        self.is_forced
    }
}

/// Whether a flip to the target space may be made.
pub fn decide(evidence: &Evidence) -> Gate {
    gate(against(evidence), false)
}

/// Whether it may be made by an operator who insists: as [`decide`], but for what [`Reason::can_be_forced`].
pub fn decide_forced(evidence: &Evidence) -> Gate {
    let reasons = against(evidence).into_iter();
    gate(reasons.filter(|reason| !reason.can_be_forced()).collect(), true)
}

/// Everything for and against a flip.
pub fn verdict(evidence: &Evidence) -> Verdict {
    let reasons = against(evidence);
    let favours = [
        evidence.space_in_schema.then_some(Favour::SpaceStands),
        (evidence.missing == 0).then_some(Favour::Covered {
            points: evidence.points,
        }),
        (evidence.pending == 0).then_some(Favour::NothingPending),
        evidence
            .verified
            .filter(|verified| verified.false_claims == 0)
            .map(|verified| Favour::Verified {
                finished_at_ms: verified.finished_at_ms,
            }),
    ];
    Verdict {
        go: reasons.is_empty(),
        go_if_forced: reasons.iter().all(Reason::can_be_forced),
        favours: favours.into_iter().flatten().collect(),
        reasons,
    }
}

fn gate(reasons: Vec<Reason>, is_forced: bool) -> Gate {
    match reasons.is_empty() {
        true => Gate::Go(Armed { is_forced }),
        false => Gate::NoGo(reasons),
    }
}

fn against(evidence: &Evidence) -> Vec<Reason> {
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
    match evidence.verified {
        None if evidence.must_be_verified => reasons.push(Reason::Unverified),
        Some(Verified { false_claims, .. }) if false_claims > 0 => {
            reasons.push(Reason::FalseClaims { points: false_claims })
        }
        Some(_) | None => {}
    }
    reasons
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
    /// Points whose last write only the space that is to go holds.
    pub pending: u64,
}

/// Every reason against a retirement; empty: none.
pub fn against_retiring(evidence: &RetireEvidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(model) = &evidence.pinned_to {
        reasons.push(Reason::PinnedUndeclared { model: model.clone() });
    }
    if evidence.pending > 0 {
        reasons.push(Reason::Pending {
            points: evidence.pending,
        });
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
