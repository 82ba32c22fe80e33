//! The official Rust client, unmodified: the calls of its quickstart give through Interlock what they give without it.
//! Runs the built binary, so it needs the embedded engine; with QDRANT_URL and QDRANT_GRPC_URL, also a real Qdrant.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateCollectionBuilder, DeletePointsBuilder, Distance,
    FacetCountsBuilder, Filter, GetPointsBuilder, NamedVectors, PointId, PointStruct, PointVectors,
    PointsIdsList, Query, QueryBatchPointsBuilder, QueryPointGroupsBuilder, QueryPoints, QueryPointsBuilder,
    ScrollPointsBuilder, SetPayloadPointsBuilder, UpdatePointVectorsBuilder, UpsertPointsBuilder,
    VectorParamsBuilder, Vectors, VectorsConfigBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};

const QUERY: [f32; 4] = [0.2, 0.1, 0.9, 0.7];

/// One `interlock serve`, killed when dropped.
struct Interlock {
    child: Child,
    grpc: String,
    admin: String,
    _folder: tempfile::TempDir,
}

impl Drop for Interlock {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The upstream's REST and gRPC URLs.
type Upstream = (String, String);

fn free_addresses() -> [String; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

impl Interlock {
    async fn start(upstream: Option<&Upstream>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, grpc, admin] = free_addresses();
        let mut command = Command::new(env!("CARGO_BIN_EXE_interlock"));
        command.args([
            "serve", "--http", &http, "--grpc", &grpc, "--admin", &admin, "--data",
        ]);
        command.arg(folder.path().join("data")).current_dir(folder.path());
        // `serve` refuses INTERLOCK_ variables that it does not know, such as those of the tests.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INTERLOCK_")) {
            command.env_remove(name);
        }
        if let Some((rest, grpc)) = upstream {
            command.args(["--upstream", grpc, "--upstream-rest", rest]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let grpc = format!("http://{grpc}");
        let admin = format!("http://{admin}");
        let mut started = Self {
            child,
            grpc,
            admin,
            _folder: folder,
        };
        started.ready().await;
        started
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::new();
        let url = format!("{}/readyz", self.admin);
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..1200 {
            ticks.tick().await;
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "interlock ended before it was ready"
            );
            if client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return;
            }
        }
        panic!("interlock was not ready within a minute");
    }

