//! Migrations, the gate's reasons, and flips.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::gate::Reason;
use crate::domain::ids::{Epoch, FieldKey};
use crate::domain::model::ModelRef;
use crate::migrate::{
    Appointment, BrownoutStatus, CutoverReport, MigrationStatus, Order, PhaseName, Retire, ThrottleStatus,
    Unsourced, Verification,
};

use super::adoption::choice;
use super::start::policy;
use super::{all, parsed, present};

impl TryFrom<pb::PaceRequest> for (FieldKey, u32) {
    type Error = AdminError;

    fn try_from(request: pb::PaceRequest) -> Result<Self, AdminError> {
        Ok((
            present("field", request.field)?.try_into()?,
            request.points_per_second,
        ))
    }
}

impl TryFrom<pb::FlipRequest> for (FieldKey, ModelRef) {
    type Error = AdminError;

    fn try_from(request: pb::FlipRequest) -> Result<Self, AdminError> {
        let key = present("field", request.field)?.try_into()?;
        Ok((key, parsed("to", &request.to)?))
    }
}

impl TryFrom<pb::OrderRequest> for (FieldKey, Order) {
    type Error = AdminError;

    fn try_from(request: pb::OrderRequest) -> Result<Self, AdminError> {
        let order = match request.order() {
            pb::Order::Pause => Order::Pause,
            pb::Order::Resume => Order::Resume,
            pb::Order::Cancel => Order::Cancel,
            pb::Order::Keep => Order::Keep,
            pb::Order::Unspecified => {
                return Err(AdminError::invalid(
                    "the order is missing, or unknown to this version",
                ));
            }
        };
        Ok((present("field", request.field)?.try_into()?, order))
    }
}

impl From<Order> for pb::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Pause => Self::Pause,
            Order::Resume => Self::Resume,
            Order::Cancel => Self::Cancel,
            Order::Keep => Self::Keep,
        }
    }
}

impl From<(FieldKey, Retire)> for pb::RetireRequest {
    fn from((key, ask): (FieldKey, Retire)) -> Self {
        Self {
            field: Some(key.into()),
            quiet_seconds: ask.quiet_seconds,
            brownout_seconds: ask.brownout_seconds,
            undeclared: ask.undeclared.map(Into::into),
            force: ask.force,
        }
    }
}

impl TryFrom<pb::RetireRequest> for (FieldKey, Retire) {
    type Error = AdminError;

    fn try_from(request: pb::RetireRequest) -> Result<Self, AdminError> {
        let ask = Retire {
            quiet_seconds: request.quiet_seconds,
            brownout_seconds: request.brownout_seconds,
            undeclared: choice(request.undeclared)?,
            force: request.force,
        };
        Ok((present("field", request.field)?.try_into()?, ask))
    }
}

impl From<PhaseName> for pb::Phase {
    fn from(phase: PhaseName) -> Self {
        match phase {
            PhaseName::Planned => Self::Planned,
            PhaseName::Opening => Self::Opening,
            PhaseName::DualWriting => Self::DualWriting,
            PhaseName::Backfilling => Self::Backfilling,
            PhaseName::Ready => Self::Ready,
            PhaseName::ServingNew => Self::ServingNew,
            PhaseName::RolledBack => Self::RolledBack,
            PhaseName::Paused => Self::Paused,
            PhaseName::Brownout => Self::Brownout,
            PhaseName::Retiring => Self::Retiring,
            PhaseName::Done => Self::Done,
            PhaseName::Cancelling => Self::Cancelling,
            PhaseName::Cancelled => Self::Cancelled,
        }
    }
}

