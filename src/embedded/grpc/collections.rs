//! The service `qdrant.Collections`: each RPC is one engine call.

use std::time::Instant;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::collections_server::Collections;
use tonic::{Request, Response, Status};

use super::{config, info};
use crate::embedded::Engine;
use crate::embedded::collections::Core;
use crate::embedded::errors::{ApiError, ApiResult};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub struct CollectionsService(pub Engine);

impl CollectionsService {
    async fn run<M: Send + 'static, T: Send + 'static>(
        &self,
        request: Request<M>,
        call: impl FnOnce(&Core, M) -> ApiResult<T> + Send + 'static,
    ) -> Result<(T, f64), Status> {
        let started = Instant::now();
        let message = request.into_inner();
        let done = self.0.run(move |core| call(core, message)).await?;
        Ok((done, started.elapsed().as_secs_f64()))
    }

    async fn change<M: Send + 'static>(
        &self,
        request: Request<M>,
        call: impl FnOnce(&Core, M) -> ApiResult<bool> + Send + 'static,
    ) -> Answer<pb::CollectionOperationResponse> {
        let (result, time) = self.run(request, call).await?;
        Ok(Response::new(pb::CollectionOperationResponse { result, time }))
    }
}

fn aliases(
    aliases: std::collections::BTreeMap<String, String>,
    time: f64,
) -> Response<pb::ListAliasesResponse> {
    let describe = |(alias_name, collection_name)| pb::AliasDescription {
        alias_name,
        collection_name,
    };
    let aliases = aliases.into_iter().map(describe).collect();
    Response::new(pb::ListAliasesResponse { aliases, time })
}

fn refuse<T>(what: &str) -> Answer<T> {
    Err(ApiError::unimplemented(what).into())
}

#[tonic::async_trait]
impl Collections for CollectionsService {
    async fn get(
        &self,
        request: Request<pb::GetCollectionInfoRequest>,
    ) -> Answer<pb::GetCollectionInfoResponse> {
        let call = |core: &Core, message: pb::GetCollectionInfoRequest| core.info(&message.collection_name);
        let ((collection, counts), time) = self.run(request, call).await?;
        let result = Some(info::info(&collection.config, &counts));
        Ok(Response::new(pb::GetCollectionInfoResponse { result, time }))
    }

    async fn list(
        &self,
        request: Request<pb::ListCollectionsRequest>,
    ) -> Answer<pb::ListCollectionsResponse> {
        let (names, time) = self.run(request, |core: &Core, _| Ok(core.list())).await?;
        let collections = names
            .into_iter()
            .map(|name| pb::CollectionDescription { name })
            .collect();
        Ok(Response::new(pb::ListCollectionsResponse { collections, time }))
    }

    async fn create(
        &self,
        request: Request<pb::CreateCollection>,
    ) -> Answer<pb::CollectionOperationResponse> {
        let call = |core: &Core, message: pb::CreateCollection| {
            let name = message.collection_name.clone();
            core.create(&name, config::create(message)?)
        };
        self.change(request, call).await
    }

    async fn update(
        &self,
        request: Request<pb::UpdateCollection>,
    ) -> Answer<pb::CollectionOperationResponse> {
        let call = |core: &Core, message: pb::UpdateCollection| {
            let name = message.collection_name.clone();
            core.update(&name, config::update(message)?)
        };
        self.change(request, call).await
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteCollection>,
    ) -> Answer<pb::CollectionOperationResponse> {
        let call = |core: &Core, message: pb::DeleteCollection| core.delete(&message.collection_name);
        self.change(request, call).await
    }

    async fn update_aliases(
        &self,
        request: Request<pb::ChangeAliases>,
    ) -> Answer<pb::CollectionOperationResponse> {
        let call = |core: &Core, message: pb::ChangeAliases| {
            let actions = message
                .actions
                .into_iter()
                .map(config::alias_action)
                .collect::<ApiResult<_>>()?;
            core.update_aliases(actions)
        };
        self.change(request, call).await
    }

    async fn list_collection_aliases(
        &self,
        request: Request<pb::ListCollectionAliasesRequest>,
    ) -> Answer<pb::ListAliasesResponse> {
        let call = |core: &Core, message: pb::ListCollectionAliasesRequest| {
            Ok(core.aliases_of(&message.collection_name))
        };
        let (found, time) = self.run(request, call).await?;
        Ok(aliases(found, time))
    }

    async fn list_aliases(
        &self,
        request: Request<pb::ListAliasesRequest>,
    ) -> Answer<pb::ListAliasesResponse> {
        let (found, time) = self.run(request, |core: &Core, _| Ok(core.aliases())).await?;
        Ok(aliases(found, time))
    }

    async fn collection_cluster_info(
        &self,
        request: Request<pb::CollectionClusterInfoRequest>,
    ) -> Answer<pb::CollectionClusterInfoResponse> {
        let call =
            |core: &Core, message: pb::CollectionClusterInfoRequest| core.info(&message.collection_name);
        let ((_, counts), _) = self.run(request, call).await?;
        let shard = pb::LocalShardInfo {
            shard_id: 0,
            points_count: counts.points_count as u64,
            state: pb::ReplicaState::Active.into(),
            shard_key: None,
        };
        let local_shards = vec![shard];
        Ok(Response::new(pb::CollectionClusterInfoResponse {
            shard_count: 1,
            local_shards,
            ..Default::default()
        }))
    }

    async fn collection_exists(
        &self,
        request: Request<pb::CollectionExistsRequest>,
    ) -> Answer<pb::CollectionExistsResponse> {
        let call =
            |core: &Core, message: pb::CollectionExistsRequest| Ok(core.exists(&message.collection_name));
        let (exists, time) = self.run(request, call).await?;
        let result = Some(pb::CollectionExists { exists });
        Ok(Response::new(pb::CollectionExistsResponse { result, time }))
    }

    async fn update_collection_cluster_setup(
        &self,
        _request: Request<pb::UpdateCollectionClusterSetupRequest>,
    ) -> Answer<pb::UpdateCollectionClusterSetupResponse> {
        refuse("cluster setups")
    }

    async fn create_shard_key(
        &self,
        _request: Request<pb::CreateShardKeyRequest>,
    ) -> Answer<pb::CreateShardKeyResponse> {
        refuse("shard keys")
    }

    async fn delete_shard_key(
        &self,
        _request: Request<pb::DeleteShardKeyRequest>,
    ) -> Answer<pb::DeleteShardKeyResponse> {
        refuse("shard keys")
    }

    async fn list_shard_keys(
        &self,
        _request: Request<pb::ListShardKeysRequest>,
    ) -> Answer<pb::ListShardKeysResponse> {
        refuse("shard keys")
    }
}
