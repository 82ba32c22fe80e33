//! REST methods and paths, by exact match. Methods that a path lacks do not exist: Qdrant never says 405.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::LazyLock;

use http::Method;
use uuid::Uuid;

use super::canonical::{canonical, escape};
use super::table::{UNKNOWN, row, rows};
use super::{Head, Row, Treatment};
use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;

/// A route of a row, split.
struct Pattern {
    method: Method,
    parts: Vec<&'static str>,
    row: &'static Row,
}

/// The patterns: those of one length together, and those of any length.
struct Index {
    by_length: Vec<Vec<Pattern>>,
    open_ended: Vec<Pattern>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        by_length: Vec::new(),
        open_ended: Vec::new(),
    };
    for pattern in rows().flat_map(patterns) {
        let length = pattern.parts.len();
        if pattern.parts.last() == Some(&"**") {
            index.open_ended.push(pattern);
            continue;
        }
        if index.by_length.len() <= length {
            index.by_length.resize_with(length + 1, Vec::new);
        }
        index.by_length[length].push(pattern);
    }
    index
});

fn patterns(row: &'static Row) -> impl Iterator<Item = Pattern> {
    row.rest.iter().filter_map(move |route| {
        let (method, path) = route.split_once(' ')?;
        Some(Pattern {
            method: Method::from_bytes(method.as_bytes()).ok()?,
            parts: path.split('/').filter(|part| !part.is_empty()).collect(),
            row,
        })
    })
}