fn phase(phase: i32) -> Result<PhaseName, AdminError> {
    match pb::Phase::try_from(phase) {
        Ok(pb::Phase::Planned) => Ok(PhaseName::Planned),
        Ok(pb::Phase::Opening) => Ok(PhaseName::Opening),
        Ok(pb::Phase::DualWriting) => Ok(PhaseName::DualWriting),
        Ok(pb::Phase::Backfilling) => Ok(PhaseName::Backfilling),
        Ok(pb::Phase::Ready) => Ok(PhaseName::Ready),
        Ok(pb::Phase::ServingNew) => Ok(PhaseName::ServingNew),
        Ok(pb::Phase::RolledBack) => Ok(PhaseName::RolledBack),
        Ok(pb::Phase::Paused) => Ok(PhaseName::Paused),
        Ok(pb::Phase::Brownout) => Ok(PhaseName::Brownout),
        Ok(pb::Phase::Retiring) => Ok(PhaseName::Retiring),
        Ok(pb::Phase::Done) => Ok(PhaseName::Done),
        Ok(pb::Phase::Cancelling) => Ok(PhaseName::Cancelling),
        Ok(pb::Phase::Cancelled) => Ok(PhaseName::Cancelled),
        Ok(pb::Phase::Unspecified) | Err(_) => Err(AdminError::invalid(format!(
            "phase {phase} is unknown to this version"
        ))),
    }
}

impl From<Reason> for pb::Reason {
    fn from(reason: Reason) -> Self {
        use pb::reason::Reason as Of;
        let reason = match reason {
            Reason::Phase { phase } => Of::Phase(pb::Phase::from(phase).into()),
            Reason::SpaceMissing => Of::SpaceMissing(pb::SpaceMissing {}),
            Reason::OtherMigration { to } => Of::OtherMigration(to.to_string()),
            Reason::Pending { points } => Of::Pending(points),
            Reason::Coverage { missing, points } => Of::Coverage(pb::Coverage { missing, points }),
            Reason::Unsourced { points } => Of::Unsourced(points),
            Reason::Unverified => Of::Unverified(pb::Unverified {}),
            Reason::FalseClaims { points } => Of::FalseClaims(points),
            Reason::RecentlyRead {
                seconds_ago,
                quiet_seconds,
                callers,
            } => Of::RecentlyRead(pb::RecentlyRead {
                seconds_ago,
                quiet_seconds,
                callers,
            }),
            Reason::PinnedUndeclared { model } => Of::PinnedUndeclared(model.to_string()),
        };
        Self { reason: Some(reason) }
    }
}

impl TryFrom<pb::Reason> for Reason {
    type Error = AdminError;

    fn try_from(reason: pb::Reason) -> Result<Self, AdminError> {
        use pb::reason::Reason as Of;
        Ok(match reason.reason {
            Some(Of::Phase(name)) => Self::Phase { phase: phase(name)? },
            Some(Of::SpaceMissing(pb::SpaceMissing {})) => Self::SpaceMissing,
            Some(Of::OtherMigration(to)) => Self::OtherMigration {
                to: parsed("other_migration", &to)?,
            },
            Some(Of::Pending(points)) => Self::Pending { points },
            Some(Of::Coverage(pb::Coverage { missing, points })) => Self::Coverage { missing, points },
            Some(Of::Unsourced(points)) => Self::Unsourced { points },
            Some(Of::Unverified(pb::Unverified {})) => Self::Unverified,
            Some(Of::FalseClaims(points)) => Self::FalseClaims { points },
            Some(Of::RecentlyRead(read)) => Self::RecentlyRead {
                seconds_ago: read.seconds_ago,
                quiet_seconds: read.quiet_seconds,
                callers: read.callers,
            },
            Some(Of::PinnedUndeclared(model)) => Self::PinnedUndeclared {
                model: parsed("pinned_undeclared", &model)?,
            },
            None => {
                return Err(AdminError::invalid(
                    "the gate has a reason that is unknown to this version",
                ));
            }
        })
    }
}

