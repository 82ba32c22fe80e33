use proptest::prelude::*;

use super::super::gate::tests::{armed, forced};
use super::*;
use crate::domain::table::{OnEmbedFailure, StandbyPolicy, Undeclared};

fn space(vector: &str, model: &str) -> Space {
    Space {
        vector: vector.into(),
        model: model.parse().unwrap(),
    }
}

fn planned() -> Migration {
    Migration::plan("books".into(), space("", "old@1"), space("@new@1", "new@1"), 7)
}

fn field() -> Field {
    Field {
        name: "".into(),
        serving: space("", "old@1"),
        standby: None,
        undeclared: Undeclared::Pinned("old@1".parse().unwrap()),
        source: None,
        on_embed_failure: OnEmbedFailure::Defer,
    }
}

fn page(next: Option<&str>, filled: u64, unsourced: u64) -> Event {
    Event::Page {
        next: next.map(str::to_owned),
        filled,
        unsourced,
        spent: Spent::default(),
    }
}

fn run(events: Vec<Event>) -> Migration {
    events
        .into_iter()
        .fold(planned(), |migration, event| migration.step(event).unwrap().next)
}

fn retirement() -> Retirement {
    Retirement {
        tally: Tally::default(),
        since_ms: 1,
        until_ms: 2,
        prepared: None,
        undeclared: Some(Undeclared::Pinned("new@1".parse().unwrap())),
    }
}

fn prepared() -> Prepared {
    Prepared {
        snapshot: Snapshot::Off,
        before: Survey::default(),
    }
}

fn until_ready() -> Vec<Event> {
    vec![
        Event::Start,
        Event::SpaceMade,
        Event::Drained,
        page(Some("5"), 4, 1),
        page(None, 3, 0),
        Event::PassEnded { pending: 1 },
        page(None, 1, 0),
        Event::PassEnded { pending: 0 },
    ]
}

#[test]
fn a_backfill_ends_only_when_a_pass_leaves_nothing_pending() {
    let mut events = until_ready();
    let after_first_pass = run(events[..6].to_vec());
    assert_eq!(
        after_first_pass.phase,
        Phase::Backfilling(Progress {
            pass: 2,
            cursor: None,
            filled: 7,
            unsourced: 0,
        })
    );
    assert_eq!(
        run(events.clone()).phase,
        Phase::Ready(Tally {
            filled: 8,
            unsourced: 0
        })
    );
    // What had no text when its page came was brought by a client before the pass ended: nothing is pending.
    let late = [
        &events[..events.len() - 1],
        &[page(None, 0, 2), Event::PassEnded { pending: 0 }],
    ]
    .concat();
    let Phase::Ready(tally) = run(late).phase else {
        panic!("it is ready");
    };
    assert_eq!(tally.unsourced, 0);
    events.push(Event::CutOver(armed()));
    assert_eq!(run(events).phase.name(), PhaseName::ServingNew);
}

#[test]
fn a_flip_goes_with_the_state_in_one_step_and_can_go_back_and_forth() {
    let ready = run(until_ready());
    let forth = ready.step(Event::CutOver(armed())).unwrap();
    assert_eq!(forth.table, Some(TableChange::ServeTarget));
    let back = forth.next.step(Event::RollBack(armed())).unwrap();
    assert_eq!(back.table, Some(TableChange::ServeSource));
    let again = back.next.step(Event::CutOver(armed())).unwrap();
    assert_eq!((again.next.phase, again.table), (forth.next.phase, forth.table));
}

#[test]
fn a_refused_space_leaves_a_migration_that_another_may_replace() {
    let refused = run(vec![Event::Start, Event::SpaceRefused]);
    assert_eq!(refused.phase, Phase::Planned);
    assert!(refused.owed().is_empty());
    assert_eq!(refused.step(Event::Start).unwrap().next.phase, Phase::Opening);
}

#[test]
fn no_flip_before_the_backfill_is_done() {
    for events in (0..until_ready().len()).map(|n| until_ready()[..n].to_vec()) {
        let migration = run(events);
        for event in [Event::CutOver(armed()), Event::RollBack(armed())] {
            let error = migration.step(event).unwrap_err();
            assert_eq!(error.phase, migration.phase.name());
        }
    }
}

#[test]
fn a_forced_flip_goes_from_the_backfill_and_from_nowhere_earlier() {
    for length in 0..until_ready().len() {
        let migration = run(until_ready()[..length].to_vec());
        let is_filling = matches!(migration.phase, Phase::Backfilling(_));
        let flipped = migration.step(Event::CutOver(forced()));
        assert_eq!(flipped.is_ok(), is_filling, "{migration:?}");
        if let Ok(step) = flipped {
            assert!(matches!(step.next.phase, Phase::ServingNew(_)));
            assert_eq!(step.table, Some(TableChange::ServeTarget));
            assert_eq!(step.effects, [Effect::KeepFresh]);
        }
    }
}

