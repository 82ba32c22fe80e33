//! Takes out of answers what clients must not see: other spaces' vectors, real names, tags. Called by `engine` with
//! the plan's [`Unwrite`]. What it does not know of an answer it passes on.

use std::ops::Range;

use bytes::Bytes;

use super::answer::{Answer, Inside, fields, join};
use super::reader::{Raw, Wire};
use super::refuse::bad_answer;
use super::splice::Sink;
use super::vectors::{ENTRY, NAMED, SINGLE, Source, put_vectors_field};
use crate::domain::ids::VectorName;
use crate::domain::op::Verb;
use crate::domain::plan::Unwrite;
use crate::domain::refusal::Refusal;

/// How an answer holds points.
#[derive(Clone, Copy)]
enum Shape {
    /// In this field of this message, each with its vectors in that field.
    Points { field: u32, vectors: u32 },
    /// In each `BatchResult` of field 1.
    Batch,
    /// In the groups of field 1.
    Groups,
    /// Not at all.
    None,
}

/// The field of vectors in `ScoredPoint` and in `RetrievedPoint`, and the field of payload in both.
const SCORED_VECTORS: u32 = 6;
const RETRIEVED_VECTORS: u32 = 4;
const PAYLOAD: u32 = 2;

const SCORED: Shape = Shape::Points {
    field: 1,
    vectors: SCORED_VECTORS,
};

fn shape(verb: Verb) -> Shape {
    match verb {
        Verb::Search | Verb::Recommend | Verb::Discover | Verb::Query => SCORED,
        Verb::SearchBatch | Verb::RecommendBatch | Verb::DiscoverBatch | Verb::QueryBatch => Shape::Batch,
        Verb::SearchGroups | Verb::RecommendGroups | Verb::QueryGroups => Shape::Groups,
        Verb::Get => Shape::Points {
            field: 1,
            vectors: RETRIEVED_VECTORS,
        },
        Verb::Scroll => Shape::Points {
            field: 2,
            vectors: RETRIEVED_VECTORS,
        },
        Verb::GetOne
        | Verb::Upsert
        | Verb::Delete
        | Verb::UpdateVectors
        | Verb::DeleteVectors
        | Verb::SetPayload
        | Verb::OverwritePayload
        | Verb::DeletePayload
        | Verb::ClearPayload
        | Verb::UpdateBatch
        | Verb::CreateFieldIndex
        | Verb::DeleteFieldIndex
        | Verb::Count
        | Verb::Facet
        | Verb::SearchMatrixPairs
        | Verb::SearchMatrixOffsets
        | Verb::ShardGet
        | Verb::ShardScroll
        | Verb::ShardCount
        | Verb::CollectionInfo
        | Verb::CollectionExists => Shape::None,
    }
}

/// An answer as its client may see it.
pub fn unwrite(verb: Verb, answer: &Bytes, unwrite: &Unwrite) -> Result<Vec<Bytes>, Refusal> {
    if unwrite.is_nothing() {
        return Ok(vec![answer.clone()]);
    }
    let mut work = Answer::new(answer);
    let root = work.root();
    match shape(verb) {
        Shape::Points { field, vectors } => points(&mut work, &root, field, vectors, unwrite)?,
        Shape::Batch => {
            for raw in submessages(&work, &root, 1)? {
                let inside = work.enter(&root, &raw)?;
                points(&mut work, &inside, 1, SCORED_VECTORS, unwrite)?;
            }
        }
        Shape::Groups => groups(&mut work, &root, unwrite)?,
        Shape::None => return Ok(vec![answer.clone()]),
    }
    work.finish().all()
}

fn submessages(work: &Answer<'_>, inside: &Inside, number: u32) -> Result<Vec<Raw>, Refusal> {
    let mut fields = work.fields(&inside.body)?;
    fields.retain(|raw| raw.number == number && raw.wire == Wire::Bytes);
    Ok(fields)
}

fn points(
    work: &mut Answer<'_>,
    inside: &Inside,
    field: u32,
    vectors: u32,
    unwrite: &Unwrite,
) -> Result<(), Refusal> {
    for raw in submessages(work, inside, field)? {
        let shown = unwrite.vectors.as_deref().map(|shown| (vectors, shown));
        point(work, inside, &raw, shown, unwrite)?;
    }
    Ok(())
}

