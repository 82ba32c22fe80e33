//! How a migration rests and how it ends: paused, cancelled, retired; and what may follow it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use interlock::domain::gate::Reason;
use interlock::domain::ids::VectorName;
use interlock::domain::model::ModelRef;
use interlock::domain::table::{StandbyState, Undeclared};
use interlock::embed::EmbedderSpec;
use interlock::migrate::{ErrorKind, Order, PhaseName, Retire, UndeclaredChoice};

use super::harness::{Around, NEW_SPACE, World, model};

fn to(name: &str) -> ModelRef {
    name.parse().unwrap()
}

/// At once, with the new model for those who say nothing.
fn at_once() -> Retire {
    Retire {
        quiet_seconds: 0,
        brownout_seconds: 0,
        undeclared: Some(UndeclaredChoice::Pinned(to("new"))),
        force: None,
    }
}

async fn ready(points: u64) -> World {
    let world = World::adopted().await;
    for number in 0..points {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world
}

async fn cut_over(points: u64) -> World {
    let world = ready(points).await;
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    world
}

async fn until_phase(world: &World, phase: PhaseName) {
    world.until(|status| status.phase == phase).await;
}

/// Gives the command until what is pending is filled.
async fn retired(world: &World, ask: &Retire) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
    for _attempt in 0..1_000 {
        match world.control.retire(&world.key(), ask).await {
            Ok(_) => return,
            Err(error) => assert!(matches!(error.reasons[..], [Reason::Pending { .. }]), "{error:?}"),
        }
        tick.tick().await;
    }
    panic!("it is never retired");
}

/// The collection's vector names, as the upstream has them.
async fn vectors(world: &World) -> Vec<String> {
    use qdrant_client::qdrant::vectors_config::Config;
    let info = world.calls.collection(&world.collection).await.unwrap();
    let params = info.config.unwrap().params.unwrap();
    let mut names = match params.vectors_config.and_then(|config| config.config) {
        Some(Config::Params(_)) => vec![String::new()],
        Some(Config::ParamsMap(map)) => map.map.into_keys().collect(),
        None => Vec::new(),
    };
    names.sort();
    names
}

