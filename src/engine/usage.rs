//! Notes who reads a space that does not serve: a retirement asks for it.

use http::header::USER_AGENT;

use crate::domain::op::{Op, OpKind};
use crate::domain::route::RETIRED_SPACE;
use crate::domain::table::{Managed, StandbyState};

use super::Engine;
use super::call::Call;
use super::send::Halt;
use super::settle::Settled;

impl Engine {
    /// Notes a read of a space that is kept, or one that was refused because the space is closed.
    pub(super) fn note_use(
        &self,
        call: &Call,
        managed: &Managed,
        op: &Op<'_>,
        settled: &Result<Settled, Halt>,
    ) {
        match &op.kind {
            OpKind::Reads(_) => {}
            OpKind::Writes(_) | OpKind::Info => return,
        }
        for standby in managed.fields.values().filter_map(|field| field.standby.as_ref()) {
            let is_asked_for = match (settled, standby.state) {
                (Ok(settled), StandbyState::Kept) => settled.plan.models.contains(&standby.space.model),
                (Err(Halt::Refused(refusal)), StandbyState::Closed) => refusal.reason == RETIRED_SPACE,
                (Ok(_), StandbyState::Filling | StandbyState::Closed)
                | (Err(Halt::Answered(_)), StandbyState::Closed)
                | (Err(_), StandbyState::Filling | StandbyState::Kept) => false,
            };
            if is_asked_for {
                let caller = call.head.headers.get(USER_AGENT);
                self.registry.usage().note(
                    &call.collection,
                    &standby.space.vector,
                    caller.and_then(|name| name.to_str().ok()),
                );
            }
        }
    }
}
