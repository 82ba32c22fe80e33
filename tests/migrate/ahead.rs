//! What would be done, said before it is done.

use interlock::domain::forecast::Need;
use interlock::domain::model::ModelRef;
use interlock::migrate::{Ahead, ErrorKind};

use super::harness::{DIMENSION, NEW_SPACE, World};

fn ahead(to: &str, no_sample: bool) -> Ahead {
    Ahead {
        to: to.parse().unwrap(),
        no_sample,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_reckons_and_changes_nothing() {
    let world = World::adopted().await;
    let client = world.client();
    for number in 0..9 {
        client.legacy(number, "twelve chars").await;
    }
    client.untitled(9).await;
    let before = (world.points().await, world.registry.current_epoch());

    let plan = world
        .control
        .forecast(&world.key(), &ahead("new", false))
        .await
        .unwrap();
    assert_eq!(plan.need, Need::Embed);
    assert!(
        plan.layout.in_place && plan.layout.is_unnamed,
        "{:?}",
        plan.layout
    );
    assert_eq!(plan.points, 10);
    assert!(plan.steps[1].contains("10 points"), "{:?}", plan.steps);
    assert_eq!(plan.spaces[1].vector.as_str(), NEW_SPACE);
    assert_eq!(plan.memory_bytes, Some(2 * 10 * u64::from(DIMENSION) * 4));
    // "passage: twelve chars" is 21 bytes: 6 tokens. A page of 4 points is sampled, all of them with a text.
    assert_eq!(plan.tokens_estimated, Some(60));
    assert_eq!((plan.embedder_calls, plan.cost_estimated), (0, None));
    let sample = plan.sample.unwrap();
    assert_eq!((sample.points, sample.error), (4, None));
    assert!(sample.seconds.unwrap() > 0.0 && plan.seconds_estimated.unwrap() > 0.0);
    assert!(plan.obstacles.is_empty(), "{:?}", plan.obstacles);

    let bare = world
        .control
        .forecast(&world.key(), &ahead("new", true))
        .await
        .unwrap();
    assert_eq!(
        (bare.sample, bare.tokens_estimated, bare.seconds_estimated),
        (None, None, None)
    );

    assert_eq!((world.points().await, world.registry.current_epoch()), before);
    let none = world.control.migration(&world.key()).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_a_start_would_be_refused_for() {
    let world = World::adopted().await;
    let same = world
        .control
        .forecast(&world.key(), &ahead("old", false))
        .await
        .unwrap();
    assert_eq!(same.need, Need::CollectionUpdate);

    world.client().make_vector(NEW_SPACE).await;
    let plan = world
        .control
        .forecast(&world.key(), &ahead("new", false))
        .await
        .unwrap();
    let to: ModelRef = "new".parse().unwrap();
    let refused = world.control.start(&world.key(), &to).await.unwrap_err();
    assert_eq!(plan.obstacles, [refused.message]);
}
