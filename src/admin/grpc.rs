//! The gRPC face: converts messages, calls the verbs, and nothing else.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::api;
use super::error::AdminError;
use super::proto::admin_server::Admin;
use super::proto::{
    AddModelRequest, AdoptRequest, CollectionInfo, FieldRef, FlipInfo, ListModelsRequest, ListModelsResponse,
    MigrationInfo, ModelInfo, StartMigrationRequest, StatusInfo, StatusRequest,
};
use super::serve::Faces;

type Reply<T> = Result<Response<T>, Status>;

/// Serves `interlock.admin.v1.Admin`.
pub(super) struct Face {
    faces: Faces,
}

impl Face {
    pub(super) fn new(faces: Faces) -> Self {
        Self { faces }
    }
}

/// The request as the verbs take it.
fn read<M, T: TryFrom<M, Error = AdminError>>(request: Request<M>) -> Result<T, Status> {
    Ok(T::try_from(request.into_inner())?)
}

fn say<T, M: From<T>>(answer: Result<T, AdminError>) -> Reply<M> {
    Ok(Response::new(answer?.into()))
}

#[tonic::async_trait]
impl Admin for Face {
    async fn add_model(&self, request: Request<AddModelRequest>) -> Reply<ModelInfo> {
        say(self.faces.state.operator.add_model(read(request)?).await)
    }

    async fn list_models(&self, _: Request<ListModelsRequest>) -> Reply<ListModelsResponse> {
        let models = self.faces.state.operator.models().await?;
        let models = models.into_iter().map(ModelInfo::from).collect();
        Ok(Response::new(ListModelsResponse { models }))
    }

    async fn adopt(&self, request: Request<AdoptRequest>) -> Reply<CollectionInfo> {
        say(self.faces.state.operator.adopt(read(request)?).await)
    }

    async fn start_migration(&self, request: Request<StartMigrationRequest>) -> Reply<MigrationInfo> {
        say(self.faces.state.operator.start(read(request)?).await)
    }

    type WatchMigrationStream = BoxStream<'static, Result<MigrationInfo, Status>>;

    async fn watch_migration(&self, request: Request<FieldRef>) -> Reply<Self::WatchMigrationStream> {
        let states = self.faces.watch(read::<_, api::FieldRef>(request)?).await?;
        let messages = states.map(|state| match state {
            Ok(migration) => Ok(migration.into()),
            Err(error) => Err(error.into()),
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn migration_status(&self, request: Request<FieldRef>) -> Reply<MigrationInfo> {
        say(self.faces.state.operator.migration(read(request)?).await)
    }

    async fn cutover(&self, request: Request<FieldRef>) -> Reply<FlipInfo> {
        say(self.faces.state.operator.cutover(read(request)?).await)
    }

    async fn rollback(&self, request: Request<FieldRef>) -> Reply<FlipInfo> {
        say(self.faces.state.operator.rollback(read(request)?).await)
    }

    async fn status(&self, _: Request<StatusRequest>) -> Reply<StatusInfo> {
        say(self.faces.state.operator.status().await)
    }
}
