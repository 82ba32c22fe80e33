//! Cutovers that are postponed, made at a time, taken back, and missed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use interlock::domain::gate::Reason;
use interlock::domain::model::ModelRef;
use interlock::migrate::{Appointment, ControlError, ErrorKind, MigrationStatus, PhaseName, When};

use super::harness::{NEW_SPACE, World};

fn to(name: &str) -> ModelRef {
    name.parse().unwrap()
}

fn in_ms(ms: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() + ms
}

/// A time has no event to wait for.
async fn until_after(at_ms: u64) {
    let ahead = at_ms.saturating_sub(in_ms(0)) + 1;
    tokio::time::sleep(Duration::from_millis(ahead)).await;
}

async fn ready() -> World {
    let world = World::adopted().await;
    for number in 0..6 {
        world.client().legacy(number, "a text").await;
    }
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world
}

async fn appoint(world: &World, when: When) -> Result<MigrationStatus, ControlError> {
    world.control.appoint(&world.key(), &to("new"), when).await
}

async fn at(world: &World, at_ms: u64) -> MigrationStatus {
    appoint(world, When::At { at_ms }).await.unwrap()
}

fn is_missed(status: &MigrationStatus) -> bool {
    matches!(status.appointment, Some(Appointment::Missed { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postponed_cutover_waits_for_the_second_command_also_over_a_restart() {
    let world = ready().await;
    let postponed = appoint(&world, When::Postponed);
    let postponed = postponed.await.unwrap();
    assert_eq!(postponed.phase, PhaseName::Ready);
    assert!(matches!(
        postponed.appointment,
        Some(Appointment::Postponed { .. })
    ));
    let world = world.restart().await;
    world.control.resume().await;
    let status = world.control.migration(&world.key()).await.unwrap();
    assert_eq!(
        (status.phase, &status.appointment),
        (PhaseName::Ready, &postponed.appointment)
    );
    let report = world.control.cutover(&world.key(), &to("new")).await.unwrap();
    assert!(!report.was_serving);
    let status = world.control.migration(&world.key()).await.unwrap();
    assert_eq!((status.phase, status.appointment), (PhaseName::ServingNew, None));
    // There is nothing to come any more; after a way back there is.
    let again = appoint(&world, When::Postponed);
    assert_eq!(again.await.unwrap_err().kind, ErrorKind::Conflict);
    world.control.rollback(&world.key(), &to("old")).await.unwrap();
    let again = appoint(&world, When::Postponed);
    assert_eq!(again.await.unwrap().phase, PhaseName::RolledBack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cutover_is_made_at_its_time_and_not_before_also_over_a_restart() {
    let world = ready().await;
    let at_ms = in_ms(1_500);
    let appointed = at(&world, at_ms).await;
    assert_eq!(appointed.appointment, Some(Appointment::At { at_ms }));
    let world = world.restart().await;
    world.control.resume().await;
    let flipped = world.until(|status| status.phase == PhaseName::ServingNew).await;
    assert!(in_ms(0) >= at_ms, "it came too early");
    assert_eq!(flipped.appointment, None);
    world.check_fresh(NEW_SPACE, "new@1").await;
    let log = world.control.log(20).await.unwrap().join("\n");
    assert!(
        log.contains("cutover scheduled") && log.contains("cut over"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_is_moved_or_taken_back_is_forgotten() {
    let world = ready().await;
    let first = in_ms(400);
    at(&world, first).await;
    let later = in_ms(3_600_000);
    at(&world, later).await;
    until_after(first + 300).await;
    let status = world.control.migration(&world.key()).await.unwrap();
    assert_eq!(
        (status.phase, status.appointment),
        (PhaseName::Ready, Some(Appointment::At { at_ms: later }))
    );
    let second = in_ms(400);
    at(&world, second).await;
    let never = appoint(&world, When::Never);
    assert_eq!(never.await.unwrap().appointment, None);
    until_after(second + 300).await;
    let status = world.control.migration(&world.key()).await.unwrap();
    assert_eq!((status.phase, status.appointment), (PhaseName::Ready, None));
    for wrong in [0, in_ms(0), in_ms(400 * 24 * 3_600_000)] {
        let when = When::At { at_ms: wrong };
        let refused = appoint(&world, when).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cutover_that_the_gate_is_against_at_its_time_is_not_made_and_says_why() {
    let world = World::adopted().await;
    world.client().legacy(0, "a text").await;
    world.client().untitled(1).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world
        .until(|status| status.unsourced.count == 1 && status.pending == 1)
        .await;
    let refused = appoint(&world, When::Postponed).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotReady);
    assert!(
        refused.reasons.contains(&Reason::Pending { points: 1 }),
        "{refused:?}"
    );

    let at_ms = in_ms(300);
    at(&world, at_ms).await;
    let missed = world.until(is_missed).await;
    let Some(Appointment::Missed { at_ms: said, why }) = missed.appointment else {
        panic!("it is missed");
    };
    assert_eq!((missed.phase, said), (PhaseName::Backfilling, at_ms));
    assert!(
        why.contains(&Reason::Pending { points: 1 }.to_string()),
        "{why:?}"
    );
    let log = world.control.log(20).await.unwrap().join("\n");
    assert!(log.contains("scheduled cutover not made"), "{log}");
    // It is not made up for when the gate says go.
    world.client().write(1, "now it has one", true).await;
    world.control.poke(&world.key());
    assert!(is_missed(&world.until_ready().await));
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_passed_while_nobody_ran_is_missed() {
    let mut world = ready().await;
    world.settings.cutover_late_max_ms = 0;
    let at_ms = in_ms(300);
    at(&world, at_ms).await;
    world.control.shutdown().await;
    until_after(at_ms + 50).await;
    let world = world.restart().await;
    world.control.resume().await;
    let missed = world.until(is_missed).await;
    assert_eq!(missed.phase, PhaseName::Ready);
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
}
