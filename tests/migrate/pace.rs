//! How fast a backfill goes, why it is not faster, and several of its pages at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use interlock::domain::ids::CollectionName;
use interlock::domain::model::ModelRef;
use interlock::migrate::{MigrationStatus, Order, PhaseName, Start};
use interlock::registry::Registry;
use tokio::sync::Barrier;

use super::harness::{Around, NEW_SPACE, World};

const SET_VECTORS: &str = "/qdrant.Points/UpdateVectors";

fn new() -> ModelRef {
    "new".parse().unwrap()
}

async fn start_slowly(world: &World) {
    let slowly = Start {
        points_per_second: Some(1),
        ..Start::to(new())
    };
    world.control.start_with(&world.key(), &slowly).await.unwrap();
}

async fn with_points(world: World, points: u64) -> World {
    for number in 0..points {
        world.client().legacy(number, &format!("book {number}")).await;
    }
    world
}

fn is_held(status: &MigrationStatus) -> bool {
    let throttle = status.throttle.as_ref();
    status.done > 0 && throttle.is_some_and(|throttle| throttle.reason.as_deref() == Some("rate"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_keeps_to_its_rate_until_it_is_lifted() {
    let world = with_points(World::adopted().await, 60).await;
    // A page of one point each second: a minute, if it were left alone.
    let begun = Instant::now();
    start_slowly(&world).await;
    let held = world.until(is_held).await;
    assert_eq!(held.phase, PhaseName::Backfilling);
    assert_eq!(held.throttle.unwrap().points_per_second, Some(1.0));

    // A restart does not forget it.
    let world = world.restart().await;
    world.control.resume().await;
    let held = world.until(|status| status.throttle.is_some()).await;
    assert_eq!(held.throttle.unwrap().points_per_second, Some(1.0));
    assert_eq!(held.phase, PhaseName::Backfilling);
    let elapsed = begun.elapsed().as_secs() + 2;
    assert!(held.done <= elapsed, "{} points in {elapsed} s", held.done);

    let lifted = world.control.pace(&world.key(), 0).await.unwrap();
    assert_eq!(lifted.phase, PhaseName::Backfilling);
    world.until_ready().await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "it waited its old rate out"
    );
    world.check_fresh(NEW_SPACE, "new@1").await;
    // The order stands for what becomes pending later, too.
    assert!(world.control.pace(&world.key(), 5).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_waits_for_its_turn_is_paused_and_cancelled_at_once() {
    let world = with_points(World::adopted().await, 60).await;
    start_slowly(&world).await;
    world.until(is_held).await;
    let paused = world.control.order(&world.key(), Order::Pause).await.unwrap();
    assert_eq!(paused.phase, PhaseName::Paused);
    world.control.order(&world.key(), Order::Resume).await.unwrap();
    world.until(is_held).await;
    let begun = Instant::now();
    world.control.order(&world.key(), Order::Cancel).await.unwrap();
    world.until(|status| status.phase == PhaseName::Cancelled).await;
    assert!(begun.elapsed() < Duration::from_secs(20));
    let points = world.points().await;
    assert!(
        points
            .values()
            .all(|(_, vectors)| !vectors.contains_key(NEW_SPACE))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_set_at_once_and_never_more_than_allowed() {
    const AT_ONCE: usize = 3;
    let mut world = with_points(World::adopted().await, 48).await;
    world.settings.pages_in_flight_max = AT_ONCE;
    let world = world.restart().await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Twelve pages: the first ones go on only when three of them have met.
    let (met, calls) = (Arc::new(Barrier::new(AT_ONCE)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    world.hooked.set(move |path| {
        let is_set = path == SET_VECTORS;
        let (now, most, met, calls) = (now.clone(), seen.clone(), met.clone(), calls.clone());
        Box::pin(async move {
            if is_set {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if calls.fetch_add(1, Ordering::SeqCst) < AT_ONCE {
                    met.wait().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
            }
            Around::Pass
        })
    });
    world.control.start(&world.key(), &new()).await.unwrap();
    world.until_ready().await;
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_fails_among_others_is_done_again() {
    let world = with_points(World::adopted().await, 48).await;
    let calls = Arc::new(AtomicUsize::new(0));
    // Every third page's vectors do not arrive, or do and nobody hears of it.
    world.hooked.set(move |path| {
        let around = match path == SET_VECTORS {
            true => match calls.fetch_add(1, Ordering::SeqCst) % 6 {
                1 => Around::Lose,
                4 => Around::LoseAnswer,
                _ => Around::Pass,
            },
            false => Around::Pass,
        };
        Box::pin(async move { around })
    });
    world.control.start(&world.key(), &new()).await.unwrap();
    let ready = world.until_ready().await;
    assert_eq!((ready.total, ready.pending), (48, 0));
    world.check_fresh(NEW_SPACE, "new@1").await;
}

/// With every page, live requests are seen to take so long.
fn live_requests_take(world: &World, ms: u64) {
    let (registry, collection) = (Arc::clone(&world.registry), world.key().collection);
    world.hooked.set(move |path| {
        if path == SET_VECTORS {
            note(&registry, &collection, ms);
        }
        Box::pin(async move { Around::Pass })
    });
}

fn note(registry: &Registry, collection: &CollectionName, ms: u64) {
    for _ in 0..200 {
        registry.latency().note(collection, Duration::from_millis(ms));
    }
}

fn is_slowed(status: &MigrationStatus) -> bool {
    let throttle = status.throttle.as_ref();
    throttle.is_some_and(|throttle| throttle.reason.as_deref() == Some("latency"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_slows_down_against_the_level_from_before_it_and_recovers() {
    let mut world = with_points(World::adopted().await, 300).await;
    world.settings.bounds.latency_ratio = Some(1.2);
    let world = world.restart().await;
    note(&world.registry, &world.key().collection, 1);
    live_requests_take(&world, 100);
    world.control.start(&world.key(), &new()).await.unwrap();
    let slowed = world.until(is_slowed).await.throttle.unwrap();
    let said = slowed.why.unwrap();
    assert!(said.contains("was 1."), "{said}");
    assert!(slowed.points_per_second.is_some());

    // What this process sees from its start on was not before the backfill.
    let world = world.restart().await;
    live_requests_take(&world, 100);
    world.control.resume().await;
    let said = world.until(is_slowed).await.throttle.unwrap().why.unwrap();
    assert!(said.contains("was 1."), "{said}");

    live_requests_take(&world, 1);
    let ready = world.until_ready().await;
    assert_eq!(
        (ready.pending, ready.throttle.and_then(|throttle| throttle.reason)),
        (0, None)
    );
}
