//! `interlock migrate verify`: begins it, watches it, and says how it ended.

use serde::Serialize;

use super::client::{Client, understood};
use super::exit::Failure;
use crate::admin::error::{AdminError, ErrorKind, GateReason};
use crate::admin::proto as pb;
use crate::domain::ids::FieldKey;
use crate::domain::verify::Noted;
use crate::migrate::{MigrationStatus, Verification, Verify};

/// A verification with its field.
#[derive(Serialize)]
pub(super) struct VerifyReport {
    pub(super) key: FieldKey,
    #[serde(flatten)]
    pub(super) verification: Verification,
}

/// Begins, and watches to the end. The work is the server's: to stop watching stops nothing.
pub(super) async fn verify(
    client: &mut Client,
    key: FieldKey,
    ask: Verify,
    detach: bool,
) -> Result<VerifyReport, Failure> {
    let request = pb::VerifyRequest::from((key, ask));
    let answer = client.stub.verify_migration(request).await;
    let begun: MigrationStatus = client.read(answer)?;
    let key = begun.key.clone();
    let verification = match (detach, begun.verification) {
        (true, Some(verification)) => return Ok(VerifyReport { key, verification }),
        (false, Some(_)) => watch(client, &key).await?,
        (true | false, None) => return Err(given_up(&key)),
    };
    let left = verification.false_claims();
    if left > 0 && !(verification.ask.repair && verification.repaired > 0) {
        return Err(differs(&key, &verification).into());
    }
    Ok(VerifyReport { key, verification })
}

async fn watch(client: &mut Client, key: &FieldKey) -> Result<Verification, Failure> {
    let answer = client.stub.watch_migration(pb::FieldRef::from(key.clone())).await;
    let mut states = answer.map_err(|status| client.failure(&status))?.into_inner();
    while let Some(state) = states.message().await.map_err(|status| client.failure(&status))? {
        let state: MigrationStatus = understood(state)?;
        match state.verification {
            None => return Err(given_up(key)),
            Some(seen) if seen.finished_at_ms.is_some() => return Ok(seen),
            Some(_) => {}
        }
    }
    Err(Failure::Stopped(format!(
        "the watch ended before the verification of {key}; it goes on: give the command again to join it"
    )))
}

fn given_up(key: &FieldKey) -> Failure {
    Failure::Stopped(format!(
        "the verification of {key} was given up, because the migration was ended: see `interlock migrate status`"
    ))
}

/// What is claimed and not so is a no.
fn differs(key: &FieldKey, seen: &Verification) -> AdminError {
    let mut error = AdminError::new(
        ErrorKind::NotReady,
        format!(
            "{} points of `{key}` were looked at, and not everything that their tags claim is so: --repair has it filled anew",
            seen.points
        ),
    );
    let wrong = seen.differences.iter();
    error.reasons = wrong
        .filter(|noted| noted.difference.is_false_claim())
        .map(|noted| GateReason {
            reason: noted.difference.code().to_owned(),
            message: said(noted),
        })
        .collect();
    error
}

/// A difference in one line.
pub(super) fn said(noted: &Noted) -> String {
    format!(
        "{}: {} points in `{}`, such as {}",
        noted.difference,
        noted.points,
        noted.vector,
        noted.examples.join(", ")
    )
}
