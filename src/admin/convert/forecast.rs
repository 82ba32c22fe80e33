//! What would be done: documents that go out whole, as the JSON face answers them.

use crate::admin::error::{AdminError, ErrorKind};
use crate::admin::proto as pb;
use crate::domain::forecast::Forecast;
use crate::domain::ids::FieldKey;
use crate::migrate::Ahead;

use super::{parsed, present};

impl From<(FieldKey, Ahead)> for pb::PlanRequest {
    fn from((key, ask): (FieldKey, Ahead)) -> Self {
        Self {
            field: Some(key.into()),
            to: ask.to.to_string(),
            no_sample: ask.no_sample,
        }
    }
}

impl TryFrom<pb::PlanRequest> for (FieldKey, Ahead) {
    type Error = AdminError;

    fn try_from(request: pb::PlanRequest) -> Result<Self, AdminError> {
        let ask = Ahead {
            to: parsed("to", &request.to)?,
            no_sample: request.no_sample,
        };
        Ok((present("field", request.field)?.try_into()?, ask))
    }
}

impl TryFrom<Forecast> for pb::Plan {
    type Error = AdminError;

    fn try_from(forecast: Forecast) -> Result<Self, AdminError> {
        let document = serde_json::to_string(&forecast).map_err(|error| {
            AdminError::new(
                ErrorKind::Internal,
                format!("the plan cannot be written: {error}"),
            )
        })?;
        Ok(Self { document })
    }
}

impl TryFrom<pb::Plan> for Forecast {
    type Error = AdminError;

    fn try_from(plan: pb::Plan) -> Result<Self, AdminError> {
        serde_json::from_str(&plan.document)
            .map_err(|error| AdminError::invalid(format!("plan.document: {error}")))
    }
}
