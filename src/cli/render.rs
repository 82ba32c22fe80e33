//! Answers as text for people. `--json` never comes here.

mod migration;

use super::verify::{VerifyReport, said};
use crate::domain::embedder::EmbedderSpec;
use crate::domain::ids::VectorName;
use crate::domain::table::{OnEmbedFailure, Undeclared};
use crate::migrate::{
    Adopted, AuditReport, CollectionStatus, CutoverReport, FieldStatus, ModelAdded, ModelRow, Released, Role,
    SpaceStatus, Status,
};

pub(super) use migration::{migration, migrations};

const MINUTE_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 60 * MINUTE_SECONDS;

/// Whole percents, rounded down, so that 100 means all of it. Of nothing, all is done.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part.min(whole)) * 100)
        .checked_div(u128::from(whole))
        .map_or(100, |percent| percent as u64)
}

/// A time in the two units that matter.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).ceil() as u64;
    match seconds {
        ..MINUTE_SECONDS => format!("{seconds} s"),
        MINUTE_SECONDS..HOUR_SECONDS => {
            format!("{} min {} s", seconds / MINUTE_SECONDS, seconds % MINUTE_SECONDS)
        }
        HOUR_SECONDS.. => {
            let minutes = seconds % HOUR_SECONDS / MINUTE_SECONDS;
            format!("{} h {minutes} min", seconds / HOUR_SECONDS)
        }
    }
}

pub(super) fn model_added(added: &ModelAdded) -> String {
    let word = match added.was_known {
        true => "was registered already",
        false => "registered",
    };
    format!("{word}: {}", model_row(&added.row))
}

pub(super) fn models(rows: &[ModelRow]) -> String {
    match rows.is_empty() {
        true => "no model is registered: `interlock model add` does it".to_owned(),
        false => rows.iter().map(model_row).collect::<Vec<_>>().join("\n"),
    }
}

fn model_row(row: &ModelRow) -> String {
    let model = &row.model;
    let kind = format!("{:?}", model.kind).to_lowercase();
    let distance = format!("{:?}", model.distance).to_lowercase();
    let dimension = match model.dimension {
        0 => String::new(),
        dimension => format!(" {dimension}"),
    };
    format!(
        "{}  {kind}{dimension}, {distance}, embedder {}, fingerprint {}",
        model.id,
        embedder(&row.embedder),
        row.fingerprint.0
    )
}

fn embedder(spec: &EmbedderSpec) -> String {
    match spec {
        EmbedderSpec::OpenAi(spec) => format!("openai {} ({})", spec.url, spec.model),
        EmbedderSpec::HashedWords {} => "hashed-words".to_owned(),
        EmbedderSpec::CharNgrams { .. } => "char-ngrams".to_owned(),
        EmbedderSpec::None => "none: clients bring the vectors".to_owned(),
    }
}

pub(super) fn adopted(adopted: &Adopted) -> String {
    let mut text = format!(
        "{} is managed since epoch {}, with {} points",
        adopted.collection, adopted.epoch, adopted.points
    );
    for field in &adopted.fields {
        text.push_str(&format!(
            "\n  {}: {}, {}",
            name(&field.key.field),
            field.model,
            policies(&field.undeclared, field.on_embed_failure)
        ));
    }
    opaque(&mut text, &adopted.opaque);
    for warning in &adopted.warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    text
}

fn opaque(text: &mut String, vectors: &[VectorName]) {
    for vector in vectors {
        text.push_str(&format!(
            "\n  {}: opaque, passes untagged and unchecked",
            name(vector)
        ));
    }
}

fn name(vector: &VectorName) -> &str {
    match vector.is_unnamed() {
        true => "(unnamed)",
        false => vector.as_str(),
    }
}

fn policies(undeclared: &Undeclared, on_embed_failure: OnEmbedFailure) -> String {
    let undeclared = match undeclared {
        Undeclared::Pinned(model) => format!("undeclared requests mean {model}"),
        Undeclared::Reject => "undeclared requests are refused".to_owned(),
    };
    let on_failure = match on_embed_failure {
        OnEmbedFailure::Fail => "fails",
        OnEmbedFailure::Defer => "defers",
    };
    format!("{undeclared}, a write whose embedder is down {on_failure}")
}

pub(super) fn flip(report: &CutoverReport) -> String {
    let CutoverReport {
        key,
        serving,
        kept,
        epoch,
        ..
    } = report;
    if report.was_serving {
        return format!("{key}: {serving} served already, since epoch {epoch}; nothing was changed");
    }
    let mut text = format!(
        "{key}: {serving} serves since epoch {epoch}; {kept} is kept fresh for the way back. The last earlier answer \
         was delivered after {} ms",
        report.drained_ms
    );
    match report.pending_after {
        Some(0) => {}
        Some(points) => text.push_str(&format!(
            "\n{points} points became pending during the flip and are being filled"
        )),
        None => {
            text.push_str("\nwhat became pending during the flip could not be counted; it is being filled")
        }
    }
    text
}

