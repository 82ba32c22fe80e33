//! What verbs would do is said, and nothing of it is done.

use interlock::domain::model::ModelRef;
use interlock::domain::verify::Ask;
use interlock::migrate::{ErrorKind, Order, PhaseName, Rehearsal, Rehearse, Release, Retire, Start, When};

use super::harness::{NEW_SPACE, World};

fn to(name: &str) -> ModelRef {
    name.parse().unwrap()
}

fn cutover(is_forced: bool, when: Option<When>) -> Rehearse {
    Rehearse::Cutover {
        to: to("new"),
        is_forced,
        when,
    }
}

fn rollback() -> Rehearse {
    Rehearse::Rollback { to: to("old") }
}

fn retire() -> Rehearse {
    Rehearse::Retire(Retire {
        quiet_seconds: 0,
        brownout_seconds: 60,
        undeclared: Some(interlock::migrate::UndeclaredChoice::Reject),
        force: None,
    })
}

/// Rehearses, and holds what is stored and what Qdrant holds against what was there before.
async fn rehearse(world: &World, verb: Rehearse) -> Rehearsal {
    let log = world.control.log(1_000).await.unwrap();
    let epoch = world.registry.current_epoch();
    let info = world.calls.collection(&world.collection).await.unwrap();
    let state = world.control.migration(&world.key()).await;
    let said = world.control.rehearse(&world.key(), &verb).await.unwrap();
    assert_eq!(world.control.log(1_000).await.unwrap(), log);
    assert_eq!(world.registry.current_epoch(), epoch);
    let after = world.calls.collection(&world.collection).await.unwrap();
    assert_eq!(after.config, info.config, "{verb:?}");
    assert_eq!(
        world.control.migration(&world.key()).await.map(|now| now.phase),
        state.map(|was| was.phase)
    );
    said
}

fn says(said: &Rehearsal, words: &str) -> bool {
    said.would.iter().any(|step| step.contains(words))
}

fn is_against(said: &Rehearsal, words: &str) -> bool {
    said.would.is_empty() && said.against.iter().any(|reason| reason.contains(words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_says_its_steps_and_takes_none() {
    let world = World::adopted().await;
    for number in 0..6 {
        world.client().legacy(number, "a text").await;
    }
    let start = || Rehearse::Start(Start::to(to("new")));
    let said = rehearse(&world, start()).await;
    assert!(
        says(&said, NEW_SPACE) && says(&said, "6 points that have none"),
        "{said:?}"
    );
    let same = rehearse(&world, Rehearse::Start(Start::to(to("old")))).await;
    assert!(is_against(&same, "serves"), "{same:?}");
    let unknown = world
        .control
        .rehearse(&world.key(), &Rehearse::Start(Start::to(to("none"))))
        .await;
    assert_eq!(unknown.unwrap_err().kind, ErrorKind::NotFound);
    let later = world.control.rehearse(&world.key(), &cutover(false, None)).await;
    assert_eq!(
        later.unwrap_err().kind,
        ErrorKind::NotFound,
        "there is no migration yet"
    );

    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    let again = rehearse(&world, start()).await;
    assert!(says(&again, "take up"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_later_verb_says_what_it_would_do_before_and_after_the_flip() {
    let world = World::adopted().await;
    for number in 0..6 {
        world.client().legacy(number, "a text").await;
    }
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    let release = || {
        Rehearse::Release(Release {
            collection: world.collection.as_str().into(),
            strip_tags: true,
        })
    };
    let said = rehearse(&world, cutover(false, None)).await;
    assert!(
        said.gate.as_ref().unwrap().go && says(&said, "make `new@1` serve"),
        "{said:?}"
    );
    assert!(says(
        &rehearse(&world, cutover(false, Some(When::Postponed))).await,
        "second command"
    ));
    assert!(is_against(
        &rehearse(&world, cutover(false, Some(When::At { at_ms: 1 }))).await,
        "ahead"
    ));
    assert!(is_against(&rehearse(&world, rollback()).await, "not cut over"));
    assert!(is_against(&rehearse(&world, retire()).await, "cutover"));
    assert!(is_against(
        &rehearse(&world, Rehearse::Order { order: Order::Keep }).await,
        "brownout"
    ));
    assert!(is_against(&rehearse(&world, release()).await, "is open"));
    let cancel = rehearse(&world, Rehearse::Order { order: Order::Cancel }).await;
    assert!(says(&cancel, "which 6 points have"), "{cancel:?}");
    let repair = Ask {
        sample: 3,
        repair: true,
    };
    let verify = rehearse(&world, Rehearse::Verify(repair)).await;
    assert!(
        says(&verify, "at 6 points") && says(&verify, "filled anew"),
        "{verify:?}"
    );

    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    assert!(says(&rehearse(&world, cutover(false, None)).await, "nothing"));
    assert!(says(&rehearse(&world, rollback()).await, "make `old@1` serve"));
    let retired = rehearse(&world, retire()).await;
    assert!(
        says(&retired, "drop the vector ``") && says(&retired, "refuse requests"),
        "{retired:?}"
    );
    assert!(is_against(
        &rehearse(&world, Rehearse::Order { order: Order::Cancel }).await,
        "serves"
    ));
    assert_eq!(
        world.control.migration(&world.key()).await.unwrap().phase,
        PhaseName::ServingNew
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_is_against_it_is_shown_and_what_force_would_change() {
    let world = World::adopted().await;
    world.client().legacy(0, "a text").await;
    world.client().untitled(1).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world
        .until(|status| status.unsourced.count == 1 && status.pending == 1)
        .await;
    let said = rehearse(&world, cutover(false, None)).await;
    assert!(is_against(&said, "pending"), "{said:?}");
    assert!(!said.gate.unwrap().go);
    let forced = rehearse(&world, cutover(true, None)).await;
    assert!(
        forced.against.is_empty() && says(&forced, "make `new@1` serve"),
        "{forced:?}"
    );
    let later = rehearse(&world, cutover(false, Some(When::At { at_ms: u64::MAX / 2 }))).await;
    assert!(is_against(&later, "within a year"), "{later:?}");
}
