//! Collections, vector names and indexes.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant as pb;

use super::show::{Run, payload, single};

pub async fn create(run: &mut Run) {
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
pub fn info(mut info: pb::CollectionInfo) -> String {
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

pub async fn schema(run: &mut Run) {
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
    for name in ["n", "s", "s", ""] {
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
