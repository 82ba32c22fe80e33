//! What nests too deep is found before its end, in whatever chunks it comes.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::{
    Condition, Filter, ListValue, PointStruct, QueryPoints, ScrollPoints, UpsertPoints, Value, value,
};

use super::generate::upsert;
use super::generate_reads::query_points;
use crate::domain::op::Verb;
use crate::wire::pb::encode::put_bytes;
use crate::wire::pb::{Nesting, judge_collection_call};

const DEPTH_MAX: usize = 100;

fn verdict(verb: Option<Verb>, message: &[u8], chunk: usize) -> Result<(), &'static str> {
    let mut nesting = Nesting::new(verb, DEPTH_MAX);
    let mut chunks = message.chunks(chunk.max(1));
    chunks
        .try_for_each(|chunk| nesting.feed(chunk))
        .map_err(|refusal| refusal.reason)
}

/// A scroll whose filter nests so often; each time is two messages.
fn filters(times: usize) -> Vec<u8> {
    let mut filter = Filter::default();
    for _ in 0..times {
        let one = ConditionOneOf::Filter(filter);
        filter = Filter::must([Condition {
            condition_one_of: Some(one),
        }]);
    }
    let scroll = ScrollPoints {
        filter: Some(filter),
        ..ScrollPoints::default()
    };
    scroll.encode_to_vec()
}

#[test]
fn what_nests_up_to_the_bound_passes_and_one_level_more_does_not() {
    for chunk in [1, 2, 7, 4096] {
        // The scroll, the outermost filter, and 49 times a condition and its filter.
        assert_eq!(verdict(Some(Verb::Scroll), &filters(49), chunk), Ok(()));
        assert_eq!(verdict(Some(Verb::Scroll), &filters(50), chunk), Err("too_deep"));
        assert_eq!(verdict(Some(Verb::Scroll), &filters(600), chunk), Err("too_deep"));
    }
    // What the filter is made of is text elsewhere.
    let mut body = Vec::new();
    put_bytes(&mut body, 1, &filters(600));
    assert_eq!(verdict(Some(Verb::Scroll), &body, 4096), Ok(()));
}

#[test]
fn payloads_and_groups_count_too() {
    let mut value = Value { kind: None };
    for _ in 0..300 {
        let list = ListValue { values: vec![value] };
        value = Value {
            kind: Some(value::Kind::ListValue(list)),
        };
    }
    let point = PointStruct {
        payload: [("a".to_owned(), value)].into(),
        ..PointStruct::default()
    };
    let upsert = UpsertPoints {
        points: vec![point],
        ..UpsertPoints::default()
    };
    assert_eq!(
        verdict(Some(Verb::Upsert), &upsert.encode_to_vec(), 16),
        Err("too_deep")
    );
    // Field 200 as a group within a group, and so on: prost skips what it does not know by recursion.
    let groups = [0xc3, 0x0c].repeat(600);
    for verb in [None, Some(Verb::Upsert)] {
        assert_eq!(verdict(verb, &groups, 5), Err("too_deep"));
    }
    let mut hidden = Vec::new();
    put_bytes(&mut hidden, 3, &groups[..4]);
    hidden.extend_from_slice(&groups);
    assert_eq!(verdict(Some(Verb::Upsert), &hidden, 5), Err("malformed"));
}

#[test]
fn metadata_of_collections_counts_too() {
    let create = |times: usize| {
        let mut value = Value { kind: None };
        for _ in 0..times {
            let list = ListValue { values: vec![value] };
            value = Value {
                kind: Some(value::Kind::ListValue(list)),
            };
        }
        let create = qdrant_client::qdrant::CreateCollection {
            metadata: [("a".to_owned(), value)].into(),
            ..Default::default()
        };
        create.encode_to_vec()
    };
    let judge =
        |times| judge_collection_call("/qdrant.Collections/Create", &create(times)).map_err(|r| r.reason);
    assert_eq!((judge(40), judge(60)), (Ok(()), Err("too_deep")));
    let groups = [0xc3, 0x0c].repeat(600);
    assert!(judge_collection_call("/qdrant.Collections/List", &groups).is_err());
}

#[test]
fn a_message_longer_than_the_one_around_it_is_no_way_round() {
    // A filter of two bytes, with a condition that says it has a thousand.
    let mut scroll = vec![0x12, 0x03, 0x0a, 0xe8, 0x07];
    scroll.extend_from_slice(&filters(600));
    assert_eq!(verdict(Some(Verb::Scroll), &scroll, 4096), Err("malformed"));
}

proptest! {
    #[test]
    fn what_clients_send_passes_in_any_chunks(upsert in upsert(), query in query_points(), chunk in 1usize..64) {
        prop_assert_eq!(verdict(Some(Verb::Upsert), &upsert.encode_to_vec(), chunk), Ok(()));
        prop_assert_eq!(verdict(Some(Verb::Query), &query.encode_to_vec(), chunk), Ok(()));
    }

    #[test]
    fn any_bytes_are_judged_alike_in_any_chunks(
        message in query_points(),
        bends in proptest::collection::vec(any::<(Index, u8)>(), 0..4),
        chunk in 1usize..64,
    ) {
        let mut bytes = message.encode_to_vec();
        for (index, byte) in bends.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let at = index.index(bytes.len());
            bytes[at] = *byte;
        }
        let whole = verdict(Some(Verb::Query), &bytes, bytes.len());
        prop_assert_eq!(verdict(Some(Verb::Query), &bytes, chunk), whole);
        if QueryPoints::decode(bytes.as_slice()).is_ok() {
            prop_assert_eq!(whole, Ok(()));
        }
    }
}
