//! The verbs that both faces of the operator's port call. The migration's control implements it; tests script it.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::api::{
    AddModel, Adopt, CollectionInfo, FieldRef, FlipInfo, MigrationInfo, ModelInfo, StartMigration, StatusInfo,
};
use super::error::AdminError;

/// What a verb comes back with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, AdminError>>;

/// What an operator can do.
pub trait Operator: Send + Sync + 'static {
    /// Registers a model. The same one again changes nothing; another under the same name is a conflict.
    fn add_model(&self, request: AddModel) -> Answer<'_, ModelInfo>;

    /// Every registered model.
    fn models(&self) -> Answer<'_, Vec<ModelInfo>>;

    /// Puts a collection under management.
    fn adopt(&self, request: Adopt) -> Answer<'_, CollectionInfo>;

    /// Starts a migration, or resumes the one to the same target. Returns before the backfill has ended.
    fn start(&self, request: StartMigration) -> Answer<'_, MigrationInfo>;

    /// The migration's state now and after each change; ends when it is over.
    fn watch(&self, field: FieldRef) -> Answer<'_, BoxStream<'static, MigrationInfo>>;

    /// The migration's state now.
    fn migration(&self, field: FieldRef) -> Answer<'_, MigrationInfo>;

    /// Flips to the new space if the gate says go; otherwise `not_ready` with every reason.
    fn cutover(&self, field: FieldRef) -> Answer<'_, FlipInfo>;

    /// Flips back to the space that served before.
    fn rollback(&self, field: FieldRef) -> Answer<'_, FlipInfo>;

    /// Everything that is managed.
    fn status(&self) -> Answer<'_, StatusInfo>;
}
