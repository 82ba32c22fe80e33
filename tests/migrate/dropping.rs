//! What is done before an old space is dropped, and what is held against it afterwards.

use interlock::domain::model::ModelRef;
use interlock::migrate::{PhaseName, Retire, UndeclaredChoice};
use serde_json::{Value, json};

use super::client::Client;
use super::harness::{Around, NEW_SPACE, World};

const DROP: &str = "/qdrant.Points/DeleteVectorName";
const SNAPSHOT: &str = "/qdrant.Snapshots/Create";

fn to(name: &str) -> ModelRef {
    name.parse().unwrap()
}

async fn cut_over(world: World) -> World {
    for number in 0..9 {
        world.client().legacy(number, &format!("text {number}")).await;
    }
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    world
}

async fn retire(world: &World) {
    let ask = Retire {
        quiet_seconds: 0,
        brownout_seconds: 0,
        undeclared: Some(UndeclaredChoice::Pinned(to("new"))),
        force: None,
    };
    world.control.retire(&world.key(), &ask).await.unwrap();
}

async fn until_done(world: &World) {
    world.until(|status| status.phase == PhaseName::Done).await;
}

/// The note of the last line about this.
async fn noted(world: &World, what: &str) -> Value {
    let log = world.control.log(50).await.unwrap();
    let mut lines = log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = lines.rfind(|line| line["what"] == what);
    found.unwrap_or_else(|| panic!("no line says `{what}`: {log:?}"))["note"].clone()
}

/// Runs `act` once, right before the drop.
fn before_the_drop<F>(world: &World, act: impl Fn(Client) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let client = world.client();
    world.hooked.set(move |path| {
        let run = (path == DROP).then(|| act(client.clone()));
        Box::pin(async move {
            if let Some(run) = run {
                run.await;
            }
            Around::Pass
        })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collection_is_saved_before_the_drop_and_the_same_after_it() {
    let world = cut_over(World::adopted().await).await;
    retire(&world).await;
    until_done(&world).await;
    let prepared = noted(&world, "drop prepared").await;
    match world.calls.snapshots(&world.collection).await {
        Ok(names) => {
            assert_eq!(prepared["snapshot"]["snapshot"], "made");
            assert_eq!(json!(names), json!([prepared["snapshot"]["name"]]));
            assert!(prepared["snapshot"]["bytes"].as_u64() > Some(0));
        }
        Err(error) => {
            assert!(error.is_unimplemented(), "{error}");
            assert_eq!(prepared["snapshot"], json!({ "snapshot": "unsupported" }));
        }
    }
    let dropped = noted(&world, "space dropped").await;
    assert_eq!(dropped["compared"], "same", "{dropped}");
    assert_eq!(
        (&dropped["before"], &dropped["before"]),
        (&dropped["after"], &prepared["before"])
    );
    assert_eq!(
        (&dropped["after"]["points"], &dropped["after"]["vectors"]),
        (&json!(9), &json!(9))
    );
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_snapshot_nothing_is_dropped_unless_none_is_wanted() {
    let world = cut_over(World::adopted().await).await;
    world.hooked.set(|path| {
        let around = match path == SNAPSHOT {
            true => Around::Lose,
            false => Around::Pass,
        };
        Box::pin(async move { around })
    });
    retire(&world).await;
    let held = world
        .until(|status| status.phase == PhaseName::Retiring && status.last_error.is_some())
        .await;
    assert!(held.last_error.unwrap().contains("the test says so"));
    assert!(
        world
            .points()
            .await
            .values()
            .all(|(_, vectors)| vectors.contains_key(""))
    );
    world.hooked.clear();
    until_done(&world).await;
    assert!(
        world
            .points()
            .await
            .values()
            .all(|(_, vectors)| !vectors.contains_key(""))
    );

    let mut world = World::adopted().await;
    world.settings.snapshot_before_retiring = false;
    let world = cut_over(world.restart().await).await;
    retire(&world).await;
    until_done(&world).await;
    let prepared = noted(&world, "drop prepared").await;
    assert_eq!(prepared["snapshot"], json!({ "snapshot": "off" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_write_meanwhile_is_no_alarm_and_what_vanishes_is_one() {
    let world = cut_over(World::adopted().await).await;
    before_the_drop(
        &world,
        |client| async move { client.write_new_only(3, "newer").await },
    );
    retire(&world).await;
    until_done(&world).await;
    assert_eq!(noted(&world, "space dropped").await["compared"], "written");

    let world = cut_over(World::adopted().await).await;
    before_the_drop(&world, |client| async move { client.delete(4).await });
    retire(&world).await;
    until_done(&world).await;
    let dropped = noted(&world, "space dropped").await;
    assert_eq!(dropped["compared"], "different", "{dropped}");
    let told = world
        .control
        .watch(&world.key())
        .unwrap()
        .borrow()
        .last_error
        .clone();
    assert!(
        told.is_some_and(|told| told.contains("holds 8 points")),
        "it is told"
    );
}
