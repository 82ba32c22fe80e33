//! The operator's verbs: one call of the admin API each, its answer for people or as JSON.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::args::Connection;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::{ahead, rehearse, render, start, verify};
use crate::admin::api::{AddModel, MigrationList, ModelList};
use crate::admin::error::{AdminError, ErrorKind, GateReason};
use crate::admin::proto as pb;
use crate::domain::forecast::Forecast;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::domain::model::ModelRef;
use crate::migrate::{
    Adopt, Adopted, Ahead, Audit, AuditReport, CutoverReport, MigrationStatus, ModelAdded, Order, Rehearse,
    Release, Released, Retire, Start, Status, Verify, When,
};

/// A verb that speaks to a running Interlock.
#[derive(Debug)]
pub struct Operate {
    pub(super) connection: Connection,
    pub(super) ask: Ask,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Ask {
    AddModel(Box<AddModel>),
    Models,
    Adopt(Adopt),
    Plan(FieldKey, Ahead),
    Start {
        key: FieldKey,
        ask: Start,
        detach: bool,
    },
    Resume {
        key: FieldKey,
        rate: Option<u32>,
    },
    Migration(Option<FieldKey>),
    Cutover {
        key: FieldKey,
        to: ModelRef,
        force: Option<String>,
    },
    Appoint {
        key: FieldKey,
        to: ModelRef,
        when: When,
    },
    Rehearse(FieldKey, Rehearse),
    Rollback {
        key: FieldKey,
        to: ModelRef,
    },
    Order {
        key: FieldKey,
        order: Order,
    },
    Retire {
        key: FieldKey,
        ask: Retire,
    },
    Verify {
        key: FieldKey,
        ask: Verify,
        detach: bool,
    },
    Log {
        lines: u32,
    },
    Audit(Audit),
    Release(Release),
    Status(Option<CollectionName>),
}

/// Where a command writes.
pub struct Streams<'a> {
    /// The result, and nothing else.
    pub out: &'a mut dyn Write,
    /// Errors and progress.
    pub err: &'a mut dyn Write,
    /// Whether `err` is a terminal, on which a bar can be drawn.
    pub is_terminal: bool,
}

/// A verb's answer in both forms.
struct Report {
    json: Value,
    text: String,
}

impl Report {
    fn new<T: Serialize>(answer: &T, text: impl FnOnce(&T) -> String) -> Result<Self, Failure> {
        let json = serde_json::to_value(answer).map_err(std::io::Error::from)?;
        Ok(Self {
            json,
            text: text(answer),
        })
    }
}

/// Carries the verb out and writes its result. With `--json` exactly one document goes to `out`, also on failure.
pub async fn operate(operate: Operate, streams: Streams<'_>) -> Exit {
    let Operate { connection, ask } = operate;
    let Streams {
        out,
        err,
        is_terminal,
    } = streams;
    let result = carry_out(&connection, ask, Progress::new(is_terminal, err)).await;
    let (written, exit) = match (&result, connection.json) {
        (Ok(report), true) => (writeln!(out, "{}", report.json), Exit::Done),
        (Ok(report), false) => (writeln!(out, "{}", report.text), Exit::Done),
        (Err(failure), true) => (writeln!(out, "{}", failure.document()), failure.exit()),
        (Err(failure), false) => (Ok(()), failure.exit()),
    };
    let told = match &result {
        Ok(_) => Ok(()),
        Err(failure) => tell(err, failure),
    };
    match written.and_then(|()| out.flush()).and(told) {
        Ok(()) => exit,
        // Where this cannot be told either, the exit code is all that is left.
        Err(error) => match tell(err, &Failure::Output(error)) {
            Ok(()) | Err(_) => Exit::Failed,
        },
    }
}

fn tell(err: &mut dyn Write, failure: &Failure) -> std::io::Result<()> {
    writeln!(err, "interlock: {failure}")?;
    if let Failure::Refused(error) = failure {
        for reason in &error.reasons {
            writeln!(err, "  {}", reason.message)?;
        }
    }
    err.flush()
}

