//! What nests too deep is found before its end, in whatever chunks it comes.

use proptest::prelude::*;

use super::bodies::query_body;
use crate::wire::json::Nesting;

const PREFETCHES: usize = 32;

fn verdict(text: &str, chunk: usize) -> Result<(), &'static str> {
    let mut nesting = Nesting::new(128, PREFETCHES);
    let mut chunks = text.as_bytes().chunks(chunk.max(1));
    chunks
        .try_for_each(|chunk| nesting.feed(chunk))
        .map_err(|refusal| refusal.reason)
}

fn nest(open: &str, close: &str, times: usize) -> String {
    format!("{}{{}}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn prefetches_count_however_they_are_spelled() {
    for (open, close) in [
        ("{\"prefetch\":", "}"),
        ("{\"prefetch\" : [ ", "]}"),
        ("{\"limit\":1,\"prefetch\"\n:\t[{},", "]}"),
        ("{\"pref\\u0065tch\":", "}"),
        ("{\"using\":\"prefetch\",\"prefetch\":", "}"),
    ] {
        for chunk in [1, 3, 4096] {
            assert_eq!(verdict(&nest(open, close, PREFETCHES), chunk), Ok(()), "{open}");
            assert_eq!(
                verdict(&nest(open, close, PREFETCHES + 1), chunk),
                Err("too_deep"),
                "{open}"
            );
        }
    }
}

#[test]
fn what_is_no_prefetch_does_not_count_as_one() {
    for (open, close) in [
        ("{\"must\":", "}"),
        ("[\"prefetch\",", "]"),
        ("{\"prefetch_\":", "}"),
        ("{\"prefetch\":1,\"a\":", "}"),
        ("{\"a\":\"{[\\\"{[\",\"b\":", "}"),
    ] {
        assert_eq!(verdict(&nest(open, close, 60), 5), Ok(()), "{open}");
        assert_eq!(verdict(&nest(open, close, 128), 5), Err("too_deep"), "{open}");
    }
    let side_by_side = format!("[{}{{}}]", "{\"prefetch\":{}},".repeat(500));
    assert_eq!(verdict(&side_by_side, 7), Ok(()));
}

proptest! {
    #[test]
    fn what_clients_send_passes_in_any_chunks(body in query_body(), chunk in 1usize..64) {
        let text = serde_json::to_string_pretty(&body).unwrap();
        prop_assert_eq!(verdict(&text, chunk), Ok(()));
    }

    #[test]
    fn any_text_is_judged_alike_in_any_chunks(
        tokens in prop::collection::vec("[\\[\\]{}:, \"\\\\a1]|\"prefetch\":|\\{\"prefetch\":\\[", 0..200),
        chunk in 1usize..16,
    ) {
        let text = tokens.concat();
        prop_assert_eq!(verdict(&text, chunk), verdict(&text, text.len()));
    }
}
