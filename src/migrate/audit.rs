//! The audit log's lines: what was done, to what, and why it was allowed. One JSON document a line, stored in the same
//! transaction as what it tells.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::domain::phase::{Appointment, Event, Migration};

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A line about anything. `what` is an object; the time is put into it.
pub(super) fn line(what: &str, mut detail: Value) -> String {
    if let Some(members) = detail.as_object_mut() {
        members.insert("at_ms".to_owned(), now_ms().into());
        members.insert("what".to_owned(), what.into());
    }
    detail.to_string()
}

/// A line about a step of a migration, where it is one that somebody may ask about later: progress within a phase is
/// none.
pub(super) fn of_step(event: &Event, next: &Migration, note: Value) -> Option<String> {
    let what = match event {
        Event::Start => "migration started",
        Event::SpaceMade => "dual writing opened",
        Event::SpaceRefused => "space refused",
        Event::PassEnded { pending: 0 } => "backfill completed",
        Event::CutOver(_) => "cut over",
        Event::RollBack(_) => "rolled back",
        Event::Pace(_) => "backfill paced",
        Event::Appoint(Some(Appointment::Postponed { .. })) => "cutover postponed",
        Event::Appoint(Some(Appointment::At { .. })) => "cutover scheduled",
        Event::Appoint(Some(Appointment::Missed { .. })) => "scheduled cutover not made",
        Event::Appoint(None) => "cutover unscheduled",
        Event::Standby(_) => "standby policy set",
        Event::Pause => "backfill paused",
        Event::Resume => "backfill resumed",
        Event::Cancel => "migration cancelled",
        Event::Retire(_) => "retirement begun",
        Event::Keep => "retirement ended",
        Event::BrownoutOver => "brownout over",
        Event::Prepared(_) => "drop prepared",
        Event::SpaceDropped => "space dropped",
        Event::Drained | Event::Page { .. } | Event::Spent(_) | Event::PassEnded { .. } => return None,
    };
    let detail = json!({
        "field": next.key.to_string(),
        "from": next.from.model,
        "to": next.to.model,
        "phase": next.phase.name(),
        "note": note,
    });
    Some(line(what, detail))
}
