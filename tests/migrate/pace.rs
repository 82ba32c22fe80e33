//! How fast a backfill goes, and why it is not faster.

use std::time::{Duration, Instant};

use interlock::domain::model::ModelRef;
use interlock::migrate::PhaseName;

use super::harness::{NEW_SPACE, World};

fn new() -> ModelRef {
    "new".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_keeps_to_its_rate_until_it_is_lifted() {
    let world = World::adopted().await;
    for number in 0..40 {
        world.client().legacy(number, &format!("book {number}")).await;
    }
    // Pages of 4 points: one now, the next one after 4 seconds.
    let begun = Instant::now();
    world
        .control
        .start_at(&world.key(), &new(), Some(1))
        .await
        .unwrap();
    let held = world
        .until(|status| {
            let throttle = status.throttle.as_ref();
            status.done >= 4 && throttle.is_some_and(|throttle| throttle.reason.as_deref() == Some("rate"))
        })
        .await;
    assert_eq!((held.phase, held.done), (PhaseName::Backfilling, 4));
    assert_eq!(held.throttle.unwrap().points_per_second, Some(1.0));

    // A restart does not forget it.
    let world = world.restart().await;
    world.control.resume().await;
    let held = world.until(|status| status.throttle.is_some()).await;
    assert_eq!(held.throttle.unwrap().points_per_second, Some(1.0));
    assert_ne!(held.phase, PhaseName::Ready);

    let lifted = world.control.pace(&world.key(), 0).await.unwrap();
    assert_eq!(lifted.phase, PhaseName::Backfilling);
    world.until_ready().await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "it did not wait its old rate out"
    );
    world.check_fresh(NEW_SPACE, "new@1").await;
}
