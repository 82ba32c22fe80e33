//! Calls about collections: what they are, what they are called, and their schema.

use std::collections::{BTreeSet, HashMap};

use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
use qdrant_client::qdrant::{
    CollectionInfo, CollectionOperationResponse, CreateFieldIndexCollection, CreateSnapshotRequest,
    CreateSnapshotResponse, CreateVectorNameRequest, DeleteFieldIndexCollection, DeleteVectorNameRequest,
    FieldType, GetCollectionInfoRequest, GetCollectionInfoResponse, ListAliasesRequest, ListAliasesResponse,
    ListCollectionsRequest, ListCollectionsResponse, ListSnapshotsRequest, ListSnapshotsResponse,
    PointsOperationResponse, UpdateCollection, Value,
};

use super::points::applied;
use super::{CallError, Calls, shapes};
use crate::domain::identity::Found;

impl Calls {
    /// A collection's state and configuration; by its name or an alias.
    pub async fn collection(&self, name: &str) -> Result<CollectionInfo, CallError> {
        let ask = GetCollectionInfoRequest {
            collection_name: name.to_owned(),
        };
        let answer: GetCollectionInfoResponse = self.unary("/qdrant.Collections/Get", &ask).await?;
        answer
            .result
            .ok_or_else(|| CallError::Broken("collection info is empty".to_owned()))
    }

    /// What says whether a collection is the one that was adopted; by its name or an alias.
    pub async fn found(&self, name: &str, mark_key: &str) -> Result<Found, CallError> {
        Ok(shapes::found(&self.collection(name).await?, mark_key))
    }

    /// Has a snapshot of a collection made. Returns its name, and its size in bytes.
    pub async fn snapshot(&self, collection: &str) -> Result<(String, u64), CallError> {
        let ask = CreateSnapshotRequest {
            collection_name: collection.to_owned(),
        };
        let answer: CreateSnapshotResponse = self.unary("/qdrant.Snapshots/Create", &ask).await?;
        let made = answer.snapshot_description;
        let made = made.ok_or_else(|| CallError::Broken("the snapshot has no description".to_owned()))?;
        Ok((made.name, u64::try_from(made.size).unwrap_or_default()))
    }

    /// The names of a collection's snapshots.
    pub async fn snapshots(&self, collection: &str) -> Result<Vec<String>, CallError> {
        let ask = ListSnapshotsRequest {
            collection_name: collection.to_owned(),
        };
        let answer: ListSnapshotsResponse = self.unary("/qdrant.Snapshots/List", &ask).await?;
        Ok(answer
            .snapshot_descriptions
            .into_iter()
            .map(|one| one.name)
            .collect())
    }

    /// The real name of every collection.
    pub async fn collections(&self) -> Result<BTreeSet<String>, CallError> {
        let answer: ListCollectionsResponse = self
            .unary("/qdrant.Collections/List", &ListCollectionsRequest {})
            .await?;
        Ok(answer.collections.into_iter().map(|one| one.name).collect())
    }

    /// Every alias with the real name behind it.
    pub async fn aliases(&self) -> Result<HashMap<String, String>, CallError> {
        let answer: ListAliasesResponse = self
            .unary("/qdrant.Collections/ListAliases", &ListAliasesRequest {})
            .await?;
        let pairs = answer
            .aliases
            .into_iter()
            .map(|alias| (alias.alias_name, alias.collection_name));
        Ok(pairs.collect())
    }

    /// Sets top-level keys of a collection's metadata; a null removes one.
    pub async fn set_metadata(
        &self,
        collection: &str,
        metadata: HashMap<String, Value>,
    ) -> Result<(), CallError> {
        let ask = UpdateCollection {
            collection_name: collection.to_owned(),
            metadata,
            ..UpdateCollection::default()
        };
        let answer: CollectionOperationResponse = self.unary("/qdrant.Collections/Update", &ask).await?;
        match answer.result {
            true => Ok(()),
            false => Err(CallError::Broken("the collection was not updated".to_owned())),
        }
    }

    /// Adds a vector name. The same one again is fine; another configuration under the name is an error.
    pub async fn create_vector(
        &self,
        collection: &str,
        vector: &str,
        config: VectorConfig,
    ) -> Result<(), CallError> {
        let ask = CreateVectorNameRequest {
            collection_name: collection.to_owned(),
            wait: Some(true),
            vector_name: vector.to_owned(),
            vector_config: Some(config),
            ..CreateVectorNameRequest::default()
        };
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/CreateVectorName", &ask).await?;
        applied(answer.result.as_slice())
    }

    /// Removes a vector name with all its vectors.
    pub async fn delete_vector(&self, collection: &str, vector: &str) -> Result<(), CallError> {
        let ask = DeleteVectorNameRequest {
            collection_name: collection.to_owned(),
            wait: Some(true),
            vector_name: vector.to_owned(),
            ..DeleteVectorNameRequest::default()
        };
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/DeleteVectorName", &ask).await?;
        applied(answer.result.as_slice())
    }

    /// Makes a keyword index on a JSON path of the payload.
    pub async fn create_keyword_index(&self, collection: &str, path: &str) -> Result<(), CallError> {
        let ask = CreateFieldIndexCollection {
            collection_name: collection.to_owned(),
            wait: Some(true),
            field_name: path.to_owned(),
            field_type: Some(FieldType::Keyword.into()),
            ..CreateFieldIndexCollection::default()
        };
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/CreateFieldIndex", &ask).await?;
        applied(answer.result.as_slice())
    }

    /// Drops the index on a JSON path of the payload.
    pub async fn delete_field_index(&self, collection: &str, path: &str) -> Result<(), CallError> {
        let ask = DeleteFieldIndexCollection {
            collection_name: collection.to_owned(),
            wait: Some(true),
            field_name: path.to_owned(),
            ..DeleteFieldIndexCollection::default()
        };
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/DeleteFieldIndex", &ask).await?;
        applied(answer.result.as_slice())
    }
}
