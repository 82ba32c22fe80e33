//! Verbs that are rehearsed.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::gate::Reason;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::migrate::{Order, Rehearsal, Rehearse, Release, Retire, Start, Verify, When};

use super::{all, present};

impl TryFrom<pb::RehearseRequest> for (FieldKey, Rehearse) {
    type Error = AdminError;

    fn try_from(request: pb::RehearseRequest) -> Result<Self, AdminError> {
        use pb::rehearse_request::Verb;
        Ok(match present("verb", request.verb)? {
            Verb::Start(ask) => {
                let (key, ask): (FieldKey, Start) = ask.try_into()?;
                (key, Rehearse::Start(ask))
            }
            Verb::Cutover(ask) => {
                let is_forced = ask.force.is_some();
                let (key, to): (FieldKey, ModelRef) = ask.try_into()?;
                let when = None;
                (key, Rehearse::Cutover { to, is_forced, when })
            }
            Verb::Appoint(ask) => {
                let (key, to, when): (FieldKey, ModelRef, When) = ask.try_into()?;
                let (is_forced, when) = (false, Some(when));
                (key, Rehearse::Cutover { to, is_forced, when })
            }
            Verb::Rollback(ask) => {
                let (key, to): (FieldKey, ModelRef) = ask.try_into()?;
                (key, Rehearse::Rollback { to })
            }
            Verb::Order(ask) => {
                let (key, order): (FieldKey, Order) = ask.try_into()?;
                (key, Rehearse::Order { order })
            }
            Verb::Retire(ask) => {
                let (key, ask): (FieldKey, Retire) = ask.try_into()?;
                (key, Rehearse::Retire(ask))
            }
            Verb::Verify(ask) => {
                let (key, ask): (FieldKey, Verify) = ask.try_into()?;
                (key, Rehearse::Verify(ask))
            }
            Verb::Release(ask) => {
                let ask: Release = ask.try_into()?;
                let key = FieldKey {
                    collection: ask.collection.clone(),
                    field: "".into(),
                };
                (key, Rehearse::Release(ask))
            }
        })
    }
}

impl From<(FieldKey, Rehearse)> for pb::RehearseRequest {
    fn from((key, verb): (FieldKey, Rehearse)) -> Self {
        use pb::rehearse_request::Verb;
        let flip = |to: &ModelRef, force: Option<String>| pb::FlipRequest {
            field: Some(key.clone().into()),
            to: to.to_string(),
            force,
        };
        let verb = match verb {
            Rehearse::Start(ask) => Verb::Start((key, ask).into()),
            Rehearse::Cutover {
                to,
                is_forced,
                when: None,
            } => Verb::Cutover(flip(&to, is_forced.then(|| "rehearsed".to_owned()))),
            Rehearse::Cutover {
                to,
                is_forced: _,
                when: Some(when),
            } => Verb::Appoint((key, to, when).into()),
            Rehearse::Rollback { to } => Verb::Rollback(flip(&to, None)),
            Rehearse::Order { order } => Verb::Order(pb::OrderRequest {
                field: Some(key.into()),
                order: pb::Order::from(order).into(),
            }),
            Rehearse::Retire(ask) => Verb::Retire((key, ask).into()),
            Rehearse::Verify(ask) => Verb::Verify((key, ask).into()),
            Rehearse::Release(ask) => Verb::Release(ask.into()),
        };
        Self { verb: Some(verb) }
    }
}

impl From<Rehearsal> for pb::Rehearsal {
    fn from(said: Rehearsal) -> Self {
        let reasons = said.gate.iter().flat_map(|gate| gate.reasons.clone());
        Self {
            field: Some(said.key.into()),
            would: said.would,
            against: said.against,
            reasons: reasons.map(Into::into).collect(),
            gate: said.gate.map(Into::into),
        }
    }
}

impl TryFrom<pb::Rehearsal> for Rehearsal {
    type Error = AdminError;

    fn try_from(said: pb::Rehearsal) -> Result<Self, AdminError> {
        let reasons: Vec<Reason> = all(said.reasons)?;
        let gate = said.gate.map(|gate| super::gate::verdict(gate, &reasons));
        Ok(Self {
            key: present("field", said.field)?.try_into()?,
            would: said.would,
            against: said.against,
            gate: gate.transpose()?,
        })
    }
}