async fn carry_out(connection: &Connection, ask: Ask, progress: Progress<'_>) -> Result<Report, Failure> {
    let mut client = Client::connect(connection).await?;
    match ask {
        Ask::AddModel(request) => {
            let answer = client.stub.add_model(pb::AddModelRequest::from(*request)).await;
            shown::<_, ModelAdded>(&client, answer, render::model_added)
        }
        Ask::Models => {
            let answer = client.stub.list_models(pb::ListModelsRequest {}).await;
            shown::<_, ModelList>(&client, answer, |list| render::models(&list.models))
        }
        Ask::Adopt(request) => {
            let answer = client.stub.adopt(pb::AdoptRequest::from(request)).await;
            shown::<_, Adopted>(&client, answer, render::adopted)
        }
        Ask::Plan(key, ask) => {
            let request = pb::PlanRequest::from((key, ask));
            let answer = client.stub.plan_migration(request).await;
            shown::<_, Forecast>(&client, answer, ahead::forecast)
        }
        Ask::Start { key, ask, detach } => {
            let state = start::start(&mut client, (key, ask), detach, progress).await?;
            Report::new(&state, render::migration)
        }
        Ask::Resume { key, rate } => {
            Report::new(&start::resume(&mut client, key, rate).await?, render::migration)
        }
        Ask::Migration(Some(key)) => {
            let answer = client.stub.migration_status(pb::FieldRef::from(key)).await;
            shown::<_, MigrationStatus>(&client, answer, render::migration)
        }
        Ask::Migration(None) => {
            let migrations = all_migrations(status(&mut client, None).await?);
            Report::new(&migrations, |list| render::migrations(&list.migrations))
        }
        Ask::Cutover { key, to, force } => {
            let answer = client.stub.cutover(flip(key, &to, force)).await;
            shown::<_, CutoverReport>(&client, answer, render::flip)
        }
        Ask::Appoint { key, to, when } => {
            let request = pb::AppointRequest::from((key, to, when));
            let answer = client.stub.appoint_cutover(request).await;
            Report::new(&client.read::<_, MigrationStatus>(answer)?, render::migration)
        }
        Ask::Rehearse(key, verb) => {
            let said = rehearse::rehearse(&mut client, key, verb).await?;
            Report::new(&said, rehearse::text)
        }
        Ask::Rollback { key, to } => {
            let answer = client.stub.rollback(flip(key, &to, None)).await;
            shown::<_, CutoverReport>(&client, answer, render::flip)
        }
        Ask::Order { key, order } => {
            Report::new(&start::order(&mut client, key, order).await?, render::migration)
        }
        Ask::Retire { key, ask } => {
            let request = pb::RetireRequest::from((key, ask));
            let answer = client.stub.retire_migration(request).await;
            shown::<_, MigrationStatus>(&client, answer, render::migration)
        }
        Ask::Verify { key, ask, detach } => {
            let report = verify::verify(&mut client, key, ask, detach).await?;
            Report::new(&report, render::verification)
        }
        Ask::Log { lines } => log(&mut client, lines).await,
        Ask::Audit(request) => audit(&mut client, request).await,
        Ask::Release(request) => Report::new(&release(&mut client, request).await?, render::released),
        Ask::Status(collection) => Report::new(&status(&mut client, collection).await?, render::status),
    }
}

/// An answer in both forms.
fn shown<M, T>(
    client: &Client,
    answer: Result<tonic::Response<M>, tonic::Status>,
    text: impl FnOnce(&T) -> String,
) -> Result<Report, Failure>
where
    T: TryFrom<M, Error = AdminError> + Serialize,
{
    Report::new(&client.read::<_, T>(answer)?, text)
}

fn flip(key: FieldKey, to: &ModelRef, force: Option<String>) -> pb::FlipRequest {
    pb::FlipRequest {
        field: Some(key.into()),
        to: to.to_string(),
        force,
    }
}

async fn audit(client: &mut Client, request: Audit) -> Result<Report, Failure> {
    let answer = client.stub.audit(pb::AuditRequest::from(request)).await;
    let report: AuditReport = client.read(answer)?;
    match report.findings.is_empty() {
        true => Report::new(&report, render::audit),
        false => Err(unclean(&report).into()),
    }
}

/// An audit with findings is a no: the quarantine stands.
fn unclean(report: &AuditReport) -> AdminError {
    let mut error = AdminError::new(
        ErrorKind::NotReady,
        format!(
            "{} points of `{}` were looked at, and not every vector is proven by its tag: restore better data, take the unproven vectors out with --drop-unproven, or, for those without a tag, vouch for them with --trust-untagged",
            report.points, report.collection
        ),
    );
    error.reasons = report
        .findings
        .iter()
        .map(|found| GateReason {
            reason: found.finding.code().to_owned(),
            message: format!(
                "{}: {} points, such as {}",
                found.finding,
                found.points,
                found.examples.join(", ")
            ),
        })
        .collect();
    error
}

async fn status(client: &mut Client, collection: Option<CollectionName>) -> Result<Status, Failure> {
    let collection = collection.map(|name| name.to_string());
    let answer = client.stub.status(pb::StatusRequest { collection }).await;
    client.read(answer)
}

/// Asks again for as long as tags are left and become fewer.
async fn release(client: &mut Client, request: Release) -> Result<Released, Failure> {
    let ask = pb::ReleaseRequest::from(request);
    let mut released: Released = client.read(client.stub.clone().release(ask.clone()).await)?;
    while !released.is_done && released.tags_left.is_some_and(|left| left > 0) {
        let next: Released = client.read(client.stub.clone().release(ask.clone()).await)?;
        let stands_still = next.tags_taken == 0;
        released = Released {
            tags_taken: released.tags_taken + next.tags_taken,
            tags_left: next.tags_left,
            is_done: next.is_done,
            ..released
        };
        if stands_still && !released.is_done {
            return Err(Failure::Stopped(format!(
                "{} tags are left in {}, and none was taken out: does somebody write them?",
                released.tags_left.unwrap_or_default(),
                released.collection
            )));
        }
    }
    Ok(released)
}

async fn log(client: &mut Client, lines_max: u32) -> Result<Report, Failure> {
    let answer = client.stub.log(pb::LogRequest { lines_max }).await;
    let pb::LogLines { lines } = answer.map_err(|status| client.failure(&status))?.into_inner();
    let documents: Result<Vec<Value>, _> = lines.iter().map(|line| serde_json::from_str(line)).collect();
    Ok(Report {
        json: serde_json::json!({ "lines": documents.map_err(std::io::Error::from)? }),
        text: lines.join("\n"),
    })
}

fn all_migrations(status: Status) -> MigrationList {
    let fields = status.collections.into_iter().flat_map(|of| of.fields);
    MigrationList {
        migrations: fields.filter_map(|field| field.migration).collect(),
    }
}
