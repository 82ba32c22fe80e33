//! The official Rust client, unmodified: its main calls give through Interlock what they give without it.
//! Runs the built binary, so it needs the embedded engine; with QDRANT_URL and QDRANT_GRPC_URL, also a real Qdrant.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod legacy;
mod reads;
mod transcript;
mod writes;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::{
    CreateAliasBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder,
    DeleteFieldIndexCollectionBuilder, Distance, FieldType, OptimizersConfigDiffBuilder,
    UpdateCollectionBuilder, UpsertPointsBuilder, VectorParamsBuilder, VectorsConfigBuilder,
};

use harness::{Interlock, Upstream, client};
use transcript::Transcript;

const MODES: [&str; 4] = ["unmanaged", "managed", "migrating", "cut over"];

/// Steps that Qdrant refuses.
const QDRANT_REFUSES: [&str; 5] = [
    "missing point",
    "wrong dimension",
    "unknown vector",
    "query nowhere",
    "set payload of nobody",
];

/// Steps that Interlock refuses on a managed collection, with its reasons.
const POLICY: [(&str, &str); 0] = [];

async fn create(client: &Qdrant, name: &str, vector: &str) {
    let params = VectorParamsBuilder::new(4, Distance::Cosine);
    let mut named = VectorsConfigBuilder::default();
    if vector.is_empty() {
        named.add_vector_params(params);
    } else {
        named.add_named_vector_params(vector, params);
    }
    client
        .create_collection(CreateCollectionBuilder::new(name).vectors_config(named))
        .await
        .unwrap();
}

async fn schema(client: &Qdrant, name: &str, say: &mut Transcript) {
    let index = |key: &str| CreateFieldIndexCollectionBuilder::new(name, key, FieldType::Keyword).wait(true);
    say.note("index", client.create_field_index(index("city"))).await;
    say.note("exists", client.collection_exists(name)).await;
    say.note("info", client.collection_info(name)).await;
    say.note("index of another key", client.create_field_index(index("other")))
        .await;
    let delete = DeleteFieldIndexCollectionBuilder::new(name, "other").wait(true);
    say.note("delete an index", client.delete_field_index(delete))
        .await;
    say.note("health", client.health_check()).await;
    let listed = client.list_collections().await.map(|answer| {
        let mut names = answer.collections.into_iter().map(|found| found.name);
        names.any(|found| found == name)
    });
    say.note("listed", std::future::ready(listed)).await;
    let alias = CreateAliasBuilder::new(name, format!("{name}-alias"));
    say.note("create alias", client.create_alias(alias)).await;
    let settings = OptimizersConfigDiffBuilder::default().indexing_threshold(30_000_u64);
    let update = UpdateCollectionBuilder::new(name).optimizers_config(settings);
    say.note("update collection", client.update_collection(update))
        .await;
}

/// The whole scenario; `adopted` is called when the collection is made, `written` after its first write.
async fn run(
    client: &Qdrant,
    (name, vector): (&str, &str),
    left_out: Vec<&'static str>,
    adopted: impl Fn(),
    written: impl Fn(),
) -> Transcript {
    let mut say = Transcript::without(left_out);
    create(client, name, vector).await;
    adopted();
    let upsert = |points| UpsertPointsBuilder::new(name, points).wait(true);
    let mut first = writes::cities(vector);
    let rest = first.split_off(2);
    say.note("upsert", client.upsert_points(upsert(first))).await;
    written();
    say.note("upsert more", client.upsert_points(upsert(rest))).await;
    schema(client, name, &mut say).await;
    reads::queries(client, name, vector, &mut say).await;
    reads::combined(client, name, vector, &mut say).await;
    reads::pages(client, name, vector, &mut say).await;
    legacy::calls(client, name, vector, &mut say).await;
    writes::single(client, name, vector, &mut say).await;
    writes::batch(client, name, vector, &mut say).await;
    client.delete_collection(name).await.ok();
    for (_, answer) in &mut say.steps {
        answer.text = answer.text.replace(name, "NAME");
    }
    say
}

fn real_qdrant() -> Option<Upstream> {
    match (std::env::var("QDRANT_URL"), std::env::var("QDRANT_GRPC_URL")) {
        (Ok(rest), Ok(grpc)) => Some((rest, grpc)),
        _ => None,
    }
}

/// Every answer is the same; what policy refuses is listed, and is refused.
fn check(expected: &Transcript, found: &Transcript, mode: &str, vector: &str) {
    for ((label, expected), (found_label, found)) in expected.steps.iter().zip(&found.steps) {
        assert_eq!(label, found_label);
        let policy = POLICY.iter().find(|(refused, _)| refused == label);
        match policy.filter(|_| mode != "unmanaged") {
            Some((_, reason)) => {
                assert_eq!(
                    found.reason.as_deref(),
                    Some(*reason),
                    "{label}, {mode}: {found:?}"
                );
            }
            None => assert_eq!(found.text, expected.text, "{label}, {mode}, vector `{vector}`"),
        }
    }
    assert_eq!(expected.steps.len(), found.steps.len());
}

async fn compare(upstream: Option<Upstream>) {
    let direct = Interlock::start(upstream.as_ref()).await;
    let expected_at = upstream
        .as_ref()
        .map_or(direct.grpc.clone(), |(_, grpc)| grpc.clone());
    let through = Interlock::start(upstream.as_ref()).await;
    for (model, embedder) in [("old", "hashed-words"), ("new", "char-ngrams")] {
        through.cli(&["model", "add", model, "--dim", "4", "--embedder", embedder]);
    }
    for vector in ["", "title"] {
        for mode in MODES {
            let name = format!("rust-{}-{}-{vector}", std::process::id(), mode.replace(' ', "-"));
            let left_out = match mode {
                "unmanaged" => Vec::new(),
                _ => POLICY.iter().map(|(label, _)| *label).collect(),
            };
            let direct_name = format!("{name}-direct");
            let client = client(&expected_at);
            let expected = run(&client, (&direct_name, vector), left_out, || (), || ()).await;
            if mode == "unmanaged" {
                let refused = expected.steps.iter().filter(|(_, answer)| answer.is_refused);
                let refused: Vec<_> = refused.map(|(label, _)| *label).collect();
                assert_eq!(refused, QDRANT_REFUSES);
            }
            let adopt = || {
                if mode != "unmanaged" {
                    through.cli(&["adopt", &name, "--model", "old", "--source", "{city}"]);
                }
            };
            let migrate = || {
                if matches!(mode, "migrating" | "cut over") {
                    through.cli(&["migrate", "start", &name, "--vector", vector, "--to", "new"]);
                }
                if mode == "cut over" {
                    through.cli(&["migrate", "cutover", &name, "--vector", vector, "--to", "new"]);
                }
            };
            let found = run(&through.client(), (&name, vector), Vec::new(), adopt, migrate).await;
            check(&expected, &found, mode, vector);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_calls_give_what_they_give_directly_on_the_embedded_engine() {
    compare(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_calls_give_what_they_give_directly_on_a_real_qdrant() {
    match real_qdrant() {
        Some(upstream) => compare(Some(upstream)).await,
        None => println!("real Qdrant: did not run (QDRANT_URL and QDRANT_GRPC_URL are not set)"),
    }
}
