//! What classification and rewriting cost, in instructions of user space: from a body's bytes to the slices that go out.
//!
//! Without arguments it runs itself under valgrind, twice for each case, and prints what one more request costs; with a
//! case and a count it just does that. See `README.md` beside this file.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use bytes::Bytes;
use interlock::domain::ids::{CollectionName, Epoch, VectorName};
use interlock::domain::model::{Distance, Kind, Model, ModelId};
use interlock::domain::plan::Embedding;
use interlock::domain::route::{self, Claims, Context, Decision, Known};
use interlock::domain::source::SourceTemplate;
use interlock::domain::table::{
    Field, Managed, OnEmbedFailure, Space, Standby, StandbyState, Table, Undeclared,
};
use interlock::engine::WriteIds;
use interlock::wire::pb::TopLevelWatch;
use interlock::wire::routes::{self, Treatment};
use interlock::wire::scanned::{Encoding, Scanned};
use interlock::wire::{Lens, Limits};
use prost::Message;
use qdrant_client::qdrant::{
    NamedVectors, PointStruct, QueryPoints, UpsertPoints, Value, Vector, VectorInput, Vectors,
};
use serde_json::json;

/// The one that `interlock` runs with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DIMENSION: u32 = 1536;
const POINTS: u64 = 100;
const KEY: &str = "_embedding";
/// What an HTTP/2 frame holds by default: as much as is read to know the collection.
const FRAME_BYTES: usize = 16 * 1024;

type Error = Box<dyn std::error::Error>;

/// One case: its name, its bound in instructions, and what it takes.
struct Case {
    name: &'static str,
    most: Option<u64>,
    encoding: Encoding,
    path: &'static str,
    is_migrating: bool,
    body: fn() -> Bytes,
}

const CASES: &[Case] = &[
    Case {
        name: "gRPC upsert 100 x 1536",
        most: Some(150_000),
        encoding: Encoding::Protobuf,
        path: "/qdrant.Points/Upsert",
        is_migrating: false,
        body: upsert,
    },
    Case {
        name: "gRPC upsert 100 x 1536, migrating",
        most: None,
        encoding: Encoding::Protobuf,
        path: "/qdrant.Points/Upsert",
        is_migrating: true,
        body: upsert,
    },
    Case {
        name: "gRPC query 1536",
        most: Some(5_000),
        encoding: Encoding::Protobuf,
        path: "/qdrant.Points/Query",
        is_migrating: false,
        body: query,
    },
    Case {
        name: "gRPC query 1536, migrating",
        most: None,
        encoding: Encoding::Protobuf,
        path: "/qdrant.Points/Query",
        is_migrating: true,
        body: query,
    },
    Case {
        name: "REST query 1536",
        most: None,
        encoding: Encoding::Json,
        path: "/collections/docs/points/query",
        is_migrating: false,
        body: query_json,
    },
    Case {
        name: "REST upsert 100 x 1536",
        most: None,
        encoding: Encoding::Json,
        path: "/collections/docs/points",
        is_migrating: false,
        body: upsert_json,
    },
];

fn components(seed: u64) -> Vec<f32> {
    (0..u64::from(DIMENSION))
        .map(|at| ((at * 31 + seed) % 997) as f32 / 1000.0 - 0.5)
        .collect()
}

fn payload(id: u64) -> serde_json::Value {
    json!({
        "title": format!("A title of some twenty words number {id}, as they stand in a shop's catalogue"),
        "body": "A short description, long enough to be worth a vector of its own.",
        "category": "garden/tools",
        "price_cents": 1999 + id,
        "in_stock": true,
    })
}

fn upsert() -> Bytes {
    let points = (0..POINTS).map(|id| {
        let payload = payload(id);
        let payload = payload.as_object().into_iter().flatten();
        let payload = payload
            .map(|(key, value)| (key.clone(), Value::from(value.clone())))
            .collect();
        let vectors = [("text".to_owned(), Vector::from(components(id)))].into();
        PointStruct {
            id: Some(id.into()),
            payload,
            vectors: Some(Vectors::from(NamedVectors { vectors })),
        }
    });
    let upsert = UpsertPoints {
        collection_name: "docs".to_owned(),
        wait: Some(true),
        points: points.collect(),
        ..UpsertPoints::default()
    };
    upsert.encode_to_vec().into()
}

fn query() -> Bytes {
    let query = QueryPoints {
        collection_name: "docs".to_owned(),
        query: Some(qdrant_client::qdrant::Query::new_nearest(VectorInput::new_dense(
            components(1),
        ))),
        using: Some("text".to_owned()),
        limit: Some(10),
        with_payload: Some(true.into()),
        ..QueryPoints::default()
    };
    query.encode_to_vec().into()
}

fn query_json() -> Bytes {
    json!({"query": components(1), "using": "text", "limit": 10, "with_payload": true})
        .to_string()
        .into()
}

fn upsert_json() -> Bytes {
    let point = |id: u64| json!({"id": id, "vector": {"text": components(id)}, "payload": payload(id)});
    json!({"points": (0..POINTS).map(point).collect::<Vec<_>>()})
        .to_string()
        .into()
}

