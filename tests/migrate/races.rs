//! Clients that write between the backfill's calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock::migrate::PhaseName;

use super::client::{Client, entry};
use super::harness::{Around, NEW_SPACE, World, model};

const SET_VECTORS: &str = "/qdrant.Points/UpdateVectors";
const CLAIM: &str = "/qdrant.Points/SetPayload";
const COUNT: &str = "/qdrant.Points/Count";
const SCROLL: &str = "/qdrant.Points/Scroll";

/// Runs `act` before each call to `path`, with the call's number from 0.
fn before<F>(world: &World, path: &'static str, act: impl Fn(Client, usize) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let client = world.client();
    world.hooked.set(move |called| {
        let run = (called == path).then(|| act(client.clone(), calls.fetch_add(1, Ordering::SeqCst)));
        Box::pin(async move {
            if let Some(run) = run {
                run.await;
            }
            Around::Pass
        })
    });
}

/// From here on the backfill sees nothing, until another hook is set or this one is cleared.
fn blind(world: &World) {
    world.hooked.set(|called| {
        let around = if called == COUNT {
            Around::Lose
        } else {
            Around::Pass
        };
        Box::pin(async move { around })
    });
}

async fn with_points(count: u64) -> World {
    let world = World::adopted().await;
    for number in 0..count {
        match number % 2 {
            0 => world.client().legacy(number, &format!("text {number}")).await,
            _ => {
                world
                    .client()
                    .write(number, &format!("text {number}"), true)
                    .await
            }
        }
    }
    world
}

