//! Cutovers to come.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::migrate::{Appointment, When};

use super::{parsed, present};

impl TryFrom<pb::AppointRequest> for (FieldKey, ModelRef, When) {
    type Error = AdminError;

    fn try_from(request: pb::AppointRequest) -> Result<Self, AdminError> {
        use pb::appoint_request::When as Said;
        let key = present("field", request.field)?.try_into()?;
        let when = match present("when", request.when)? {
            Said::Postponed(pb::appoint_request::Postponed {}) => When::Postponed,
            Said::AtMs(at_ms) => When::At { at_ms },
            Said::Never(pb::appoint_request::Never {}) => When::Never,
        };
        Ok((key, parsed("to", &request.to)?, when))
    }
}

impl From<(FieldKey, ModelRef, When)> for pb::AppointRequest {
    fn from((key, to, when): (FieldKey, ModelRef, When)) -> Self {
        use pb::appoint_request::When as Said;
        Self {
            field: Some(key.into()),
            to: to.to_string(),
            when: Some(match when {
                When::Postponed => Said::Postponed(pb::appoint_request::Postponed {}),
                When::At { at_ms } => Said::AtMs(at_ms),
                When::Never => Said::Never(pb::appoint_request::Never {}),
            }),
        }
    }
}

impl From<Appointment> for pb::Appointment {
    fn from(appointment: Appointment) -> Self {
        use pb::appointment::State;
        Self {
            state: Some(match appointment {
                Appointment::Postponed { since_ms } => State::PostponedSinceMs(since_ms),
                Appointment::At { at_ms } => State::AtMs(at_ms),
                Appointment::Missed { at_ms, why } => State::Missed(pb::appointment::Missed { at_ms, why }),
            }),
        }
    }
}

impl TryFrom<pb::Appointment> for Appointment {
    type Error = AdminError;

    fn try_from(appointment: pb::Appointment) -> Result<Self, AdminError> {
        use pb::appointment::State;
        Ok(match present("state", appointment.state)? {
            State::PostponedSinceMs(since_ms) => Self::Postponed { since_ms },
            State::AtMs(at_ms) => Self::At { at_ms },
            State::Missed(pb::appointment::Missed { at_ms, why }) => Self::Missed { at_ms, why },
        })
    }
}
