//! The gRPC face: a scenario whose answers, written as lines, must be those of a real Qdrant 1.18.3 in `grpc.txt`.
//! With `QDRANT_RECORD` set, they are taken anew from the Qdrant that `QDRANT_GRPC_URL` names.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::qdrant_client::QdrantClient;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Response, Status};

use crate::target::Target;

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/grpc.txt");

/// The lines of one run.
struct Run {
    prefix: String,
    lines: Vec<String>,
    points: PointsClient<Target>,
    collections: CollectionsClient<Target>,
}

/// Four digits are enough to tell scores apart, and the same in every build.
fn float(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

fn vector(vector: &pb::VectorOutput) -> Value {
    use pb::vector_output::Vector as Kind;
    match vector.vector.as_ref() {
        Some(Kind::Dense(dense)) => dense.data.iter().map(|value| float(*value)).collect(),
        Some(Kind::Sparse(sparse)) => {
            json!({"i": sparse.indices, "v": sparse.values.iter().map(|v| float(*v)).collect::<Vec<_>>()})
        }
        Some(Kind::MultiDense(multi)) => multi
            .vectors
            .iter()
            .map(|row| row.data.iter().map(|v| float(*v)).collect::<Value>())
            .collect(),
        None => json!("deprecated form"),
    }
}

fn vectors(vectors: &Option<pb::VectorsOutput>) -> Value {
    use pb::vectors_output::VectorsOptions;
    match vectors
        .as_ref()
        .and_then(|vectors| vectors.vectors_options.as_ref())
    {
        Some(VectorsOptions::Vector(one)) => vector(one),
        Some(VectorsOptions::Vectors(named)) => {
            let named: BTreeMap<_, _> = named
                .vectors
                .iter()
                .map(|(name, one)| (name, vector(one)))
                .collect();
            json!(named)
        }
        None => Value::Null,
    }
}

fn payload(payload: &HashMap<String, pb::Value>) -> Value {
    let sorted: BTreeMap<_, _> = payload.iter().map(|(k, v)| (k, v.clone().into_json())).collect();
    json!(sorted)
}

fn id(id: &Option<pb::PointId>) -> String {
    use pb::point_id::PointIdOptions;
    match id.as_ref().and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Num(number)) => number.to_string(),
        Some(PointIdOptions::Uuid(uuid)) => uuid.clone(),
        None => "none".to_owned(),
    }
}

fn record(point: &pb::RetrievedPoint) -> String {
    format!(
        "{} {} {} {:?}",
        id(&point.id),
        payload(&point.payload),
        vectors(&point.vectors),
        point.order_value
    )
}

fn scored(points: &[pb::ScoredPoint]) -> String {
    let one = |point: &pb::ScoredPoint| {
        let order = point
            .order_value
            .map(|order| format!("{order:?}"))
            .unwrap_or_default();
        let (payload, vectors) = (payload(&point.payload), vectors(&point.vectors));
        format!(
            "{}:{} {payload} {vectors} {order}",
            id(&point.id),
            float(point.score)
        )
    };
    points.iter().map(one).collect::<Vec<_>>().join(" | ")
}

