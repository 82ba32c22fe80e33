//! The bodies of the writing RPCs: message in, message out.

use qdrant_client::qdrant as pb;

use super::{config, index, input};
use crate::embedded::collections::Core;
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::writes::Write;

type Written = ApiResult<pb::PointsOperationResponse>;

/// Every write is applied before it is answered; without `wait` it is called what Qdrant calls it then.
fn outcome(number: u64, wait: Option<bool>) -> pb::UpdateResult {
    let status = if wait == Some(true) {
        pb::UpdateStatus::Completed
    } else {
        pb::UpdateStatus::Acknowledged
    };
    pb::UpdateResult {
        operation_id: Some(number),
        status: status.into(),
    }
}

fn written(number: u64, wait: Option<bool>) -> Written {
    let (result, usage) = (Some(outcome(number, wait)), Some(pb::Usage::default()));
    Ok(pb::PointsOperationResponse {
        result,
        usage,
        ..Default::default()
    })
}

pub fn upsert(core: &Core, m: pb::UpsertPoints) -> Written {
    let write = input::upsert(m.points, m.update_filter, m.update_mode)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn delete(core: &Core, m: pb::DeletePoints) -> Written {
    let write = Write::Delete(input::selector(m.points)?);
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn update_vectors(core: &Core, m: pb::UpdatePointVectors) -> Written {
    let write = input::update_vectors(m.points, m.update_filter)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn delete_vectors(core: &Core, m: pb::DeletePointVectors) -> Written {
    let write = input::delete_vectors(m.points_selector, m.vectors)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn set_payload(core: &Core, m: pb::SetPayloadPoints) -> Written {
    let write = input::set_payload(m.payload, m.points_selector, m.key)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn overwrite_payload(core: &Core, m: pb::SetPayloadPoints) -> Written {
    let write = input::overwrite_payload(m.payload, m.points_selector)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn delete_payload(core: &Core, m: pb::DeletePayloadPoints) -> Written {
    let write = input::delete_payload(m.keys, m.points_selector)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn clear_payload(core: &Core, m: pb::ClearPayloadPoints) -> Written {
    let write = Write::ClearPayload(input::selector(m.points)?);
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn create_field_index(core: &Core, m: pb::CreateFieldIndexCollection) -> Written {
    let write = index::create(m.field_name, m.field_type, m.field_index_params)?;
    written(core.write(&m.collection_name, write)?, m.wait)
}

pub fn delete_field_index(core: &Core, m: pb::DeleteFieldIndexCollection) -> Written {
    let write = Write::DeleteIndex(input::path(&m.field_name)?);
    written(core.write(&m.collection_name, write)?, m.wait)
}

/// One after the other, so that a malformed one stops the batch where it stands and not before.
pub fn update_batch(core: &Core, m: pb::UpdateBatchPoints) -> ApiResult<pb::UpdateBatchResponse> {
    if m.operations.is_empty() {
        let text = "operations: value [] invalid, must be at least 1 characters";
        return Err(ApiError::validation(text));
    }
    core.collection(&m.collection_name)?;
    let write = |operation| {
        let number = core.write(&m.collection_name, input::operation(operation)?)?;
        Ok(outcome(number, m.wait))
    };
    let result = m.operations.into_iter().map(write).collect::<ApiResult<_>>()?;
    Ok(pb::UpdateBatchResponse {
        result,
        usage: Some(pb::Usage::default()),
        ..Default::default()
    })
}

pub fn create_vector_name(core: &Core, m: pb::CreateVectorNameRequest) -> Written {
    let given = m
        .vector_config
        .ok_or_else(|| ApiError::format("vector_config is required (dense_config or sparse_config)"))?;
    core.create_vector(&m.collection_name, &m.vector_name, config::vector_name(given)?)?;
    written(0, m.wait)
}

pub fn delete_vector_name(core: &Core, m: pb::DeleteVectorNameRequest) -> Written {
    core.delete_vector(&m.collection_name, &m.vector_name)?;
    written(0, m.wait)
}
