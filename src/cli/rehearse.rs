//! `--dry-run`: what a verb would do, and what stands against it.

use clap::Args;

use super::client::Client;
use super::exit::Failure;
use super::operate::Ask;
use crate::admin::error::{AdminError, ErrorKind, GateReason};
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::migrate::{Rehearsal, Rehearse};

/// Of every verb that changes something.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DryRun {
    /// Say what would be done, and what the gate says; change nothing. Exit code 3 where it would be refused.
    #[arg(long)]
    dry_run: bool,
}

impl DryRun {
    /// The verb itself, or its rehearsal.
    pub(super) fn of(self, ask: Ask) -> Ask {
        match (self.dry_run, ask) {
            (false, ask) => ask,
            (true, Ask::Start { key, ask, .. }) => Ask::Rehearse(key, Rehearse::Start(ask)),
            (true, Ask::Cutover { key, to, force }) => {
                let (is_forced, when) = (force.is_some(), None);
                Ask::Rehearse(key, Rehearse::Cutover { to, is_forced, when })
            }
            (true, Ask::Appoint { key, to, when }) => {
                let (is_forced, when) = (false, Some(when));
                Ask::Rehearse(key, Rehearse::Cutover { to, is_forced, when })
            }
            (true, Ask::Rollback { key, to }) => Ask::Rehearse(key, Rehearse::Rollback { to }),
            (true, Ask::Order { key, order }) => Ask::Rehearse(key, Rehearse::Order { order }),
            (true, Ask::Retire { key, ask }) => Ask::Rehearse(key, Rehearse::Retire(ask)),
            (true, Ask::Verify { key, ask, .. }) => Ask::Rehearse(key, Rehearse::Verify(ask)),
            (true, Ask::Release(ask)) => {
                let key = FieldKey {
                    collection: ask.collection.clone(),
                    field: "".into(),
                };
                Ask::Rehearse(key, Rehearse::Release(ask))
            }
            // None of these has the flag.
            (
                true,
                ask @ (Ask::AddModel(_)
                | Ask::Models
                | Ask::Adopt(_)
                | Ask::Plan(..)
                | Ask::Resume { .. }
                | Ask::Migration(_)
                | Ask::Rehearse(..)
                | Ask::Log { .. }
                | Ask::Audit(_)
                | Ask::Status(_)),
            ) => ask,
        }
    }
}

/// Asks what a verb would do.
pub(super) async fn rehearse(
    client: &mut Client,
    key: FieldKey,
    verb: Rehearse,
) -> Result<Rehearsal, Failure> {
    let request = pb::RehearseRequest::from((key, verb));
    let answer = client.stub.rehearse(request).await;
    let said: Rehearsal = client.read(answer)?;
    match said.against.is_empty() {
        true => Ok(said),
        false => Err(refused(said).into()),
    }
}

fn refused(said: Rehearsal) -> AdminError {
    AdminError {
        kind: ErrorKind::NotReady,
        message: format!("{}: this would be refused; nothing was changed", said.key),
        reasons: said
            .against
            .into_iter()
            .map(|message| GateReason {
                reason: "against".to_owned(),
                message,
            })
            .collect(),
    }
}

/// As text for people.
pub(super) fn text(said: &Rehearsal) -> String {
    let mut text = format!("{}: nothing was changed. This would", said.key);
    for step in &said.would {
        text.push_str(&format!("\n  {step}"));
    }
    for favour in said.gate.iter().flat_map(|gate| &gate.favours) {
        text.push_str(&format!("\n  for it: {favour}"));
    }
    text
}
