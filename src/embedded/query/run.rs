//! Runs a query: resolve, search, cut. Called by both faces and by `groups` and `matrix`.

use ahash::AHashSet;
use qdrant_edge::{QueryRequest as EdgeRequest, ScoredPoint, WithPayloadInterface, WithVector};

use super::request::{Query, QueryRequest};
use super::resolve::{Resolver, excluding, named_here};
use crate::embedded::collections::{Collection, Core};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::reads::check_selected;

impl Core {
    /// The best points of a query, best first.
    ///
    /// # Errors
    /// The collection, a vector name or a named point is not there, or the query contradicts itself.
    pub fn query(&self, name: &str, request: QueryRequest) -> ApiResult<Vec<ScoredPoint>> {
        let collection = self.collection(name)?;
        self.query_in(&collection, request)
    }

    /// Runs queries one after the other. One that fails fails all.
    ///
    /// # Errors
    /// As [`Core::query`].
    pub fn query_batch(&self, name: &str, requests: Vec<QueryRequest>) -> ApiResult<Vec<Vec<ScoredPoint>>> {
        let collection = self.collection(name)?;
        requests
            .into_iter()
            .map(|request| self.query_in(&collection, request))
            .collect()
    }

    pub(super) fn query_in(
        &self,
        collection: &Collection,
        request: QueryRequest,
    ) -> ApiResult<Vec<ScoredPoint>> {
        if request.root.limit == 0 {
            return Err(ApiError::too_small("limit", 0, 1));
        }
        check_selected(collection, &request.with_vector)?;
        // A random order has no pages.
        let sample = matches!(request.root.query, Some(Query::Sample)) && request.root.prefetch.is_empty();
        let offset = if sample { 0 } else { request.offset };
        let limit = request.root.limit;

        let points = collection.shard.read(|edge| Ok(edge.info().points_count))?;
        let resolver = Resolver {
            core: self,
            collection,
            points,
        };
        let mut named = AHashSet::new();
        named_here(&request.root, &collection.name, &mut named);
        let mut root = request.root;
        root.limit = limit.saturating_add(offset);
        let root = resolver.prefetch(root, 0)?;
        let edge_request = EdgeRequest {
            prefetches: root.prefetches,
            query: root.query,
            filter: excluding(named, root.filter),
            score_threshold: root.score_threshold,
            limit: root.limit,
            offset: 0,
            params: root.params,
            with_vector: WithVector::Bool(false),
            with_payload: WithPayloadInterface::Bool(false),
        };
        let found = collection.shard.read(|edge| Ok(edge.query(edge_request)?))?;
        let page = found.into_iter().skip(offset).take(limit).collect();
        fill(collection, page, request.with_payload, request.with_vector)
    }
}

/// Adds payload and vectors to the points of a page alone. A point deleted meanwhile is left out.
pub(super) fn fill(
    collection: &Collection,
    points: Vec<ScoredPoint>,
    with_payload: WithPayloadInterface,
    with_vector: WithVector,
) -> ApiResult<Vec<ScoredPoint>> {
    let payload_wanted = with_payload != WithPayloadInterface::Bool(false);
    if !payload_wanted && !with_vector.is_enabled() {
        let bare = |point| ScoredPoint {
            payload: None,
            vector: None,
            ..point
        };
        return Ok(points.into_iter().map(bare).collect());
    }
    let ids: Vec<_> = points.iter().map(|point| point.id).collect();
    let records = collection
        .shard
        .read(|edge| Ok(edge.retrieve(&ids, Some(with_payload), Some(with_vector))?))?;
    let mut records: std::collections::HashMap<_, _> =
        records.into_iter().map(|record| (record.id, record)).collect();
    let filled = points.into_iter().filter_map(|mut point| {
        let record = records.remove(&point.id)?;
        point.payload = record.payload;
        point.vector = record.vector;
        Some(point)
    });
    Ok(filled.collect())
}