impl From<MigrationStatus> for pb::MigrationState {
    fn from(status: MigrationStatus) -> Self {
        Self {
            field: Some(status.key.into()),
            from: status.from.to_string(),
            to: status.to.to_string(),
            from_space: status.from_space.to_string(),
            to_space: status.to_space.to_string(),
            phase: pb::Phase::from(status.phase).into(),
            epoch: status.epoch.0,
            started_at_ms: status.started_at_ms,
            total: status.total,
            done: status.done,
            pending: status.pending,
            points_per_second: status.points_per_second,
            seconds_left: status.seconds_left,
            unsourced: Some(pb::Unsourced {
                count: status.unsourced.count,
                examples: status.unsourced.examples,
                refused: status.unsourced.refused,
            }),
            reasons: status.reasons.into_iter().map(Into::into).collect(),
            gate: status.gate.map(Into::into),
            last_error: status.last_error,
            brownout: status.brownout.map(|brownout| pb::Brownout {
                until_ms: brownout.until_ms,
                callers: brownout.callers,
            }),
            verification: status.verification.map(Into::into),
            standby: pb::StandbyPolicy::from(status.standby).into(),
            appointment: status.appointment.map(Into::into),
            throttle: status.throttle.map(|throttle| pb::Throttle {
                points_per_second: throttle.points_per_second,
                reason: throttle.reason,
                why: throttle.why,
                requests: throttle.requests,
                tokens_estimated: throttle.tokens_estimated,
                cost_estimated: throttle.cost_estimated,
            }),
        }
    }
}

impl TryFrom<pb::MigrationState> for MigrationStatus {
    type Error = AdminError;

    fn try_from(state: pb::MigrationState) -> Result<Self, AdminError> {
        let unsourced = state.unsourced.unwrap_or_default();
        let reasons: Vec<Reason> = all(state.reasons)?;
        let gate = state.gate.map(|gate| super::gate::verdict(gate, &reasons));
        Ok(Self {
            key: present("field", state.field)?.try_into()?,
            from: parsed("from", &state.from)?,
            to: parsed("to", &state.to)?,
            from_space: state.from_space.as_str().into(),
            to_space: state.to_space.as_str().into(),
            phase: phase(state.phase)?,
            epoch: Epoch(state.epoch),
            started_at_ms: state.started_at_ms,
            total: state.total,
            done: state.done,
            pending: state.pending,
            points_per_second: state.points_per_second,
            seconds_left: state.seconds_left,
            unsourced: Unsourced {
                count: unsourced.count,
                examples: unsourced.examples,
                refused: unsourced.refused,
            },
            reasons,
            gate: gate.transpose()?,
            last_error: state.last_error,
            brownout: state.brownout.map(|brownout| BrownoutStatus {
                until_ms: brownout.until_ms,
                callers: brownout.callers,
            }),
            verification: state.verification.map(Verification::try_from).transpose()?,
            standby: policy(state.standby)?.unwrap_or_default(),
            appointment: state.appointment.map(Appointment::try_from).transpose()?,
            throttle: state.throttle.map(|throttle| ThrottleStatus {
                points_per_second: throttle.points_per_second,
                reason: throttle.reason,
                why: throttle.why,
                requests: throttle.requests,
                tokens_estimated: throttle.tokens_estimated,
                cost_estimated: throttle.cost_estimated,
            }),
        })
    }
}

impl From<CutoverReport> for pb::FlipReport {
    fn from(report: CutoverReport) -> Self {
        Self {
            field: Some(report.key.into()),
            serving: report.serving.to_string(),
            kept: report.kept.to_string(),
            epoch: report.epoch.0,
            was_serving: report.was_serving,
            drained_ms: report.drained_ms,
            pending_after: report.pending_after,
        }
    }
}

impl TryFrom<pb::FlipReport> for CutoverReport {
    type Error = AdminError;

    fn try_from(report: pb::FlipReport) -> Result<Self, AdminError> {
        Ok(Self {
            key: present("field", report.field)?.try_into()?,
            serving: parsed("serving", &report.serving)?,
            kept: parsed("kept", &report.kept)?,
            epoch: Epoch(report.epoch),
            was_serving: report.was_serving,
            drained_ms: report.drained_ms,
            pending_after: report.pending_after,
        })
    }
}
