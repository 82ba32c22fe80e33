//! `interlock migrate start`, and orders to a migration that is under way.

use super::client::{Client, understood};
use super::exit::Failure;
use super::progress::Progress;
use crate::admin::error::{AdminError, ErrorKind, GateReason};
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::migrate::{MigrationStatus, Order, PhaseName, Start};

/// Gives an order.
pub(super) async fn order(
    client: &mut Client,
    key: FieldKey,
    order: Order,
) -> Result<MigrationStatus, Failure> {
    let request = pb::OrderRequest {
        field: Some(key.into()),
        order: pb::Order::from(order).into(),
    };
    let answer = client.stub.order_migration(request).await;
    client.read(answer)
}

/// Lets a backfill go on, at a rate where one is said.
pub(super) async fn resume(
    client: &mut Client,
    key: FieldKey,
    rate: Option<u32>,
) -> Result<MigrationStatus, Failure> {
    // First the rate: what goes on shall not go too fast for a moment.
    if let Some(points_per_second) = rate {
        let request = pb::PaceRequest {
            field: Some(key.clone().into()),
            points_per_second,
        };
        let answer = client.stub.pace_migration(request).await;
        client.read::<_, MigrationStatus>(answer)?;
    }
    order(client, key, Order::Resume).await
}

/// Starts, and watches until a cutover can be made. The work is the server's: to stop watching stops nothing.
pub(super) async fn start(
    client: &mut Client,
    (key, ask): (FieldKey, Start),
    detach: bool,
    mut progress: Progress<'_>,
) -> Result<MigrationStatus, Failure> {
    let request = pb::StartMigrationRequest::from((key.clone(), ask));
    let answer = client.stub.start_migration(request).await;
    let started: MigrationStatus = client.read(answer)?;
    if detach {
        return Ok(started);
    }
    let watched = watch(client, key, &mut progress).await;
    progress.close();
    watched
}

async fn watch(
    client: &mut Client,
    key: FieldKey,
    progress: &mut Progress<'_>,
) -> Result<MigrationStatus, Failure> {
    let answer = client.stub.watch_migration(pb::FieldRef::from(key.clone())).await;
    let mut states = answer.map_err(|status| client.failure(&status))?.into_inner();
    while let Some(state) = states.message().await.map_err(|status| client.failure(&status))? {
        let state: MigrationStatus = understood(state)?;
        progress.show(&state)?;
        match state.phase {
            PhaseName::Ready
            | PhaseName::ServingNew
            | PhaseName::RolledBack
            | PhaseName::Paused
            | PhaseName::Brownout
            | PhaseName::Retiring
            | PhaseName::Done
            | PhaseName::Cancelling
            | PhaseName::Cancelled => return Ok(state),
            PhaseName::Planned | PhaseName::Opening | PhaseName::DualWriting => {}
            PhaseName::Backfilling => {
                if let Some(error) = stuck(&state) {
                    return Err(error.into());
                }
            }
        }
    }
    Err(Failure::Stopped(format!(
        "the watch ended before the migration of {key} was ready; it goes on: see `interlock migrate status`"
    )))
}

/// Where nothing but points without a source text is left, waiting does not help.
fn stuck(state: &MigrationStatus) -> Option<AdminError> {
    let unsourced = &state.unsourced;
    (unsourced.count > 0 && state.pending == unsourced.count).then(|| AdminError {
        kind: ErrorKind::NotReady,
        message: format!(
            "all but {} points are filled, and these have no source text, e.g. {}",
            unsourced.count,
            unsourced.examples.join(", ")
        ),
        reasons: state.reasons.iter().map(GateReason::from).collect(),
    })
}
