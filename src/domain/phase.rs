//! A migration's phases, and the one function that moves it from one to the next. Called by the control loop, which
//! stores the new state before it runs the effects, and after a crash runs [`Migration::owed`] again: every effect is
//! idempotent. Holds no clock, does no IO.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gate::Armed;
use super::ids::{FieldKey, VectorName};
use super::model::ModelId;
use super::table::{Field, Space, Standby, StandbyState};

/// Moves a field's serving space from one model to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The field.
    pub key: FieldKey,
    /// The space that served when it started.
    pub from: Space,
    /// The space that it makes.
    pub to: Space,
    /// When it was started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a migration stands, with what only that phase knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Stored; nothing is done.
    Planned,
    /// The space and its index are made, and points without a tag get one.
    Opening,
    /// Writes go to both spaces; requests that began before may still go to one.
    DualWriting,
    /// What was there before is copied, pass by pass, in the order of ids.
    Backfilling(Progress),
    /// A whole pass found nothing pending.
    Ready(Tally),
    /// The new space serves; the old one is kept fresh.
    ServingNew(Tally),
    /// The old space serves again; the new one is kept fresh.
    RolledBack(Tally),
}

/// How far a backfill is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The pass, from 1.
    pub pass: u32,
    /// The first id that is not done in this pass, as Qdrant spells it; absent at a pass's beginning.
    pub cursor: Option<String>,
    /// Points filled by all passes.
    pub filled: u64,
    /// Points that this pass could not fill for want of a source text.
    pub unsourced: u64,
}

/// What the last whole pass left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Points filled by all passes.
    pub filled: u64,
    /// Points that were left for want of a source text.
    pub unsourced: u64,
}

/// A phase without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is the phase of its name
pub enum PhaseName {
    Planned,
    Opening,
    DualWriting,
    Backfilling,
    Ready,
    ServingNew,
    RolledBack,
}

impl PhaseName {
    /// Stable, snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Opening => "opening",
            Self::DualWriting => "dual_writing",
            Self::Backfilling => "backfilling",
            Self::Ready => "ready",
            Self::ServingNew => "serving_new",
            Self::RolledBack => "rolled_back",
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Phase {
    /// Its name.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Planned => PhaseName::Planned,
            Self::Opening => PhaseName::Opening,
            Self::DualWriting => PhaseName::DualWriting,
            Self::Backfilling(_) => PhaseName::Backfilling,
            Self::Ready(_) => PhaseName::Ready,
            Self::ServingNew(_) => PhaseName::ServingNew,
            Self::RolledBack(_) => PhaseName::RolledBack,
        }
    }
}

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
    },
    /// A pass is over, and so many points are pending by an exact count.
    PassEnded {
        /// Points that are pending.
        pending: u64,
    },
    /// The operator said cutover, and the gate said go.
    CutOver(Armed),
    /// The operator said rollback, and the gate said go.
    RollBack(Armed),
}

/// What is to be done after the state is stored. Each may be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the space and its index; tag the points that have no tag.
    MakeSpace,
    /// Wait until no request is pinned to an earlier table.
    AwaitDrain,
    /// Fill what is pending, from the cursor on.
    Backfill,
    /// Look for pending points from time to time, and fill them, in both spaces.
    KeepFresh,
}

/// The change of the routing table that goes with a step, in the same transaction as the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableChange {
    /// The target becomes the field's standby: writes go to both.
    AddStandby,
    /// The target serves, the source is kept.
    ServeTarget,
    /// The source serves, the target is kept.
    ServeSource,
}

/// A step: what to store, and what to do then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The new state.
    pub next: Migration,
    /// Stored and published with it.
    pub table: Option<TableChange>,
    /// To do once it is stored.
    pub effects: Vec<Effect>,
}

/// An event that a phase has no use for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the migration of `{key}` is in phase `{phase}`, where this cannot be done")]
pub struct OutOfPhase {
    /// The field.
    pub key: FieldKey,
    /// Where it stands.
    pub phase: PhaseName,
}

impl Migration {
    /// A migration that is planned.
    pub fn plan(key: FieldKey, from: Space, to: Space, started_at_ms: u64) -> Self {
        Self {
            key,
            from,
            to,
            started_at_ms,
            phase: Phase::Planned,
        }
    }

    /// What is to be done in this phase, after a start or a crash.
    pub fn owed(&self) -> Vec<Effect> {
        match &self.phase {
            Phase::Planned => Vec::new(),
            Phase::Opening => vec![Effect::MakeSpace],
            Phase::DualWriting => vec![Effect::AwaitDrain],
            Phase::Backfilling(_) => vec![Effect::Backfill],
            Phase::Ready(_) | Phase::ServingNew(_) | Phase::RolledBack(_) => vec![Effect::KeepFresh],
        }
    }

