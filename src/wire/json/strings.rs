//! JSON strings: scanned and decoded on the way in, escaped on the way out. Called by the cursor and by everything that
//! writes a name.

use std::borrow::Cow;

/// What is wrong with a string, and where.
#[derive(Debug)]
pub(super) struct Bad {
    pub at: usize,
    pub what: &'static str,
}

/// Scans the string whose first byte after the quote is at `start`. Gives it decoded, with the offset after its closing
/// quote.
pub(super) fn scan(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), Bad> {
    let bytes = text.as_bytes();
    let mut decoded: Option<String> = None;
    let mut from = start;
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(Bad {
                at: bytes.len(),
                what: "EOF while parsing a string",
            });
        };
        let plain = text.get(from..from + length).unwrap_or_default();
        if let Some(bad) = plain.bytes().position(|b| b < 0x20) {
            return Err(Bad {
                at: from + bad,
                what: "control character found while parsing a string",
            });
        }
        let stop = from + length;
        if bytes.get(stop) == Some(&b'"') {
            return Ok(match decoded {
                None => (Cow::Borrowed(plain), stop + 1),
                Some(mut all) => {
                    all.push_str(plain);
                    (Cow::Owned(all), stop + 1)
                }
            });
        }
        let all = decoded.get_or_insert_with(String::new);
        all.push_str(plain);
        let (escaped, next) = escape(bytes, stop + 1)?;
        all.push(escaped);
        from = next;
    }
}

/// Decodes the escape whose first byte after the backslash is at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), Bad> {
    let simple = match bytes.get(at) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(bytes, at + 1),
        Some(_) | None => {
            return Err(Bad {
                at,
                what: "invalid escape",
            });
        }
    };
    Ok((simple, at + 1))
}

/// Decodes the four digits at `at`, and the low surrogate's after a high one.
fn unicode(bytes: &[u8], at: usize) -> Result<(char, usize), Bad> {
    let lone = Bad {
        at,
        what: "lone surrogate in hex escape",
    };
    let first = hex4(bytes, at)?;
    if !(0xD800..=0xDFFF).contains(&first) {
        return char::from_u32(first).map(|c| (c, at + 4)).ok_or(lone);
    }
    if first >= 0xDC00 || bytes.get(at + 4..at + 6) != Some(b"\\u") {
        return Err(lone);
    }
    let second = hex4(bytes, at + 6)?;
    if !(0xDC00..=0xDFFF).contains(&second) {
        return Err(lone);
    }
    let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code).map(|c| (c, at + 10)).ok_or(lone)
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, Bad> {
    let bad = Bad {
        at,
        what: "invalid unicode escape",
    };
    let Some(digits) = bytes.get(at..at + 4) else {
        return Err(bad);
    };
    let mut code = 0;
    for digit in digits {
        let Some(value) = char::from(*digit).to_digit(16) else {
            return Err(bad);
        };
        code = code * 16 + value;
    }
    Ok(code)
}

/// Appends `text` as a JSON string, quoted and escaped.
pub(super) fn quote_into(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `text` as a JSON string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// A JSON array of strings.
pub(super) fn quote_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut out = String::from("[");
    for (i, text) in texts.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        quote_into(&mut out, text);
    }
    out.push(']');
    out
}