impl Run {
    fn new(target: &Target) -> Self {
        let prefix = format!("it{}", uuid::Uuid::now_v7().simple());
        let points = PointsClient::new(target.clone())
            .send_compressed(Gzip)
            .accept_compressed(Gzip);
        Self {
            prefix,
            lines: Vec::new(),
            points,
            collections: CollectionsClient::new(target.clone()),
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    fn note(&mut self, label: &str, text: impl AsRef<str>) {
        let text = text.as_ref().replace(&self.prefix, "$c").replace('\n', "\\n");
        self.lines.push(format!("{label}: {text}"));
    }

    /// Notes an answer, or the refusal with its code.
    fn answer<T>(&mut self, label: &str, answer: Result<Response<T>, Status>, show: impl Fn(T) -> String) {
        match answer {
            Ok(answer) => self.note(label, show(answer.into_inner())),
            Err(status) => self.note(label, format!("{:?} {}", status.code(), status.message())),
        }
    }

    fn written(&mut self, label: &str, answer: Result<Response<pb::PointsOperationResponse>, Status>) {
        self.answer(label, answer, |answer| {
            let status = answer.result.map(|result| result.status);
            format!("{status:?} usage {}", answer.usage.is_some())
        });
    }

    fn done(&mut self, label: &str, answer: Result<Response<pb::CollectionOperationResponse>, Status>) {
        self.answer(label, answer, |answer| answer.result.to_string());
    }

    async fn query(&mut self, label: &str, collection: &str, query: pb::QueryPoints) {
        let query = pb::QueryPoints {
            collection_name: self.name(collection),
            ..query
        };
        let answer = self.points.query(query).await;
        self.answer(label, answer, |answer| scored(&answer.result));
    }

    async fn all(&mut self, label: &str, collection: &str) {
        let request = pb::ScrollPoints {
            collection_name: self.name(collection),
            limit: Some(100),
            with_vectors: Some(true.into()),
            ..Default::default()
        };
        let answer = self.points.scroll(request).await;
        self.answer(label, answer, |answer| {
            answer.result.iter().map(record).collect::<Vec<_>>().join(" | ")
        });
    }
}

fn nearest(values: &[f32]) -> Option<pb::Query> {
    Some(pb::Query::new_nearest(values.to_vec()))
}

fn by_id(number: u64) -> pb::VectorInput {
    pb::VectorInput::new_id(number)
}

fn point(number: u64, values: &[f32], payload: Value) -> pb::PointStruct {
    let payload: qdrant_client::Payload = payload.try_into().unwrap();
    pb::PointStruct::new(number, values.to_vec(), payload)
}

fn only(ids: &[u64]) -> Option<pb::PointsSelector> {
    use pb::points_selector::PointsSelectorOneOf;
    let ids = ids.iter().map(|id| (*id).into()).collect();
    Some(pb::PointsSelector {
        points_selector_one_of: Some(PointsSelectorOneOf::Points(pb::PointsIdsList { ids })),
    })
}

fn matches(key: &str, value: &str) -> Option<pb::Filter> {
    Some(pb::Filter::must([pb::Condition::matches(key, value.to_owned())]))
}

fn single(size: u64, distance: pb::Distance) -> Option<pb::VectorsConfig> {
    let params = pb::VectorParams {
        size,
        distance: distance.into(),
        ..Default::default()
    };
    Some(pb::VectorsConfig {
        config: Some(pb::vectors_config::Config::Params(params)),
    })
}

async fn create(run: &mut Run) {
    let create = pb::CreateCollection {
        collection_name: run.name("a"),
        vectors_config: single(4, pb::Distance::Cosine),
        metadata: [("x".to_owned(), pb::Value::from(1_i64))].into(),
        ..Default::default()
    };
    for label in ["create", "create again"] {
        let answer = run.collections.create(create.clone()).await;
        run.done(label, answer);
    }
    let zero = pb::CreateCollection {
        collection_name: run.name("zero"),
        vectors_config: single(0, pb::Distance::Dot),
        ..Default::default()
    };
    let answer = run.collections.create(zero).await;
    run.done("create with no dimension", answer);
    for name in ["a", "none"] {
        let exists = pb::CollectionExistsRequest {
            collection_name: run.name(name),
        };
        let answer = run.collections.collection_exists(exists).await;
        run.answer(&format!("exists {name}"), answer, |answer| {
            format!("{:?}", answer.result)
        });
        let get = pb::GetCollectionInfoRequest {
            collection_name: run.name(name),
        };
        let answer = run.collections.get(get).await;
        run.answer(&format!("get {name}"), answer, |answer| {
            info(answer.result.unwrap())
        });
    }
}

/// The parts of an info that do not say how the server is built inside.
fn info(mut info: pb::CollectionInfo) -> String {
    info.segments_count = 0;
    info.indexed_vectors_count = None;
    info.update_queue = None;
    for schema in info.payload_schema.values_mut() {
        schema.points = None;
    }
    let schema: BTreeMap<_, _> = info.payload_schema.drain().collect();
    let config = info.config.as_mut().unwrap();
    let metadata = payload(&std::mem::take(&mut config.metadata));
    format!("{info:?} schema {schema:?} metadata {metadata}")
}

async fn write(run: &mut Run) {
    let upsert = |run: &Run, points: Vec<pb::PointStruct>| pb::UpsertPoints {
        collection_name: run.name("a"),
        wait: Some(true),
        points,
        ..Default::default()
    };
    let points = vec![
        point(
            1,
            &[3.0, 1.0, 0.2, 0.1],
            json!({"city": "Berlin", "n": 1, "_embedding": {"": {"write_id": "w1"}}}),
        ),
        point(2, &[0.3, 1.0, 0.0, 0.4], json!({"city": "Paris", "n": 2})),
        point(
            3,
            &[0.1, 0.2, 1.0, 0.0],
            json!({"city": "Berlin", "n": 3, "f": 2.5, "tags": ["a", "b"]}),
        ),
        point(4, &[1.0, 1.2, 1.4, 0.9], json!({})),
    ];
    let answer = run.points.upsert(upsert(run, points)).await;
    run.written("upsert", answer);
    for (label, bad) in [
        ("no points", vec![]),
        ("wrong dimension", vec![point(5, &[1.0], json!({}))]),
        ("empty vector", vec![point(5, &[], json!({}))]),
        (
            "no vectors",
            vec![pb::PointStruct {
                id: Some(5.into()),
                ..Default::default()
            }],
        ),
        (
            "no id",
            vec![pb::PointStruct {
                id: None,
                ..point(5, &[1.0, 1.0, 1.0, 1.0], json!({}))
            }],
        ),
        (
            "bad uuid",
            vec![pb::PointStruct {
                id: Some("x".into()),
                ..point(5, &[1.0; 4], json!({}))
            }],
        ),
        (
            "unknown name",
            vec![pb::PointStruct::new(
                5,
                HashMap::from([("z".to_owned(), vec![1.0_f32])]),
                qdrant_client::Payload::new(),
            )],
        ),
    ] {
        let answer = run.points.upsert(upsert(run, bad)).await;
        run.written(&format!("upsert {label}"), answer);
    }
    let not_a_number = vec![point(9, &[f32::NAN, 1.0, 0.0, 0.0], json!({}))];
    let answer = run.points.upsert(upsert(run, not_a_number)).await;
    run.written("upsert NaN", answer);
    let delete = pb::DeletePoints {
        collection_name: run.name("a"),
        wait: None,
        points: only(&[9]),
        ..Default::default()
    };
    let answer = run.points.delete(delete).await;
    run.written("delete without wait", answer);
    let answer = run
        .points
        .delete(pb::DeletePoints {
            collection_name: run.name("a"),
            ..Default::default()
        })
        .await;
    run.written("delete nothing", answer);
    run.all("after upserts", "a").await;
}

async fn update(run: &mut Run) {
    let collection_name = run.name("a");
    let wait = Some(true);
    for (label, ids) in [("set payload", [1_u64]), ("set payload of none", [99])] {
        let set = pb::SetPayloadPoints {
            collection_name: collection_name.clone(),
            wait,
            payload: qdrant_client::Payload::try_from(json!({"k": 1, "city": null}))
                .unwrap()
                .into(),
            points_selector: only(&ids),
            key: None,
            ..Default::default()
        };
        let answer = run.points.set_payload(set).await;
        run.written(label, answer);
    }
    let vectors = |number: u64| pb::PointVectors {
        id: Some(number.into()),
        vectors: Some(vec![0.0_f32, 0.0, 0.0, 2.0].into()),
    };
    for (label, ids, filter) in [
        (
            "update vectors where",
            vec![1, 2],
            matches("_embedding.\"\".write_id", "w1"),
        ),
        ("update vectors of none", vec![99], None),
    ] {
        let update = pb::UpdatePointVectors {
            collection_name: collection_name.clone(),
            wait,
            points: ids.into_iter().map(vectors).collect(),
            update_filter: filter,
            ..Default::default()
        };
        let answer = run.points.update_vectors(update).await;
        run.written(label, answer);
    }
    for (label, key) in [("delete payload", "k"), ("delete payload by a bad path", "a..b")] {
        let delete = pb::DeletePayloadPoints {
            collection_name: collection_name.clone(),
            wait,
            keys: vec![key.to_owned()],
            points_selector: only(&[1]),
            ..Default::default()
        };
        let answer = run.points.delete_payload(delete).await;
        run.written(label, answer);
    }
    batch(run).await;
    run.all("after updates", "a").await;
}

async fn batch(run: &mut Run) {
    use pb::points_update_operation::{ClearPayload, Operation, PointStructList};
    let upsert = Operation::Upsert(PointStructList {
        points: vec![point(7, &[1.0, 0.1, 0.0, 0.05], json!({"a": 1}))],
        ..Default::default()
    });
    let clear = Operation::ClearPayload(ClearPayload {
        points: only(&[7]),
        ..Default::default()
    });
    for (label, operations) in [
        ("batch", vec![Some(upsert.clone()), Some(clear)]),
        ("batch with a hole", vec![Some(upsert), None]),
        ("empty batch", vec![]),
    ] {
        let operations = operations
            .into_iter()
            .map(|operation| pb::PointsUpdateOperation { operation });
        let request = pb::UpdateBatchPoints {
            collection_name: run.name("a"),
            wait: Some(true),
            operations: operations.collect(),
            ..Default::default()
        };
        let answer = run.points.update_batch(request).await;
        run.answer(label, answer, |answer| {
            format!(
                "{:?}",
                answer
                    .result
                    .iter()
                    .map(|result| result.status)
                    .collect::<Vec<_>>()
            )
        });
    }
}

async fn read(run: &mut Run) {
    let collection_name = run.name("a");
    for (label, with_payload, names) in [
        ("get bare", None, vec![]),
        ("get with payload", Some(true.into()), vec![String::new()]),
        (
            "get with an unknown vector",
            Some(false.into()),
            vec!["z".to_owned()],
        ),
    ] {
        let get = pb::GetPoints {
            collection_name: collection_name.clone(),
            ids: vec![3.into(), 99.into(), 1.into()],
            with_payload,
            with_vectors: (!names.is_empty()).then(|| {
                pb::with_vectors_selector::SelectorOptions::Include(pb::VectorsSelector { names }).into()
            }),
            ..Default::default()
        };
        let answer = run.points.get(get).await;
        run.answer(label, answer, |answer| {
            answer.result.iter().map(record).collect::<Vec<_>>().join(" | ")
        });
    }
    for (label, filter) in [
        ("count", None),
        ("count by city", matches("city", "Paris")),
        (
            "count by id",
            Some(pb::Filter::must([pb::Condition::has_id([1, 2])])),
        ),
        (
            "count empty",
            Some(pb::Filter::must([pb::Condition::is_empty(
                "_embedding.\"\".write_id",
            )])),
        ),
        (
            "count by range",
            Some(pb::Filter::must([pb::Condition::range(
                "n",
                pb::Range {
                    gte: Some(2.0),
                    ..Default::default()
                },
            )])),
        ),
        (
            "count by a hole",
            Some(pb::Filter {
                must: vec![pb::Condition::default()],
                ..Default::default()
            }),
        ),
    ] {
        let count = pb::CountPoints {
            collection_name: collection_name.clone(),
            filter,
            exact: Some(true),
            ..Default::default()
        };
        let answer = run.points.count(count).await;
        run.answer(label, answer, |answer| format!("{:?}", answer.result));
    }
    let scroll = pb::ScrollPoints {
        collection_name,
        limit: Some(0),
        ..Default::default()
    };
    let answer = run.points.scroll(scroll).await;
    run.answer("scroll none", answer, |answer| {
        format!("{:?}", answer.result.len())
    });
}

async fn query(run: &mut Run) {
    let base = || pb::QueryPoints {
        limit: Some(3),
        with_payload: Some(true.into()),
        ..Default::default()
    };
    let prefetch = |values: &[f32], limit| pb::PrefetchQuery {
        query: nearest(values),
        limit: Some(limit),
        ..Default::default()
    };
    let recommend = |strategy: pb::RecommendStrategy| {
        Some(pb::Query::new_recommend(pb::RecommendInput {
            positive: vec![by_id(1)],
            negative: vec![by_id(3)],
            strategy: Some(strategy.into()),
        }))
    };
    let pair = || pb::ContextInputPair {
        positive: Some(by_id(2)),
        negative: Some(by_id(3)),
    };
    let sum = pb::Expression::sum_with([
        pb::Expression::score(),
        pb::Expression::mult_with([
            pb::Expression::constant(0.5),
            pb::Expression::condition(pb::Condition::matches("city", "Berlin".to_owned())),
        ]),
    ]);
    let cases: Vec<(&str, pb::QueryPoints)> = vec![
        (
            "nearest",
            pb::QueryPoints {
                query: nearest(&[1.0, 0.5, 0.1, 0.0]),
                with_vectors: Some(true.into()),
                ..base()
            },
        ),
        (
            "nearest, second page",
            pb::QueryPoints {
                query: nearest(&[1.0, 0.5, 0.1, 0.0]),
                offset: Some(2),
                ..base()
            },
        ),
        (
            "by id",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(2))),
                ..base()
            },
        ),
        (
            "by missing id",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(99))),
                ..base()
            },
        ),
        (
            "wrong dimension",
            pb::QueryPoints {
                query: nearest(&[1.0]),
                ..base()
            },
        ),
        (
            "unknown name",
            pb::QueryPoints {
                query: nearest(&[1.0; 4]),
                using: Some("z".into()),
                ..base()
            },
        ),
        ("no query", base()),
        (
            "limit 0",
            pb::QueryPoints {
                limit: Some(0),
                ..base()
            },
        ),
        (
            "empty query",
            pb::QueryPoints {
                query: Some(pb::Query::default()),
                ..base()
            },
        ),
        (
            "average",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::AverageVector),
                ..base()
            },
        ),
        (
            "best score",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::BestScore),
                ..base()
            },
        ),
        (
            "sum scores",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::SumScores),
                ..base()
            },
        ),
        (
            "discover",
            pb::QueryPoints {
                query: Some(pb::Query::new_discover(pb::DiscoverInput {
                    target: Some(by_id(1)),
                    context: Some(pb::ContextInput { pairs: vec![pair()] }),
                })),
                ..base()
            },
        ),
        (
            "rrf",
            pb::QueryPoints {
                prefetch: vec![
                    prefetch(&[1.0, 0.1, 0.0, 0.0], 3),
                    prefetch(&[1.0, 0.9, 0.1, 0.0], 2),
                ],
                query: Some(pb::Query::new_rrf(pb::Rrf {
                    k: Some(10),
                    weights: vec![1.0, 3.0],
                })),
                ..base()
            },
        ),
        (
            "dbsf",
            pb::QueryPoints {
                prefetch: vec![
                    prefetch(&[1.0, 0.1, 0.0, 0.0], 4),
                    prefetch(&[0.0, 0.9, 0.1, 0.3], 3),
                ],
                query: Some(pb::Query::new_fusion(pb::Fusion::Dbsf)),
                ..base()
            },
        ),
        (
            "fusion alone",
            pb::QueryPoints {
                query: Some(pb::Query::new_fusion(pb::Fusion::Rrf)),
                ..base()
            },
        ),
        (
            "formula",
            pb::QueryPoints {
                prefetch: vec![prefetch(&[1.0, 0.1, 0.0, 0.0], 4)],
                query: Some(pb::Query::new_formula(pb::Formula {
                    expression: Some(sum),
                    ..Default::default()
                })),
                ..base()
            },
        ),
        (
            "lookup elsewhere",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(2))),
                lookup_from: Some(pb::LookupLocation {
                    collection_name: run.name("none"),
                    ..Default::default()
                }),
                ..base()
            },
        ),
    ];
    for (label, case) in cases {
        run.query(label, "a", case).await;
    }
    let groups = pb::QueryPointGroups {
        collection_name: run.name("a"),
        query: nearest(&[1.0, 0.5, 0.1, 0.0]),
        group_by: "n".to_owned(),
        group_size: Some(1),
        limit: Some(2),
        ..Default::default()
    };
    let answer = run.points.query_groups(groups).await;
    run.answer("groups", answer, |answer| {
        let group = |group: &pb::PointGroup| format!("{:?} {}", group.id, scored(&group.hits));
        answer
            .result
            .unwrap()
            .groups
            .iter()
            .map(group)
            .collect::<Vec<_>>()
            .join(" | ")
    });
    older(run).await;
}

