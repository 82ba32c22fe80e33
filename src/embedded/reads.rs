//! Reads without a query: by id, scroll, count, facet. Called by both faces.

use qdrant_edge::{
    CountRequest, FacetRequest, FacetResponse, PointId, Record, ScrollRequest, WithPayloadInterface,
    WithVector,
};

use super::collections::{Collection, Core};
use super::errors::{ApiError, ApiResult};
use super::vectors;

/// A page of points and the id that the next one starts at.
pub type Page = (Vec<Record>, Option<PointId>);

impl Core {
    /// The points of these ids that exist, in the order asked.
    ///
    /// # Errors
    /// The collection or a vector name is not there.
    pub fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        with_payload: WithPayloadInterface,
        with_vector: WithVector,
    ) -> ApiResult<Vec<Record>> {
        let collection = self.collection(name)?;
        check_selected(&collection, &with_vector)?;
        collection
            .shard
            .read(|edge| Ok(edge.retrieve(ids, Some(with_payload), Some(with_vector))?))
    }

    /// One point with everything.
    ///
    /// # Errors
    /// The collection or the point is not there.
    pub fn point(&self, name: &str, id: PointId) -> ApiResult<Record> {
        let (all_payload, all_vectors) = (WithPayloadInterface::Bool(true), WithVector::Bool(true));
        let found = self.retrieve(name, &[id], all_payload, all_vectors)?.pop();
        found.ok_or_else(|| ApiError::not_found(format!("Point with id {id} does not exists!")))
    }

    /// A page of points, by id or by a payload field.
    ///
    /// # Errors
    /// The collection, a vector name or the index to order by is not there.
    pub fn scroll(&self, name: &str, request: ScrollRequest) -> ApiResult<Page> {
        if request.limit == Some(0) {
            return Err(ApiError::too_small("limit", 0, 1));
        }
        let collection = self.collection(name)?;
        check_selected(&collection, &request.with_vector)?;
        if request.order_by.is_some() && request.offset.is_some() {
            let text = "Cannot use an `offset` when using `order_by`. The alternative for paging is to use \
                        `order_by.start_from` and a filter to exclude the IDs that you've already seen for the \
                        `order_by.start_from` value";
            return Err(ApiError::bad_input(text));
        }
        collection.shard.read(|edge| Ok(edge.scroll(request)?))
    }

    /// How many points match.
    ///
    /// # Errors
    /// The collection is not there.
    pub fn count(&self, name: &str, request: CountRequest) -> ApiResult<usize> {
        let collection = self.collection(name)?;
        collection.shard.read(|edge| Ok(edge.count(request)?))
    }

    /// How often each value of a payload key stands.
    ///
    /// # Errors
    /// The collection or the index that this needs is not there.
    pub fn facet(&self, name: &str, request: FacetRequest) -> ApiResult<FacetResponse> {
        if request.limit == 0 {
            return Err(ApiError::too_small("limit", 0, 1));
        }
        let collection = self.collection(name)?;
        collection.shard.read(|edge| Ok(edge.facet(request)?))
    }
}

/// # Errors
/// A vector name that is to be given back is not the collection's.
pub fn check_selected(collection: &Collection, with_vector: &WithVector) -> ApiResult<()> {
    match with_vector {
        WithVector::Bool(_) => Ok(()),
        WithVector::Selector(names) => names
            .iter()
            .try_for_each(|name| vectors::check_name(&collection.config, name)),
    }
}
