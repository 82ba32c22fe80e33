//! The bodies of the reading RPCs: message in, message out.

use qdrant_client::qdrant as pb;
use qdrant_edge::{CountRequest, FacetRequest, OrderByInterface, ScrollRequest};

use super::{filter, input, older, output, query};
use crate::embedded::collections::Core;
use crate::embedded::errors::ApiResult;

pub fn search(core: &Core, m: pb::SearchPoints) -> ApiResult<pb::SearchResponse> {
    let name = m.collection_name.clone();
    let result = output::scored(core.query(&name, older::search(m)?)?);
    Ok(pb::SearchResponse {
        result,
        ..Default::default()
    })
}

pub fn search_batch(core: &Core, m: pb::SearchBatchPoints) -> ApiResult<pb::SearchBatchResponse> {
    let queries = m
        .search_points
        .into_iter()
        .map(older::search)
        .collect::<ApiResult<_>>()?;
    let result = output::batch(core.query_batch(&m.collection_name, queries)?);
    Ok(pb::SearchBatchResponse {
        result,
        ..Default::default()
    })
}

pub fn recommend(core: &Core, m: pb::RecommendPoints) -> ApiResult<pb::RecommendResponse> {
    let name = m.collection_name.clone();
    let result = output::scored(core.query(&name, older::recommend(m)?)?);
    Ok(pb::RecommendResponse {
        result,
        ..Default::default()
    })
}

pub fn recommend_batch(core: &Core, m: pb::RecommendBatchPoints) -> ApiResult<pb::RecommendBatchResponse> {
    let queries = m
        .recommend_points
        .into_iter()
        .map(older::recommend)
        .collect::<ApiResult<_>>()?;
    let result = output::batch(core.query_batch(&m.collection_name, queries)?);
    Ok(pb::RecommendBatchResponse {
        result,
        ..Default::default()
    })
}

pub fn discover(core: &Core, m: pb::DiscoverPoints) -> ApiResult<pb::DiscoverResponse> {
    let name = m.collection_name.clone();
    let result = output::scored(core.query(&name, older::discover(m)?)?);
    Ok(pb::DiscoverResponse {
        result,
        ..Default::default()
    })
}

pub fn discover_batch(core: &Core, m: pb::DiscoverBatchPoints) -> ApiResult<pb::DiscoverBatchResponse> {
    let queries = m
        .discover_points
        .into_iter()
        .map(older::discover)
        .collect::<ApiResult<_>>()?;
    let result = output::batch(core.query_batch(&m.collection_name, queries)?);
    Ok(pb::DiscoverBatchResponse {
        result,
        ..Default::default()
    })
}

pub fn query(core: &Core, m: pb::QueryPoints) -> ApiResult<pb::QueryResponse> {
    let name = m.collection_name.clone();
    let result = output::scored(core.query(&name, query::request(m)?)?);
    Ok(pb::QueryResponse {
        result,
        ..Default::default()
    })
}

pub fn query_batch(core: &Core, m: pb::QueryBatchPoints) -> ApiResult<pb::QueryBatchResponse> {
    let queries = m
        .query_points
        .into_iter()
        .map(query::request)
        .collect::<ApiResult<_>>()?;
    let result = output::batch(core.query_batch(&m.collection_name, queries)?);
    Ok(pb::QueryBatchResponse {
        result,
        ..Default::default()
    })
}

pub fn search_groups(core: &Core, m: pb::SearchPointGroups) -> ApiResult<pb::SearchGroupsResponse> {
    let name = m.collection_name.clone();
    let result = Some(output::groups(
        core.query_groups(&name, older::search_groups(m)?)?,
    ));
    Ok(pb::SearchGroupsResponse {
        result,
        ..Default::default()
    })
}

