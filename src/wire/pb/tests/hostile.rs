//! Bodies that are made to slip through: bent, cut, doubled and nested ones.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::{
    Condition, Filter, ListValue, PointStruct, PrefetchQuery, QueryBatchPoints, QueryPoints, ScrollPoints,
    UpdateBatchPoints, UpsertPoints, Value, VectorInput, value,
};

use super::generate::{overwrite, update_batch, upsert};
use super::generate_reads::{discover, query_points, recommend_groups, scroll, search};
use super::lens;
use super::scanning::agrees;
use super::views::Viewed;
use crate::domain::op::Verb;
use crate::domain::refusal::RefusalKind;
use crate::wire::pb::encode::{put_bytes, put_number};
use crate::wire::pb::scan;

/// Bends a body: changes, drops, repeats or inserts bytes.
fn bend(mut bytes: Vec<u8>, bends: &[(Index, u8, u8)]) -> Vec<u8> {
    for (index, how, byte) in bends {
        if bytes.is_empty() {
            break;
        }
        let at = index.index(bytes.len());
        match how % 5 {
            0 => bytes[at] = *byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, *byte),
            3 => bytes.truncate(at),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

fn bends() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    proptest::collection::vec(any::<(Index, u8, u8)>(), 1..4)
}

fn bent<M: Viewed>(message: &M, bends: &[(Index, u8, u8)]) -> Result<(), TestCaseError> {
    agrees::<M>(&bend(message.encode_to_vec(), bends)).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_bent_query_is_refused_or_means_what_prost_says(message in query_points(), bends in bends()) {
        bent(&message, &bends)?;
    }

    #[test]
    fn a_bent_upsert_is_refused_or_means_what_prost_says(message in upsert(), bends in bends()) {
        bent(&message, &bends)?;
    }

    #[test]
    fn a_bent_batch_is_refused_or_means_what_prost_says(message in update_batch(), bends in bends()) {
        bent(&message, &bends)?;
    }

    #[test]
    fn a_bent_legacy_read_is_refused_or_means_what_prost_says(
        reads in (recommend_groups(), search(), scroll(), discover(), overwrite()),
        bends in bends(),
    ) {
        bent(&reads.0, &bends)?;
        bent(&reads.1, &bends)?;
        bent(&reads.2, &bends)?;
        bent(&reads.3, &bends)?;
        bent(&reads.4, &bends)?;
    }

    #[test]
    fn any_bytes_are_refused_or_mean_what_prost_says(bytes in proptest::collection::vec(0u8..40, 0..40)) {
        agrees::<QueryPoints>(&bytes)?;
        agrees::<UpsertPoints>(&bytes)?;
        agrees::<UpdateBatchPoints>(&bytes)?;
        agrees::<ScrollPoints>(&bytes)?;
    }

    #[test]
    fn a_cut_body_never_panics(message in query_points(), cut: Index) {
        let bytes = message.encode_to_vec();
        agrees::<QueryPoints>(&bytes[..cut.index(bytes.len() + 1)])?;
    }
}

fn reason(verb: Verb, bytes: &[u8]) -> &'static str {
    let lens = lens();
    scan(verb, bytes, &lens).expect_err("it was accepted").reason
}

#[test]
fn nested_filters_are_refused_before_they_harm() {
    let mut filter = Filter::default();
    for _ in 0..300 {
        let one = ConditionOneOf::Filter(filter);
        filter = Filter::must([Condition {
            condition_one_of: Some(one),
        }]);
    }
    let scroll = ScrollPoints {
        filter: Some(filter),
        ..ScrollPoints::default()
    };
    assert_eq!(reason(Verb::Scroll, &scroll.encode_to_vec()), "too_deep");
}

#[test]
fn nested_payloads_are_refused_before_they_harm() {
    let mut value = Value { kind: None };
    for _ in 0..300 {
        let list = ListValue { values: vec![value] };
        value = Value {
            kind: Some(value::Kind::ListValue(list)),
        };
    }
    let point = PointStruct {
        id: Some(1.into()),
        payload: [("a".to_owned(), value)].into(),
        vectors: None,
    };
    let upsert = UpsertPoints {
        points: vec![point],
        ..UpsertPoints::default()
    };
    assert_eq!(reason(Verb::Upsert, &upsert.encode_to_vec()), "too_deep");
}

#[test]
fn thirty_two_prefetches_pass_and_one_more_does_not() {
    let query = |depth: usize| {
        let mut prefetch = Vec::new();
        for _ in 0..depth {
            prefetch = vec![PrefetchQuery {
                prefetch,
                ..PrefetchQuery::default()
            }];
        }
        let query = QueryPoints {
            prefetch,
            ..QueryPoints::default()
        };
        query.encode_to_vec()
    };
    let lens = lens();
    assert!(scan(Verb::Query, &query(32), &lens).is_ok());
    let refused = scan(Verb::Query, &query(33), &lens).expect_err("it was accepted");
    assert_eq!((refused.kind, refused.reason), (RefusalKind::Invalid, "too_deep"));
}

#[test]
fn what_qdrant_would_merge_is_refused() {
    // Two `using`, two queries, a nearest input with two members, and a map with one key twice.
    let mut twice = Vec::new();
    put_bytes(&mut twice, 4, b"a");
    put_bytes(&mut twice, 4, b"b");
    assert_eq!(reason(Verb::Query, &twice), "malformed");

    let query = QueryPoints {
        query: Some(qdrant_client::qdrant::Query::new_nearest(VectorInput::new_dense(
            vec![1.0],
        ))),
        ..QueryPoints::default()
    };
    let once = query.encode_to_vec();
    assert_eq!(reason(Verb::Query, &[once.clone(), once].concat()), "malformed");

    let (mut id, mut entry) = (Vec::new(), Vec::new());
    put_number(&mut id, 1, 7);
    put_bytes(&mut entry, 1, b"k");
    let mut point = Vec::new();
    put_bytes(&mut point, 1, &id);
    put_bytes(&mut point, 3, &entry);
    put_bytes(&mut point, 3, &entry);
    let mut upsert = Vec::new();
    put_bytes(&mut upsert, 3, &point);
    assert_eq!(reason(Verb::Upsert, &upsert), "malformed");
}

#[test]
fn what_is_unknown_is_refused() {
    let mut unknown = Vec::new();
    put_bytes(&mut unknown, 99, b"?");
    assert_eq!(reason(Verb::Query, &unknown), "unknown_field");
    let mut mode = Vec::new();
    put_number(&mut mode, 8, 7);
    assert_eq!(reason(Verb::Upsert, &mode), "unknown_field");
    let mut operation = Vec::new();
    put_bytes(&mut operation, 3, b"");
    assert_eq!(reason(Verb::UpdateBatch, &operation), "malformed");
}

#[test]
fn an_item_of_another_collection_is_refused() {
    let item = |name: &str| QueryPoints {
        collection_name: name.into(),
        ..QueryPoints::default()
    };
    let batch = |name: &str| QueryBatchPoints {
        collection_name: "c".into(),
        query_points: vec![item(""), item(name)],
        ..QueryBatchPoints::default()
    };
    let lens = lens();
    assert!(scan(Verb::QueryBatch, &batch("c").encode_to_vec(), &lens).is_ok());
    assert_eq!(reason(Verb::QueryBatch, &batch("d").encode_to_vec()), "malformed");
}
