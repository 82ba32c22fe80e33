//! What moves a migration.

use super::{Appointment, Phase, Prepared, Retirement};
use crate::domain::gate::Armed;
use crate::domain::table::StandbyPolicy;
use crate::domain::throttle::Spent;

/// What happened to a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The operator said start.
    Start,
    /// The space and its index stand, and every point of the field has a tag.
    SpaceMade,
    /// The upstream refused the space for good.
    SpaceRefused,
    /// Every request that began before dual writing has answered.
    Drained,
    /// A page is done.
    Page {
        /// The first id of the next page; absent after the last.
        next: Option<String>,
        /// Points filled.
        filled: u64,
        /// Points without a source text.
        unsourced: u64,
        /// What was asked of the embedder since the last event that says so.
        spent: Spent,
    },
    /// The embedder was asked for something, apart from the pages of a backfill.
    Spent(Spent),
    /// A pass is over, and so many points are pending by an exact count.
    PassEnded {
        /// Points that are pending.
        pending: u64,
    },
    /// The operator said cutover, and the gate said go.
    CutOver(Armed),
    /// The operator set, moved or took back the time of a cutover; or it was missed.
    Appoint(Option<Appointment>),
    /// The operator said rollback, and the gate said go.
    RollBack(Armed),
    /// The operator said how many points per second the backfill may fill; absent: any number.
    Pace(Option<u32>),
    /// The operator said what a write does after the flip when the kept space cannot be written.
    Standby(StandbyPolicy),
    /// The operator said pause.
    Pause,
    /// The operator said resume.
    Resume,
    /// The operator said cancel.
    Cancel,
    /// The operator said retire, and nothing stood against it.
    Retire(Retirement),
    /// The operator said that the old space shall stay after all.
    Keep,
    /// The brownout's time is over, and nobody was refused in it; or the operator insists.
    BrownoutOver,
    /// What is done before the drop is done.
    Prepared(Prepared),
    /// The space that had to go is gone.
    SpaceDropped,
}

impl Event {
    /// The rate that it sets, where it sets one.
    pub(super) fn rate(&self) -> Option<Option<u32>> {
        if let Self::Pace(rate) = self {
            return Some(*rate);
        }
        None
    }

    /// The policy that it sets, where it sets one.
    pub(super) fn standby(&self) -> Option<StandbyPolicy> {
        if let Self::Standby(policy) = self {
            return Some(*policy);
        }
        None
    }

    /// What it says of the embedder.
    pub(super) fn spent(&self) -> Spent {
        if let Self::Page { spent, .. } | Self::Spent(spent) = self {
            return *spent;
        }
        Spent::default()
    }

    /// Whether it changes what stands beside this phase, and not the phase.
    pub(super) fn is_noted_in(&self, phase: &Phase) -> bool {
        use Phase::{Backfilling, Brownout, Cancelling, DualWriting, Opening, Paused, Ready, Retiring};
        use Phase::{RolledBack, ServingNew};
        matches!(
            (self, phase),
            (
                Self::Pace(_),
                Opening
                    | DualWriting
                    | Backfilling(_)
                    | Paused(_)
                    | Ready(_)
                    | ServingNew(_)
                    | RolledBack(_)
                    | Brownout(_),
            ) | (
                Self::Standby(_),
                Opening | DualWriting | Backfilling(_) | Paused(_) | Ready(_)
            ) | (
                Self::Appoint(_),
                DualWriting | Backfilling(_) | Paused(_) | Ready(_) | RolledBack(_)
            ) | (
                Self::Spent(_),
                Backfilling(_)
                    | Paused(_)
                    | Ready(_)
                    | ServingNew(_)
                    | RolledBack(_)
                    | Brownout(_)
                    | Retiring(_)
                    | Cancelling,
            )
        )
    }
}
