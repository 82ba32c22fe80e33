//! A cutover that was asked for and is not made yet.

use serde::{Deserialize, Serialize};

use super::{Event, Migration};

/// A cutover to come, or one that did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Appointment {
    /// The gate said go, and the flip waits for a second command.
    Postponed {
        /// When the gate said so, in milliseconds since 1970.
        since_ms: u64,
    },
    /// It is made at a time, if the gate says go then.
    At {
        /// In milliseconds since 1970.
        at_ms: u64,
    },
    /// It was not made at its time.
    Missed {
        /// When it should have been made, in milliseconds since 1970.
        at_ms: u64,
        /// Every reason.
        why: Vec<String>,
    },
}

impl Migration {
    /// The appointment as an event leaves it: what ends the wait for the flip ends it, too.
    pub(super) fn appointed(&self, event: &Event) -> Option<Appointment> {
        match event {
            Event::Appoint(appointment) => appointment.clone(),
            Event::CutOver(_) | Event::RollBack(_) | Event::Cancel | Event::SpaceRefused => None,
            Event::Start
            | Event::SpaceMade
            | Event::Drained
            | Event::Page { .. }
            | Event::Spent(_)
            | Event::PassEnded { .. }
            | Event::Pace(_)
            | Event::Standby(_)
            | Event::Pause
            | Event::Resume
            | Event::Retire(_)
            | Event::Keep
            | Event::BrownoutOver
            | Event::Prepared(_)
            | Event::SpaceDropped => self.appointment.clone(),
        }
    }
}