pub fn recommend_groups(core: &Core, m: pb::RecommendPointGroups) -> ApiResult<pb::RecommendGroupsResponse> {
    let name = m.collection_name.clone();
    let result = Some(output::groups(
        core.query_groups(&name, older::recommend_groups(m)?)?,
    ));
    Ok(pb::RecommendGroupsResponse {
        result,
        ..Default::default()
    })
}

pub fn query_groups(core: &Core, m: pb::QueryPointGroups) -> ApiResult<pb::QueryGroupsResponse> {
    let name = m.collection_name.clone();
    let result = Some(output::groups(core.query_groups(&name, query::groups(m)?)?));
    Ok(pb::QueryGroupsResponse {
        result,
        ..Default::default()
    })
}

pub fn search_matrix_pairs(
    core: &Core,
    m: pb::SearchMatrixPoints,
) -> ApiResult<pb::SearchMatrixPairsResponse> {
    let name = m.collection_name.clone();
    let matrix = core.matrix(&name, query::matrix(m)?)?;
    let result = Some(output::pairs(&matrix));
    Ok(pb::SearchMatrixPairsResponse {
        result,
        ..Default::default()
    })
}

pub fn search_matrix_offsets(
    core: &Core,
    m: pb::SearchMatrixPoints,
) -> ApiResult<pb::SearchMatrixOffsetsResponse> {
    let name = m.collection_name.clone();
    let matrix = core.matrix(&name, query::matrix(m)?)?;
    let result = Some(output::offsets(matrix));
    Ok(pb::SearchMatrixOffsetsResponse {
        result,
        ..Default::default()
    })
}

pub fn get(core: &Core, m: pb::GetPoints) -> ApiResult<pb::GetResponse> {
    let with_payload = input::with_payload(m.with_payload, false)?;
    let with_vectors = input::with_vectors(m.with_vectors);
    let records = core.retrieve(
        &m.collection_name,
        &input::ids(m.ids)?,
        with_payload,
        with_vectors,
    )?;
    let result = records.into_iter().map(output::record).collect();
    Ok(pb::GetResponse {
        result,
        ..Default::default()
    })
}

pub fn scroll(core: &Core, m: pb::ScrollPoints) -> ApiResult<pb::ScrollResponse> {
    let order_by = m.order_by.map(filter::order_by).transpose()?;
    let request = ScrollRequest {
        offset: m.offset.map(|offset| input::id(Some(offset))).transpose()?,
        limit: m.limit.map(|limit| limit as usize),
        filter: filter::optional(m.filter)?,
        with_payload: Some(input::with_payload(m.with_payload, true)?),
        with_vector: input::with_vectors(m.with_vectors),
        order_by: order_by.map(OrderByInterface::Struct),
    };
    let (records, next) = core.scroll(&m.collection_name, request)?;
    let result = records.into_iter().map(output::record).collect();
    Ok(pb::ScrollResponse {
        next_page_offset: next.map(output::id),
        result,
        ..Default::default()
    })
}

pub fn count(core: &Core, m: pb::CountPoints) -> ApiResult<pb::CountResponse> {
    let request = CountRequest {
        filter: filter::optional(m.filter)?,
        exact: m.exact.unwrap_or(true),
    };
    let count = core.count(&m.collection_name, request)? as u64;
    Ok(pb::CountResponse {
        result: Some(pb::CountResult { count }),
        ..Default::default()
    })
}

pub fn facet(core: &Core, m: pb::FacetCounts) -> ApiResult<pb::FacetResponse> {
    let request = FacetRequest {
        key: input::path(&m.key)?,
        limit: m
            .limit
            .map_or(FacetRequest::DEFAULT_LIMIT, |limit| limit as usize),
        filter: filter::optional(m.filter)?,
        exact: m.exact.unwrap_or(false),
    };
    let found = core.facet(&m.collection_name, request)?;
    let hits = found.hits.into_iter().map(output::facet).collect();
    Ok(pb::FacetResponse {
        hits,
        ..Default::default()
    })
}
