//! How far a backfill is: a bar on a terminal, plain lines elsewhere. Always on stderr: stdout is the result's.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::render::{duration, percent};
use crate::migrate::{MigrationStatus, PhaseName};

/// A plain line is due at each such step of the percentage.
const LINE_STEP_PERCENT: u64 = 10;

pub(super) enum Progress<'a> {
    Bar(ProgressBar),
    Lines {
        out: &'a mut dyn Write,
        last: Option<Mark>,
    },
}

/// What a line was written for; the next one is due when this differs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mark {
    phase: PhaseName,
    step: u64,
    last_error: Option<String>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(terminal: bool, out: &'a mut dyn Write) -> Self {
        if !terminal {
            return Self::Lines { out, last: None };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{prefix} [{bar:32}] {percent:>3} % {msg}");
        // The template is a constant: a bar in the default style is still a bar.
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        Self::Bar(bar)
    }

    pub(super) fn show(&mut self, state: &MigrationStatus) -> io::Result<()> {
        match self {
            Self::Bar(bar) => {
                bar.set_prefix(format!("{} {}", state.key, state.phase));
                bar.set_length(state.total);
                bar.set_position(state.done);
                bar.set_message(details(state));
                Ok(())
            }
            Self::Lines { out, last } => {
                let mark = Mark {
                    phase: state.phase,
                    step: percent(state.done, state.total) / LINE_STEP_PERCENT,
                    last_error: state.last_error.clone(),
                };
                if last.as_ref() == Some(&mark) {
                    return Ok(());
                }
                *last = Some(mark);
                writeln!(
                    out,
                    "{}: {} {} % {}",
                    state.key,
                    state.phase,
                    percent(state.done, state.total),
                    details(state)
                )?;
                out.flush()
            }
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn close(self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

fn details(state: &MigrationStatus) -> String {
    let mut text = format!("{} of {} points", state.done, state.total);
    if let Some(rate) = state.points_per_second {
        text.push_str(&format!(", {rate:.0} points/s"));
    }
    if let Some(seconds) = state.seconds_left {
        text.push_str(&format!(", {} left", duration(seconds)));
    }
    if let Some(throttle) = &state.throttle {
        if let Some(cost) = throttle.cost_estimated {
            text.push_str(&format!(", cost about {cost:.4}"));
        }
        if let Some(why) = &throttle.why {
            text.push_str(&format!(", throttled: {why}"));
        }
    }
    if let Some(error) = &state.last_error {
        text.push_str(&format!(", retrying after: {error}"));
    }
    text
}
