//! Points, vectors, payloads and batches.

use qdrant_client::qdrant::points_update_operation::{
    ClearPayload, DeletePayload, DeletePoints, Operation, OverwritePayload, PointStructList, SetPayload,
    UpdateVectors,
};
use qdrant_client::qdrant::{
    ClearPayloadPointsBuilder, DeletePayloadPointsBuilder, DeletePointVectorsBuilder, DeletePointsBuilder,
    NamedVectors, PointId, PointStruct, PointVectors, PointsIdsList, PointsSelector, PointsUpdateOperation,
    ScrollPointsBuilder, SetPayloadPointsBuilder, UpdateBatchPointsBuilder, UpdatePointVectorsBuilder,
    UpsertPointsBuilder, Vectors,
};
use qdrant_client::{Payload, Qdrant};

use crate::reads::{QUERY, london};
use crate::transcript::Transcript;

pub fn vectors(name: &str, values: [f32; 4]) -> Vectors {
    if name.is_empty() {
        return Vectors::from(values.to_vec());
    }
    NamedVectors::default().add_vector(name, values.to_vec()).into()
}

/// One key a payload: the client's maps print in any order.
fn payload(city: &str) -> Payload {
    Payload::try_from(serde_json::json!({ "city": city })).unwrap()
}

pub fn cities(vector: &str) -> Vec<PointStruct> {
    let cities = [
        (1, [0.05, 0.61, 0.76, 0.74], "Berlin"),
        (2, [0.19, 0.81, 0.75, 0.11], "London"),
        (3, [0.36, 0.55, 0.47, 0.94], "Moscow"),
        (4, [0.18, 0.01, 0.85, 0.80], "New York"),
        (5, [0.24, 0.18, 0.22, 0.44], "Beijing"),
    ];
    cities
        .map(|(id, values, city)| PointStruct::new(id, vectors(vector, values), payload(city)))
        .into()
}

fn ids(ids: &[u64]) -> PointsIdsList {
    PointsIdsList {
        ids: ids.iter().map(|id| PointId::from(*id)).collect(),
    }
}

async fn look(client: &Qdrant, name: &str, label: &'static str, say: &mut Transcript) {
    say.note(
        label,
        client.scroll(ScrollPointsBuilder::new(name).limit(50).with_vectors(true)),
    )
    .await;
}

pub async fn single(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let set = || {
        SetPayloadPointsBuilder::new(name, payload("Paris"))
            .points_selector(ids(&[1]))
            .wait(true)
    };
    say.note("set payload", client.set_payload(set())).await;
    say.note(
        "overwrite payload",
        client.overwrite_payload(set().points_selector(london())),
    )
    .await;
    look(client, name, "after payloads", say).await;
    let keys = DeletePayloadPointsBuilder::new(name, vec!["city".to_owned()]).points_selector(ids(&[3]));
    say.note("delete payload", client.delete_payload(keys.wait(true)))
        .await;
    let clear = ClearPayloadPointsBuilder::new(name).points(ids(&[4])).wait(true);
    say.note("clear payload", client.clear_payload(clear)).await;
    let nobody = set().points_selector(ids(&[4711]));
    say.note("set payload of nobody", client.set_payload(nobody))
        .await;
    let changed = PointVectors {
        id: Some(2.into()),
        vectors: Some(vectors(vector, QUERY)),
    };
    let update = UpdatePointVectorsBuilder::new(name, vec![changed]).wait(true);
    say.note("update vectors", client.update_vectors(update)).await;
    let delete = DeletePointVectorsBuilder::new(name)
        .points_selector(ids(&[1]))
        .vectors(vec![vector.to_owned()])
        .wait(true);
    say.note("delete vectors", client.delete_vectors(delete)).await;
    look(client, name, "after vectors", say).await;
    let delete = DeletePointsBuilder::new(name).points(ids(&[5])).wait(true);
    say.note("delete", client.delete_points(delete)).await;
    let more = (10..30).map(|id| PointStruct::new(id, vectors(vector, QUERY), payload("many")));
    let chunks = UpsertPointsBuilder::new(name, more.collect::<Vec<_>>()).wait(true);
    say.note("upsert in chunks", client.upsert_points_chunked(chunks, 8))
        .await;
    look(client, name, "after chunks", say).await;
}

pub async fn batch(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let selector = |given: &[u64]| Some(PointsSelector::from(ids(given).ids));
    let point = PointStruct::new(40, vectors(vector, QUERY), payload("forty"));
    let changed = PointVectors {
        id: Some(10.into()),
        vectors: Some(vectors(vector, [0.9, 0.1, 0.1, 0.1])),
    };
    let operations = [
        Operation::Upsert(PointStructList {
            points: vec![point],
            ..Default::default()
        }),
        Operation::SetPayload(SetPayload {
            payload: payload("set").into(),
            points_selector: selector(&[40]),
            ..Default::default()
        }),
        Operation::OverwritePayload(OverwritePayload {
            payload: payload("over").into(),
            points_selector: selector(&[11]),
            ..Default::default()
        }),
        Operation::DeletePayload(DeletePayload {
            keys: vec!["city".to_owned()],
            points_selector: selector(&[12]),
            ..Default::default()
        }),
        Operation::ClearPayload(ClearPayload {
            points: selector(&[13]),
            ..Default::default()
        }),
        Operation::UpdateVectors(UpdateVectors {
            points: vec![changed],
            ..Default::default()
        }),
        Operation::DeletePoints(DeletePoints {
            points: selector(&[14, 15]),
            ..Default::default()
        }),
    ];
    let operations = operations.map(|operation| PointsUpdateOperation {
        operation: Some(operation),
    });
    let batch = UpdateBatchPointsBuilder::new(name, operations.to_vec()).wait(true);
    say.note("update batch", client.update_points_batch(batch)).await;
    look(client, name, "left", say).await;
}
