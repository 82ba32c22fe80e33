//! A journal record: one operation of the crate's, as MessagePack. Written and replayed by `shard`.

use std::collections::HashSet;

use qdrant_edge::{EdgeShard, PointId, UpdateOperation, WithPayloadInterface, WithVector};

use super::errors::{ApiError, ApiResult};
use super::shard::guarded;

/// # Errors
/// None that can be caused from outside.
pub fn encode(operation: &UpdateOperation) -> ApiResult<Vec<u8>> {
    let mut bytes = Vec::new();
    // Human-readable mode: the crate's point ids read a UUID only from text.
    let mut serializer = rmp_serde::Serializer::new(&mut bytes)
        .with_struct_map()
        .with_human_readable();
    serde::Serialize::serialize(operation, &mut serializer)
        .map_err(|error| ApiError::service(format!("the operation cannot be journalled: {error}")))?;
    Ok(bytes)
}

fn decode(record: &[u8]) -> Result<UpdateOperation, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::new(record).with_human_readable();
    serde::Deserialize::deserialize(&mut deserializer)
}

/// Applies a journalled operation again, over segments that may hold it already.
///
/// What failed once fails again in the same way; it was never acknowledged, so it does not stop the opening.
pub fn replay(edge: &EdgeShard, record: &[u8]) {
    match decode(record) {
        Ok(mut operation) => {
            keep_existing(edge, &mut operation);
            let applied = guarded(|| edge.update(operation).map_err(ApiError::from)).and_then(|r| r);
            if let Err(error) = applied {
                tracing::warn!(%error, "a journalled operation could not be replayed");
            }
        }
        Err(error) => tracing::error!(%error, "a journalled operation could not be read"),
    }
}

/// A point that a later operation deleted may be gone already: the others of the operation must not fail for it.
fn keep_existing(edge: &EdgeShard, operation: &mut UpdateOperation) {
    let ids = match &*operation {
        UpdateOperation::VectorOperation(_) | UpdateOperation::PayloadOperation(_) => operation.point_ids(),
        UpdateOperation::PointOperation(_)
        | UpdateOperation::FieldIndexOperation(_)
        | UpdateOperation::VectorNameOperation(_) => None,
    };
    let neither = (
        Some(WithPayloadInterface::Bool(false)),
        Some(WithVector::Bool(false)),
    );
    if let Some(ids) = ids
        && let Ok(records) = edge.retrieve(&ids, neither.0, neither.1)
    {
        let existing: HashSet<PointId> = records.into_iter().map(|record| record.id).collect();
        operation.retain_point_ids(|id| existing.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qdrant_edge::external::uuid::Uuid;
    use qdrant_edge::{
        Payload, PointId, PointInsertOperations, PointOperations, PointStructPersisted, VectorPersisted,
        VectorStructPersisted,
    };

    fn upsert(points: Vec<PointStructPersisted>) -> UpdateOperation {
        UpdateOperation::PointOperation(PointOperations::UpsertPoints(PointInsertOperations::PointsList(
            points,
        )))
    }

    #[test]
    fn a_journalled_operation_is_read_back_bit_by_bit() {
        let mut payload = Payload(Default::default());
        payload.0.insert(
            "n".into(),
            serde_json::json!({"a": [1, 2.5, null, "x"], "": {"b": true}}),
        );
        let names = [
            (
                "d",
                VectorPersisted::Dense(vec![0.1, f32::MIN_POSITIVE, 1.0, f32::NAN]),
            ),
            ("s", VectorPersisted::new_sparse(vec![7, 1], vec![0.3, -2.0])),
            (
                "m",
                VectorPersisted::MultiDense(vec![vec![1.0, 2.0], vec![3.0, 0.7]]),
            ),
        ];
        // One name a point: a map of several has no order to compare by.
        let named = names
            .into_iter()
            .enumerate()
            .map(|(place, (name, vector))| PointStructPersisted {
                id: PointId::NumId(u64::MAX - place as u64),
                vector: VectorStructPersisted::Named([(name.to_owned(), vector)].into()),
                payload: Some(payload.clone()),
            });
        let unnamed = PointStructPersisted {
            id: PointId::Uuid(Uuid::from_u128(7)),
            vector: VectorStructPersisted::Single(vec![1.0, -0.0]),
            payload: None,
        };
        let points = named.chain([unnamed]).collect();
        let operation = upsert(points);
        let read = decode(&encode(&operation).unwrap()).unwrap();
        // NaN is not equal to itself, so compare what is shown.
        assert_eq!(format!("{operation:?}"), format!("{read:?}"));
        let bytes = |op: &UpdateOperation| encode(op).unwrap();
        assert_eq!(bytes(&operation), bytes(&read));
    }
}