    /// The space of `model`, if it is one of the migration's two.
    pub fn space_of(&self, model: &ModelId) -> Option<&Space> {
        [&self.from, &self.to]
            .into_iter()
            .find(|space| space.model == *model)
    }

    /// The space that a flip would make serve: the target, or after the cutover the source.
    pub fn next_to_serve(&self) -> &Space {
        match &self.phase {
            Phase::ServingNew(_) => &self.from,
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Ready(_)
            | Phase::RolledBack(_) => &self.to,
        }
    }

    /// Where it goes from here.
    ///
    /// # Errors
    /// [`OutOfPhase`] where the phase has no use for the event; nothing changes then.
    pub fn step(&self, event: Event) -> Result<Step, OutOfPhase> {
        let (phase, table) = match (&self.phase, event) {
            (Phase::Planned, Event::Start) => (Phase::Opening, None),
            // The command again, at any later point: the phase stays, and its effects are taken up.
            (
                Phase::Opening
                | Phase::DualWriting
                | Phase::Backfilling(_)
                | Phase::Ready(_)
                | Phase::ServingNew(_)
                | Phase::RolledBack(_),
                Event::Start,
            ) => (self.phase.clone(), None),
            (Phase::Opening, Event::SpaceRefused) => (Phase::Planned, None),
            (Phase::Opening, Event::SpaceMade) => (Phase::DualWriting, Some(TableChange::AddStandby)),
            (Phase::DualWriting, Event::Drained) => (Phase::Backfilling(Progress::first()), None),
            (
                Phase::Backfilling(progress),
                Event::Page {
                    next,
                    filled,
                    unsourced,
                },
            ) => (Phase::Backfilling(progress.after(next, filled, unsourced)), None),
            (Phase::Backfilling(progress), Event::PassEnded { pending: 0 }) => {
                (Phase::Ready(progress.tally()), None)
            }
            (Phase::Backfilling(progress), Event::PassEnded { .. }) => {
                (Phase::Backfilling(progress.next_pass()), None)
            }
            (Phase::Ready(tally) | Phase::RolledBack(tally), Event::CutOver(_)) => {
                (Phase::ServingNew(tally.clone()), Some(TableChange::ServeTarget))
            }
            (Phase::ServingNew(tally), Event::RollBack(_)) => {
                (Phase::RolledBack(tally.clone()), Some(TableChange::ServeSource))
            }
            (
                phase @ (Phase::Planned
                | Phase::Opening
                | Phase::DualWriting
                | Phase::Backfilling(_)
                | Phase::Ready(_)
                | Phase::ServingNew(_)
                | Phase::RolledBack(_)),
                Event::SpaceMade
                | Event::SpaceRefused
                | Event::Drained
                | Event::Page { .. }
                | Event::PassEnded { .. }
                | Event::CutOver(_)
                | Event::RollBack(_),
            ) => {
                return Err(OutOfPhase {
                    key: self.key.clone(),
                    phase: phase.name(),
                });
            }
        };
        let next = Self {
            phase,
            ..self.clone()
        };
        Ok(Step {
            effects: next.owed(),
            next,
            table,
        })
    }

    /// The field as the change leaves it. Applied twice, it changes nothing more.
    pub fn apply(&self, change: TableChange, field: &mut Field) {
        let (serving, standby, state) = match change {
            TableChange::AddStandby => (&self.from, &self.to, StandbyState::Filling),
            TableChange::ServeTarget => (&self.to, &self.from, StandbyState::Kept),
            TableChange::ServeSource => (&self.from, &self.to, StandbyState::Kept),
        };
        field.serving = serving.clone();
        field.standby = Some(Standby {
            space: standby.clone(),
            state,
        });
    }
}

impl Progress {
    fn first() -> Self {
        Self {
            pass: 1,
            ..Self::default()
        }
    }

    fn after(&self, next: Option<String>, filled: u64, unsourced: u64) -> Self {
        Self {
            pass: self.pass,
            cursor: next,
            filled: self.filled.saturating_add(filled),
            unsourced: self.unsourced.saturating_add(unsourced),
        }
    }

    fn next_pass(&self) -> Self {
        Self {
            pass: self.pass.saturating_add(1),
            cursor: None,
            filled: self.filled,
            unsourced: 0,
        }
    }

    fn tally(&self) -> Tally {
        Tally {
            filled: self.filled,
            unsourced: self.unsourced,
        }
    }
}

/// The vector name of a field's space for a model: `field@name@version`.
pub fn standby_name(field: &VectorName, model: &ModelId) -> VectorName {
    format!("{field}@{model}").as_str().into()
}

#[cfg(test)]
mod tests;
