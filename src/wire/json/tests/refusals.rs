//! What is refused, and how it says so.

use super::scanned;
use crate::domain::op::Verb;

/// The reason of the refusal, and whether its message names `part`.
pub(super) fn refused(verb: Verb, body: &str, reason: &str, part: &str) {
    let refusal = match scanned(verb, body) {
        Ok(_) => panic!("{verb:?} took {body}"),
        Err(refusal) => refusal,
    };
    assert_eq!(refusal.reason, reason, "{body}: {refusal}");
    assert!(refusal.message.contains(part), "{body}: {refusal}");
}

#[test]
fn duplicate_keys_are_refused_wherever_objects_are_walked() {
    for (verb, body) in [
        (Verb::Query, r#"{"using":"a","using":"b"}"#),
        (Verb::Query, r#"{"\u0075sing":"a","using":"b"}"#),
        (Verb::Query, r#"{"filter":{"must":[],"must":[]}}"#),
        (
            Verb::Query,
            r#"{"lookup_from":{"collection":"a","collection":"b"}}"#,
        ),
        (Verb::Query, r#"{"with_vector":true,"with_vectors":["a"]}"#),
        (Verb::Search, r#"{"vector":[1],"limit":1,"top":1}"#),
        (
            Verb::Search,
            r#"{"vector":{"name":"a","name":"b","vector":[1]},"limit":1}"#,
        ),
        (Verb::Upsert, r#"{"points":[{"id":1,"id":2,"vector":[1]}]}"#),
        (
            Verb::Upsert,
            r#"{"points":[{"id":1,"vector":[1],"vectors":[1]}]}"#,
        ),
        (
            Verb::Upsert,
            r#"{"points":[{"id":1,"vector":{"a":[1],"\u0061":[2]}}]}"#,
        ),
        (
            Verb::Upsert,
            r#"{"points":[{"id":1,"vector":[1],"payload":{"a":1,"a":2}}]}"#,
        ),
        (Verb::Upsert, r#"{"points":[],"points":[]}"#),
        (Verb::Upsert, r#"{"batch":{"ids":[],"vectors":{"a":[],"a":[]}}}"#),
        (Verb::SetPayload, r#"{"points":[1],"payload":{"a":1,"a":2}}"#),
        (
            Verb::DeleteVectors,
            r#"{"points":[1],"vector":["a"],"vectors":["b"]}"#,
        ),
        (
            Verb::UpdateBatch,
            r#"{"operations":[{"delete":{"points":[1]},"delete":{"points":[2]}}]}"#,
        ),
        (
            Verb::CreateFieldIndex,
            r#"{"field_name":"a","field_schema":"keyword","field_type":"keyword"}"#,
        ),
    ] {
        refused(
            verb,
            body,
            "duplicate_key",
            "Format error in JSON body: duplicate field",
        );
    }
    let many: Vec<_> = (0..40).chain([3]).map(|i| format!("\"k{i}\":1")).collect();
    let body = format!(
        r#"{{"points":[{{"id":1,"vector":[1],"payload":{{{}}}}}]}}"#,
        many.join(",")
    );
    refused(Verb::Upsert, &body, "duplicate_key", "k3");
}

/// A body, and the key that is unknown there.
const UNKNOWN: &[(Verb, &str, &str)] = &[
    (Verb::Query, r#"{"usng":"a"}"#, "usng"),
    (
        Verb::Query,
        r#"{"prefetch":{"query":[1],"with_vector":true}}"#,
        "with_vector",
    ),
    (Verb::Query, r#"{"query":{"text":"a","model":"m","x":1}}"#, "x"),
    (Verb::Query, r#"{"query":{"hybrid":[1]}}"#, "hybrid"),
    (
        Verb::Query,
        r#"{"query":{"recommend":{"positive":[1],"positives":[2]}}}"#,
        "positives",
    ),
    (Verb::Query, r#"{"params":{"idf":{"corpus":{},"x":1}}}"#, "x"),
    (
        Verb::Query,
        r#"{"filter":{"must":[{"has_vectors":"a"}]}}"#,
        "has_vectors",
    ),
    (Verb::Query, r#"{"filter":{"musst":[]}}"#, "musst"),
    (Verb::Query, r#"{"query":{"formula":{"median":[1]}}}"#, "median"),
    (Verb::Query, r#"{"with_payload":{"only":["a"]}}"#, "only"),
    (
        Verb::QueryGroups,
        r#"{"query":[1],"group_by":"k","with_vectors":true}"#,
        "with_vectors",
    ),
    (
        Verb::Discover,
        r#"{"target":1,"limit":1,"with_vectors":true}"#,
        "with_vectors",
    ),
    (
        Verb::QueryBatch,
        r#"{"searches":[{"query":1,"collection":"other"}]}"#,
        "collection",
    ),
    (Verb::QueryBatch, r#"{"queries":[]}"#, "queries"),
    (
        Verb::Upsert,
        r#"{"points":[{"id":1,"vector":[1],"vektor":[1]}]}"#,
        "vektor",
    ),
    (Verb::Upsert, r#"{"points":[],"mode":"x"}"#, "mode"),
    (
        Verb::UpdateVectors,
        r#"{"points":[{"id":1,"vector":[1],"payload":{}}]}"#,
        "payload",
    ),
    (
        Verb::UpdateVectors,
        r#"{"points":[],"update_mode":"upsert"}"#,
        "update_mode",
    ),
    (
        Verb::UpdateBatch,
        r#"{"operations":[{"upsert_points":{}}]}"#,
        "upsert_points",
    ),
    (Verb::Delete, r#"{"points":[1],"ids":[2]}"#, "ids"),
    (
        Verb::CreateFieldIndex,
        r#"{"field_name":"a","shard_key":"s"}"#,
        "shard_key",
    ),
];

#[test]
fn unknown_keys_are_refused_by_name() {
    for (verb, body, key) in UNKNOWN {
        refused(*verb, body, "unknown_field", key);
    }
}

/// A body, and what its refusal names.
const AMBIGUOUS: &[(Verb, &str, &str)] = &[
    (
        Verb::Query,
        r#"{"query":{"nearest":[1],"recommend":{"positive":[1]}}}"#,
        "nearest",
    ),
    (
        Verb::Query,
        r#"{"query":{"text":"a","model":"m","nearest":[1]}}"#,
        "text",
    ),
    (
        Verb::Query,
        r#"{"query":{"image":"a","text":"b","model":"m"}}"#,
        "exactly one",
    ),
    (
        Verb::Query,
        r#"{"query":{"image":"a","object":"b","model":"m"}}"#,
        "image",
    ),
    (
        Verb::Query,
        r#"{"query":{"indices":[1],"values":[1],"text":"b"}}"#,
        "exactly one",
    ),
    (Verb::Query, r#"{"query":{"fusion":"rrf","mmr":{}}}"#, "mmr"),
    (Verb::Query, r#"{"query":{"defaults":{}}}"#, "defaults"),
    (
        Verb::Query,
        r#"{"filter":{"must":{"key":"a","has_vector":"b"}}}"#,
        "has_vector",
    ),
    (
        Verb::Query,
        r#"{"filter":{"must":{"has_id":[1],"must":[]}}}"#,
        "has_id",
    ),
    (
        Verb::Query,
        r#"{"filter":{"must":{"has_id":[1],"match":{"value":1}}}}"#,
        "match",
    ),
    (
        Verb::Query,
        r#"{"query":{"formula":{"sum":[],"has_vector":"a"}}}"#,
        "operator",
    ),
    (
        Verb::Query,
        r#"{"with_payload":{"include":[],"exclude":[]}}"#,
        "include",
    ),
    (
        Verb::Upsert,
        r#"{"points":[],"batch":{"ids":[],"vectors":[]}}"#,
        "batch",
    ),
    (
        Verb::Upsert,
        r#"{"points":[{"id":1,"vector":{"indices":[1],"values":[1.5]}}]}"#,
        "sparse",
    ),
    (
        Verb::Upsert,
        r#"{"points":[{"id":1,"vector":{"values":[1.5],"indices":[1]}}]}"#,
        "sparse",
    ),
    (Verb::Delete, r#"{"points":[1],"filter":{}}"#, "selector"),
    (
        Verb::DeleteVectors,
        r#"{"points":[1],"filter":{},"vector":["a"]}"#,
        "selector",
    ),
    (
        Verb::SetPayload,
        r#"{"points":[1],"filter":{},"payload":{}}"#,
        "selector",
    ),
    (
        Verb::UpdateBatch,
        r#"{"operations":[{"upsert":{"points":[]},"delete":{"points":[1]}}]}"#,
        "more than one key",
    ),
];

#[test]
fn forms_that_two_readers_would_read_differently_are_refused() {
    for (verb, body, part) in AMBIGUOUS {
        refused(*verb, body, "ambiguous_body", part);
    }
}

/// A body, and what its refusal says.
const MALFORMED: &[(Verb, &str, &str)] = &[
    (Verb::Query, "", "EOF"),
    (Verb::Query, "[]", "object"),
    (Verb::Query, "{} {}", "trailing"),
    (Verb::Query, r#"{"using":1}"#, "string"),
    (Verb::Query, r#"{"query":true}"#, "Expected some form of vector"),
    (Verb::Query, r#"{"query":{}}"#, "Expected some form of vector"),
    (Verb::Query, r#"{"query":-1}"#, "not a valid point ID"),
    (Verb::Query, r#"{"query":1.0}"#, "not a valid point ID"),
    (Verb::Query, r#"{"query":"17"}"#, "not a valid point ID"),
    (
        Verb::Query,
        r#"{"query":18446744073709551616}"#,
        "not a valid point ID",
    ),
    (Verb::Query, r#"{"query":[1,[2]]}"#, "number"),
    (Verb::Query, r#"{"query":[[1],2]}"#, "numbers"),
    (Verb::Query, r#"{"query":[1,null]}"#, "number"),
    (
        Verb::Query,
        r#"{"query":{"indices":[1]}}"#,
        "missing field `values`",
    ),
    (Verb::Query, r#"{"query":{"image":"a"}}"#, "missing field `model`"),
    (Verb::Query, r#"{"with_vector":"a"}"#, "boolean"),
    (Verb::Query, r#"{"with_payload":{}}"#, "include/exclude"),
    (
        Verb::Query,
        r#"{"lookup_from":{"vector":"a"}}"#,
        "missing field `collection`",
    ),
    (
        Verb::Query,
        r#"{"filter":{"must":{"match":{"value":1}}}}"#,
        "missing field `key`",
    ),
    (Verb::QueryBatch, "{}", "missing field `searches`"),
    (
        Verb::Search,
        r#"{"vector":{"vector":[1]},"limit":1}"#,
        "missing field `name`",
    ),
    (
        Verb::Search,
        r#"{"vector":{"name":"a"},"limit":1}"#,
        "missing field `vector`",
    ),
    (Verb::Upsert, "{}", "Invalid PointInsertOperations format"),
    (
        Verb::Upsert,
        r#"{"points":[{"vector":[1]}]}"#,
        "missing field `id`",
    ),
    (Verb::Upsert, r#"{"points":[{"id":1}]}"#, "missing field `vector`"),
    (
        Verb::Upsert,
        r#"{"points":[{"id":1,"vector":[1],"payload":[]}]}"#,
        "payload",
    ),
    (Verb::Upsert, r#"{"points":[{"id":1,"vector":"a"}]}"#, "vector"),
    (
        Verb::Upsert,
        r#"{"points":[],"update_mode":"merge"}"#,
        "unknown variant `merge`",
    ),
    (
        Verb::Upsert,
        r#"{"batch":{"ids":[1],"vectors":[]}}"#,
        "must be equal",
    ),
    (
        Verb::Upsert,
        r#"{"batch":{"ids":[1],"vectors":[[1]],"payloads":[]}}"#,
        "must be equal",
    ),
    (
        Verb::Upsert,
        r#"{"batch":{"ids":[1]}}"#,
        "missing field `vectors`",
    ),
    (Verb::UpdateVectors, "{}", "missing field `points`"),
    (Verb::Delete, "{}", "Either list of point ids or filter"),
    (
        Verb::ClearPayload,
        r#"{"points":null}"#,
        "Either list of point ids or filter",
    ),
    (Verb::DeleteVectors, r#"{"points":[1]}"#, "missing field `vector`"),
    (Verb::SetPayload, r#"{"points":[1]}"#, "missing field `payload`"),
    (Verb::DeletePayload, r#"{"points":[1]}"#, "missing field `keys`"),
    (Verb::UpdateBatch, "{}", "missing field `operations`"),
    (Verb::UpdateBatch, r#"{"operations":[{}]}"#, "without a key"),
    (Verb::CreateFieldIndex, "{}", "missing field `field_name`"),
];

#[test]
fn what_qdrant_cannot_read_is_refused_in_its_words() {
    for (verb, body, part) in MALFORMED {
        refused(*verb, body, "malformed_body", part);
        refused(*verb, body, "malformed_body", "Format error in JSON body: ");
    }
}
