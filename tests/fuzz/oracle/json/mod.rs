//! Bodies over REST: the scanner against serde_json.

mod edit;
mod gather;

use bytes::Bytes;
use interlock::domain::op::Verb;
use interlock::wire::json::{rewrite, scan};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::facts::of_op;
use super::plan::{How, plan};
use super::{RESERVED, lens};

const VERBS: [Verb; 24] = [
    Verb::Query,
    Verb::Upsert,
    Verb::UpdateBatch,
    Verb::QueryBatch,
    Verb::QueryGroups,
    Verb::Search,
    Verb::SearchBatch,
    Verb::SearchGroups,
    Verb::Recommend,
    Verb::RecommendBatch,
    Verb::RecommendGroups,
    Verb::Discover,
    Verb::DiscoverBatch,
    Verb::Scroll,
    Verb::Get,
    Verb::Count,
    Verb::Facet,
    Verb::UpdateVectors,
    Verb::Delete,
    Verb::DeleteVectors,
    Verb::SetPayload,
    Verb::OverwritePayload,
    Verb::DeletePayload,
    Verb::ClearPayload,
];

/// Reads a verb, a [`How`] and a body, and holds the scanner and the rewriter to what serde_json says.
pub fn check(data: &[u8]) {
    let [verb, how, body @ ..] = data else { return };
    let (verb, how) = (VERBS[usize::from(*verb) % VERBS.len()], How(*how));
    let lens = lens();
    let Ok(scanned) = scan(verb, "c", body, &lens) else {
        return;
    };
    assert!(
        serde_json::from_slice::<IgnoredAny>(body).is_ok(),
        "a body was accepted that is no JSON"
    );
    // A number that overflows is none in a tree.
    let Ok(mut tree) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let facts = of_op(&scanned.op);
    let is_reserved = facts.has_reserved_key();
    assert_eq!(
        facts,
        gather::facts(verb, &tree),
        "a scan says something else than the body"
    );
    // A body that holds the reserved key is refused before it comes to a plan.
    if how.steps() || is_reserved {
        return;
    }
    let (plan, embeddings) = plan(&scanned.op, how);
    let bytes = Bytes::copy_from_slice(body);
    let outgoing =
        rewrite(&scanned, &bytes, &plan, &embeddings, RESERVED).expect("a plan was not carried out");
    let sent: Value = serde_json::from_slice(&outgoing.parts.concat()).expect("no JSON came out");
    edit::edit(verb, &mut tree, how, &scanned.op);
    assert_eq!(sent, tree, "rewriting is not editing");
}