impl Index {
    fn find(&self, method: &Method, segments: &[Cow<'_, str>]) -> &'static Row {
        let exact = self.by_length.get(segments.len());
        exact
            .and_then(|patterns| patterns.iter().find(|pattern| pattern.is_match(method, segments)))
            .or_else(|| {
                self.open_ended
                    .iter()
                    .find(|pattern| pattern.begins(method, segments))
            })
            .map_or(&UNKNOWN, |pattern| pattern.row)
    }
}

impl Pattern {
    /// The last segments differ most.
    fn is_match(&self, method: &Method, segments: &[Cow<'_, str>]) -> bool {
        let mut pairs = self.parts.iter().zip(segments).rev();
        self.method == *method && pairs.all(|(part, segment)| *part == "*" || part == segment)
    }

    fn begins(&self, method: &Method, segments: &[Cow<'_, str>]) -> bool {
        let fixed = self.parts.len() - 1;
        self.method == *method
            && segments.len() >= fixed
            && self.parts[..fixed]
                .iter()
                .zip(segments)
                .all(|(part, segment)| part == segment)
    }
}

/// What a REST request's method and path mean. `path` is the target's path without its query (of an absolute-form
/// target too).
///
/// # Errors
/// `bad_path` where Qdrant and Interlock could read the path differently.
pub fn rest<'a>(method: &Method, path: &'a str) -> Result<Head<'a>, Refusal> {
    if *method == Method::OPTIONS {
        // `*` is no path, and a preflight reads nothing.
        return Ok(Head {
            row: INDEX.find(method, &[]),
            collection: None,
            canonical: Cow::Borrowed(path),
            point: None,
        });
    }
    let read = canonical(path)?;
    let row = INDEX.find(method, &read.segments);
    let is_about_one = read.segments.first().is_some_and(|first| first == "collections");
    let point = match row.treatment {
        Treatment::Scanned(Verb::GetOne) => read.segments.get(3).and_then(|segment| point_id(segment)),
        Treatment::Passed
        | Treatment::Scanned(_)
        | Treatment::Aliases
        | Treatment::Schema(_)
        | Treatment::Closed(_)
        | Treatment::Refused(_) => None,
    };
    Ok(Head {
        row,
        collection: read.segments.into_iter().nth(1).filter(|_| is_about_one),
        canonical: read.path,
        point,
    })
}

/// The method and path of a verb on `collection`. Two verbs name one thing more, which the caller appends after a
/// slash: [`Verb::GetOne`] the point's id, [`Verb::DeleteFieldIndex`] the escaped key. `None` for verbs that name more
/// than that.
pub fn rest_path(verb: Verb, collection: &str) -> Option<(Method, String)> {
    let (method, pattern) = row(verb).rest.first()?.split_once(' ')?;
    let rest = pattern.strip_prefix("/collections/*")?;
    let rest = rest.strip_suffix("/*").unwrap_or(rest);
    let path = (!rest.contains('*')).then(|| format!("/collections/{}{rest}", escape(collection)))?;
    Some((Method::from_bytes(method.as_bytes()).ok()?, path))
}

/// Reads an id as Qdrant does: a number first, then a UUID in any of its spellings.
fn point_id(segment: &str) -> Option<PointId> {
    u64::from_str(segment)
        .map(PointId::Num)
        .or_else(|_| Uuid::from_str(segment).map(PointId::Uuid))
        .ok()
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    /// The name of the row that a request finds, and the collection.
    fn route(method: &str, path: &str) -> String {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        match rest(&method, path) {
            Ok(Head {
                row,
                collection: Some(collection),
                ..
            }) => format!("{}: {collection}", row.name),
            Ok(head) => head.row.name.to_owned(),
            Err(refusal) => refusal.reason.to_owned(),
        }
    }

    #[test]
    fn every_verb_is_found_by_its_own_path() {
        for &verb in Verb::VARIANTS {
            let Some((method, mut path)) = rest_path(verb, "a/b ü%61?#+..") else {
                continue;
            };
            if matches!(verb, Verb::GetOne | Verb::DeleteFieldIndex) {
                path.push_str("/7");
            }
            // A name with a slash cannot be sent; the rest of it comes back whole.
            assert_eq!(route(method.as_str(), &path), "bad_path");
            let path = path.replace("%2F", "_");
            assert_eq!(
                route(method.as_str(), &path),
                format!("{}: a_b ü%61?#+..", row(verb).name)
            );
        }
    }

    #[test]
    fn each_route_of_the_table_is_reached_by_its_own_pattern() {
        for row in rows() {
            assert_eq!(patterns(row).count(), row.rest.len(), "{row:?}");
            for found in row.rest {
                let (method, pattern) = found.split_once(' ').expect("method and pattern");
                let path = pattern.replace('*', "any");
                let expected = match pattern.starts_with("/collections/*") {
                    true => format!("{}: any", row.name),
                    false => row.name.to_owned(),
                };
                let found = route(method, &path);
                let found = found.strip_suffix(": aliases").unwrap_or(&found);
                assert_eq!(found, expected, "{method} {path}");
            }
        }
    }

    #[test]
    fn methods_and_paths_are_matched_exactly() {
        for (method, path, expected) in [
            ("PUT", "/collections/c/points", "upsert: c"),
            ("POST", "/collections/c/points", "get: c"),
            ("PUT", "/collections/c/points/vectors", "update vectors: c"),
            ("PUT", "/collections/c/vectors/v", "create vector name: c"),
            ("POST", "/collections/aliases", "update aliases: aliases"),
            ("PUT", "/collections/aliases", "create collection: aliases"),
            ("GET", "/collections//exists", "collection info: exists"),
            ("GET", "/collections/c/points/query", "get one: c"),
            ("POST", "/collections/%63//%70oints/query/", "query: c"),
            ("GET", "/dashboard/index.html", "dashboard"),
            ("OPTIONS", "*", "options"),
            ("HEAD", "/collections/c", "unknown: c"),
            ("TRACE", "/", "unknown"),
            ("get", "/collections", "unknown"),
            ("GET", "/Collections", "unknown"),
            ("POST", "/collections/c", "unknown: c"),
            ("GET", "/collections/c/points/query/batch", "unknown: c"),
            ("POST", "/collections/c/points/tomorrow", "unknown: c"),
            ("POST", "/collections/c/%2570oints/query", "unknown: c"),
            ("POST", "/collections/c/../d/points/query", "bad_path"),
            ("POST", "/collections/c%2Fd/points/query", "bad_path"),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn an_absolute_target_is_read_by_its_path() {
        let uri: http::Uri = "http://elsewhere/collections/c/points/query?timeout=1"
            .parse()
            .expect("a URI");
        assert_eq!(route("POST", uri.path()), "query: c");
    }

    #[test]
    fn ids_are_read_as_qdrant_reads_them() {
        let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        for (segment, expected) in [
            ("7", Some(PointId::Num(7))),
            ("+7", Some(PointId::Num(7))),
            ("18446744073709551615", Some(PointId::Num(u64::MAX))),
            ("0123456789ABCDEF0123456789abcdef", Some(PointId::Uuid(uuid))),
            (
                "%7B01234567-89ab-cdef-0123-456789abcdef%7D",
                Some(PointId::Uuid(uuid)),
            ),
            ("18446744073709551616", None),
            ("query", None),
        ] {
            let path = format!("/collections/c/points/{segment}");
            assert_eq!(
                rest(&Method::GET, &path).expect("a head").point,
                expected,
                "{segment}"
            );
        }
    }
}
