//! A scan says what a straightforward walk over the decoded message says.

use proptest::option;
use proptest::prelude::*;
use qdrant_client::qdrant::SearchMatrixPoints;

use super::generate::{filter, name, overwrite, update_batch, upsert};
use super::generate_reads::{discover, query_points, recommend_groups, scroll, search};
use super::views::Viewed;
use super::{lens, oracle::of_op};
use crate::wire::pb::scan;

/// Checks a body that may be anything: what is accepted is what prost decodes, and means the same.
pub fn agrees<M: Viewed>(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let lens = lens();
    match scan(M::VERB, bytes, &lens) {
        Ok(scan) => {
            let decoded = M::decode(bytes).map_err(|e| TestCaseError::fail(format!("prost refuses: {e}")))?;
            prop_assert_eq!(of_op(&scan.op), decoded.view());
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

fn matrix() -> impl Strategy<Value = SearchMatrixPoints> {
    (name(), option::of(filter()), option::of(name())).prop_map(|(collection_name, filter, using)| {
        SearchMatrixPoints {
            collection_name,
            filter,
            using,
            sample: Some(9),
            ..SearchMatrixPoints::default()
        }
    })
}

macro_rules! scans {
    ($($test:ident: $message:expr),* $(,)?) => {
        proptest! {
            $(#[test]
            fn $test(message in $message) {
                prop_assert!(agrees_of(&message)?, "it was refused");
            })*
        }
    };
}

fn agrees_of<M: Viewed>(message: &M) -> Result<bool, TestCaseError> {
    agrees::<M>(&message.encode_to_vec())
}

scans! {
    a_query_is_seen_whole: query_points(),
    a_grouped_recommendation_is_seen_whole: recommend_groups(),
    a_search_is_seen_whole: search(),
    a_matrix_search_is_seen_whole: matrix(),
    a_scroll_is_seen_whole: scroll(),
    a_discovery_is_seen_whole: discover(),
    an_upsert_is_seen_whole: upsert(),
    an_overwrite_is_seen_whole: overwrite(),
    a_batch_of_updates_is_seen_whole: update_batch(),
}
