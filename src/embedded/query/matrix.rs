//! Distances among a random sample: for each sampled point its nearest others.

use ahash::AHashSet;
use qdrant_edge::{
    Condition, Filter, HasIdCondition, HasVectorCondition, PointId, WithPayloadInterface, WithVector,
};

use super::request::{Input, MatrixRequest, Prefetch, Query, QueryRequest};
use crate::embedded::collections::Core;
use crate::embedded::errors::{ApiError, ApiResult};

/// The sampled ids, sorted, and for each its nearest others with their scores.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The sample.
    pub ids: Vec<PointId>,
    /// Neighbours by sampled point, best first.
    pub nearest: Vec<Vec<(PointId, f32)>>,
}

impl Matrix {
    /// Rows and columns as places in `ids`, and the scores, cell by cell.
    pub fn offsets(&self) -> (Vec<u64>, Vec<u64>, Vec<f32>) {
        let (mut rows, mut columns, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for (row, neighbours) in self.nearest.iter().enumerate() {
            for (id, score) in neighbours {
                if let Ok(column) = self.ids.binary_search(id) {
                    rows.push(row as u64);
                    columns.push(column as u64);
                    scores.push(*score);
                }
            }
        }
        (rows, columns, scores)
    }
}

impl Core {
    /// # Errors
    /// The collection or the vector name is not there, or a bound is too small.
    pub fn matrix(&self, name: &str, request: MatrixRequest) -> ApiResult<Matrix> {
        if request.sample < 2 {
            return Err(ApiError::too_small("sample", request.sample, 2));
        }
        let collection = self.collection(name)?;
        crate::embedded::vectors::check_named(&collection.config, &request.using)?;
        let has_vector = Condition::HasVector(HasVectorCondition::from(request.using.clone()));
        let filter = Filter::new_must(has_vector).merge_owned(request.filter.unwrap_or_default());
        let sample = plain(Query::Sample, &request.using, Some(filter), request.sample);
        let mut ids: Vec<PointId> = self
            .query_in(&collection, sample)?
            .iter()
            .map(|point| point.id)
            .collect();
        ids.sort_unstable();
        let all: AHashSet<PointId> = ids.iter().copied().collect();
        let mut nearest = Vec::with_capacity(ids.len());
        for id in &ids {
            // A point named in a query is not among its results.
            let among = Filter::new_must(Condition::HasId(HasIdCondition::from(all.clone())));
            let query = plain(
                Query::Nearest(Input::Id(*id)),
                &request.using,
                Some(among),
                request.limit,
            );
            let found = self.query_in(&collection, query)?;
            nearest.push(found.iter().map(|point| (point.id, point.score)).collect());
        }
        Ok(Matrix { ids, nearest })
    }
}

fn plain(query: Query, using: &str, filter: Option<Filter>, limit: usize) -> QueryRequest {
    QueryRequest {
        root: Prefetch {
            query: Some(query),
            using: using.to_owned(),
            filter,
            limit,
            ..Prefetch::default()
        },
        offset: 0,
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(false),
    }
}