async fn start(world: &World) {
    world
        .control
        .start(&world.key(), &"new".parse().unwrap())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_between_read_and_set_wins() {
    let world = with_points(9).await;
    before(&world, SET_VECTORS, |client, call| async move {
        // Once with both vectors, once with the old one alone; each page loses a point or two.
        let number = call as u64 * 4;
        if number < 9 {
            client.write(number, &format!("newer {number}"), false).await;
            client.write(number + 1, &format!("newer {number}"), true).await;
        }
    });
    start(&world).await;
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.check_fresh("", "old@1").await;
    let points = world.points().await;
    assert_eq!(points[&0].0["title"], "newer 0");
    assert_eq!(points[&5].0["title"], "newer 4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_that_is_deleted_between_read_and_set_stays_deleted() {
    let world = with_points(9).await;
    before(&world, SET_VECTORS, |client, call| async move {
        let gone = [0, 1, 4, 8].get(call);
        if let Some(gone) = gone {
            client.delete(*gone).await;
        }
    });
    start(&world).await;
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    let left: Vec<u64> = world.points().await.into_keys().collect();
    assert_eq!(left, [2, 3, 5, 6, 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_that_is_deleted_and_written_anew_keeps_the_new_write() {
    let world = with_points(5).await;
    before(&world, SET_VECTORS, |client, call| async move {
        if call == 0 {
            client.delete(0).await;
            client.legacy(0, "from behind the proxy").await;
            client.delete(1).await;
            client.write(1, "through the proxy", true).await;
        }
    });
    start(&world).await;
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    assert_eq!(world.points().await[&0].0["title"], "from behind the proxy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_between_set_and_claim_is_not_claimed_for() {
    let world = with_points(9).await;
    before(&world, CLAIM, |client, call| async move {
        let number = call as u64 * 4;
        if number < 9 {
            client.write(number, &format!("newer {number}"), true).await;
            client.delete(number + 1).await;
        }
    });
    start(&world).await;
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    assert_eq!(world.points().await[&0].0["title"], "newer 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_that_is_dropped_between_set_and_claim_is_not_claimed() {
    let world = with_points(3).await;
    before(&world, CLAIM, |client, call| async move {
        if call == 0 {
            // What follows an upsert whose standby vector is deferred.
            client.drop_vector(1, NEW_SPACE).await;
        }
    });
    start(&world).await;
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_in_the_middle_of_a_vector_update_is_left_alone_until_it_ends() {
    let world = with_points(6).await;
    let client = world.client();
    start(&world).await;
    world.until_ready().await;
    // A request holds its table, and has done the first of its three steps.
    let pinned = world.registry.pin();
    blind(&world);
    client.set_tag(2, entry(None)).await;
    client.write(3, "another", true).await;
    world.hooked.clear();
    world.control.poke(&world.key());
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
    let claims = |points: &std::collections::BTreeMap<u64, (serde_json::Value, _)>, id: u64| {
        !points[&id].0["_embedding"][""]["models"][NEW_SPACE].is_null()
    };
    let mut filled = false;
    for _attempt in 0..1_000 {
        filled = claims(&world.points().await, 3);
        if filled {
            break;
        }
        tick.tick().await;
    }
    assert!(filled, "the point beside it is filled");
    // The backfill has seen it by now: it waits at the barrier for the pinned request.
    for _attempt in 0..1_000 {
        if world.registry.current_epoch() > pinned.epoch {
            break;
        }
        tick.tick().await;
    }
    assert!(world.registry.current_epoch() > pinned.epoch);
    let own = client.embed("new@1", "the client's own").await;
    let old = client.embed("old@1", "the client's own").await;
    client
        .set_vectors(2, vec![("", old.clone()), (NEW_SPACE, own.clone())])
        .await;
    assert!(!claims(&world.points().await, 2), "nobody claimed it in between");
    let mut last = entry(None);
    last.claim("".into(), &model("old@1"));
    last.claim(NEW_SPACE.into(), &model("new@1"));
    client.set_tag(2, last).await;
    drop(pinned);
    world
        .until(|status| status.pending == 0 && status.phase == PhaseName::Ready)
        .await;
    let points = world.points().await;
    assert_eq!(points[&2].1[NEW_SPACE], own, "the client's vector stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_update_that_was_cut_off_is_made_whole_in_both_spaces() {
    let world = with_points(3).await;
    let client = world.client();
    start(&world).await;
    world.until_ready().await;
    client.set_tag(1, entry(None)).await;
    let half = client.embed("old@1", "half of it").await;
    client.set_vectors(1, vec![("", half)]).await;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
    for _attempt in 0..1_000 {
        let models = world.points().await[&1].0["_embedding"][""]["models"].clone();
        if models.as_object().is_some_and(|models| models.len() == 2) {
            break;
        }
        tick.tick().await;
    }
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.check_fresh("", "old@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_that_is_written_between_match_and_read_keeps_its_vectors() {
    let world = with_points(4).await;
    let client = world.client();
    start(&world).await;
    world.until_ready().await;
    blind(&world);
    // No text gives these: whoever fills the point anew loses them.
    let own = client.embed("new@1", "the client's own").await;
    let old = client.embed("old@1", "the client's own").await;
    client
        .set_vectors(2, vec![("", old), (NEW_SPACE, own.clone())])
        .await;
    let mut tag = entry(None);
    tag.claim("".into(), &model("old@1"));
    tag.claim(NEW_SPACE.into(), &model("new@1"));
    client.set_tag(2, tag).await;
    client.write(3, "another", true).await;
    let scrolled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&scrolled);
    world.hooked.set(move |called| {
        let is_first = called == SCROLL && count.fetch_add(1, Ordering::SeqCst) == 0;
        let around = if is_first { Around::AllMatch } else { Around::Pass };
        Box::pin(async move { around })
    });
    let epoch = world.registry.current_epoch();
    world.control.poke(&world.key());
    // The points that claimed the space wait for the requests of their time.
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
    for _attempt in 0..1_000 {
        if world.registry.current_epoch() > epoch {
            break;
        }
        tick.tick().await;
    }
    assert!(world.registry.current_epoch() > epoch, "they wait");
    assert!(scrolled.load(Ordering::SeqCst) > 0);
    world
        .until(|status| status.pending == 0 && status.phase == PhaseName::Ready)
        .await;
    let points = world.points().await;
    assert_eq!(points[&2].1[NEW_SPACE], own, "the client's vector stands");
    world.hooked.clear();
}
