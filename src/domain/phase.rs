//! A migration's phases, and the one function that moves it from one to the next. Called by the control loop, which
//! stores the new state before it runs the effects, and after a crash runs [`Migration::owed`] again: every effect is
//! idempotent. Holds no clock, does no IO.

mod appointment;
mod effect;
mod event;
mod name;
mod progress;
mod retirement;

use serde::{Deserialize, Serialize};

use super::ids::FieldKey;
use super::model::ModelId;
use super::table::{Field, Space, Standby, StandbyPolicy, StandbyState};
use super::throttle::Spent;
use super::verify::Verification;

pub use appointment::Appointment;
pub use effect::{Effect, TableChange};
pub use event::Event;
pub use name::{PhaseName, standby_name};
pub use progress::{Progress, Tally};
pub use retirement::{Compared, Prepared, Retirement, Snapshot, Survey};

/// Moves a field's serving space from one model to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// The field.
    pub key: FieldKey,
    /// The space that served when it started.
    pub from: Space,
    /// The space that it makes.
    pub to: Space,
    /// When it was started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Points per second that its backfill is held to; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// What a write does after the flip when the space that is kept for the way back cannot be written.
    #[serde(default)]
    pub standby: StandbyPolicy,
    /// The 99th percentile of how long live requests of the collection took before it began, in microseconds; absent
    /// where there were too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_p99_us: Option<u64>,
    /// What it asked of the embedder so far.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub spent: Spent,
    /// A cutover to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// Where it stands.
    pub phase: Phase,
    /// The last comparison of both spaces, or the one that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
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
    /// The backfill rests; writes go to both spaces all the same.
    Paused(Progress),
    /// A whole pass found nothing pending.
    Ready(Tally),
    /// The new space serves; the old one is kept fresh.
    ServingNew(Tally),
    /// The old space serves again; the new one is kept fresh.
    RolledBack(Tally),
    /// Reads of the old space are refused for a while, to see who still makes them; it is still kept fresh.
    Brownout(Retirement),
    /// No request knows the old space any more; it is being dropped.
    Retiring(Retirement),
    /// The old space is gone.
    Done(Tally),
    /// No request knows the new space any more; it is being dropped.
    Cancelling,
    /// The new space is gone; the old one serves as before.
    Cancelled,
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
            Self::Paused(_) => PhaseName::Paused,
            Self::Brownout(_) => PhaseName::Brownout,
            Self::Retiring(_) => PhaseName::Retiring,
            Self::Done(_) => PhaseName::Done,
            Self::Cancelling => PhaseName::Cancelling,
            Self::Cancelled => PhaseName::Cancelled,
        }
    }
}

/// A step: what to store, and what to do then.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The new state.
    pub next: Migration,
    /// Stored and published with it.
    pub table: Option<TableChange>,
    /// To do once it is stored.
    pub effects: Vec<Effect>,
}