async fn older(run: &mut Run) {
    let search = |run: &Run, vector: Vec<f32>| pb::SearchPoints {
        collection_name: run.name("a"),
        vector,
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.search(search(run, vec![1.0, 0.5, 0.1, 0.0])).await;
    run.answer("search", answer, |answer| scored(&answer.result));
    let answer = run.points.search(search(run, vec![])).await;
    run.answer("search for nothing", answer, |answer| scored(&answer.result));
    let recommend = pb::RecommendPoints {
        collection_name: run.name("a"),
        positive: vec![1.into()],
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.recommend(recommend).await;
    run.answer("recommend", answer, |answer| scored(&answer.result));
    let discover = pb::DiscoverPoints {
        collection_name: run.name("a"),
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.discover(discover).await;
    run.answer("discover nothing", answer, |answer| scored(&answer.result));
}

async fn schema(run: &mut Run) {
    use pb::create_vector_name_request::VectorConfig;
    let dense = |size| {
        VectorConfig::DenseConfig(pb::DenseVectorCreationConfig {
            size,
            distance: pb::Distance::Dot.into(),
            ..Default::default()
        })
    };
    for (label, name, config) in [
        ("add a name", "n", Some(dense(2))),
        ("add it again", "n", Some(dense(2))),
        ("add it otherwise", "n", Some(dense(3))),
        (
            "add a sparse name",
            "s",
            Some(VectorConfig::SparseConfig(
                pb::SparseVectorCreationConfig::default(),
            )),
        ),
        ("add nothing", "e", None),
        ("add a bad name", "a:b", Some(dense(2))),
    ] {
        let create = pb::CreateVectorNameRequest {
            collection_name: run.name("a"),
            wait: Some(true),
            vector_name: name.to_owned(),
            vector_config: config,
            ..Default::default()
        };
        let answer = run.points.create_vector_name(create).await;
        run.written(label, answer);
    }
    let named = HashMap::from([
        ("n".to_owned(), pb::Vector::from(vec![1.0_f32, 2.0])),
        ("s".to_owned(), pb::Vector::from([(5, 1.5), (2, 2.5)].as_slice())),
    ]);
    let update = pb::UpdatePointVectors {
        collection_name: run.name("a"),
        wait: Some(true),
        points: vec![pb::PointVectors {
            id: Some(1.into()),
            vectors: Some(named.into()),
        }],
        ..Default::default()
    };
    let answer = run.points.update_vectors(update).await;
    run.written("fill the names", answer);
    run.all("with names", "a").await;
    let sparse = pb::Query::new_nearest(pb::VectorInput::new_sparse(vec![2_u32], vec![1.0_f32]));
    run.query(
        "sparse",
        "a",
        pb::QueryPoints {
            query: Some(sparse),
            using: Some("s".into()),
            ..Default::default()
        },
    )
    .await;
    let index = pb::CreateFieldIndexCollection {
        collection_name: run.name("a"),
        wait: Some(true),
        field_name: "city".into(),
        field_type: Some(pb::FieldType::Keyword.into()),
        ..Default::default()
    };
    let answer = run.points.create_field_index(index).await;
    run.written("index", answer);
    let facet = pb::FacetCounts {
        collection_name: run.name("a"),
        key: "city".into(),
        exact: Some(true),
        ..Default::default()
    };
    let answer = run.points.facet(facet).await;
    run.answer("facet", answer, |answer| format!("{:?}", answer.hits));
    for name in ["n", "s", "s"] {
        let delete = pb::DeleteVectorNameRequest {
            collection_name: run.name("a"),
            wait: Some(true),
            vector_name: name.to_owned(),
            ..Default::default()
        };
        let answer = run.points.delete_vector_name(delete).await;
        run.written(&format!("drop the name {name}"), answer);
    }
    let get = pb::GetCollectionInfoRequest {
        collection_name: run.name("a"),
    };
    let answer = run.collections.get(get).await;
    run.answer("get at the end", answer, |answer| info(answer.result.unwrap()));
    let answer = run
        .collections
        .delete(pb::DeleteCollection {
            collection_name: run.name("a"),
            ..Default::default()
        })
        .await;
    run.done("delete", answer);
    run.all("deleted", "a").await;
}

async fn scenario(target: &Target) -> Vec<String> {
    let mut run = Run::new(target);
    create(&mut run).await;
    write(&mut run).await;
    update(&mut run).await;
    read(&mut run).await;
    query(&mut run).await;
    schema(&mut run).await;
    run.lines
}

fn check(got: &[String]) {
    let expected = std::fs::read_to_string(EXPECTED).unwrap();
    let expected: Vec<&str> = expected.lines().collect();
    let wrong: Vec<String> = (0..expected.len().max(got.len()))
        .filter(|at| expected.get(*at).copied() != got.get(*at).map(String::as_str))
        .map(|at| format!("want {:?}\n got {:?}", expected.get(at), got.get(at)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_answers_over_grpc_as_qdrant_does() {
    if std::env::var_os("QDRANT_RECORD").is_some() {
        let lines = scenario(&Target::real().unwrap()).await;
        std::fs::write(EXPECTED, lines.join("\n") + "\n").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    check(&scenario(&Target::engine(dir.path())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_qdrant_answers_over_grpc_as_recorded() {
    if let Some(real) = Target::real() {
        check(&scenario(&real).await);
    }
}

fn shown(value: impl Debug) -> String {
    format!("{value:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_unknown_methods_answer_in_their_own_way() {
    let dir = tempfile::tempdir().unwrap();
    for target in [Some(Target::engine(dir.path())), Target::real()]
        .into_iter()
        .flatten()
    {
        let mut client = QdrantClient::new(target.clone());
        let reply = client
            .health_check(pb::HealthCheckRequest {})
            .await
            .unwrap()
            .into_inner();
        assert_eq!(reply.version, "1.18.3", "{}", shown(&reply));
        let mut grpc = tonic::client::Grpc::new(target);
        for (path, code) in [
            ("/grpc.health.v1.Health/Check", None),
            ("/qdrant.Points/Nope", Some(tonic::Code::Unimplemented)),
            ("/qdrant.Nope/Nope", Some(tonic::Code::Unimplemented)),
        ] {
            grpc.ready().await.unwrap();
            let codec = tonic_prost::ProstCodec::<pb::HealthCheckRequest, pb::HealthCheckReply>::default();
            let request = tonic::Request::new(pb::HealthCheckRequest {});
            let answer = grpc
                .unary(request, http::uri::PathAndQuery::from_static(path), codec)
                .await;
            assert_eq!(answer.err().map(|status| status.code()), code, "{path}");
        }
    }
}