fn standby(world: &World) -> Option<(VectorName, StandbyState)> {
    let table = world.registry.pin();
    let field = &table.collections[&world.key().collection].fields[""];
    let standby = field.standby.as_ref()?;
    Some((standby.space.vector.clone(), standby.state))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_migration_leaves_the_collection_as_it_was_and_another_may_follow() {
    let world = ready(9).await;
    let said = world.control.order(&world.key(), Order::Cancel).await.unwrap();
    assert!(matches!(said.phase, PhaseName::Cancelling | PhaseName::Cancelled));
    until_phase(&world, PhaseName::Cancelled).await;
    assert_eq!(vectors(&world).await, [""]);
    assert_eq!(standby(&world), None);
    world.control.order(&world.key(), Order::Cancel).await.unwrap();

    // Written while there is one space only, then carried into the next migration's, old claims and all.
    world.client().write(3, "written in between", true).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.check_fresh("", "old@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_backfill_rests_through_a_restart_and_goes_on() {
    let world = World::adopted().await;
    for number in 0..40 {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    // Every page waits until the pause is ordered: the backfill cannot be over before.
    let (paused, wait) = tokio::sync::watch::channel(false);
    world.hooked.set(move |path| {
        let mut wait = wait.clone();
        let is_page = path.ends_with("/UpdateVectors");
        Box::pin(async move {
            if is_page {
                wait.wait_for(|paused| *paused).await.unwrap();
            }
            Around::Pass
        })
    });
    world.control.start(&world.key(), &to("new")).await.unwrap();
    until_phase(&world, PhaseName::Backfilling).await;
    let said = world.control.order(&world.key(), Order::Pause).await.unwrap();
    assert_eq!(said.phase, PhaseName::Paused);
    paused.send(true).unwrap();
    let refused = world.control.cutover(&world.key(), &to("new")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotReady);

    let world = world.restart().await;
    world.control.resume().await;
    let status = world.control.migration(&world.key()).await.unwrap();
    assert_eq!(status.phase, PhaseName::Paused);
    assert!(status.pending > 30, "it went on: {status:?}");
    world.control.order(&world.key(), Order::Resume).await.unwrap();
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_space_is_gone_and_a_third_model_may_come() {
    let world = cut_over(7).await;
    let said = world.control.retire(&world.key(), &at_once()).await.unwrap();
    assert!(!matches!(said.phase, PhaseName::ServingNew), "{said:?}");
    until_phase(&world, PhaseName::Done).await;
    assert_eq!(vectors(&world).await, [NEW_SPACE]);
    assert_eq!(standby(&world), None);
    let undeclared = world.registry.pin().collections[&world.key().collection].fields[""]
        .undeclared
        .clone();
    assert_eq!(undeclared, Undeclared::Pinned(model("new@1").id));
    let gone = world
        .control
        .rollback(&world.key(), &to("old"))
        .await
        .unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Conflict);
    assert!(gone.message.contains("gone"), "{gone}");

    let third = world
        .control
        .add_model(model("third@1"), EmbedderSpec::HashedWords {});
    third.await.unwrap();
    world.control.start(&world.key(), &to("third")).await.unwrap();
    world.until_ready().await;
    world.check_fresh("@third@1", "third@1").await;
    world.control.cutover(&world.key(), &to("third")).await.unwrap();
    let log = world.control.log(100).await.unwrap();
    let told: Vec<String> = log
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["what"].to_string())
        .collect();
    for what in [
        "migration started",
        "cut over",
        "retirement begun",
        "space dropped",
    ] {
        assert!(told.contains(&format!("{what:?}")), "{what} is not in {told:?}");
    }
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retirement_waits_for_readers_and_names_them() {
    let world = cut_over(3).await;
    let patient = Retire {
        quiet_seconds: 3_600,
        undeclared: None,
        ..at_once()
    };
    let refused = world.control.retire(&world.key(), &patient).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotReady);
    assert!(
        matches!(&refused.reasons[0], Reason::PinnedUndeclared { model: old } if *old == model("old@1").id)
    );
    assert!(matches!(
        &refused.reasons[1],
        Reason::RecentlyRead {
            quiet_seconds: 3_600,
            ..
        }
    ));
    let blind = Retire {
        force: Some("the app is gone".to_owned()),
        ..patient.clone()
    };
    let refused = world.control.retire(&world.key(), &blind).await.unwrap_err();
    assert_eq!(
        refused.reasons.len(),
        1,
        "force does not break undeclared clients: {refused:?}"
    );

    // Long enough that only the order below ends it.
    let brownout = Retire {
        brownout_seconds: 3_600,
        ..at_once()
    };
    world.control.retire(&world.key(), &brownout).await.unwrap();
    assert_eq!(standby(&world), Some(("".into(), StandbyState::Closed)));
    world.client().write(1, "written in the brownout", true).await;
    world.control.order(&world.key(), Order::Keep).await.unwrap();
    assert_eq!(standby(&world), Some(("".into(), StandbyState::Kept)));
    retired(&world, &brownout).await;
    world.until(|status| status.pending == 0).await;
    let back = world.control.rollback(&world.key(), &to("old")).await.unwrap();
    assert_eq!(back.serving, model("old@1").id);
    world.check_fresh("", "old@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_of_an_ending_is_taken_up() {
    for is_retired in [true, false] {
        let mut came_through = false;
        for call in 0..40 {
            let world = match is_retired {
                true => cut_over(3).await,
                false => ready(3).await,
            };
            let calls = super::crashes::die_at(&world, call, Around::LoseAnswer);
            let ended = match is_retired {
                true => world.control.retire(&world.key(), &at_once()).await,
                false => world.control.order(&world.key(), Order::Cancel).await,
            };
            let over = match is_retired {
                true => PhaseName::Done,
                false => PhaseName::Cancelled,
            };
            if ended.is_ok() {
                let passed = world.until(|status| {
                    status.phase == over || calls.load(std::sync::atomic::Ordering::SeqCst) > call
                });
                came_through = passed.await.phase == over;
            }
            let world = world.restart().await;
            world.control.resume().await;
            let again = match is_retired {
                true => world.control.retire(&world.key(), &at_once()).await,
                false => world.control.order(&world.key(), Order::Cancel).await,
            };
            again.unwrap_or_else(|error| panic!("died at call {call}: {error}"));
            until_phase(&world, over).await;
            let left = if is_retired { NEW_SPACE } else { "" };
            assert_eq!(vectors(&world).await, [left], "died at call {call}");
            assert_eq!(world.points().await.len(), 3);
            world.control.shutdown().await;
            if came_through {
                break;
            }
        }
        assert!(came_through, "no run came through");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_with_a_points_only_vector_is_not_retired_whoever_insists() {
    let world = World::adopted().await;
    for number in 0..3 {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    // Nobody can make its vector in the new space.
    world.client().untitled(3).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world
        .until(|status| status.pending == 1 && status.total == 4)
        .await;
    let why = "everybody has moved";
    world
        .control
        .force_cutover(&world.key(), &to("new"), why)
        .await
        .unwrap();
    let insisting = Retire {
        force: Some(why.to_owned()),
        ..at_once()
    };
    let refused = world.control.retire(&world.key(), &insisting).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotReady);
    assert_eq!(refused.reasons, [Reason::Pending { points: 1 }]);
    assert!(world.points().await[&3].1.contains_key(""));
    world.client().set_title(3, "a text at last").await;
    retired(&world, &insisting).await;
    until_phase(&world, PhaseName::Done).await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_space_goes_only_when_the_other_one_holds_every_last_write() {
    let world = cut_over(3).await;
    world.control.rollback(&world.key(), &to("old")).await.unwrap();
    // As a request of before the rollback leaves it, where the old model's embedder failed.
    world.client().write_new_only(1, "written late").await;
    world.client().leave_new_unclaimed(2, "cut off").await;
    world.control.order(&world.key(), Order::Cancel).await.unwrap();
    until_phase(&world, PhaseName::Cancelled).await;
    world.check_fresh("", "old@1").await;
    let points = world.points().await;
    assert_eq!(points[&1].0["title"], "written late");
    assert_eq!(points[&2].0["title"], "cut off");
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_that_a_client_deletes_while_the_other_space_is_dropped_stays_deleted() {
    let world = ready(3).await;
    let client = world.client();
    let deleted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&deleted);
    // By then no table knows the new space: a client's deletion is of the old one's vector, and of the tag.
    let registry = Arc::clone(&world.registry);
    let key = world.key();
    world.hooked.set(move |_| {
        let table = registry.pin();
        let is_alone = table.collections[&key.collection].fields[""].standby.is_none();
        let act = is_alone && !flag.swap(true, Ordering::SeqCst);
        let client = client.clone();
        Box::pin(async move {
            if act {
                client.drop_vector(1, "").await;
                client.forget_tag(1).await;
            }
            Around::Pass
        })
    });
    world.control.order(&world.key(), Order::Cancel).await.unwrap();
    until_phase(&world, PhaseName::Cancelled).await;
    assert!(deleted.load(Ordering::SeqCst));
    assert_eq!(world.points().await[&1].1.len(), 0, "nothing brings it back");
    world.control.shutdown().await;
}