/// A phase, and the change of the table that leads to it.
type Turn = (Phase, Option<TableChange>);

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
            rate: None,
            standby: StandbyPolicy::default(),
            live_p99_us: None,
            spent: Spent::default(),
            appointment: None,
            phase: Phase::Planned,
            verification: None,
        }
    }

    /// With what a comparison of both spaces saw so far.
    #[must_use]
    pub fn with_verification(&self, verification: Option<Verification>) -> Self {
        Self {
            verification,
            ..self.clone()
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
            Phase::Brownout(_) => vec![Effect::AwaitBrownout],
            Phase::Retiring(_) | Phase::Cancelling => vec![Effect::DropSpace],
            Phase::Paused(_) | Phase::Done(_) | Phase::Cancelled => Vec::new(),
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
            Phase::ServingNew(_) | Phase::Brownout(_) | Phase::Retiring(_) | Phase::Done(_) => &self.from,
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::RolledBack(_)
            | Phase::Cancelling
            | Phase::Cancelled => &self.to,
        }
    }

    /// Where it goes from here.
    ///
    /// # Errors
    /// [`OutOfPhase`] where the phase has no use for the event; nothing changes then.
    pub fn step(&self, event: Event) -> Result<Step, OutOfPhase> {
        let rate = event.rate().unwrap_or(self.rate);
        let spent = self.spent.plus(event.spent());
        let standby = event.standby().unwrap_or(self.standby);
        let appointment = self.appointed(&event);
        let (phase, table) = self.after(event).ok_or_else(|| OutOfPhase {
            key: self.key.clone(),
            phase: self.phase.name(),
        })?;
        let next = Self {
            rate,
            spent,
            standby,
            appointment,
            phase,
            ..self.clone()
        };
        Ok(Step {
            effects: next.owed(),
            next,
            table,
        })
    }

    /// The phase after an event, with the table's change; `None` where the phase has no use for it.
    fn after(&self, event: Event) -> Option<Turn> {
        use Phase::{Backfilling, Brownout, Cancelled, Cancelling, DualWriting, Opening, Planned};
        use Phase::{Paused, Ready, RolledBack, ServingNew};
        match (event, &self.phase) {
            (Event::Start, Planned) => Some((Opening, None)),
            (Event::Start | Event::Resume, Paused(progress)) => Some((Backfilling(progress.clone()), None)),
            // The command again, at any later point: the phase stays, and its effects are taken up.
            (
                Event::Start | Event::Resume,
                Opening | DualWriting | Backfilling(_) | Ready(_) | ServingNew(_) | RolledBack(_),
            ) => Some((self.phase.clone(), None)),
            (Event::SpaceRefused, Opening) => Some((Planned, None)),
            (Event::SpaceMade, Opening) => Some((DualWriting, Some(TableChange::AddStandby))),
            (Event::Drained, DualWriting) => Some((Backfilling(Progress::first()), None)),
            (
                Event::Page {
                    next,
                    filled,
                    unsourced,
                    spent: _,
                },
                phase @ (Backfilling(progress) | Paused(progress)),
            ) => Some((phase.with(progress.after(next, filled, unsourced)), None)),
            // What had no source text in its turn was brought by clients since, or deleted.
            (Event::PassEnded { pending: 0 }, Backfilling(progress)) => {
                let unsourced = 0;
                Some((
                    Ready(Tally {
                        unsourced,
                        ..progress.tally()
                    }),
                    None,
                ))
            }
            (Event::PassEnded { .. }, phase @ (Backfilling(progress) | Paused(progress))) => {
                Some((phase.with(progress.next_pass()), None))
            }
            (event, phase) if event.is_noted_in(phase) => Some((phase.clone(), None)),
            (Event::Pause, Backfilling(progress) | Paused(progress)) => {
                Some((Paused(progress.clone()), None))
            }
            (Event::CutOver(_), Ready(tally) | RolledBack(tally)) => {
                Some((ServingNew(tally.clone()), Some(TableChange::ServeTarget)))
            }
            // Forced: what is pending is filled behind the flip.
            (Event::CutOver(armed), Backfilling(progress) | Paused(progress)) if armed.is_forced() => {
                Some((ServingNew(progress.tally()), Some(TableChange::ServeTarget)))
            }
            (Event::RollBack(_), ServingNew(tally) | Brownout(Retirement { tally, .. })) => {
                Some((RolledBack(tally.clone()), Some(TableChange::ServeSource)))
            }
            (
                Event::Cancel,
                Opening | DualWriting | Backfilling(_) | Paused(_) | Ready(_) | RolledBack(_),
            ) => Some((Cancelling, Some(TableChange::DropTarget))),
            (Event::Cancel, Planned | Cancelled) => Some((Cancelled, None)),
            (Event::Cancel, Cancelling) => Some((Cancelling, None)),
            (event, phase) => phase.ended_by(event),
        }
    }

    /// The field as the change leaves it. Applied twice, it changes nothing more.
    pub fn apply(&self, change: TableChange, field: &mut Field) {
        let (serving, standby) = match change {
            TableChange::AddStandby => (&self.from, Some((&self.to, StandbyState::Filling))),
            TableChange::ServeTarget => (&self.to, Some((&self.from, StandbyState::Kept))),
            TableChange::ServeSource => (&self.from, Some((&self.to, StandbyState::Kept))),
            TableChange::CloseSource => (&self.to, Some((&self.from, StandbyState::Closed))),
            TableChange::DropSource => (&self.to, None),
            TableChange::DropTarget => (&self.from, None),
        };
        field.serving = serving.clone();
        field.standby = standby.map(|(space, state)| Standby {
            space: space.clone(),
            state,
            policy: match state {
                StandbyState::Filling => None,
                StandbyState::Kept | StandbyState::Closed => Some(self.standby),
            },
        });
        if let (
            TableChange::DropSource,
            Phase::Retiring(Retirement {
                undeclared: Some(policy),
                ..
            }),
        ) = (change, &self.phase)
        {
            field.undeclared = policy.clone();
        }
    }
}

impl Phase {
    /// A backfill that goes on, or rests, with this progress: a page that was under way when the operator said pause is
    /// not forgotten.
    fn with(&self, progress: Progress) -> Self {
        match matches!(self, Self::Paused(_)) {
            true => Self::Paused(progress),
            false => Self::Backfilling(progress),
        }
    }

    /// The last steps: of a retirement, and of a cancellation.
    fn ended_by(&self, event: Event) -> Option<Turn> {
        use Phase::{Brownout, Cancelled, Done, Retiring, ServingNew};
        if let (Self::ServingNew(_), Event::Retire(retirement)) = (self, &event) {
            return Some((Brownout(retirement.clone()), Some(TableChange::CloseSource)));
        }
        if let (Self::Brownout(retirement), Event::Keep) = (self, &event) {
            return Some((
                ServingNew(retirement.tally.clone()),
                Some(TableChange::ServeTarget),
            ));
        }
        if let (Self::Brownout(retirement), Event::BrownoutOver) = (self, &event) {
            return Some((Retiring(retirement.clone()), Some(TableChange::DropSource)));
        }
        if let (Self::Retiring(retirement), Event::Prepared(prepared)) = (self, &event) {
            let prepared = Some(prepared.clone());
            return Some((
                Retiring(Retirement {
                    prepared,
                    ..retirement.clone()
                }),
                None,
            ));
        }
        if let (Self::Retiring(retirement), Event::SpaceDropped) = (self, &event) {
            return Some((Done(retirement.tally.clone()), None));
        }
        matches!((self, &event), (Self::Cancelling, Event::SpaceDropped)).then_some((Cancelled, None))
    }
}

#[cfg(test)]
mod tests;
