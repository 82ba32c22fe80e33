//! Points written and changed.

use std::collections::HashMap;

use qdrant_client::qdrant as pb;
use serde_json::json;

use super::show::{Run, matches, only, point};

pub async fn write(run: &mut Run) {
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

pub async fn update(run: &mut Run) {
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

pub async fn batch(run: &mut Run) {
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