    fn cli(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_interlock"))
            .args(arguments)
            .args(["--admin", &self.admin, "--json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "interlock {arguments:?}: {said}");
    }

    fn client(&self) -> Qdrant {
        client(&self.grpc)
    }
}

fn client(url: &str) -> Qdrant {
    Qdrant::from_url(url).skip_compatibility_check().build().unwrap()
}

/// Answers in order, as text without what differs from run to run.
#[derive(Default)]
struct Transcript(Vec<(&'static str, String)>);

impl Transcript {
    fn note<T: Debug>(&mut self, label: &'static str, answer: Result<T, QdrantError>) {
        let said = match answer {
            Ok(answer) => format!("{answer:#?}"),
            Err(QdrantError::ResponseError { status }) => {
                format!("{:?}: {}", status.code(), status.message())
            }
            Err(other) => panic!("{label}: {other}"),
        };
        self.0.push((label, steady(&said)));
    }
}

/// Debug output without the fields that differ from run to run, their nested lines included.
fn steady(said: &str) -> String {
    const VARIES: [&str; 4] = ["time:", "operation_id:", "version:", "usage:"];
    let mut kept = Vec::new();
    let mut skipping = None;
    for line in said.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(depth) = skipping {
            if indent > depth {
                continue;
            }
            skipping = None;
            // The bracket that closes the skipped field.
            if text.starts_with([')', '}', ']']) {
                continue;
            }
        }
        if VARIES.iter().any(|key| text.starts_with(key)) {
            skipping = text.ends_with(['(', '{', '[']).then_some(indent);
            continue;
        }
        kept.push(line);
    }
    kept.join("\n")
}

fn vectors(name: &str, values: [f32; 4]) -> Vectors {
    if name.is_empty() {
        return Vectors::from(values.to_vec());
    }
    NamedVectors::default().add_vector(name, values.to_vec()).into()
}

fn cities(vector: &str) -> Vec<PointStruct> {
    let cities = [
        (1, [0.05, 0.61, 0.76, 0.74], "Berlin"),
        (2, [0.19, 0.81, 0.75, 0.11], "London"),
        (3, [0.36, 0.55, 0.47, 0.94], "Moscow"),
        (4, [0.18, 0.01, 0.85, 0.80], "New York"),
        (5, [0.24, 0.18, 0.22, 0.44], "Beijing"),
    ];
    // One key a payload: the client's maps print in any order.
    let payload = |city: &str| Payload::try_from(serde_json::json!({ "city": city })).unwrap();
    cities
        .map(|(id, values, city)| PointStruct::new(id, vectors(vector, values), payload(city)))
        .into()
}

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

fn query(name: &str, vector: &str) -> QueryPointsBuilder {
    let query = QueryPointsBuilder::new(name).limit(3).with_payload(true);
    if vector.is_empty() {
        query
    } else {
        query.using(vector)
    }
}

async fn reads(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let nearest = || query(name, vector).query(QUERY.to_vec());
    let london = || Filter::must([Condition::matches("city", "London".to_owned())]);
    say.note("exists", client.collection_exists(name).await);
    say.note("query", client.query(nearest()).await);
    say.note(
        "query with vectors",
        client.query(nearest().with_vectors(true)).await,
    );
    say.note("query filtered", client.query(nearest().filter(london())).await);
    say.note(
        "query by id",
        client
            .query(query(name, vector).query(Query::new_nearest(PointId::from(1))))
            .await,
    );
    let batch: Vec<QueryPoints> = vec![nearest().into(), nearest().filter(london()).into()];
    say.note(
        "batch",
        client
            .query_batch(QueryBatchPointsBuilder::new(name, batch))
            .await,
    );
    let groups = QueryPointGroupsBuilder::new(name, "city")
        .query(QUERY.to_vec())
        .limit(3_u64)
        .group_size(1_u64);
    let groups = if vector.is_empty() {
        groups
    } else {
        groups.using(vector)
    };
    say.note("groups", client.query_groups(groups).await);
    say.note(
        "scroll",
        client
            .scroll(ScrollPointsBuilder::new(name).limit(3).with_vectors(true))
            .await,
    );
    let ids = vec![PointId::from(1), PointId::from(99)];
    say.note(
        "get",
        client
            .get_points(GetPointsBuilder::new(name, ids).with_vectors(true))
            .await,
    );
    say.note(
        "count",
        client
            .count(CountPointsBuilder::new(name).filter(london()).exact(true))
            .await,
    );
    say.note(
        "wrong dimension",
        client.query(query(name, vector).query(vec![0.5_f32; 3])).await,
    );
    say.note(
        "unknown vector",
        client.query(query(name, "nowhere").query(QUERY.to_vec())).await,
    );
}

async fn writes(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let ids = |ids: &[u64]| PointsIdsList {
        ids: ids.iter().map(|id| PointId::from(*id)).collect(),
    };
    let payload = Payload::try_from(serde_json::json!({ "city": "Paris" })).unwrap();
    let set = || {
        SetPayloadPointsBuilder::new(name, payload.clone())
            .points_selector(ids(&[1]))
            .wait(true)
    };
    say.note("set payload", client.set_payload(set()).await);
    say.note("overwrite payload", client.overwrite_payload(set()).await);
    let changed = PointVectors {
        id: Some(2.into()),
        vectors: Some(vectors(vector, QUERY)),
    };
    let update = UpdatePointVectorsBuilder::new(name, vec![changed]).wait(true);
    say.note("update vectors", client.update_vectors(update).await);
    say.note(
        "delete",
        client
            .delete_points(DeletePointsBuilder::new(name).points(ids(&[5])).wait(true))
            .await,
    );
    let facet = client
        .facet(FacetCountsBuilder::new(name, "city").exact(true))
        .await;
    let counted = facet.map(|answer| {
        let hits = answer
            .hits
            .into_iter()
            .map(|hit| (format!("{:?}", hit.value), hit.count));
        let counted: HashMap<_, _> = hits.collect();
        counted.into_iter().collect::<std::collections::BTreeMap<_, _>>()
    });
    say.note("facet", counted);
    say.note(
        "left",
        client
            .scroll(ScrollPointsBuilder::new(name).limit(20).with_vectors(true))
            .await,
    );
}

/// The whole scenario; `adopted` is called when the collection is made, `written` after its first write.
async fn run(
    client: &Qdrant,
    name: &str,
    vector: &str,
    adopted: impl Fn(),
    written: impl Fn(),
) -> Transcript {
    let mut say = Transcript::default();
    create(client, name, vector).await;
    adopted();
    let upsert = |points| UpsertPointsBuilder::new(name, points).wait(true);
    let mut first = cities(vector);
    let rest = first.split_off(2);
    say.note("upsert", client.upsert_points(upsert(first)).await);
    written();
    say.note("upsert more", client.upsert_points(upsert(rest)).await);
    let index = qdrant_client::qdrant::CreateFieldIndexCollectionBuilder::new(
        name,
        "city",
        qdrant_client::qdrant::FieldType::Keyword,
    );
    say.note("index", client.create_field_index(index.wait(true)).await);
    reads(client, name, vector, &mut say).await;
    writes(client, name, vector, &mut say).await;
    client.delete_collection(name).await.ok();
    say
}

fn real_qdrant() -> Option<Upstream> {
    match (std::env::var("QDRANT_URL"), std::env::var("QDRANT_GRPC_URL")) {
        (Ok(rest), Ok(grpc)) => Some((rest, grpc)),
        _ => None,
    }
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
        let name = |mode: &str| format!("rust-{}-{mode}-{vector}", std::process::id());
        let expected = run(&client(&expected_at), &name("direct"), vector, || (), || ()).await;
        for mode in ["unmanaged", "managed", "migrating"] {
            let name = name(mode);
            let adopt = || {
                if mode != "unmanaged" {
                    through.cli(&["adopt", &name, "--model", "old", "--source", "{city}"]);
                }
            };
            let migrate = || {
                if mode == "migrating" {
                    through.cli(&["migrate", "start", &name, "--vector", vector, "--to", "new"]);
                }
            };
            let found = run(&through.client(), &name, vector, adopt, migrate).await;
            for ((label, expected), (_, found)) in expected.0.iter().zip(&found.0) {
                assert_eq!(found, expected, "{label}, {mode}, vector `{vector}`");
            }
            assert_eq!(expected.0.len(), found.0.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_gives_what_it_gives_directly_on_the_embedded_engine() {
    compare(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_gives_what_it_gives_directly_on_a_real_qdrant() {
    match real_qdrant() {
        Some(upstream) => compare(Some(upstream)).await,
        None => println!("real Qdrant: did not run (QDRANT_URL and QDRANT_GRPC_URL are not set)"),
    }
}
