//! A REST path in the one spelling that Qdrant's router would have matched. Called by `rest` alone.
//!
//! Qdrant merges slashes, trims the trailing one, decodes `%XX` once except `%25`, `%2F` and `%2B`, matches, and then
//! decodes each parameter. For well-formed escapes that equals: split at slashes, then decode each segment once. What
//! two readers could read differently is refused.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::domain::refusal::{Refusal, RefusalKind};

/// Escaped when a segment is written anew: everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Longer paths than any route with the longest names, escaped; others would only cost memory.
const PATH_BYTES_MAX: usize = 16 * 1024;

/// A path, split and decoded.
pub(super) struct Canonical<'a> {
    /// Non-empty, decoded segments.
    pub segments: Vec<Cow<'a, str>>,
    /// The path to forward.
    pub path: Cow<'a, str>,
}

/// Splits and decodes `path`, which starts with a slash and has no query.
pub(super) fn canonical(path: &str) -> Result<Canonical<'_>, Refusal> {
    if path.len() > PATH_BYTES_MAX {
        return Err(bad_path("is too long"));
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(bad_path("does not start with a slash"));
    };
    let mut segments = Vec::new();
    let mut is_plain = true;
    for raw in rest.split('/') {
        if raw.is_empty() {
            is_plain = false;
            continue;
        }
        is_plain &= !raw.contains('%');
        segments.push(segment(raw)?);
    }
    let path = if is_plain || segments.is_empty() && path == "/" {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(join(&segments))
    };
    Ok(Canonical { segments, path })
}

/// A segment as it is written in a path.
pub(super) fn escape(segment: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(segment, SEGMENT)
}

fn join(segments: &[Cow<'_, str>]) -> String {
    if segments.is_empty() {
        return "/".to_owned();
    }
    segments.iter().fold(String::new(), |path, segment| {
        format!("{path}/{}", escape(segment))
    })
}

fn segment(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if !raw.contains('%') {
        return not_dots(Cow::Borrowed(raw));
    }
    let bytes = raw.as_bytes();
    for (at, _) in raw.match_indices('%') {
        let is_hex = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        if !is_hex(1) || !is_hex(2) {
            // Left as it is by one decoder, it can become an escape of the next.
            return Err(bad_path(
                "holds a `%` that starts no escape; write a literal one as %25",
            ));
        }
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| bad_path("is not UTF-8 once decoded"))?;
    if decoded.contains('/') {
        return Err(no_such_path(
            "holds an escaped slash (%2F), which no name can hold",
        ));
    }
    not_dots(decoded)
}

fn not_dots(segment: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    if segment == "." || segment == ".." {
        return Err(no_such_path("holds a dot segment"));
    }
    Ok(segment)
}

/// Qdrant knows nothing by such a path either, and says so with this status.
fn no_such_path(why: &'static str) -> Refusal {
    Refusal {
        kind: RefusalKind::NotFound,
        ..bad_path(why)
    }
}

fn bad_path(why: &'static str) -> Refusal {
    Refusal::invalid("bad_path", format!("The request's path {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<(Vec<String>, String), &'static str> {
        canonical(path)
            .map(|canonical| {
                (
                    canonical.segments.into_iter().map(Cow::into_owned).collect(),
                    canonical.path.into_owned(),
                )
            })
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn each_spelling_has_one_reading() {
        let cases: [(&str, &[&str], &str); 11] = [
            ("/", &[], "/"),
            ("///", &[], "/"),
            ("/collections", &["collections"], "/collections"),
            ("//collections///a//", &["collections", "a"], "/collections/a"),
            ("/c/%70oints", &["c", "points"], "/c/points"),
            ("/c/a%2561b", &["c", "a%61b"], "/c/a%2561b"),
            ("/c/a+b", &["c", "a+b"], "/c/a+b"),
            ("/c/a%2Bb", &["c", "a+b"], "/c/a%2Bb"),
            ("/c/%C3%BCber", &["c", "über"], "/c/%C3%BCber"),
            ("/c/a;b@1", &["c", "a;b@1"], "/c/a;b@1"),
            ("/c/a%3Fb%23", &["c", "a?b#"], "/c/a%3Fb%23"),
        ];
        for (path, segments, canonical) in cases {
            let expected = segments.iter().map(|segment| (*segment).to_owned()).collect();
            assert_eq!(read(path), Ok((expected, canonical.to_owned())), "{path}");
        }
    }

    #[test]
    fn a_canonical_path_is_its_own_canonical_path() {
        for path in ["//a//%70/%2541/", "/c/x%20y%2B", "/", "/ü"] {
            let (segments, once) = read(path).expect("readable");
            assert_eq!(read(&once), Ok((segments, once.clone())), "{path}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for path in [
            "",
            "*",
            "a",
            "/c/../x",
            "/c/.",
            "/c/%2e%2E/x",
            "/c/a%2Fb",
            "/c/a%2fb",
            "/c/%",
            "/c/%4",
            "/c/%zz",
            "/c/%%34%31",
            "/c/%FF",
        ] {
            assert_eq!(read(path), Err("bad_path"), "{path}");
        }
        assert_eq!(read(&format!("/{}", "a".repeat(PATH_BYTES_MAX))), Err("bad_path"));
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_not_found_as_in_qdrant() {
        let kind = |path| canonical(path).map(|_| ()).map_err(|refusal| refusal.kind);
        for path in [
            "/snapshots/..%2F..%2Fetc",
            "/snapshots/../etc",
            "/snapshots/%2e%2e",
        ] {
            assert_eq!(kind(path), Err(RefusalKind::NotFound), "{path}");
        }
        assert_eq!(kind("/c/%zz"), Err(RefusalKind::Invalid));
    }
}