pub(super) fn verification(report: &VerifyReport) -> String {
    let seen = &report.verification;
    let mut text = format!(
        "{}: {} of {} points looked at",
        report.key, seen.points, seen.total
    );
    if seen.finished_at_ms.is_none() {
        text.push_str("; it goes on: the same command without --detach waits for its end");
    }
    for space in &seen.spaces {
        text.push_str(&format!(
            "\n  {} in {}: {} fresh, {} pending, digest {}",
            space.model,
            name(&space.vector),
            space.fresh,
            space.pending,
            space.digest
        ));
        if let Some(lowest) = space.lowest_cosine {
            text.push_str(&format!(
                "; {} embedded anew, lowest cosine {lowest:.4}",
                space.sampled
            ));
        }
    }
    for noted in &seen.differences {
        text.push_str(&format!("\n  {}", said(noted)));
    }
    if seen.repaired > 0 {
        text.push_str(&format!(
            "\n  the claims of {} points were taken away: they are filled anew; verify again when none is pending",
            seen.repaired
        ));
    }
    text
}

pub(super) fn released(released: &Released) -> String {
    let name_of = &released.collection;
    let mut text = match (released.was_released, released.is_there) {
        (_, false) => format!(
            "{name_of} is not managed any more; what was adopted is not there, and nothing was touched"
        ),
        (false, true) => format!("{name_of} is not managed any more: apps use it directly"),
        (true, true) => format!("{name_of} had been released; what was left undone is done"),
    };
    for vector in &released.vectors {
        let word = match vector.said == vector.vector {
            true => "as before".to_owned(),
            false => format!("in the place of {}", name(&vector.said)),
        };
        text.push_str(&format!(
            "\n  {} ({word}): {}",
            name(&vector.vector),
            vector.model
        ));
    }
    for vector in &released.opaque {
        text.push_str(&format!("\n  {}: as before", name(vector)));
    }
    match released.tags_left {
        Some(_) => text.push_str(&format!("\n{} tags were taken out", released.tags_taken)),
        None if released.is_there => text.push_str("\ntags stay in the payloads"),
        None => {}
    }
    text
}

pub(super) fn audit(report: &AuditReport) -> String {
    let mut text = format!(
        "{}: {} points looked at, every vector is proven by its tag",
        report.collection, report.points
    );
    if report.mended > 0 {
        text.push_str(&format!(
            "; the unproven vectors of {} points were taken out: they are pending",
            report.mended
        ));
    }
    if report.lifted {
        text.push_str("; the quarantine is lifted");
    }
    text
}

pub(super) fn status(status: &Status) -> String {
    let mut text = format!("epoch {}", status.epoch);
    if status.collections.is_empty() {
        text.push_str(", no collection is managed: `interlock adopt` puts one under management");
    }
    for of in &status.collections {
        collection(&mut text, of);
    }
    text
}

fn collection(text: &mut String, of: &CollectionStatus) {
    text.push_str(&format!("\n{}", of.collection));
    if let Some(points) = of.points {
        text.push_str(&format!(": {points} points"));
    }
    if let Some(error) = &of.error {
        text.push_str(&format!(": not counted: {error}"));
    }
    if let Some(held) = &of.quarantine {
        let (cause, remedy) = (held.cause, held.cause.remedy());
        text.push_str(&format!(
            "\n  QUARANTINED, data calls are refused: {cause}: {remedy}"
        ));
    }
    for field in &of.fields {
        field_status(text, field);
    }
    opaque(text, &of.opaque);
}

fn field_status(text: &mut String, field: &FieldStatus) {
    text.push_str(&format!(
        "\n  {}: {}",
        name(&field.key.field),
        policies(&field.undeclared, field.on_embed_failure)
    ));
    for space in &field.spaces {
        text.push_str(&format!("\n    {}", space_status(space)));
    }
    if let Some(state) = &field.migration {
        text.push_str(&format!("\n    migration to {}: {}", state.to, state.phase));
    }
}

fn space_status(space: &SpaceStatus) -> String {
    let role = match space.role {
        Role::Serving => "serving",
        Role::Filling => "standby, being filled",
        Role::Kept => "standby, kept fresh",
        Role::Closed => "standby, kept fresh, closed to reads",
    };
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    format!(
        "{role}: {} in {}, {} vectors, {} pending",
        space.model,
        name(&space.vector),
        count(space.vectors),
        count(space.pending)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_means_all_of_it() {
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(9_999, 10_000), 99);
        assert_eq!(percent(10_000, 10_000), 100);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn a_duration_shows_the_units_that_matter() {
        assert_eq!(duration(0.2), "1 s");
        assert_eq!(duration(61.0), "1 min 1 s");
        assert_eq!(duration(7_260.0), "2 h 1 min");
    }
}
