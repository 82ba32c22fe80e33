//! REST methods and paths, by exact match. Methods that a path lacks do not exist: Qdrant never says 405.

use std::borrow::Cow;
use std::str::FromStr;

use http::Method;
use uuid::Uuid;

use super::canonical::{canonical, escape};
use super::table::{Meaning, ROUTES};
use super::{RestHead, Route};
use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;

/// What a REST request's method and path mean. `path` is the target's path without its query (of an absolute-form
/// target too).
///
/// # Errors
/// `bad_path` where Qdrant and Interlock could read the path differently.
pub fn rest<'a>(method: &Method, path: &'a str) -> Result<RestHead<'a>, Refusal> {
    if *method == Method::OPTIONS {
        return Ok(RestHead {
            route: Route::Global { what: "options" },
            canonical: Cow::Borrowed(path),
            point: None,
        });
    }
    let read = canonical(path)?;
    let found = ROUTES.iter().find(|(_, routes)| {
        let mut routes = routes.iter().filter_map(|route| route.split_once(' '));
        routes.any(|(with, pattern)| with == method.as_str() && is_match(pattern, &read.segments))
    });
    let is_dashboard =
        *method == Method::GET && read.segments.first().is_some_and(|first| first == "dashboard");
    let mut point = None;
    let collection = read.segments.get(1).cloned();
    let route = match found.map(|(meaning, _)| *meaning) {
        Some(Meaning::Verb(verb)) => {
            if verb == Verb::GetOne {
                point = read.segments.get(3).and_then(|segment| point_id(segment));
            }
            Route::Verb { verb, collection }
        }
        Some(Meaning::Closed(what)) => Route::Closed { what, collection },
        Some(Meaning::Aliases) => Route::Aliases,
        Some(Meaning::Global(what)) => Route::Global { what },
        Some(Meaning::Guarded(what)) => Route::Guarded { what },
        None if is_dashboard => Route::Global { what: "dashboard" },
        None => Route::Unknown,
    };
    Ok(RestHead {
        route,
        canonical: read.path,
        point,
    })
}

/// The method and path of a verb on `collection`. Two verbs name one thing more, which the caller appends after a
/// slash: [`Verb::GetOne`] the point's id, [`Verb::DeleteFieldIndex`] the escaped key. The reads of one shard are given as those
/// of the whole collection: only a client names a shard.
pub fn rest_path(verb: Verb, collection: &str) -> (Method, String) {
    let (method, rest) = match verb {
        Verb::Upsert => (Method::PUT, "/points"),
        Verb::Get | Verb::ShardGet => (Method::POST, "/points"),
        Verb::GetOne => (Method::GET, "/points"),
        Verb::Delete => (Method::POST, "/points/delete"),
        Verb::UpdateVectors => (Method::PUT, "/points/vectors"),
        Verb::DeleteVectors => (Method::POST, "/points/vectors/delete"),
        Verb::SetPayload => (Method::POST, "/points/payload"),
        Verb::OverwritePayload => (Method::PUT, "/points/payload"),
        Verb::DeletePayload => (Method::POST, "/points/payload/delete"),
        Verb::ClearPayload => (Method::POST, "/points/payload/clear"),
        Verb::UpdateBatch => (Method::POST, "/points/batch"),
        Verb::CreateFieldIndex => (Method::PUT, "/index"),
        Verb::DeleteFieldIndex => (Method::DELETE, "/index"),
        Verb::Search => (Method::POST, "/points/search"),
        Verb::SearchBatch => (Method::POST, "/points/search/batch"),
        Verb::SearchGroups => (Method::POST, "/points/search/groups"),
        Verb::Scroll | Verb::ShardScroll => (Method::POST, "/points/scroll"),
        Verb::Recommend => (Method::POST, "/points/recommend"),
        Verb::RecommendBatch => (Method::POST, "/points/recommend/batch"),
        Verb::RecommendGroups => (Method::POST, "/points/recommend/groups"),
        Verb::Discover => (Method::POST, "/points/discover"),
        Verb::DiscoverBatch => (Method::POST, "/points/discover/batch"),
        Verb::Count | Verb::ShardCount => (Method::POST, "/points/count"),
        Verb::Facet => (Method::POST, "/facet"),
        Verb::Query => (Method::POST, "/points/query"),
        Verb::QueryBatch => (Method::POST, "/points/query/batch"),
        Verb::QueryGroups => (Method::POST, "/points/query/groups"),
        Verb::SearchMatrixPairs => (Method::POST, "/points/search/matrix/pairs"),
        Verb::SearchMatrixOffsets => (Method::POST, "/points/search/matrix/offsets"),
        Verb::CollectionInfo => (Method::GET, ""),
        Verb::CollectionExists => (Method::GET, "/exists"),
    };
    (method, format!("/collections/{}{rest}", escape(collection)))
}

