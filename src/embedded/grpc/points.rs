//! The service `qdrant.Points`: each RPC is one engine call; what it does is in `reads` and `writes`.

use std::time::Instant;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::PointsOperationResponse as Written;
use qdrant_client::qdrant::points_server::Points;
use tonic::{Request, Response, Status};

use super::{reads, writes};
use crate::embedded::Engine;
use crate::embedded::collections::Core;
use crate::embedded::errors::ApiResult;

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub struct PointsService(pub Engine);

/// An answer that says how long it took.
trait Timed {
    fn set_time(&mut self, seconds: f64);
}

macro_rules! timed {
    ($($answer:ident),* $(,)?) => {
        $(impl Timed for pb::$answer {
            fn set_time(&mut self, seconds: f64) {
                self.time = seconds;
            }
        })*
    };
}

timed! {
    PointsOperationResponse,
    UpdateBatchResponse,
    GetResponse,
    ScrollResponse,
    CountResponse,
    FacetResponse,
    SearchMatrixPairsResponse,
    SearchMatrixOffsetsResponse,
    SearchResponse,
    SearchBatchResponse,
    SearchGroupsResponse,
    RecommendResponse,
    RecommendBatchResponse,
    RecommendGroupsResponse,
    DiscoverResponse,
    DiscoverBatchResponse,
    QueryResponse,
    QueryBatchResponse,
    QueryGroupsResponse
}

impl PointsService {
    /// Runs a call off the async threads.
    async fn answer<M: Send + 'static, T: Timed + Send + 'static>(
        &self,
        request: Request<M>,
        call: fn(&Core, M) -> ApiResult<T>,
    ) -> Answer<T> {
        let started = Instant::now();
        let message = request.into_inner();
        let mut answer = self.0.run(move |core| call(core, message)).await?;
        answer.set_time(started.elapsed().as_secs_f64());
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl Points for PointsService {
    async fn upsert(&self, request: Request<pb::UpsertPoints>) -> Answer<Written> {
        self.answer(request, writes::upsert).await
    }

    async fn delete(&self, request: Request<pb::DeletePoints>) -> Answer<Written> {
        self.answer(request, writes::delete).await
    }

    async fn update_vectors(&self, request: Request<pb::UpdatePointVectors>) -> Answer<Written> {
        self.answer(request, writes::update_vectors).await
    }

    async fn delete_vectors(&self, request: Request<pb::DeletePointVectors>) -> Answer<Written> {
        self.answer(request, writes::delete_vectors).await
    }

    async fn set_payload(&self, request: Request<pb::SetPayloadPoints>) -> Answer<Written> {
        self.answer(request, writes::set_payload).await
    }

    async fn overwrite_payload(&self, request: Request<pb::SetPayloadPoints>) -> Answer<Written> {
        self.answer(request, writes::overwrite_payload).await
    }

    async fn delete_payload(&self, request: Request<pb::DeletePayloadPoints>) -> Answer<Written> {
        self.answer(request, writes::delete_payload).await
    }

    async fn clear_payload(&self, request: Request<pb::ClearPayloadPoints>) -> Answer<Written> {
        self.answer(request, writes::clear_payload).await
    }

    async fn create_field_index(&self, request: Request<pb::CreateFieldIndexCollection>) -> Answer<Written> {
        self.answer(request, writes::create_field_index).await
    }

    async fn delete_field_index(&self, request: Request<pb::DeleteFieldIndexCollection>) -> Answer<Written> {
        self.answer(request, writes::delete_field_index).await
    }

    async fn create_vector_name(&self, request: Request<pb::CreateVectorNameRequest>) -> Answer<Written> {
        self.answer(request, writes::create_vector_name).await
    }

    async fn delete_vector_name(&self, request: Request<pb::DeleteVectorNameRequest>) -> Answer<Written> {
        self.answer(request, writes::delete_vector_name).await
    }

    async fn update_batch(&self, request: Request<pb::UpdateBatchPoints>) -> Answer<pb::UpdateBatchResponse> {
        self.answer(request, writes::update_batch).await
    }

    async fn get(&self, request: Request<pb::GetPoints>) -> Answer<pb::GetResponse> {
        self.answer(request, reads::get).await
    }

    async fn scroll(&self, request: Request<pb::ScrollPoints>) -> Answer<pb::ScrollResponse> {
        self.answer(request, reads::scroll).await
    }

    async fn count(&self, request: Request<pb::CountPoints>) -> Answer<pb::CountResponse> {
        self.answer(request, reads::count).await
    }

    async fn facet(&self, request: Request<pb::FacetCounts>) -> Answer<pb::FacetResponse> {
        self.answer(request, reads::facet).await
    }

    async fn search_matrix_pairs(
        &self,
        request: Request<pb::SearchMatrixPoints>,
    ) -> Answer<pb::SearchMatrixPairsResponse> {
        self.answer(request, reads::search_matrix_pairs).await
    }

    async fn search_matrix_offsets(
        &self,
        request: Request<pb::SearchMatrixPoints>,
    ) -> Answer<pb::SearchMatrixOffsetsResponse> {
        self.answer(request, reads::search_matrix_offsets).await
    }

    async fn search(&self, request: Request<pb::SearchPoints>) -> Answer<pb::SearchResponse> {
        self.answer(request, reads::search).await
    }

    async fn search_batch(&self, request: Request<pb::SearchBatchPoints>) -> Answer<pb::SearchBatchResponse> {
        self.answer(request, reads::search_batch).await
    }

    async fn search_groups(
        &self,
        request: Request<pb::SearchPointGroups>,
    ) -> Answer<pb::SearchGroupsResponse> {
        self.answer(request, reads::search_groups).await
    }

    async fn recommend(&self, request: Request<pb::RecommendPoints>) -> Answer<pb::RecommendResponse> {
        self.answer(request, reads::recommend).await
    }

    async fn recommend_batch(
        &self,
        request: Request<pb::RecommendBatchPoints>,
    ) -> Answer<pb::RecommendBatchResponse> {
        self.answer(request, reads::recommend_batch).await
    }

    async fn recommend_groups(
        &self,
        request: Request<pb::RecommendPointGroups>,
    ) -> Answer<pb::RecommendGroupsResponse> {
        self.answer(request, reads::recommend_groups).await
    }

    async fn discover(&self, request: Request<pb::DiscoverPoints>) -> Answer<pb::DiscoverResponse> {
        self.answer(request, reads::discover).await
    }

    async fn discover_batch(
        &self,
        request: Request<pb::DiscoverBatchPoints>,
    ) -> Answer<pb::DiscoverBatchResponse> {
        self.answer(request, reads::discover_batch).await
    }

    async fn query(&self, request: Request<pb::QueryPoints>) -> Answer<pb::QueryResponse> {
        self.answer(request, reads::query).await
    }

    async fn query_batch(&self, request: Request<pb::QueryBatchPoints>) -> Answer<pb::QueryBatchResponse> {
        self.answer(request, reads::query_batch).await
    }

    async fn query_groups(&self, request: Request<pb::QueryPointGroups>) -> Answer<pb::QueryGroupsResponse> {
        self.answer(request, reads::query_groups).await
    }
}
