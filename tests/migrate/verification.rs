//! Verifications: what they see, what a repair does about it, and that a crash changes neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock::domain::model::ModelRef;
use interlock::domain::verify::Difference;
use interlock::migrate::{ErrorKind, Order, PhaseName, Verification, Verify};
use serde_json::Value;

use super::client::entry;
use super::harness::{Around, DIMENSION, NEW_SPACE, World, model};

/// Every point is embedded anew.
const ALL: Verify = Verify {
    sample: 1_000,
    repair: false,
};
const REPAIR: Verify = Verify { repair: true, ..ALL };

fn new() -> ModelRef {
    "new".parse().unwrap()
}

async fn ready(points: u64) -> World {
    let world = World::adopted().await;
    for number in 0..points {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    world.control.start(&world.key(), &new()).await.unwrap();
    world.until_ready().await;
    world
}

async fn verify(world: &World, ask: Verify) -> Verification {
    let begun = world.control.verify(&world.key(), ask).await.unwrap();
    let at = begun.verification.unwrap().started_at_ms;
    finished(world, at).await
}

async fn finished(world: &World, started_at_ms: u64) -> Verification {
    let seen = world.until(|status| {
        let known = status.verification.as_ref();
        known.is_some_and(|known| known.started_at_ms == started_at_ms && known.finished_at_ms.is_some())
    });
    seen.await.verification.unwrap()
}

/// The differences, as (what, the space, how often).
fn told(seen: &Verification) -> Vec<(Difference, String, u64)> {
    let mut told: Vec<_> = seen
        .differences
        .iter()
        .map(|noted| (noted.difference, noted.vector.to_string(), noted.points))
        .collect();
    told.sort();
    told
}

/// Nothing that the migration would fill arrives.
fn hold_back(world: &World) {
    world.hooked.set(|path| {
        let lost = path.ends_with("/UpdateVectors");
        Box::pin(async move { if lost { Around::Lose } else { Around::Pass } })
    });
}

async fn audit_lines(world: &World, what: &str) -> Vec<Value> {
    let lines = world.control.log(1_000).await.unwrap();
    let lines = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["what"] == what).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spaces_of_the_same_writes_have_the_same_digest() {
    let world = ready(11).await;
    let seen = verify(&world, ALL).await;
    assert_eq!((seen.points, seen.total, seen.repaired), (11, 11, 0));
    assert_eq!(told(&seen), []);
    for space in &seen.spaces {
        assert_eq!(
            (space.fresh, space.pending, space.sampled),
            (11, 0, 11),
            "{space:?}"
        );
        assert!(space.lowest_cosine.unwrap() > 0.999, "{space:?}");
    }
    assert_eq!(seen.spaces[0].digest, seen.spaces[1].digest);
    let lines = audit_lines(&world, "verified").await;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0]["verification"]["digests"][1]["digest"],
        seen.spaces[1].digest.to_string()
    );

    world.client().write(3, "another text", false).await;
    let after = verify(&world, ALL).await;
    assert_eq!(told(&after), []);
    assert_eq!(after.spaces[0].digest, after.spaces[1].digest);
    assert_ne!(
        after.spaces[0].digest, seen.spaces[0].digest,
        "a write changes it"
    );
    world.control.cutover(&world.key(), &new()).await.unwrap();
    let flips = audit_lines(&world, "cut over").await;
    let record = &flips[0]["note"]["verification"];
    assert_eq!(record["digests"][0]["digest"], after.spaces[0].digest.to_string());
    assert_eq!(record["finished_at_ms"], after.finished_at_ms.unwrap());
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_claimed_and_not_so_is_found_and_repaired() {
    let world = ready(9).await;
    let client = world.client();
    hold_back(&world);
    client.set_title(1, "changed past its tag").await;
    client.drop_vector(2, NEW_SPACE).await;
    client
        .set_vectors(3, vec![(NEW_SPACE, vec![0.5; DIMENSION as usize])])
        .await;
    let mut foreign = entry(Some("text 4"));
    foreign.claim("".into(), &model("old@1"));
    foreign.claim(NEW_SPACE.into(), &model("old@1"));
    client.set_tag(4, foreign).await;
    // Pending, each in its way: no difference that needs a repair.
    client.write(5, "not embedded yet", true).await;
    let mut unclaimed = entry(Some("text 6"));
    unclaimed.claim("".into(), &model("old@1"));
    client.set_tag(6, unclaimed).await;

    let seen = verify(&world, ALL).await;
    let new_space = || NEW_SPACE.to_owned();
    assert_eq!(
        told(&seen),
        [
            (Difference::Absent, new_space(), 1),
            (Difference::Unclaimed, new_space(), 1),
            (Difference::EmptyClaim, new_space(), 1),
            (Difference::ForeignClaim, new_space(), 1),
            (Difference::StaleSource, String::new(), 1),
            (Difference::StaleSource, new_space(), 1),
            (Difference::Deviating, new_space(), 1),
        ]
    );
    assert_eq!(seen.false_claims(), 5);
    assert_eq!((seen.spaces[0].fresh, seen.spaces[1].fresh), (9, 5));
    assert_ne!(seen.spaces[0].digest, seen.spaces[1].digest);
    assert_eq!(seen.repaired, 0);
    let untouched = verify(&world, ALL).await;
    assert_eq!(told(&untouched), told(&seen), "it only looks");

    let mended = verify(&world, REPAIR).await;
    assert_eq!(told(&mended), told(&seen));
    assert_eq!(mended.repaired, 4);
    world.hooked.clear();
    world.until(|status| status.pending == 0).await;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    let mut clean = verify(&world, ALL).await;
    // Both spaces are filled by one loop, the next to serve first.
    for _attempt in 0..200 {
        if clean.differences.is_empty() {
            break;
        }
        tick.tick().await;
        clean = verify(&world, ALL).await;
    }
    assert_eq!(told(&clean), []);
    assert_eq!(clean.spaces[0].digest, clean.spaces[1].digest);
    world.check_fresh("", "old@1").await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_during_a_repair_stands() {
    let world = ready(6).await;
    world.client().set_title(2, "changed past its tag").await;
    let client = world.client();
    // Between the verification's look and its repair, the point is written anew.
    let written = Arc::new(AtomicUsize::new(0));
    let once = Arc::clone(&written);
    world.hooked.set(move |path| {
        let (client, is_repair) = (client.clone(), path.ends_with("/UpdateBatch"));
        let once = Arc::clone(&once);
        Box::pin(async move {
            if is_repair && once.fetch_add(1, Ordering::SeqCst) == 0 {
                client.write(2, "written meanwhile", false).await;
            }
            Around::Pass
        })
    });
    let seen = verify(&world, REPAIR).await;
    assert_eq!(seen.false_claims(), 2);
    assert_eq!(written.load(Ordering::SeqCst), 1, "there was no repair");
    let clean = verify(&world, ALL).await;
    assert_eq!(told(&clean), []);
    world.check_fresh("", "old@1").await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_goes_on_where_a_crash_cut_it_off() {
    let world = ready(30).await;
    let whole = verify(&world, ALL).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    // Pages of four, three reads each and one more for the sample: some pages come through.
    world.hooked.set(move |path| {
        let is_read = path.ends_with("/Get") && path.starts_with("/qdrant.Points");
        let lost = is_read && counted.fetch_add(1, Ordering::SeqCst) >= 3;
        Box::pin(async move { if lost { Around::Lose } else { Around::Pass } })
    });
    let begun = world.control.verify(&world.key(), ALL).await.unwrap();
    let at = begun.verification.unwrap().started_at_ms;
    let stuck = world.until(|status| {
        let known = status.verification.as_ref();
        known.is_some_and(|known| known.error.is_some())
    });
    let stuck = stuck.await.verification.unwrap();
    assert_eq!((stuck.points, stuck.finished_at_ms), (12, None), "{stuck:?}");
    let joined = world.control.verify(&world.key(), ALL).await.unwrap();
    assert_eq!(joined.verification.unwrap().started_at_ms, at);
    let other = world.control.verify(&world.key(), REPAIR).await.unwrap_err();
    assert_eq!(other.kind, ErrorKind::Conflict);

    let world = world.restart().await;
    world.control.resume().await;
    let resumed = finished(&world, at).await;
    assert_eq!((resumed.points, resumed.error.as_deref()), (30, None));
    assert_eq!(resumed.spaces[0].sampled, 30);
    assert_eq!(resumed.spaces[0].digest, whole.spaces[0].digest);
    assert_eq!(resumed.spaces[1].digest, whole.spaces[1].digest);
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_two_spaces_are_compared() {
    let world = World::adopted().await;
    let none = world.control.verify(&world.key(), ALL).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
    world.control.start(&world.key(), &new()).await.unwrap();
    world.until_ready().await;
    assert_eq!(verify(&world, ALL).await.points, 0);
    world.control.order(&world.key(), Order::Cancel).await.unwrap();
    world.until(|status| status.phase == PhaseName::Cancelled).await;
    let over = world.control.verify(&world.key(), ALL).await.unwrap_err();
    assert_eq!(over.kind, ErrorKind::Conflict);
    assert!(over.message.contains("cancelled"), "{over}");
    world.control.shutdown().await;
}
