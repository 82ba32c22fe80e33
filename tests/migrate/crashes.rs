//! The process dies at each of its calls to the upstream, before or after the call is applied. The same commands finish.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock::domain::model::ModelRef;

use super::harness::{Around, NEW_SPACE, World};

/// From the call of this number on, nothing comes back; that call itself does `first`.
pub fn die_at(world: &World, call: usize, first: Around) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    world.hooked.set(move |_path| {
        let now = counted.fetch_add(1, Ordering::SeqCst);
        let around = match now.cmp(&call) {
            std::cmp::Ordering::Less => Around::Pass,
            std::cmp::Ordering::Equal => first,
            std::cmp::Ordering::Greater => Around::Lose,
        };
        Box::pin(async move { around })
    });
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_is_taken_up() {
    const CALLS_MAX: usize = 200;
    let new: ModelRef = "new".parse().unwrap();
    let mut whole_runs = 0;
    // A call that never arrives leaves what the one before it left: but for the first, losing answers covers both.
    let deaths =
        std::iter::once((0, Around::Lose)).chain((0..CALLS_MAX).map(|call| (call, Around::LoseAnswer)));
    for (call, first) in deaths {
        let world = World::adopted_with(50).await;
        let client = world.client();
        for number in 0..5 {
            client.legacy(number, &format!("text {number}")).await;
        }
        client.write(5, "text 5", true).await;
        let calls = die_at(&world, call, first);
        // Whatever becomes of these: the process dies after them.
        let started = world.control.start(&world.key(), &new).await;
        let flipped = match started {
            Ok(_) => {
                let tick = std::time::Duration::from_millis(5);
                let mut tick = tokio::time::interval(tick);
                while calls.load(Ordering::SeqCst) <= call
                    && world.control.cutover(&world.key(), &new).await.is_err()
                {
                    tick.tick().await;
                }
                calls.load(Ordering::SeqCst) <= call
            }
            Err(_) => false,
        };
        whole_runs += usize::from(flipped);
        let world = world.restart().await;
        world.control.resume().await;
        world.control.start(&world.key(), &new).await.unwrap();
        world
            .until(|status| status.pending == 0 && status.total == 6)
            .await;
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
        let mut report = world.control.cutover(&world.key(), &new).await;
        for _attempt in 0..1_000 {
            if report.is_ok() {
                break;
            }
            tick.tick().await;
            report = world.control.cutover(&world.key(), &new).await;
        }
        assert_eq!(report.unwrap().serving, new_id(), "died at call {call}");
        world.check_fresh(NEW_SPACE, "new@1").await;
        assert_eq!(world.points().await.len(), 6, "died at call {call}");
        world.control.shutdown().await;
        if whole_runs >= 2 {
            return;
        }
    }
    panic!("no run came through within {CALLS_MAX} calls");
}

fn new_id() -> interlock::domain::model::ModelId {
    "new@1".parse().unwrap()
}
