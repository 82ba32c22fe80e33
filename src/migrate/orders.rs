//! The operator's orders to a migration that is under way: pause, resume, cancel, keep.

use std::sync::Arc;

use serde_json::json;

use super::api::{MigrationStatus, Order};
use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use super::start::rate_of;
use crate::domain::ids::FieldKey;
use crate::domain::phase::{Event, PhaseName};

impl Inner {
    /// Gives an order; the same one again changes nothing. Answers with the state that it led to.
    pub(super) async fn order(
        self: &Arc<Self>,
        key: &FieldKey,
        order: Order,
    ) -> Result<MigrationStatus, ControlError> {
        let run = self.run(&self.real(key).await?)?;
        let _turn = run.verb.lock().await;
        let phase = run.state.lock().await.phase.name();
        let event = match order {
            Order::Pause => Event::Pause,
            Order::Resume => Event::Resume,
            Order::Cancel => Event::Cancel,
            Order::Keep => Event::Keep,
        };
        if let Some(hint) = hint(order, phase) {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("the migration of `{}` is in phase `{phase}`: {hint}", run.key),
            ));
        }
        self.advance(&run, event).await?;
        run.wake.notify_one();
        Ok(run.status.borrow().clone())
    }
}

impl Inner {
    /// Holds the backfill to a rate.
    pub(super) async fn set_rate(
        self: &Arc<Self>,
        key: &FieldKey,
        points_per_second: u32,
    ) -> Result<MigrationStatus, ControlError> {
        let run = self.run(&self.real(key).await?)?;
        let _turn = run.verb.lock().await;
        let note = json!({ "points_per_second": points_per_second });
        self.advance_noting(&run, Event::Pace(rate_of(points_per_second)), note)
            .await?;
        run.wake.notify_one();
        Ok(run.status.borrow().clone())
    }
}

/// What to do instead, where a phase has no use for an order.
pub(super) fn hint(order: Order, phase: PhaseName) -> Option<&'static str> {
    use PhaseName::{Backfilling, Brownout, Cancelled, Cancelling, Done, DualWriting, Opening, Paused};
    use PhaseName::{Planned, Ready, Retiring, RolledBack, ServingNew};
    match (order, phase) {
        (Order::Pause, Backfilling | Paused) => None,
        (Order::Pause, Planned | Opening | DualWriting) => {
            Some("there is nothing to pause before the backfill")
        }
        (
            Order::Pause,
            Ready | ServingNew | RolledBack | Brownout | Retiring | Done | Cancelling | Cancelled,
        ) => Some("the backfill is over, there is nothing to pause"),
        (Order::Resume, Paused | Backfilling) => None,
        (
            Order::Resume,
            Planned | Opening | DualWriting | Ready | ServingNew | RolledBack | Brownout | Retiring | Done
            | Cancelling | Cancelled,
        ) => Some("it is not paused"),
        (
            Order::Cancel,
            Planned | Opening | DualWriting | Backfilling | Paused | Ready | RolledBack | Cancelling
            | Cancelled,
        ) => None,
        (Order::Cancel, ServingNew) => Some(
            "the new space serves: `interlock migrate rollback` first, or `interlock migrate retire` the old one",
        ),
        (Order::Cancel, Brownout | Retiring | Done) => Some("the old space is being retired, or is gone"),
        (Order::Keep, Brownout) => None,
        (
            Order::Keep,
            Planned | Opening | DualWriting | Backfilling | Paused | Ready | ServingNew | RolledBack
            | Retiring | Done | Cancelling | Cancelled,
        ) => Some("no space is in its brownout"),
    }
}
