//! Holds what clients were answered, and what lies in the upstream at the end, against the reference.

use std::collections::{BTreeMap, BTreeSet};

use interlock::domain::source::source_hash;
use interlock::domain::table::Field;
use serde_json::Value as Json;

use super::answer::{Answer, Hit, Record};
use super::process::{RESERVED_KEY, Stored, model};
use super::reference::{At, Effect, Effects, Placed, Reference, State, model_index};
use super::request::{Body, MODELS, POINTS, QUERY_PROMPT, Query, Read, Request, vector};

/// Scores are sums in another order.
const SCORE_TOLERANCE: f32 = 1e-4;
const KEYS: [&str; 5] = ["group", "title", "k0", "k1", "k2"];

fn score(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// An answer to a read that was asked and delivered within a span, by a model.
pub fn answer(
    reference: &Reference,
    request: &Request,
    answer: &Answer,
    model: usize,
    span: (At, At),
) -> Vec<String> {
    let mut wrong = Vec::new();
    match (answer, &request.body) {
        (Answer::Written, _) => {}
        (Answer::Records(records), _) => {
            for found in records {
                wrong.extend(record(reference, found, span));
                let effects = reference.effects(found.id);
                let Some(shown) = &found.vector else { continue };
                if !effects.shown(model, span).contains(shown) {
                    wrong.push(format!(
                        "point {} shows a vector that `{}` does not hold: {}",
                        found.id,
                        MODELS[model],
                        whose(&effects, shown)
                    ));
                }
            }
        }
        (Answer::Hits(hits), Body::Read(Read::Nearest(query))) => {
            let queries = match query {
                Query::Raw(raw) => vec![raw.clone()],
                Query::Text(text) => vec![vector(MODELS[model], &format!("{QUERY_PROMPT}{text}"))],
                Query::Id(id) => reference.effects(*id).shown(model, span),
            };
            for hit in hits {
                wrong.extend(record(reference, &hit.record, span));
                wrong.extend(scored(reference, hit, &queries, model, span));
            }
        }
        (Answer::Hits(_), _) => wrong.push("hits for what is no query".to_owned()),
    }
    wrong
}

fn scored(
    reference: &Reference,
    hit: &Hit,
    queries: &[Vec<f32>],
    model: usize,
    span: (At, At),
) -> Option<String> {
    let effects = reference.effects(hit.record.id);
    let near = |query: &[f32], shown: &[f32]| (score(query, shown) - hit.score).abs() < SCORE_TOLERANCE;
    let matches = |model: usize, span: (At, At)| {
        let shown = effects.shown(model, span);
        shown
            .iter()
            .any(|shown| queries.iter().any(|query| near(query, shown)))
    };
    if matches(model, span) {
        return None;
    }
    let elsewhere: Vec<&str> = (0..MODELS.len())
        .filter(|other| matches(*other, (0, span.1)))
        .map(|other| MODELS[other])
        .collect();
    Some(format!(
        "point {} scores {} by `{}`, which no vector gives that it may have there; over all time it would by {elsewhere:?}",
        hit.record.id, hit.score, MODELS[model]
    ))
}

/// What a vector is, for people.
fn whose(effects: &Effects<'_>, shown: &[f32]) -> String {
    for (model, name) in MODELS.iter().enumerate() {
        if effects
            .shown(model, (0, At::MAX))
            .iter()
            .any(|known| known == shown)
        {
            return format!("it is an older one, or one that `{name}` may hold");
        }
    }
    "nobody wrote it".to_owned()
}

/// A point as a client sees it.
fn record(reference: &Reference, found: &Record, span: (At, At)) -> Vec<String> {
    let effects = reference.effects(found.id);
    let mut wrong = Vec::new();
    if !effects.may_exist(span) {
        wrong.push(format!("point {} is shown, but it is deleted", found.id));
    }
    if found.payload.contains_key(RESERVED_KEY) || !found.extra.is_empty() {
        wrong.push(format!(
            "point {} shows what is Interlock's own: {found:?}",
            found.id
        ));
    }
    wrong.extend(payload(&effects, found.id, &found.payload, span));
    wrong
}

fn payload(
    effects: &Effects<'_>,
    id: u64,
    payload: &serde_json::Map<String, Json>,
    span: (At, At),
) -> Vec<String> {
    let mut wrong = Vec::new();
    for key in KEYS {
        let held = payload.get(key).map(|value| value.as_str().unwrap_or("no text"));
        let allowed = effects.values(key, span);
        if !allowed.contains(&held) {
            wrong.push(format!("point {id} has {key}={held:?}, allowed: {allowed:?}"));
        }
    }
    wrong
}

/// What lies in the upstream when everything has settled.
pub fn settled(reference: &Reference, field: &Field, stored: &BTreeMap<u64, Stored>) -> Vec<String> {
    let span = (At::MAX, At::MAX);
    let mut wrong = Vec::new();
    let mut write_ids = BTreeSet::new();
    for id in 1..=POINTS {
        let effects = reference.effects(id);
        let Some(point) = stored.get(&id) else {
            if !effects.may_be_absent(span) {
                wrong.push(format!("point {id} is lost"));
            }
            continue;
        };
        if !effects.may_exist(span) {
            wrong.push(format!("point {id} is there, but it was deleted"));
            continue;
        }
        wrong.extend(payload(&effects, id, &point.payload, span));
        wrong.extend(spaces(&effects, id, field, point));
        let entry = point
            .payload
            .get(RESERVED_KEY)
            .map(|tag| tag[field.name.as_str()].clone());
        // What a vector update that was cut off leaves is the mark of all its points.
        if let Some(write_id) = entry.as_ref().and_then(|entry| entry["write_id"].as_str())
            && !is_cut_off(&effects)
            && !write_ids.insert(write_id.to_owned())
        {
            wrong.push(format!("point {id} has another point's write id {write_id}"));
        }
    }
    wrong
}

/// Whether a vector update may have taken the claims away, and not made them anew.
fn is_cut_off(effects: &Effects<'_>) -> bool {
    let live = effects.vectors((At::MAX, At::MAX));
    live.iter()
        .any(|write| matches!(write.effect, Effect::Vectors(_)) && write.operation.state != State::Done)
}

/// One of the writes that may be the latest must explain every space and the tag.
fn spaces(effects: &Effects<'_>, id: u64, field: &Field, point: &Stored) -> Vec<String> {
    let writes = effects.vectors((At::MAX, At::MAX));
    let mut against = Vec::new();
    for write in &writes {
        match against_write(effects, write, field, point) {
            None => return Vec::new(),
            Some(reason) => against.push(format!("begun at {}: {reason}", write.operation.began)),
        }
    }
    let tag = point.payload.get(RESERVED_KEY);
    let held: Vec<String> = point
        .vectors
        .iter()
        .map(|(name, held)| format!("`{name}`: {}", whose(effects, held)))
        .collect();
    vec![format!(
        "point {id} ({tag:?}, {held:?}): no write explains it: {against:?}"
    )]
}

fn against_write(effects: &Effects<'_>, write: &Placed<'_>, field: &Field, point: &Stored) -> Option<String> {
    let is_write = match write.effect {
        Effect::Put(..) | Effect::Vectors(_) => true,
        Effect::NoVectors => false,
        Effect::Gone => return Some("deleted".to_owned()),
        Effect::Set(_) | Effect::Overwrite(_) | Effect::DeleteKeys(_) | Effect::Clear => {
            return Some("no write of vectors".to_owned());
        }
    };
    let title = point.payload.get("title");
    for space in field.spaces() {
        let model = model_index(&space.model.to_string())?;
        match (point.vectors.get(space.vector.as_str()), is_write) {
            (None, false) => {}
            // Nobody can make it: there is no text, nor was it brought to this very space.
            (None, true) if title.is_none() && !effects.brings(write, model) => {}
            (None, true) => return Some(format!("nothing in `{}`", space.vector)),
            (Some(_), false) => return Some(format!("a vector in `{}`", space.vector)),
            (Some(held), true) => {
                if !effects.allowed(write, model, At::MAX).contains(held) {
                    return Some(format!("another vector in `{}`", space.vector));
                }
            }
        }
    }
    is_write
        .then(|| against_tag(effects, write, field, point))
        .flatten()
}

fn against_tag(effects: &Effects<'_>, write: &Placed<'_>, field: &Field, point: &Stored) -> Option<String> {
    let tag = point.payload.get(RESERVED_KEY);
    let entry = tag
        .map(|tag| &tag[field.name.as_str()])
        .filter(|entry| entry["write_id"].is_string());
    let is_legacy = write.operation.began == 1;
    let Some(entry) = entry else {
        return (!is_legacy).then(|| "no tag".to_owned());
    };
    for space in field.spaces() {
        let claim = entry["models"].get(space.vector.as_str());
        let mark = model(&space.model.to_string()).mark();
        let model_of_space = model_index(&space.model.to_string())?;
        match (claim, point.vectors.contains_key(space.vector.as_str())) {
            (Some(claim), true) if *claim == mark => {}
            (None, false) => {}
            (Some(claim), true) => return Some(format!("`{}` is claimed by {claim}", space.vector)),
            // Claims of a dropped space stand until the next write, also where the space is made anew.
            (Some(_), false) if effects.is_older_than_space(write, model_of_space) => {}
            (Some(_), false) => return Some(format!("`{}` is claimed, and empty", space.vector)),
            // What was cut off is done again only while a migration is open.
            (None, true) if field.standby.is_none() && is_cut_off(effects) => return None,
            // What was cut off cannot be done again: its text is gone.
            (None, true)
                if !(point.payload.contains_key("title")
                    || write.operation.state == State::Done && effects.brings(write, model_of_space)) => {}
            (None, true) => return Some(format!("`{}` is not claimed", space.vector)),
        }
    }
    let hash = entry.get("source_hash").and_then(Json::as_str);
    let allowed = hashes(effects, write);
    let is_allowed = allowed.iter().any(|allowed| allowed.as_deref() == hash);
    (!is_allowed).then(|| format!("source hash {hash:?}, allowed {allowed:?}"))
}

/// The hashes of the texts that the write may have been made from; `None`: of none.
fn hashes(effects: &Effects<'_>, write: &Placed<'_>) -> Vec<Option<String>> {
    use super::request::Value;
    let given = match &write.effect {
        Effect::Put(_, given) | Effect::Vectors(given) => given.as_slice(),
        Effect::NoVectors
        | Effect::Gone
        | Effect::Set(_)
        | Effect::Overwrite(_)
        | Effect::DeleteKeys(_)
        | Effect::Clear => &[],
    };
    let text = given.iter().find_map(|given| match &given.value {
        Value::Text(text) => Some(text.as_str()),
        Value::Raw(_) => None,
    });
    let stored = || {
        let stored = effects.values("title", (write.operation.began, At::MAX));
        stored.into_iter().map(|title| title.map(source_hash)).collect()
    };
    let is_legacy = write.operation.began == 1;
    match (&write.effect, text) {
        _ if write.operation.state != State::Done => {
            let texts: Vec<Option<String>> = stored();
            texts.into_iter().chain([None, text.map(source_hash)]).collect()
        }
        (_, Some(text)) => vec![Some(source_hash(text))],
        (Effect::Put(payload, _), None) if !is_legacy => {
            vec![payload.get("title").map(|title| source_hash(title))]
        }
        // A text that came after the look at what was stored is not of the vectors.
        (_, None) => {
            let since = (write.operation.began, At::MAX);
            let none = effects.may_be_absent(since).then_some(None);
            stored().into_iter().chain(none).collect()
        }
    }
}
