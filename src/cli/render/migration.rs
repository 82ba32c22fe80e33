//! A migration as text for people.

use super::{duration, percent};
use crate::domain::table::StandbyPolicy;
use crate::migrate::{Appointment, MigrationStatus, ThrottleStatus};

pub(in crate::cli) fn migration(state: &MigrationStatus) -> String {
    let mut text = format!(
        "{}: {} to {}, {}, {} of {} points ({} %), {} pending, epoch {}",
        state.key,
        state.from,
        state.to,
        state.phase,
        state.done,
        state.total,
        percent(state.done, state.total),
        state.pending,
        state.epoch
    );
    if let Some(rate) = state.points_per_second {
        text.push_str(&format!("\n  {rate:.0} points/s"));
    }
    if let Some(seconds) = state.seconds_left {
        text.push_str(&format!("\n  {} left", duration(seconds)));
    }
    if state.unsourced.count > 0 {
        text.push_str(&format!(
            "\n  {} points have no source text, e.g. {}",
            state.unsourced.count,
            state.unsourced.examples.join(", ")
        ));
        if let Some(refused) = &state.unsourced.refused {
            text.push_str(&format!("; or one that the embedder refuses: {refused}"));
        }
    }
    if state.standby == StandbyPolicy::Strict {
        text.push_str("\n  after the cutover, a write that the old space cannot follow is refused");
    }
    if let Some(appointment) = &state.appointment {
        text.push_str(&self::appointment(state, appointment));
    }
    if let Some(throttle) = &state.throttle {
        text.push_str(&self::throttle(throttle));
    }
    for reason in &state.reasons {
        text.push_str(&format!("\n  against a cutover: {reason}"));
    }
    if let Some(brownout) = &state.brownout {
        text.push_str(&match brownout.callers.is_empty() {
            true => "\n  nobody was refused in the brownout so far".to_owned(),
            false => format!("\n  refused in the brownout: {}", brownout.callers.join(", ")),
        });
    }
    if let Some(error) = &state.last_error {
        text.push_str(&format!("\n  retrying after: {error}"));
    }
    text
}

fn throttle(throttle: &ThrottleStatus) -> String {
    let mut text = String::new();
    if let Some(why) = &throttle.why {
        text.push_str("\n  throttled");
        if let Some(rate) = throttle.points_per_second {
            text.push_str(&format!(" to {rate:.0} points/s"));
        }
        text.push_str(&format!(": {why}"));
    }
    if throttle.requests > 0 {
        text.push_str(&format!(
            "\n  {} calls of the embedder, about {} tokens",
            throttle.requests, throttle.tokens_estimated
        ));
        if let Some(cost) = throttle.cost_estimated {
            text.push_str(&format!(", cost about {cost:.4}"));
        }
    }
    text
}

fn appointment(state: &MigrationStatus, appointment: &Appointment) -> String {
    match appointment {
        Appointment::Postponed { since_ms } => format!(
            "\n  the cutover is postponed since {}: `interlock migrate cutover {} --to {}` makes it",
            time(*since_ms),
            state.key,
            state.to
        ),
        Appointment::At { at_ms } => {
            format!("\n  the cutover is made at {}, if the gate says go", time(*at_ms))
        }
        Appointment::Missed { at_ms, why } => format!(
            "\n  the cutover at {} was not made: {}",
            time(*at_ms),
            why.join("; ")
        ),
    }
}

/// As `--at` takes it.
fn time(ms: u64) -> String {
    match i64::try_from(ms).map(jiff::Timestamp::from_millisecond) {
        Ok(Ok(time)) => time.to_string(),
        Ok(Err(_)) | Err(_) => format!("{ms} ms since 1970"),
    }
}

pub(in crate::cli) fn migrations(states: &[MigrationStatus]) -> String {
    match states.is_empty() {
        true => "there is no migration: `interlock migrate start` makes one".to_owned(),
        false => states.iter().map(migration).collect::<Vec<_>>().join("\n"),
    }
}
