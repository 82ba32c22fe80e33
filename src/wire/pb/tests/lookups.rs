//! A read that can reach into a second collection is never taken for one that cannot.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use qdrant_client::qdrant::{
    LookupLocation, PrefetchQuery, QueryBatchPoints, QueryPointGroups, QueryPoints, WithLookup,
};

use super::generate_reads::{discover, query_points, recommend_groups};
use super::lens;
use crate::domain::op::Verb;
use crate::wire::pb::encode::put_bytes;
use crate::wire::pb::{may_look_up, scan};

/// What the scan understands and finds no look-up in is alone, and nothing else.
fn agrees(verb: Verb, message: &[u8]) -> Result<(), TestCaseError> {
    match scan(verb, message, &lens()) {
        Ok(scan) => prop_assert_eq!(may_look_up(verb, message), scan.op.lookups().next().is_some()),
        Err(refusal) if refusal.reason == "unknown_field" => prop_assert!(may_look_up(verb, message)),
        Err(_) => {}
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_is_found_wherever_it_stands(
        query in query_points(),
        recommend in recommend_groups(),
        discover in discover(),
    ) {
        agrees(Verb::Query, &query.encode_to_vec())?;
        agrees(Verb::RecommendGroups, &recommend.encode_to_vec())?;
        agrees(Verb::Discover, &discover.encode_to_vec())?;
    }

    #[test]
    fn a_bent_body_hides_none(query in query_points(), at: Index, byte: u8) {
        let mut bytes = query.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        agrees(Verb::Query, &bytes)?;
    }
}

#[test]
fn look_ups_count_at_any_depth_and_so_does_what_is_not_known() {
    let from = || {
        Some(LookupLocation {
            collection_name: "other".into(),
            ..LookupLocation::default()
        })
    };
    let deep = QueryPoints {
        prefetch: vec![PrefetchQuery {
            prefetch: vec![PrefetchQuery {
                lookup_from: from(),
                ..PrefetchQuery::default()
            }],
            ..PrefetchQuery::default()
        }],
        ..QueryPoints::default()
    };
    let batch = QueryBatchPoints {
        query_points: vec![QueryPoints::default(), deep.clone()],
        ..QueryBatchPoints::default()
    };
    let groups = QueryPointGroups {
        with_lookup: Some(WithLookup::default()),
        ..QueryPointGroups::default()
    };
    assert!(may_look_up(Verb::Query, &deep.encode_to_vec()));
    assert!(may_look_up(Verb::QueryBatch, &batch.encode_to_vec()));
    assert!(may_look_up(Verb::QueryGroups, &groups.encode_to_vec()));
    let plain = QueryPoints {
        collection_name: "c".into(),
        prefetch: vec![PrefetchQuery::default()],
        limit: Some(3),
        ..QueryPoints::default()
    };
    let mut body = plain.encode_to_vec();
    assert!(!may_look_up(Verb::Query, &body));
    put_bytes(&mut body, 99, b"what a newer server knows");
    assert!(may_look_up(Verb::Query, &body));
}

#[test]
fn an_item_of_a_batch_that_is_for_another_collection_counts() {
    let item = |name: &str| QueryPoints {
        collection_name: name.into(),
        ..QueryPoints::default()
    };
    for (names, expected) in [
        (&["c", "", "c"][..], false),
        (&["c", "other"], true),
        (&["other", "c"], true),
    ] {
        let batch = QueryBatchPoints {
            collection_name: "c".into(),
            query_points: names.iter().map(|name| item(name)).collect(),
            ..QueryBatchPoints::default()
        };
        assert_eq!(
            may_look_up(Verb::QueryBatch, &batch.encode_to_vec()),
            expected,
            "{names:?}"
        );
        // The batch's own name may stand last.
        let nameless = QueryBatchPoints {
            collection_name: String::new(),
            ..batch
        };
        let mut body = nameless.encode_to_vec();
        put_bytes(&mut body, 1, b"c");
        assert_eq!(may_look_up(Verb::QueryBatch, &body), expected, "{names:?}");
    }
}