#[test]
fn a_stored_migration_reads_the_same() {
    let mut stored = serde_json::json!({
        "key": "books", "from": {"vector": "", "model": "old@1"}, "to": {"vector": "@new@1", "model": "new@1"},
        "started_at_ms": 7, "standby": "isolate",
        "phase": {"phase": "backfilling", "pass": 1, "cursor": "5", "filled": 4, "unsourced": 1},
    });
    let migration = run(until_ready()[..4].to_vec());
    assert_eq!(serde_json::to_value(&migration).unwrap(), stored);
    assert_eq!(
        serde_json::from_value::<Migration>(stored.clone()).unwrap(),
        migration
    );
    // As it was stored before there was a policy.
    stored.as_object_mut().unwrap().remove("standby");
    assert_eq!(serde_json::from_value::<Migration>(stored).unwrap(), migration);
}

#[test]
fn an_order_is_taken_where_it_means_something() {
    let backfilling = run(until_ready()[..4].to_vec());
    let paused = backfilling.step(Event::Pause).unwrap().next;
    assert!(paused.owed().is_empty());
    // The page that was under way is not forgotten, and goes on from there.
    let after_page = paused.step(page(Some("9"), 1, 0)).unwrap().next;
    let resumed = after_page.step(Event::Resume).unwrap().next;
    let Phase::Backfilling(progress) = &resumed.phase else {
        panic!("{resumed:?}");
    };
    assert_eq!((progress.cursor.as_deref(), progress.filled), (Some("9"), 5));

    let ready = run(until_ready());
    for event in [
        Event::Pause,
        Event::Keep,
        Event::BrownoutOver,
        Event::SpaceDropped,
    ] {
        assert!(ready.step(event).is_err());
    }
    let serving = ready.step(Event::CutOver(armed())).unwrap().next;
    assert!(serving.step(Event::Cancel).is_err(), "what serves is not dropped");
    let brownout = serving.step(Event::Retire(retirement())).unwrap().next;
    let back = brownout.step(Event::RollBack(armed())).unwrap();
    assert_eq!(back.table, Some(TableChange::ServeSource));
    let kept = brownout.step(Event::Keep).unwrap();
    assert_eq!(
        (kept.next.phase.name(), kept.table),
        (PhaseName::ServingNew, Some(TableChange::ServeTarget))
    );
    let retiring = brownout.step(Event::BrownoutOver).unwrap().next;
    assert!(
        retiring.step(Event::RollBack(armed())).is_err(),
        "there is no way back any more"
    );
    assert!(
        retiring
            .step(Event::SpaceDropped)
            .unwrap()
            .next
            .phase
            .name()
            .is_over()
    );
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        Just(Event::Start),
        Just(Event::SpaceMade),
        Just(Event::SpaceRefused),
        Just(Event::Drained),
        (prop::option::of("[0-9]{1,3}"), 0u64..9, 0u64..3).prop_map(|(next, filled, unsourced)| {
            Event::Page {
                next,
                filled,
                unsourced,
                spent: Spent::default(),
            }
        }),
        (0u64..2).prop_map(|pending| Event::PassEnded { pending }),
        Just(Event::CutOver(armed())),
        Just(Event::RollBack(armed())),
        Just(Event::Pause),
        Just(Event::Resume),
        Just(Event::Cancel),
        Just(Event::Retire(retirement())),
        Just(Event::Keep),
        Just(Event::BrownoutOver),
        Just(Event::Prepared(prepared())),
        Just(Event::SpaceDropped),
    ];
    prop::collection::vec(event, 0..60)
}

