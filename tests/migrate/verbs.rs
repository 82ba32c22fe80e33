//! The operator's verbs, in and out of order.

use interlock::domain::gate::{Favour, Reason};
use interlock::domain::model::{Distance, ModelRef};
use interlock::domain::table::{StandbyState, Undeclared};
use interlock::embed::EmbedderSpec;
use interlock::migrate::{ErrorKind, PhaseName, Role};

use super::harness::{NEW_SPACE, World, model};

fn to(name: &str) -> ModelRef {
    name.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_changed_and_changed_back() {
    let world = World::bare().await;
    let client = world.client();
    let add = |name, spec| world.control.add_model(model(name), spec);
    add("old@1", EmbedderSpec::HashedWords {}).await.unwrap();
    add(
        "new@1",
        EmbedderSpec::CharNgrams {
            idf: Default::default(),
        },
    )
    .await
    .unwrap();
    for number in 0..11 {
        // Some texts come more than once.
        client
            .legacy(number, &format!("the book of {}", number % 7))
            .await;
    }
    let adopted = world.control.adopt(world.adoption()).await.unwrap();
    assert_eq!((adopted.points, adopted.fields.len()), (11, 1));
    assert_eq!(
        adopted.fields[0].undeclared,
        Undeclared::Pinned("old@1".parse().unwrap())
    );
    assert!(
        adopted.warnings[0].contains("11 points"),
        "{:?}",
        adopted.warnings
    );

    let started = world.control.start(&world.key(), &to("new")).await.unwrap();
    assert!(
        !matches!(started.phase, PhaseName::Planned | PhaseName::Opening),
        "{started:?}"
    );
    let ready = world.until_ready().await;
    assert_eq!((ready.pending, ready.unsourced.count), (0, 0));
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.check_fresh("", "old@1").await;

    let flipped = world.control.cutover(&world.key(), &to("new")).await.unwrap();
    assert_eq!(flipped.serving, model("new@1").id);
    assert!(!flipped.was_serving);
    assert_eq!(flipped.pending_after, Some(0));
    let again = world.control.cutover(&world.key(), &to("new@1")).await.unwrap();
    assert!(again.was_serving);
    assert_eq!(again.epoch, flipped.epoch);
    let table = world.registry.pin();
    let field = &table.collections[&world.key().collection].fields[""];
    assert_eq!(field.serving.vector.as_str(), NEW_SPACE);
    assert_eq!(field.standby.as_ref().unwrap().state, StandbyState::Kept);
    assert_eq!(
        field.undeclared,
        Undeclared::Pinned("old@1".parse().unwrap()),
        "raw vectors are not reinterpreted"
    );
    drop(table);

    let back = world.control.start(&world.key(), &to("old")).await.unwrap_err();
    assert_eq!(back.kind, ErrorKind::Conflict);
    assert!(back.message.contains("rollback"), "{back}");
    let rolled = world.control.rollback(&world.key(), &to("old")).await.unwrap();
    assert_eq!(
        (rolled.serving, rolled.kept),
        (model("old@1").id, model("new@1").id)
    );
    assert!(
        world
            .control
            .rollback(&world.key(), &to("old"))
            .await
            .unwrap()
            .was_serving
    );
    assert_eq!(
        world
            .control
            .cutover(&world.key(), &to("new"))
            .await
            .unwrap()
            .serving,
        model("new@1").id
    );
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cutover_says_every_reason_until_all_texts_are_there() {
    let world = World::adopted().await;
    let client = world.client();
    for number in 0..6 {
        client.legacy(number, "a text").await;
    }
    client.untitled(6).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    let stuck = world
        .until(|status| status.unsourced.count == 1 && status.pending == 1)
        .await;
    assert_eq!(stuck.unsourced.examples, vec!["6".to_owned()]);
    let refused = world.control.cutover(&world.key(), &to("new")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotReady);
    assert!(
        refused.reasons.contains(&Reason::Pending { points: 1 }),
        "{refused:?}"
    );
    assert!(
        refused.reasons.contains(&Reason::Coverage {
            missing: 1,
            points: 7
        }),
        "{refused:?}"
    );
    let nothing = world
        .control
        .rollback(&world.key(), &to("old"))
        .await
        .unwrap_err();
    assert_eq!(nothing.kind, ErrorKind::Conflict);

    client.write(6, "now it has one", true).await;
    world.control.poke(&world.key());
    world.until_ready().await;
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_cutover_leaves_pending_what_it_must_and_says_so() {
    let world = World::adopted().await;
    let client = world.client();
    for number in 0..6 {
        client.legacy(number, "a text").await;
    }
    client.untitled(6).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world
        .until(|status| status.unsourced.count == 1 && status.pending == 1)
        .await;
    let stuck = world.control.migration(&world.key()).await.unwrap();
    let gate = stuck.gate.unwrap();
    assert!(!gate.go && gate.go_if_forced, "{gate:?}");
    assert!(gate.favours.contains(&Favour::SpaceStands), "{gate:?}");
    let flipped = world
        .control
        .force_cutover(&world.key(), &to("new"), "the untitled one can wait")
        .await
        .unwrap();
    assert_eq!(
        (flipped.serving, flipped.pending_after),
        (model("new@1").id, Some(1))
    );
    let log = world.control.log(100).await.unwrap();
    let mut lines = log
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let flip = lines.rfind(|line| line["what"] == "cut over").unwrap();
    assert_eq!(flip["note"]["forced"], "the untitled one can wait");
    assert_eq!(flip["note"]["gate"]["go"], false);
    assert_eq!(flip["note"]["gate"]["reasons"][0]["phase"], "backfilling");

    // What could not be filled before is filled behind the flip. The status counts the space that a rollback would make
    // serve, so the point itself is asked.
    client.write(6, "now it has one", true).await;
    world.control.poke(&world.key());
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    while world.points().await[&6].0["_embedding"][""]["models"][NEW_SPACE].is_null() {
        tick.tick().await;
    }
    while world.control.rollback(&world.key(), &to("old")).await.is_err() {
        tick.tick().await;
    }
    world.check_fresh(NEW_SPACE, "new@1").await;
    world.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_leave_pending_is_filled_in_both_spaces_after_the_flip() {
    let world = World::adopted().await;
    let client = world.client();
    client.write(1, "one", true).await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    client.write(2, "two", true).await;
    client.write_new_only(3, "three").await;
    world.control.poke(&world.key());
    world
        .until(|status| status.total == 3 && status.pending == 0)
        .await;
    // The way back waits for the old space, which is filled by the same loop.
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    let mut rolled = world.control.rollback(&world.key(), &to("old")).await;
    for _attempt in 0..200 {
        if rolled.is_ok() {
            break;
        }
        tick.tick().await;
        rolled = world.control.rollback(&world.key(), &to("old")).await;
    }
    rolled.unwrap();
    let mut status = world.control.status(None).await.unwrap();
    for _attempt in 0..200 {
        if status.collections[0].fields[0]
            .spaces
            .iter()
            .all(|space| space.pending == Some(0))
        {
            break;
        }
        tick.tick().await;
        status = world.control.status(None).await.unwrap();
    }
    world.check_fresh("", "old@1").await;
    world.check_fresh(NEW_SPACE, "new@1").await;
    let spaces = &status.collections[0].fields[0].spaces;
    assert_eq!(
        spaces.iter().map(|space| space.role).collect::<Vec<_>>(),
        [Role::Serving, Role::Kept]
    );
    assert!(
        spaces
            .iter()
            .all(|space| space.vectors == Some(3) && space.pending == Some(0)),
        "{spaces:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedder_that_is_missing_is_shown_and_waited_for() {
    let world = World::bare().await;
    let add = |name, spec| world.control.add_model(model(name), spec);
    add("old@1", EmbedderSpec::HashedWords {}).await.unwrap();
    add("new@1", EmbedderSpec::None).await.unwrap();
    world.control.adopt(world.adoption()).await.unwrap();
    world.client().legacy(1, "one").await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    let failing = world.until(|status| status.last_error.is_some()).await;
    assert_eq!(failing.phase, PhaseName::Backfilling);
    assert!(failing.last_error.unwrap().contains("no embedder"));
    add(
        "new@1",
        EmbedderSpec::CharNgrams {
            idf: Default::default(),
        },
    )
    .await
    .unwrap();
    world.until_ready().await;
    world.check_fresh(NEW_SPACE, "new@1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_and_says_why() {
    let world = World::bare().await;
    let add = |model, spec| world.control.add_model(model, spec);
    let words = || EmbedderSpec::HashedWords {};
    let unknown = world.control.adopt(world.adoption()).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    let mut cosine = model("old@1");
    cosine.distance = Distance::Cosine;
    add(cosine, words()).await.unwrap();
    let clash = add(model("old@1"), words()).await.unwrap_err();
    assert_eq!(clash.kind, ErrorKind::Conflict);
    let misfit = world.control.adopt(world.adoption()).await.unwrap_err();
    assert_eq!(misfit.kind, ErrorKind::Invalid);
    assert!(
        misfit.message.contains("Cosine") && misfit.message.contains("Dot"),
        "{misfit}"
    );

    add(model("old@2"), words()).await.unwrap();
    let ambiguous = world.control.adopt(world.adoption()).await.unwrap_err();
    assert_eq!(ambiguous.kind, ErrorKind::Invalid);
    assert!(ambiguous.message.contains("version"), "{ambiguous}");
    let mut good = world.adoption();
    good.vectors[0].model = to("old@2");
    let mut nothing = good.clone();
    nothing.vectors.clear();
    assert_eq!(
        world.control.adopt(nothing).await.unwrap_err().kind,
        ErrorKind::Invalid
    );
    let mut nowhere = good.clone();
    nowhere.collection = "nowhere".into();
    assert_eq!(
        world.control.adopt(nowhere).await.unwrap_err().kind,
        ErrorKind::NotFound
    );

    let first = world.control.adopt(good.clone()).await.unwrap();
    let second = world.control.adopt(good).await.unwrap();
    assert_eq!(first.epoch, second.epoch, "the same again changes nothing");

    let serving = world.control.start(&world.key(), &to("old@2")).await.unwrap_err();
    assert_eq!(serving.kind, ErrorKind::Conflict);
    let none = world
        .control
        .cutover(&world.key(), &to("old@1"))
        .await
        .unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
    let used = add(
        model("old@2"),
        EmbedderSpec::CharNgrams {
            idf: Default::default(),
        },
    )
    .await
    .unwrap_err();
    assert_eq!(used.kind, ErrorKind::Conflict);
    world.control.start(&world.key(), &to("old@1")).await.unwrap();
    add(model("third@1"), words()).await.unwrap();
    let other = world.control.start(&world.key(), &to("third")).await.unwrap_err();
    assert_eq!(other.kind, ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_that_somebody_else_made_is_not_taken_over() {
    let world = World::adopted().await;
    world.client().make_vector(NEW_SPACE).await;
    let refused = world.control.start(&world.key(), &to("new")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains(NEW_SPACE), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_describes_itself() {
    let world = World::adopted().await;
    world.control.start(&world.key(), &to("new")).await.unwrap();
    world.until_ready().await;
    world.control.cutover(&world.key(), &to("new")).await.unwrap();
    let described = world.client().metadata().await;
    let spaces = &described["interlock"]["fields"][""]["spaces"];
    assert_eq!(spaces[NEW_SPACE]["model"], "new@1");
    assert_eq!(spaces[NEW_SPACE]["serving"], true);
    assert_eq!(
        spaces[""]["fingerprint"],
        serde_json::json!(model("old@1").fingerprint())
    );
}