fn groups(work: &mut Answer<'_>, root: &Inside, unwrite: &Unwrite) -> Result<(), Refusal> {
    const HITS: u32 = 2;
    const LOOKUP: u32 = 3;
    for result in submessages(work, root, 1)? {
        let result = work.enter(root, &result)?;
        for group in submessages(work, &result, 1)? {
            let group = work.enter(&result, &group)?;
            points(work, &group, HITS, SCORED_VECTORS, unwrite)?;
            let shown = unwrite.lookup_vectors.as_deref();
            let shown = shown.map(|shown| (RETRIEVED_VECTORS, shown));
            for record in submessages(work, &group, LOOKUP)? {
                point(work, &group, &record, shown, unwrite)?;
            }
        }
    }
    Ok(())
}

/// One point. `shown`: the number of its field of vectors, and what of it may be shown, where not all of it passes.
fn point(
    work: &mut Answer<'_>,
    parent: &Inside,
    raw: &Raw,
    shown: Option<(u32, &[(VectorName, VectorName)])>,
    unwrite: &Unwrite,
) -> Result<(), Refusal> {
    let inside = work.enter(parent, raw)?;
    for field in work.fields(&inside.body)? {
        if let Some((vectors, shown)) = shown
            && field.number == vectors
            && field.wire == Wire::Bytes
        {
            show_vectors(work, &inside, &field, shown)?;
        }
        if let Some(key) = &unwrite.payload_key
            && field.number == PAYLOAD
            && work.entry(&field)?.0 == key
        {
            work.remove(&inside, &field);
        }
    }
    Ok(())
}

/// The entries of a map at field `map` of the message at `body`: key and value.
fn entries<'a>(
    work: &Answer<'a>,
    body: &Range<usize>,
    map: u32,
) -> Result<Vec<(&'a str, Range<usize>)>, Refusal> {
    let mut entries = Vec::new();
    for field in work.fields(body)? {
        if field.number == map {
            entries.push(work.entry(&field)?);
        }
    }
    Ok(entries)
}

/// Leaves of a `VectorsOutput` what may be shown, under the client's names.
fn show_vectors(
    work: &mut Answer<'_>,
    point: &Inside,
    raw: &Raw,
    shown: &[(VectorName, VectorName)],
) -> Result<(), Refusal> {
    let (mut is_changed, mut is_set, mut vectors) = (false, false, Vec::new());
    for member in work.fields(&raw.content())? {
        let entries = match member.number {
            SINGLE => vec![("", member.content())],
            NAMED => entries(work, &member.content(), ENTRY)?,
            // A shape that this version cannot read cannot be shown either.
            _ => Vec::new(),
        };
        is_set = true;
        is_changed |= !matches!(member.number, SINGLE | NAMED);
        // The last member of a oneof counts.
        vectors.clear();
        for (real, value) in entries {
            match shown.iter().find(|(name, _)| name.as_str() == real) {
                Some((_, client)) => {
                    is_changed |= client.as_str() != real;
                    vectors.push((client.as_str(), Source::Kept(value)));
                }
                None => is_changed = true,
            }
        }
        is_changed |= member.number == NAMED && matches!(vectors.as_slice(), [("", _)]);
    }
    if is_set && is_changed {
        work.splicer.replace(point.frame, raw.outer());
        put_vectors_field(&mut work.splicer, raw.number, true, vectors);
    }
    Ok(())
}

/// The answer to a batch of ours as the answer to what the client called. `owners[i]` is the client's operation that
/// step `i` belongs to; its result is that of its last step. Time and usage stay.
pub fn unbatch(verb: Verb, answer: &Bytes, owners: &[usize]) -> Result<Bytes, Refusal> {
    const RESULT: u32 = 1;
    let all = fields(answer, &(0..answer.len()))?;
    let (results, rest): (Vec<Raw>, Vec<Raw>) = all.into_iter().partition(|raw| raw.number == RESULT);
    if results.len() != owners.len() {
        return Err(bad_answer(
            "a batch has not one result for each of its operations",
        ));
    }
    let mut last: std::collections::BTreeMap<usize, &Raw> = std::collections::BTreeMap::new();
    for (owner, result) in owners.iter().zip(&results) {
        last.insert(*owner, result);
    }
    if verb != Verb::UpdateBatch
        && let Some(result) = results.last()
    {
        last = [(0, result)].into();
    }
    // `result`, `time` and `usage` have the same numbers in both answers.
    let mut out = Sink::default();
    for field in last.into_values().chain(&rest) {
        out.slice(answer, field.outer());
    }
    Ok(join(out.into_parts()))
}