proptest! {
    /// Whatever happens in whatever order: the table says what the phase says, and what was stored goes on.
    #[test]
    fn the_table_follows_the_phase(events in events()) {
        let (mut migration, mut field) = (planned(), field());
        let mut was_ready = false;
        for event in events {
            let Ok(step) = migration.step(event) else { continue };
            if let Some(change) = step.table {
                step.next.apply(change, &mut field);
                let once = field.clone();
                step.next.apply(change, &mut field);
                prop_assert_eq!(&field, &once, "applied twice");
            }
            prop_assert_eq!(&step.effects, &step.next.owed(), "a crash forgets an effect");
            let stored = serde_json::to_vec(&step.next).unwrap();
            migration = serde_json::from_slice(&stored).unwrap();
            prop_assert_eq!(&migration, &step.next);

            let standby = field.standby.as_ref().map(|standby| (&standby.space, standby.state));
            let (serving, kept) = match &migration.phase {
                Phase::Planned | Phase::Opening | Phase::Cancelling | Phase::Cancelled => (&migration.from, None),
                Phase::DualWriting | Phase::Backfilling(_) | Phase::Paused(_) | Phase::Ready(_) => {
                    (&migration.from, Some((&migration.to, StandbyState::Filling)))
                }
                Phase::ServingNew(_) => (&migration.to, Some((&migration.from, StandbyState::Kept))),
                Phase::RolledBack(_) => (&migration.from, Some((&migration.to, StandbyState::Kept))),
                Phase::Brownout(_) => (&migration.to, Some((&migration.from, StandbyState::Closed))),
                Phase::Retiring(_) | Phase::Done(_) => (&migration.to, None),
            };
            prop_assert_eq!(&field.serving, serving);
            prop_assert_eq!(standby, kept);
            was_ready |= matches!(migration.phase, Phase::Ready(_));
            prop_assert!(was_ready || !matches!(migration.phase, Phase::ServingNew(_) | Phase::RolledBack(_)));
            let is_given_up = matches!(migration.phase, Phase::Retiring(_) | Phase::Done(_));
            let pinned = if is_given_up { &migration.to.model } else { &migration.from.model };
            prop_assert_eq!(&field.undeclared, &Undeclared::Pinned(pinned.clone()), "undeclared clients were moved");
        }
    }
}

#[test]
fn a_rate_stays_through_pauses_and_changes_no_phase() {
    let begun = run(vec![Event::Start, Event::SpaceMade, Event::Drained]);
    let paced = begun.step(Event::Pace(Some(50))).unwrap();
    assert_eq!(
        (paced.next.rate, &paced.next.phase, paced.table),
        (Some(50), &begun.phase, None)
    );
    let resumed = [Event::Pause, Event::Resume]
        .into_iter()
        .fold(paced.next, |migration, event| migration.step(event).unwrap().next);
    assert_eq!(resumed.rate, Some(50));
    assert_eq!(resumed.step(Event::Pace(None)).unwrap().next.rate, None);
}

#[test]
fn what_was_spent_is_kept_from_pass_to_pass() {
    let spent = Spent {
        requests: 2,
        tokens: 30,
    };
    let page = Event::Page {
        next: None,
        filled: 4,
        unsourced: 0,
        spent,
    };
    let ended = Event::PassEnded { pending: 1 };
    let migration = run(vec![
        Event::Start,
        Event::SpaceMade,
        Event::Drained,
        page.clone(),
        ended,
        page,
    ]);
    assert_eq!(migration.spent, spent.plus(spent));
    let behind = migration
        .step(Event::PassEnded { pending: 0 })
        .and_then(|step| step.next.step(Event::Spent(spent)))
        .unwrap();
    assert_eq!(behind.next.spent, spent.plus(spent).plus(spent));
    assert_eq!((behind.table, behind.next.phase.name()), (None, PhaseName::Ready));
}

#[test]
fn the_field_decides_until_the_flip_and_the_migration_after_it() {
    let (mut migration, mut field) = (planned(), field());
    let mut said = Vec::new();
    for event in [
        Event::Start,
        Event::SpaceMade,
        Event::Standby(StandbyPolicy::Strict),
        Event::Drained,
        Event::PassEnded { pending: 0 },
        Event::CutOver(armed()),
        Event::RollBack(armed()),
        Event::CutOver(armed()),
        Event::Retire(retirement()),
    ] {
        let step = migration.step(event).unwrap();
        if let Some(change) = step.table {
            step.next.apply(change, &mut field);
            said.push(field.on_standby_failure());
        }
        migration = step.next;
    }
    use OnEmbedFailure::{Defer, Fail};
    assert_eq!(
        said,
        [Defer, Fail, Fail, Fail, Fail],
        "filling, then kept, then closed"
    );
    // After the flip the table holds the policy: it does not change behind its back.
    assert!(migration.step(Event::Standby(StandbyPolicy::Isolate)).is_err());

    // A field that refuses while it is filled does not let the old space stand in the way after the flip.
    field.on_embed_failure = Fail;
    migration.standby = StandbyPolicy::default();
    migration.apply(TableChange::AddStandby, &mut field);
    assert_eq!(field.on_standby_failure(), Fail);
    migration.apply(TableChange::ServeTarget, &mut field);
    assert_eq!(field.on_standby_failure(), Defer);
}
