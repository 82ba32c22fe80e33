//! Coverage and lag of everything that is under migration, as metrics. No name of a collection becomes a label.

use std::collections::BTreeMap;
use std::time::Duration;

use super::api::MigrationStatus;
use super::inner::{Inner, lock};
use crate::domain::phase::PhaseName;
use crate::telemetry;

/// Every phase of a migration that is under way.
const PHASES: [PhaseName; 10] = [
    PhaseName::Opening,
    PhaseName::DualWriting,
    PhaseName::Backfilling,
    PhaseName::Paused,
    PhaseName::Ready,
    PhaseName::ServingNew,
    PhaseName::RolledBack,
    PhaseName::Brownout,
    PhaseName::Retiring,
    PhaseName::Cancelling,
];

/// Sums over the migrations that are under way.
#[derive(Clone, Debug, PartialEq)]
struct Gauges {
    phases: BTreeMap<&'static str, usize>,
    fresh: u64,
    pending: u64,
    unsourced: u64,
    coverage: f64,
    lag: Duration,
}

impl Inner {
    /// Shows what was counted last.
    pub(super) fn show_gauges(&self) {
        let runs: Vec<_> = lock(&self.runs).values().cloned().collect();
        let states = runs.iter().map(|run| (run.status.borrow().clone(), run.lag()));
        let gauges = sum(states);
        for (phase, count) in gauges.phases {
            telemetry::migrations(phase, count);
        }
        let points = [
            ("fresh", gauges.fresh),
            ("pending", gauges.pending),
            ("unsourced", gauges.unsourced),
        ];
        telemetry::standby(points, gauges.coverage, gauges.lag);
    }
}

fn sum(states: impl Iterator<Item = (MigrationStatus, Duration)>) -> Gauges {
    let mut gauges = Gauges {
        phases: PHASES.iter().map(|phase| (phase.as_str(), 0)).collect(),
        fresh: 0,
        pending: 0,
        unsourced: 0,
        coverage: 1.0,
        lag: Duration::ZERO,
    };
    for (state, lag) in states.filter(|(state, _)| !state.phase.is_over()) {
        *gauges.phases.entry(state.phase.as_str()).or_default() += 1;
        gauges.fresh += state.done;
        gauges.pending += state.pending;
        gauges.unsourced += state.unsourced.count;
        if state.total > 0 {
            gauges.coverage = gauges.coverage.min(state.done as f64 / state.total as f64);
        }
        gauges.lag = gauges.lag.max(lag);
    }
    gauges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::Verdict;
    use crate::domain::ids::{Epoch, FieldKey};
    use crate::domain::model::ModelId;
    use crate::domain::phase::{Event, Migration};
    use crate::domain::table::Space;
    use crate::migrate::run::{Counted, Run};

    fn counted(events: &[Event], total: u64, pending: u64) -> Run {
        let space = |model: &str| Space {
            vector: model.into(),
            model: model.parse::<ModelId>().expect("an id"),
        };
        let planned = Migration::plan(FieldKey::from("docs"), space("old@1"), space("new@1"), 1);
        let migration = events.iter().fold(planned, |migration, event| {
            migration.step(event.clone()).expect("in phase").next
        });
        let run = Run::new(migration, Epoch(1));
        run.show_counts(Counted {
            total,
            pending,
            gate: Verdict {
                go: false,
                go_if_forced: false,
                favours: Vec::new(),
                reasons: Vec::new(),
            },
        });
        run
    }

    #[test]
    fn what_is_under_way_is_summed_and_the_worst_is_shown() {
        let open = [Event::Start, Event::SpaceMade, Event::Drained];
        let runs = [
            counted(&open, 10, 4),
            counted(&open, 10, 0),
            counted(&[Event::Start], 5, 5),
            counted(&[], 100, 100),
        ];
        let gauges = sum(runs.iter().map(|run| (run.status.borrow().clone(), run.lag())));
        assert_eq!(
            (gauges.fresh, gauges.pending),
            (16, 9),
            "what is only planned does not count"
        );
        assert_eq!((gauges.phases["backfilling"], gauges.phases["opening"]), (2, 1));
        assert_eq!(gauges.coverage, 0.0);
        assert!(gauges.lag > Duration::ZERO);
        let idle = sum(std::iter::empty());
        assert_eq!(
            (idle.coverage, idle.lag, idle.phases["ready"]),
            (1.0, Duration::ZERO, 0)
        );
    }
}
