//! The cursor takes what serde_json takes.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::super::cursor::Cursor;

const DEPTH_MAX: usize = 40;

fn takes(bytes: &[u8]) -> bool {
    Cursor::new(bytes, DEPTH_MAX)
        .and_then(|mut cursor| {
            cursor.skip()?;
            cursor.finish()
        })
        .is_ok()
}

#[test]
fn the_grammar_is_serde_jsons() {
    for text in [
        "0",
        "-0",
        "01",
        "1.",
        ".1",
        "1.5e",
        "1e+5",
        "1E-5",
        "-",
        "+1",
        "1e5",
        "0.0",
        "--1",
        "NaN",
        "Infinity",
        "nul",
        "null",
        "true",
        "tru",
        "false",
        "nullx",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\x\"",
        "\"a",
        "\"\u{1}\"",
        "\"\\\"\"",
        "\"\\",
        "\"\\u12",
        "[]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,2",
        "]",
        "{}",
        "{\"a\":1}",
        "{\"a\" : 1 , \"b\":[]}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        " 1 ",
        "1 1",
        "",
        " ",
        "[[[]]]",
        "[[]",
        "{\"a\":{\"a\":{}}}",
        "\u{feff}1",
        "/*x*/1",
        "[1}",
        "{\"a\":1]",
        "\"\\ud83d\\ude00\"",
    ] {
        let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert_eq!(takes(text.as_bytes()), theirs, "{text:?}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    assert!(!takes(b"\"\xff\""));
    assert!(!takes(b"\"\xed\xa0\x80\""));
    for lone in ["\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\""] {
        assert!(!takes(lone.as_bytes()), "{lone}");
        assert!(serde_json::from_str::<String>(lone).is_err(), "{lone}");
    }
}

#[test]
fn depth_is_bounded_exactly() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(takes(nested(DEPTH_MAX).as_bytes()));
    assert!(!takes(nested(DEPTH_MAX + 1).as_bytes()));
    // Levels are given back: many shallow values are not a deep one.
    let wide = format!("[{}[]]", "[[]],{\"a\":[]},".repeat(100));
    assert!(takes(wide.as_bytes()));
}

#[test]
fn an_error_says_line_and_column() {
    let error = Cursor::new(b"{\"a\":\n  x}", DEPTH_MAX)
        .unwrap()
        .skip()
        .unwrap_err();
    assert_eq!(error.reason, "malformed_body");
    assert_eq!(
        error.message,
        "Format error in JSON body: expected value at line 2 column 3"
    );
}

#[test]
fn text_is_borrowed_where_it_holds_no_escape() {
    let body = br#"["plain","\u005fx","\ud83d\ude00 \n\"\\\/"]"#;
    let mut cursor = Cursor::new(body, DEPTH_MAX).unwrap();
    let mut items = cursor.array().unwrap();
    let mut texts = Vec::new();
    while cursor.next_item(&mut items).unwrap() {
        texts.push(cursor.text().unwrap());
    }
    assert!(matches!(texts[0], std::borrow::Cow::Borrowed("plain")));
    assert_eq!(texts[1], "_x");
    assert_eq!(texts[2], "\u{1f600} \n\"\\/");
}

proptest! {
    /// Bytes drawn from JSON's own alphabet reach deep into the grammar.
    #[test]
    fn any_text_is_taken_as_serde_json_takes_it(
        text in proptest::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "u00", "41", "e", "E", "+", "-", ".", "0", "1", "9", "true", "null",
                "false", " ", "\n", "\"a\"", "\"b\":", "é", "\u{7f}", "\t",
            ]),
            0..24,
        )
    ) {
        let text = text.concat();
        let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        // The one difference: IgnoredAny does not look at what `\u` escapes stand for.
        prop_assert_eq!(takes(text.as_bytes()), theirs && !text.contains("\\ud"), "{}", text);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if takes(&bytes) {
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
        }
    }

    #[test]
    fn written_texts_read_back(text in any::<String>()) {
        let quoted = super::super::strings::quote(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text.clone());
        let mut cursor = Cursor::new(quoted.as_bytes(), DEPTH_MAX).unwrap();
        prop_assert_eq!(cursor.text().unwrap(), text);
    }
}
