//! Releases: a collection leaves as it came, whatever breaks off on the way.

use interlock::domain::model::ModelRef;
use interlock::migrate::{ErrorKind, Order, PhaseName, Release, Retire, UndeclaredChoice};
use serde_json::{Value, json};

use super::crashes::die_at;
use super::harness::{Around, NEW_SPACE, World, model};

fn new() -> ModelRef {
    "new".parse().unwrap()
}

fn release(world: &World, strip_tags: bool) -> Release {
    Release {
        collection: world.collection.as_str().into(),
        strip_tags,
    }
}

/// Eleven points, the new model's space alone.
async fn retired() -> World {
    let world = World::adopted().await;
    for number in 0..11 {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    world.control.start(&world.key(), &new()).await.unwrap();
    world.until_ready().await;
    world.control.cutover(&world.key(), &new()).await.unwrap();
    let at_once = Retire {
        quiet_seconds: 0,
        brownout_seconds: 0,
        undeclared: Some(UndeclaredChoice::Pinned(new())),
        force: None,
    };
    world.control.retire(&world.key(), &at_once).await.unwrap();
    world.until(|status| status.phase == PhaseName::Done).await;
    world
}

async fn tags(world: &World) -> usize {
    let points = world.points().await;
    let tagged = points
        .values()
        .filter(|(payload, _)| payload.get("_embedding").is_some());
    tagged.count()
}

/// No word of ours in the collection's metadata.
async fn is_forgotten(world: &World) -> bool {
    let metadata = world.client().metadata().await;
    let words = metadata.as_object().unwrap();
    words
        .iter()
        .all(|(key, value)| !key.starts_with("interlock") || *value == Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_collection_holds_nothing_of_ours() {
    let world = retired().await;
    let before = world.points().await;
    assert_eq!(tags(&world).await, 11);
    let released = world.control.release(&release(&world, true)).await.unwrap();
    assert!(
        released.is_there && released.is_done && !released.was_released,
        "{released:?}"
    );
    assert_eq!((released.tags_taken, released.tags_left), (11, Some(0)));
    let vector = &released.vectors[0];
    assert_eq!((vector.said.as_str(), vector.vector.as_str()), ("", NEW_SPACE));
    assert_eq!(vector.model, model("new@1").id);
    assert!(world.registry.pin().managed(&world.collection).is_none());
    assert!(is_forgotten(&world).await, "{}", world.client().metadata().await);
    let mut expected = before;
    for (payload, _) in expected.values_mut() {
        payload.as_object_mut().unwrap().remove("_embedding");
    }
    assert_eq!(
        world.points().await,
        expected,
        "texts and vectors are as they were"
    );

    let again = world.control.release(&release(&world, true)).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
    let gone = world.control.migration(&world.key()).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
    let world = world.restart().await;
    assert!(world.registry.pin().managed(&world.collection).is_none());
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_stay_where_nobody_asks_for_them_to_go() {
    let world = World::adopted().await;
    world.client().write(1, "one", true).await;
    let released = world.control.release(&release(&world, false)).await.unwrap();
    assert_eq!((released.tags_left, released.is_done), (None, true));
    assert_eq!(released.vectors[0].vector.as_str(), "");
    assert_eq!(tags(&world).await, 1);
    assert!(is_forgotten(&world).await);
    // It may come back.
    world.control.adopt(world.adoption()).await.unwrap();
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_released_while_a_migration_is_open() {
    let world = World::adopted().await;
    world.client().legacy(1, "one").await;
    world.control.start(&world.key(), &new()).await.unwrap();
    world.until_ready().await;
    let refused = world.control.release(&release(&world, true)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("ready"), "{refused}");
    world.control.cutover(&world.key(), &new()).await.unwrap();
    let refused = world.control.release(&release(&world, true)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert_eq!(tags(&world).await, 1);
    world
        .control
        .rollback(&world.key(), &"old".parse().unwrap())
        .await
        .unwrap();
    world.control.order(&world.key(), Order::Cancel).await.unwrap();
    world.until(|status| status.phase == PhaseName::Cancelled).await;
    world.control.release(&release(&world, true)).await.unwrap();
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_interlock_manages_is_not_touched() {
    let world = World::bare().await;
    let mark = json!("018f0000-0000-7000-8000-000000000000");
    let metadata = [("interlock.mark".to_owned(), mark.clone().into())];
    let named = world.collection.as_str();
    world.calls.set_metadata(named, metadata.into()).await.unwrap();
    let refused = world.control.release(&release(&world, true)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert_eq!(world.client().metadata().await["interlock.mark"], mark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_of_a_release_is_taken_up() {
    let mut came_through = false;
    for call in 0..60 {
        let world = World::adopted().await;
        for number in 0..9 {
            world.client().write(number, "a text", true).await;
        }
        die_at(&world, call, Around::LoseAnswer);
        came_through = world.control.release(&release(&world, true)).await.is_ok();
        let world = world.restart().await;
        let again = world.control.release(&release(&world, true)).await;
        match again {
            Ok(released) => assert!(released.is_done, "died at call {call}: {released:?}"),
            // Its last call was applied, and only the answer lost; or it came through.
            Err(error) => assert_eq!(error.kind, ErrorKind::NotFound, "died at call {call}: {error}"),
        }
        assert_eq!(tags(&world).await, 0, "died at call {call}");
        assert!(is_forgotten(&world).await, "died at call {call}");
        assert_eq!(world.points().await.len(), 9);
        world.control.shutdown().await;
        if came_through {
            break;
        }
    }
    assert!(came_through, "no run came through");
}