fn is_match(pattern: &str, segments: &[Cow<'_, str>]) -> bool {
    let mut parts = pattern.split('/').filter(|part| !part.is_empty());
    segments
        .iter()
        .all(|segment| parts.next().is_some_and(|part| part == "*" || part == segment))
        && parts.next().is_none()
}

/// Reads an id as Qdrant does: a number first, then a UUID in any of its spellings.
fn point_id(segment: &str) -> Option<PointId> {
    u64::from_str(segment)
        .map(PointId::Num)
        .or_else(|_| Uuid::from_str(segment).map(PointId::Uuid))
        .ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::wire::routes) const VERBS: &[Verb] = &[
        Verb::Upsert,
        Verb::Delete,
        Verb::Get,
        Verb::GetOne,
        Verb::UpdateVectors,
        Verb::DeleteVectors,
        Verb::SetPayload,
        Verb::OverwritePayload,
        Verb::DeletePayload,
        Verb::ClearPayload,
        Verb::UpdateBatch,
        Verb::CreateFieldIndex,
        Verb::DeleteFieldIndex,
        Verb::Search,
        Verb::SearchBatch,
        Verb::SearchGroups,
        Verb::Scroll,
        Verb::Recommend,
        Verb::RecommendBatch,
        Verb::RecommendGroups,
        Verb::Discover,
        Verb::DiscoverBatch,
        Verb::Count,
        Verb::Facet,
        Verb::Query,
        Verb::QueryBatch,
        Verb::QueryGroups,
        Verb::SearchMatrixPairs,
        Verb::SearchMatrixOffsets,
        Verb::ShardGet,
        Verb::ShardScroll,
        Verb::ShardCount,
        Verb::CollectionInfo,
        Verb::CollectionExists,
    ];

    fn route(method: &str, path: &str) -> String {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        match rest(&method, path) {
            Ok(head) => match head.route {
                Route::Verb { verb, collection } => format!("{verb:?} {}", collection.unwrap_or_default()),
                Route::Closed { what, collection } => {
                    format!("closed {what}: {}", collection.unwrap_or_default())
                }
                Route::Aliases => "aliases".to_owned(),
                Route::Global { what } => format!("global {what}"),
                Route::Guarded { what } => format!("guarded {what}"),
                Route::Unknown => "unknown".to_owned(),
            },
            Err(refusal) => refusal.reason.to_owned(),
        }
    }

    #[test]
    fn every_verb_is_found_by_its_own_path() {
        for &verb in VERBS {
            let (method, mut path) = rest_path(verb, "a/b ü%61?#+..");
            if matches!(verb, Verb::GetOne | Verb::DeleteFieldIndex) {
                path.push_str("/7");
            }
            // A name with a slash cannot be sent; the rest of it comes back whole.
            assert_eq!(route(method.as_str(), &path), "bad_path");
            let path = path.replace("%2F", "_");
            let expected = match verb {
                Verb::ShardGet => Verb::Get,
                Verb::ShardScroll => Verb::Scroll,
                Verb::ShardCount => Verb::Count,
                other => other,
            };
            assert_eq!(
                route(method.as_str(), &path),
                format!("{expected:?} a_b ü%61?#+..")
            );
        }
    }

    #[test]
    fn each_row_of_the_table_is_reached_by_its_own_pattern() {
        for (meaning, routes) in ROUTES {
            for found in *routes {
                let (method, pattern) = found.split_once(' ').expect("method and pattern");
                let expected = match meaning {
                    Meaning::Verb(verb) => format!("{verb:?} any"),
                    Meaning::Closed(what) => format!("closed {what}: any"),
                    Meaning::Aliases => "aliases".to_owned(),
                    Meaning::Global(what) => format!("global {what}"),
                    Meaning::Guarded(what) => format!("guarded {what}"),
                };
                assert_eq!(route(method, &pattern.replace('*', "any")), expected, "{found}");
            }
        }
    }

    #[test]
    fn methods_and_paths_are_matched_exactly() {
        for (method, path, expected) in [
            ("PUT", "/collections/c/points", "Upsert c"),
            ("POST", "/collections/c/points", "Get c"),
            ("PUT", "/collections/c/points/vectors", "UpdateVectors c"),
            ("PUT", "/collections/c/vectors/v", "closed create vector name: c"),
            ("POST", "/collections/aliases", "aliases"),
            ("PUT", "/collections/aliases", "closed create collection: aliases"),
            ("GET", "/collections//exists", "CollectionInfo exists"),
            ("GET", "/collections/c/points/query", "GetOne c"),
            ("POST", "/collections/%63//%70oints/query/", "Query c"),
            ("GET", "/dashboard/index.html", "global dashboard"),
            ("OPTIONS", "*", "global options"),
            ("HEAD", "/collections/c", "unknown"),
            ("TRACE", "/", "unknown"),
            ("get", "/collections", "unknown"),
            ("GET", "/Collections", "unknown"),
            ("POST", "/collections/c", "unknown"),
            ("GET", "/collections/c/points/query/batch", "unknown"),
            ("POST", "/collections/c/points/tomorrow", "unknown"),
            ("POST", "/collections/c/%2570oints/query", "unknown"),
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
        assert_eq!(route("POST", uri.path()), "Query c");
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
