//! Requests over gRPC: the scanner against prost.

mod edit;
mod gather;
pub mod requests;
mod walk;

use bytes::Bytes;
use interlock::domain::op::{Op, OpKind, Verb, WriteKind};
use interlock::wire::pb::{Nesting, Places, rewrite, scan};
use interlock::wire::{Outgoing, Scan};
use prost::Message;
use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::points_update_operation::{self as operation, Operation};

use super::facts::of_op;
use super::plan::{How, plan};
use super::{LIMITS, RESERVED, lens};
use edit::{Batched, Edit};
use gather::gather;
use requests::Request;

/// Reads a verb, a [`How`] and a body, and holds the scanner and the rewriter to what prost says.
pub fn check(data: &[u8]) {
    let [verb, how, body @ ..] = data else { return };
    let how = How(*how);
    match verb % 25 {
        0 => one::<pb::QueryPoints>(body, how),
        1 => one::<pb::UpsertPoints>(body, how),
        2 => one::<pb::UpdateBatchPoints>(body, how),
        3 => one::<pb::QueryPointGroups>(body, how),
        4 => one::<pb::QueryBatchPoints>(body, how),
        5 => one::<pb::SearchPoints>(body, how),
        6 => one::<pb::SearchPointGroups>(body, how),
        7 => one::<pb::SearchBatchPoints>(body, how),
        8 => one::<pb::RecommendPoints>(body, how),
        9 => one::<pb::RecommendPointGroups>(body, how),
        10 => one::<pb::RecommendBatchPoints>(body, how),
        11 => one::<pb::DiscoverPoints>(body, how),
        12 => one::<pb::DiscoverBatchPoints>(body, how),
        13 => one::<pb::ScrollPoints>(body, how),
        14 => one::<pb::GetPoints>(body, how),
        15 => one::<pb::CountPoints>(body, how),
        16 => one::<pb::FacetCounts>(body, how),
        17 => one::<pb::UpdatePointVectors>(body, how),
        18 => one::<pb::DeletePoints>(body, how),
        19 => one::<pb::DeletePointVectors>(body, how),
        20 => one::<pb::SetPayloadPoints>(body, how),
        21 => as_verb::<pb::SetPayloadPoints>(Verb::OverwritePayload, body, how),
        22 => one::<pb::DeletePayloadPoints>(body, how),
        23 => one::<pb::ClearPayloadPoints>(body, how),
        _ if how.steps() => one::<pb::CreateFieldIndexCollection>(body, how),
        _ => one::<pb::DeleteFieldIndexCollection>(body, how),
    }
}

fn one<M: Request + Batched>(body: &[u8], how: How) {
    as_verb::<M>(M::VERB, body, how);
}

fn as_verb<M: Request + Batched>(verb: Verb, body: &[u8], how: How) {
    let lens = lens();
    let decoded = M::decode(body);
    if let Err(error) = &decoded {
        nesting(verb, body, Some(error));
    }
    match (scan(verb, body, &lens), decoded) {
        (Ok(scanned), decoded) => {
            let mut decoded = decoded.expect("a body was accepted that prost refuses");
            let gathered = gather(&mut decoded, verb);
            assert_eq!(
                gathered.flaws,
                Vec::<&str>::new(),
                "a body was accepted that has flaws"
            );
            assert_eq!(
                of_op(&scanned.op),
                gathered.facts,
                "a scan says something else than the body"
            );
            rewriting(verb, body, &scanned, decoded, how);
        }
        (Err(_), Ok(mut decoded)) => {
            let bytes = decoded.encode_to_vec();
            nesting(verb, &bytes, None);
            canonical(verb, &mut decoded, &bytes);
        }
        (Err(_), Err(_)) => {}
    }
}

