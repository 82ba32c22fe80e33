//! The gRPC face: converts messages, calls the verbs, and nothing else.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::error::AdminError;
use super::proto::admin_server::Admin;
use super::proto::{
    AddModelRequest, AdoptRequest, Adopted, AppointRequest, AuditReport, AuditRequest, FieldRef, FlipReport,
    FlipRequest, ListModelsRequest, ListModelsResponse, LogLines, LogRequest, MigrationState, ModelAdded,
    ModelRow, OrderRequest, PaceRequest, Plan, PlanRequest, Rehearsal, RehearseRequest, ReleaseRequest,
    Released, RetireRequest, StartMigrationRequest, StatusReport, StatusRequest, VerifyRequest,
};
use super::serve::Faces;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::migrate::{Ahead, Order, Rehearse, Retire, Start, Verify, When};

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
    async fn add_model(&self, request: Request<AddModelRequest>) -> Reply<ModelAdded> {
        say(self.faces.state.operator.add_model(read(request)?).await)
    }

    async fn list_models(&self, _: Request<ListModelsRequest>) -> Reply<ListModelsResponse> {
        let models = self.faces.state.operator.models().await?;
        let models = models.into_iter().map(ModelRow::from).collect();
        Ok(Response::new(ListModelsResponse { models }))
    }

    async fn adopt(&self, request: Request<AdoptRequest>) -> Reply<Adopted> {
        say(self.faces.state.operator.adopt(read(request)?).await)
    }

    async fn plan_migration(&self, request: Request<PlanRequest>) -> Reply<Plan> {
        let (key, ask): (FieldKey, Ahead) = read(request)?;
        let forecast = self.faces.state.operator.plan(key, ask).await?;
        Ok(Response::new(Plan::try_from(forecast)?))
    }

    async fn start_migration(&self, request: Request<StartMigrationRequest>) -> Reply<MigrationState> {
        let (key, ask): (FieldKey, Start) = read(request)?;
        say(self.faces.state.operator.start(key, ask).await)
    }

    type WatchMigrationStream = BoxStream<'static, Result<MigrationState, Status>>;

    async fn watch_migration(&self, request: Request<FieldRef>) -> Reply<Self::WatchMigrationStream> {
        let states = self.faces.watch(read(request)?).await?;
        let messages = states.map(|state| match state {
            Ok(migration) => Ok(migration.into()),
            Err(error) => Err(error.into()),
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn migration_status(&self, request: Request<FieldRef>) -> Reply<MigrationState> {
        say(self.faces.state.operator.migration(read(request)?).await)
    }

    async fn cutover(&self, request: Request<FlipRequest>) -> Reply<FlipReport> {
        let force = request.get_ref().force.clone();
        let (key, to): (FieldKey, ModelRef) = read(request)?;
        let operator = &self.faces.state.operator;
        match force {
            Some(why) => say(operator.force_cutover(key, to, why).await),
            None => say(operator.cutover(key, to).await),
        }
    }

    async fn appoint_cutover(&self, request: Request<AppointRequest>) -> Reply<MigrationState> {
        let (key, to, when): (FieldKey, ModelRef, When) = read(request)?;
        say(self.faces.state.operator.appoint(key, to, when).await)
    }

    async fn rehearse(&self, request: Request<RehearseRequest>) -> Reply<Rehearsal> {
        let (key, verb): (FieldKey, Rehearse) = read(request)?;
        say(self.faces.state.operator.rehearse(key, verb).await)
    }

    async fn rollback(&self, request: Request<FlipRequest>) -> Reply<FlipReport> {
        if request.get_ref().force.is_some() {
            return Err(AdminError::invalid("a rollback cannot be forced").into());
        }
        let (key, to): (FieldKey, ModelRef) = read(request)?;
        say(self.faces.state.operator.rollback(key, to).await)
    }

    async fn order_migration(&self, request: Request<OrderRequest>) -> Reply<MigrationState> {
        let (key, order): (FieldKey, Order) = read(request)?;
        say(self.faces.state.operator.order(key, order).await)
    }

    async fn pace_migration(&self, request: Request<PaceRequest>) -> Reply<MigrationState> {
        let (key, rate): (FieldKey, u32) = read(request)?;
        say(self.faces.state.operator.pace(key, rate).await)
    }

    async fn retire_migration(&self, request: Request<RetireRequest>) -> Reply<MigrationState> {
        let (key, ask): (FieldKey, Retire) = read(request)?;
        say(self.faces.state.operator.retire(key, ask).await)
    }

    async fn verify_migration(&self, request: Request<VerifyRequest>) -> Reply<MigrationState> {
        let (key, ask): (FieldKey, Verify) = read(request)?;
        say(self.faces.state.operator.verify(key, ask).await)
    }

    async fn log(&self, request: Request<LogRequest>) -> Reply<LogLines> {
        let lines_max = request.into_inner().lines_max as usize;
        let lines = self.faces.state.operator.log(lines_max).await?;
        Ok(Response::new(LogLines { lines }))
    }

    async fn audit(&self, request: Request<AuditRequest>) -> Reply<AuditReport> {
        say(self.faces.state.operator.audit(read(request)?).await)
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Reply<Released> {
        say(self.faces.state.operator.release(read(request)?).await)
    }

    async fn status(&self, request: Request<StatusRequest>) -> Reply<StatusReport> {
        let collection = request.into_inner().collection;
        say(self
            .faces
            .state
            .operator
            .status(collection.as_deref().map(Into::into))
            .await)
    }
}
