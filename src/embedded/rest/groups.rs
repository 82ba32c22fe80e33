//! JSON bodies of grouped queries and of matrices.

use qdrant_edge::{Filter, JsonPath, WithPayloadInterface, WithVector};
use serde::Deserialize;

use super::query::QueryBody;
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::query::request::{GroupsRequest, MatrixRequest, QueryRequest, WithLookup};

const DEFAULT_GROUP_SIZE: usize = 3;
const DEFAULT_MATRIX_SAMPLE: usize = 10;
const DEFAULT_MATRIX_LIMIT: usize = 3;

#[derive(Deserialize)]
#[serde(untagged)]
enum LookupInterface {
    Collection(String),
    WithLookup {
        collection: String,
        with_payload: Option<WithPayloadInterface>,
        #[serde(alias = "with_vector")]
        with_vectors: Option<WithVector>,
    },
}

/// What a request for groups adds to its query.
#[derive(Deserialize)]
pub struct GroupBy {
    group_by: JsonPath,
    group_size: Option<usize>,
    with_lookup: Option<LookupInterface>,
}

/// `POST …/points/query/groups`.
#[derive(Deserialize)]
pub struct QueryGroupsBody {
    #[serde(flatten)]
    query: QueryBody,
    #[serde(flatten)]
    groups: GroupBy,
}

/// `POST …/points/search/matrix/…`.
#[derive(Deserialize)]
pub struct MatrixBody {
    filter: Option<Filter>,
    sample: Option<usize>,
    limit: Option<usize>,
    using: Option<String>,
}

impl GroupBy {
    pub fn into_request(self, query: QueryRequest) -> ApiResult<GroupsRequest> {
        if self.group_size == Some(0) {
            return Err(ApiError::too_small(
                "search_group_request.group_request.group_size",
                0,
                1,
            ));
        }
        let with_lookup = self.with_lookup.map(|lookup| match lookup {
            LookupInterface::Collection(collection) => WithLookup {
                collection,
                with_payload: WithPayloadInterface::Bool(true),
                with_vector: WithVector::Bool(false),
            },
            LookupInterface::WithLookup {
                collection,
                with_payload,
                with_vectors,
            } => WithLookup {
                collection,
                with_payload: with_payload.unwrap_or(WithPayloadInterface::Bool(true)),
                with_vector: with_vectors.unwrap_or(WithVector::Bool(false)),
            },
        });
        let group_size = self.group_size.unwrap_or(DEFAULT_GROUP_SIZE);
        Ok(GroupsRequest {
            query,
            group_by: self.group_by,
            group_size,
            with_lookup,
        })
    }
}

impl QueryGroupsBody {
    pub fn into_request(self) -> ApiResult<GroupsRequest> {
        let at = "search_group_request";
        let query = self.query.into_request(&format!("{at}.group_request"))?;
        self.groups.into_request(query)
    }
}

impl MatrixBody {
    /// # Errors
    /// A bound is too small.
    pub fn into_request(self) -> ApiResult<MatrixRequest> {
        if let Some(sample @ 0..2) = self.sample {
            return Err(ApiError::too_small("search_request.sample", sample, 2));
        }
        if self.limit == Some(0) {
            return Err(ApiError::too_small("search_request.limit", 0, 1));
        }
        Ok(MatrixRequest {
            filter: self.filter,
            sample: self.sample.unwrap_or(DEFAULT_MATRIX_SAMPLE),
            limit: self.limit.unwrap_or(DEFAULT_MATRIX_LIMIT),
            using: self.using.unwrap_or_default(),
        })
    }
}