/// What prost finds too deep, the guard over passing messages finds too deep, or no message at all; it stops nothing
/// that a client library would write.
fn nesting(verb: Verb, body: &[u8], refused: Option<&prost::DecodeError>) {
    let judged = Nesting::new(Some(verb), LIMITS.message_depth_max).feed(body);
    match (judged, refused) {
        // prost takes one level more.
        (Err(refusal), None) => assert_eq!(refusal.reason, "too_deep", "a good message was stopped"),
        (Ok(()), Some(error)) => {
            assert!(
                !error.to_string().contains("recursion limit"),
                "a deep message was not stopped"
            );
        }
        (Ok(()), None) | (Err(_), Some(_)) => {}
    }
}

/// A body in prost's own form has nothing unknown and nothing twice: it is accepted unless it has a flaw.
fn canonical<M: Request>(verb: Verb, decoded: &mut M, bytes: &[u8]) {
    let gathered = gather(decoded, verb);
    let lens = lens();
    match scan(verb, bytes, &lens) {
        Ok(scanned) => {
            assert_eq!(
                gathered.flaws,
                Vec::<&str>::new(),
                "a body was accepted that has flaws"
            );
            assert_eq!(
                of_op(&scanned.op),
                gathered.facts,
                "a scan says something else than the body"
            );
        }
        // prost counts levels too, but takes one more.
        Err(refusal) if refusal.reason == "too_deep" => {
            assert!(bytes.len() > 2 * lens.limits.prefetch_depth_max)
        }
        Err(refusal) => assert_ne!(
            gathered.flaws,
            Vec::<&str>::new(),
            "refused for no reason: {refusal}"
        ),
    }
}

/// Rewriting and decoding is decoding and editing.
fn rewriting<M: Request + Batched>(
    verb: Verb,
    body: &[u8],
    scanned: &Scan<'_, Places>,
    mut decoded: M,
    how: How,
) {
    let body = Bytes::copy_from_slice(body);
    let (plan, embeddings) = plan(&scanned.op, how);
    let outgoing = rewrite(scanned, &body, &plan, &embeddings, RESERVED).expect("a plan was not carried out");
    let mut order = order(&scanned.op).into_iter();
    decoded.visit(&mut Edit {
        how,
        order: &mut order,
    });
    let Outgoing {
        verb: sent, parts, ..
    } = outgoing;
    let bytes = parts.concat();
    let is_batched = how.steps() && plan.steps.len() > 1;
    if !is_batched {
        assert_eq!(sent, Some(verb));
        let found = M::decode(bytes.as_slice()).expect("no protobuf came out");
        same(&found, &decoded);
        return;
    }
    assert_eq!(sent, Some(Verb::UpdateBatch));
    let mut expected = decoded.batched().expect("only writes have steps");
    if verb == Verb::OverwritePayload {
        overwrite(&mut expected);
    }
    let found = pb::UpdateBatchPoints::decode(bytes.as_slice()).expect("no protobuf came out");
    same(&found, &expected);
}

/// A float that is no number equals nothing, itself included: what holds one cannot be compared.
fn same<M: Message + Clone + PartialEq + std::fmt::Debug>(found: &M, expected: &M) {
    let is_comparable = || *expected == expected.clone();
    assert!(
        found == expected || !is_comparable(),
        "{found:?} is not {expected:?}"
    );
}

fn overwrite(batch: &mut pb::UpdateBatchPoints) {
    if let Some(Operation::SetPayload(of)) = batch.operations.first_mut().and_then(|one| one.operation.take())
    {
        batch.operations[0].operation = Some(Operation::OverwritePayload(operation::OverwritePayload {
            payload: of.payload,
            points_selector: of.points_selector,
            shard_key_selector: of.shard_key_selector,
            key: of.key,
        }));
    }
}

/// The names of every point's vectors, in the body's order.
fn order(op: &Op<'_>) -> Vec<Vec<String>> {
    let OpKind::Writes(writes) = &op.kind else {
        return Vec::new();
    };
    let points = writes.iter().flat_map(|write| match &write.kind {
        WriteKind::Upsert(points) | WriteKind::UpdateVectors(points) => points.as_slice(),
        _ => &[],
    });
    points
        .map(|point| {
            point
                .vectors
                .iter()
                .map(|vector| vector.name.to_string())
                .collect()
        })
        .collect()
}