fn model(id: &ModelId) -> Model {
    Model {
        id: id.clone(),
        kind: Kind::Dense,
        dimension: DIMENSION,
        distance: Distance::Cosine,
        query_prompt: String::new(),
        document_prompt: String::new(),
    }
}

fn table(is_migrating: bool) -> Result<Table, Error> {
    let (old, new): (ModelId, ModelId) = ("text-embedding-3-small@1".parse()?, "e5-large@2".parse()?);
    let space = |vector: &str, model: &ModelId| Space {
        vector: vector.into(),
        model: model.clone(),
    };
    let field = Field {
        name: "text".into(),
        serving: space("text", &old),
        standby: is_migrating.then(|| Standby {
            space: space("text@e5-large@2", &new),
            state: StandbyState::Filling,
            policy: None,
        }),
        undeclared: Undeclared::Pinned(old.clone()),
        source: is_migrating
            .then(|| SourceTemplate::parse("{body}"))
            .transpose()?,
        on_embed_failure: OnEmbedFailure::Defer,
    };
    let managed = Managed {
        fields: [(VectorName::from("text"), field)].into(),
        opaque: Vec::new(),
        mark: None,
        standing: Default::default(),
    };
    let models: BTreeMap<ModelId, Model> = [&old, &new].map(|id| (id.clone(), model(id))).into();
    Ok(Table {
        epoch: Epoch(7),
        models,
        collections: [(CollectionName::from("docs"), managed)].into(),
    })
}

/// One request, from its bytes to the slices that go out. Gives their bytes.
fn classify_and_rewrite(
    case: &Case,
    table: &Table,
    body: &Bytes,
    embeddings: &[Embedding],
) -> Result<usize, Error> {
    let (treatment, collection) = match case.encoding {
        Encoding::Protobuf => {
            let mut watch = TopLevelWatch::new();
            watch.feed(&body[..body.len().min(FRAME_BYTES)])?;
            let name = watch.name().ok_or("no collection")?.to_owned();
            (routes::grpc(case.path).treatment, name)
        }
        Encoding::Json => {
            let method = if case.path.ends_with("points") {
                http::Method::PUT
            } else {
                http::Method::POST
            };
            let head = routes::rest(&method, case.path)?;
            (head.row.treatment, "docs".to_owned())
        }
    };
    let Treatment::Scanned(verb) = treatment else {
        return Err("no verb".into());
    };
    let managed = table.managed(&collection).ok_or("not managed")?;
    let name = CollectionName::from(collection.as_str());
    let source_keys: Vec<&str> = managed.source_keys().collect();
    let lens = Lens {
        reserved_key: KEY,
        source_keys: &source_keys,
        limits: Limits::default(),
    };
    let scanned = Scanned::scan(case.encoding, verb, &collection, body, &lens)?;
    let context = Context {
        table,
        collection: &name,
        managed,
        resolve: &|spelled| CollectionName::from(spelled),
        claims: &Claims::default(),
        reserved_key: KEY,
        upsert_retains: false,
        deferred: false,
        known: &Known::default(),
    };
    let mut bytes = 0;
    let mut ids = WriteIds::default();
    for run in route::runs(scanned.op()) {
        let Decision::Plan(plan) = route::decide(&context, scanned.op(), run, &mut || ids.draw())? else {
            return Err("a decision that needs more".into());
        };
        let outgoing = scanned.rewrite(body, &plan, embeddings, KEY)?;
        bytes += outgoing.parts.iter().map(Bytes::len).sum::<usize>();
    }
    Ok(bytes)
}

/// Does `count` requests of a case.
fn run(case: &Case, count: u64) -> Result<(), Error> {
    let (body, table) = ((case.body)(), table(case.is_migrating)?);
    let embeddings =
        vec![Embedding::Dense(components(9)); if case.is_migrating { POINTS as usize } else { 0 }];
    for _ in 0..count {
        std::hint::black_box(classify_and_rewrite(case, &table, &body, &embeddings)?);
    }
    Ok(())
}

/// Instructions of a run of this program under callgrind.
fn instructions(case: &Case, count: u64) -> Result<u64, Error> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([case.name, &count.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("callgrind gave no count: {said}").into())
}

fn measure() -> Result<bool, Error> {
    const FEW: u64 = 20;
    let mut is_met = true;
    println!(
        "{:<36} {:>9} {:>13} {:>9}",
        "case", "bytes", "instructions", "at most"
    );
    for case in CASES {
        let spent = (instructions(case, 3 * FEW)? - instructions(case, FEW)?) / (2 * FEW);
        let most = case.most.map_or_else(String::new, |most| most.to_string());
        println!(
            "{:<36} {:>9} {spent:>13} {most:>9}",
            case.name,
            (case.body)().len()
        );
        is_met &= case.most.is_none_or(|most| spent <= most);
    }
    Ok(is_met)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let case = |name: &String| CASES.iter().find(|case| case.name == name);
    let done = match arguments.as_slice() {
        [name, count] if case(name).is_some() => count
            .parse()
            .map_err(Error::from)
            .and_then(|count| case(name).map_or(Ok(()), |case| run(case, count)))
            .map(|()| true),
        _ => measure(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a case costs more than it may");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
