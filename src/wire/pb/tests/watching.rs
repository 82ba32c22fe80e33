//! The watch over a message in chunks says what the whole message says.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

use super::generate::upsert;
use crate::wire::pb::encode::{put_bytes, put_number};
use crate::wire::pb::{TopLevelWatch, collection_name};

/// Feeds a message in chunks that end at `cuts`.
fn watch(message: &[u8], cuts: &[Index]) -> Result<String, &'static str> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
    ends.push(message.len());
    ends.sort_unstable();
    let (mut watch, mut at) = (TopLevelWatch::new(), 0);
    for end in ends {
        watch.feed(&message[at..end]).map_err(|refusal| refusal.reason)?;
        at = end;
    }
    watch
        .finish()
        .map(str::to_owned)
        .map_err(|refusal| refusal.reason)
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..6)
}

proptest! {
    #[test]
    fn a_message_in_chunks_names_what_the_whole_names(message in upsert(), cuts in cuts()) {
        let bytes = message.encode_to_vec();
        prop_assert_eq!(collection_name(&bytes).unwrap(), &message.collection_name);
        prop_assert_eq!(watch(&bytes, &cuts), Ok(message.collection_name));
    }

    #[test]
    fn any_bytes_are_judged_alike_in_any_chunks(
        bytes in proptest::collection::vec(0u8..30, 0..24),
        cuts in cuts(),
    ) {
        let whole = collection_name(&bytes).map(str::to_owned).map_err(|refusal| refusal.reason);
        let watched = watch(&bytes, &cuts);
        prop_assert_eq!(&watched, &watch(&bytes, &[]), "chunks change the verdict");
        // Of two names the last one counts in a whole message; the watch refuses them.
        if watched.is_ok() {
            prop_assert_eq!(watched, whole);
        }
    }
}

#[test]
fn the_name_is_known_before_the_rest_is_there() {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, b"docs");
    let mut watch = TopLevelWatch::new();
    watch.feed(&message[..3]).unwrap();
    assert_eq!(watch.name(), None);
    watch.feed(&message[3..]).unwrap();
    assert_eq!(watch.name(), Some("docs"));
}

#[test]
fn a_second_name_that_differs_is_refused() {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, b"a");
    put_number(&mut message, 2, 1);
    put_bytes(&mut message, 1, b"a");
    assert_eq!(watch(&message, &[]), Ok("a".into()));
    put_bytes(&mut message, 1, b"b");
    assert_eq!(watch(&message, &[]), Err("malformed"));
    assert_eq!(collection_name(&message).unwrap(), "b");
}

#[test]
fn a_name_is_bounded() {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &[b'x'; 1025]);
    assert_eq!(watch(&message, &[]), Err("malformed"));
    assert!(collection_name(&message).is_err());
}
