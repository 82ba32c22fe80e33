//! What goes out, by hand.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::rewrite;
use super::{reads, scanned, value, writes};
use crate::domain::ids::{VectorName, WriteId};
use crate::domain::op::{Point, Verb, WriteKind};
use crate::domain::plan::{Edit, EmbedRef, Embedding, OutVector, PayloadEdit, Plan, PointEdit, VectorFrom};
use crate::domain::tag::{Tag, TagEntry};

pub(super) fn name(text: &str) -> VectorName {
    text.into()
}

pub(super) fn tag() -> Tag {
    Tag([TagEntry {
        field: name("f"),
        write_id: WriteId(Uuid::nil()),
        source_hash: None,
        models: vec![(name("f"), "m@1#x".into())].into(),
    }]
    .into())
}

pub(super) fn point_edit(vectors: &[(&str, VectorFrom)]) -> PointEdit {
    let out = |(n, from): &(&str, VectorFrom)| OutVector {
        name: name(n),
        from: *from,
    };
    PointEdit {
        vectors: vectors.iter().map(out).collect(),
        tag: Some(tag()),
    }
}

pub(super) fn points<'s, 'a>(scan: &'s crate::wire::Scan<'a, super::Places>) -> &'s [Point<'a>] {
    match &writes(&scan.op)[0].kind {
        WriteKind::Upsert(points) | WriteKind::UpdateVectors(points) => points,
        other => panic!("{other:?}"),
    }
}

/// The body of `verb` with a plan that is made from its scan.
pub(super) fn out(
    verb: Verb,
    body: &str,
    embeddings: &[Embedding],
    plan: impl FnOnce(&crate::wire::Scan<'_, super::Places>) -> Plan,
) -> (Verb, Value) {
    let scan = scanned(verb, body).unwrap();
    let plan = plan(&scan);
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let outgoing = rewrite(&scan, &bytes, &plan, embeddings, "_embedding").unwrap();
    (outgoing.verb.unwrap(), value(&outgoing.parts))
}

pub(super) fn edited(edits: Vec<(crate::domain::op::Site, Edit)>) -> Plan {
    Plan {
        edits,
        ..Plan::default()
    }
}

#[test]
fn names_and_selectors_are_put_in_and_replaced() {
    let put = |body: &str| {
        out(Verb::Query, body, &[], |scan| {
            let read = &reads(&scan.op)[0];
            let vectors = Edit::Names(vec![name("a\"b"), name("")]);
            let payload = Edit::Payload(PayloadEdit::Exclude(vec![]));
            edited(vec![
                (read.with_payload.as_ref().unwrap().site, payload),
                (read.nodes[0].site, Edit::Name(name("x@m@1"))),
                (read.with_vectors.as_ref().unwrap().site, vectors),
            ])
        })
        .1
    };
    let expected =
        json!({"using":"x@m@1","with_vector":["a\"b",""],"with_payload":{"exclude":["_embedding"]}});
    assert_eq!(put("{}"), expected);
    assert_eq!(put(" { } "), expected);
    assert_eq!(put(r#"{"using":null,"with_payload":true}"#), expected);
    assert_eq!(put(r#"{"with_vector":true,"using":"x"}"#), expected);
    let mut alias = expected.clone();
    let vectors = alias.as_object_mut().unwrap().remove("with_vector").unwrap();
    alias["with_vectors"] = vectors;
    alias["limit"] = json!(3);
    assert_eq!(put(r#"{"limit":3,"with_vectors":false}"#), alias);
}

#[test]
fn names_inside_a_tree_are_replaced_where_they_stand() {
    let body = r#"{"prefetch":[{"query":{"text":"t","model":"auto"}},{"query":1,"using":"f","lookup_from":{"collection":"c"}}],
        "filter":{"must":[{"has_vector":"f"}]},"query":{"fusion":"rrf"}}"#;
    let embeddings = [Embedding::Dense(vec![0.1, -2.5e-9])];
    let (verb, seen) = out(Verb::Query, body, &embeddings, |scan| {
        let read = &reads(&scan.op)[0];
        let lookup = read.nodes[2].lookup_from.as_ref().unwrap();
        edited(vec![
            (read.nodes[1].site, Edit::Name(name("g"))),
            (read.nodes[1].inputs[0].site, Edit::Embedding(EmbedRef(0))),
            (read.nodes[2].site, Edit::Name(name("g"))),
            (lookup.vector_site, Edit::Name(name("g"))),
            (read.filters.has_vectors[0].0, Edit::Name(name("g"))),
        ])
    });
    assert_eq!(verb, Verb::Query);
    assert_eq!(
        seen,
        json!({"prefetch":[{"using":"g","query":[0.1,-2.5e-9]},
            {"query":1,"using":"g","lookup_from":{"vector":"g","collection":"c"}}],
            "filter":{"must":[{"has_vector":"g"}]},"query":{"fusion":"rrf"}})
    );
}

#[test]
fn a_search_is_named_by_wrapping_and_a_lookup_text_becomes_an_object() {
    for (body, expected) in [
        (
            r#"{"vector":[1.0],"limit":1}"#,
            json!({"vector":{"name":"g","vector":[1.0]},"limit":1}),
        ),
        (
            r#"{"vector":{"vector":[1.0],"name":"f"},"limit":1}"#,
            json!({"vector":{"name":"g","vector":[1.0]},"limit":1}),
        ),
    ] {
        let named = |scan: &crate::wire::Scan<'_, super::Places>| {
            edited(vec![(reads(&scan.op)[0].nodes[0].site, Edit::Name(name("g")))])
        };
        assert_eq!(out(Verb::Search, body, &[], named).1, expected);
    }
    let body = r#"{"query":1,"group_by":"k","with_lookup":"o"}"#;
    let (_, seen) = out(Verb::QueryGroups, body, &[], |scan| {
        let lookup = reads(&scan.op)[0].lookup.as_ref().unwrap();
        let payload = Edit::Payload(PayloadEdit::Exclude(vec![]));
        edited(vec![
            (lookup.with_payload.site, payload),
            (lookup.with_vectors.site, Edit::Names(vec![])),
        ])
    });
    let lookup = json!({"collection":"o","with_payload":{"exclude":["_embedding"]},"with_vectors":[]});
    assert_eq!(seen, json!({"query":1,"group_by":"k","with_lookup":lookup}));
}

#[test]
fn a_kept_point_gets_its_tag_and_keeps_its_bytes() {
    for (payload, expected) in [
        ("", json!({"_embedding":tag().to_json()})),
        (r#","payload":null"#, json!({"_embedding":tag().to_json()})),
        (r#","payload":{}"#, json!({"_embedding":tag().to_json()})),
        (
            r#","payload":{"a":1}"#,
            json!({"a":1,"_embedding":tag().to_json()}),
        ),
    ] {
        let body = format!(r#"{{"points":[{{"id":1,"vector":{{"f":[0.30000001,1e-3]}}{payload}}}]}}"#);
        let scan = scanned(Verb::Upsert, &body).unwrap();
        let edit = point_edit(&[("f", VectorFrom::Kept(0))]);
        let plan = edited(vec![(points(&scan)[0].site, Edit::Point(edit))]);
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let outgoing = rewrite(&scan, &bytes, &plan, &[], "_embedding").unwrap();
        let seen = value(&outgoing.parts);
        assert_eq!(seen["points"][0]["payload"], expected, "{payload}");
        let inside = bytes.as_ptr_range();
        let part = outgoing
            .parts
            .iter()
            .find(|p| p.windows(10).any(|w| w == b"0.30000001"))
            .unwrap();
        assert!(inside.contains(&part.as_ptr()), "the vector was copied");
    }
}

#[test]
fn a_rebuilt_point_has_exactly_the_plans_vectors() {
    let dense = || Embedding::Dense(vec![0.5]);
    let sparse = || Embedding::Sparse {
        indices: vec![3, 9],
        values: vec![1.0, 0.25],
    };
    for (vector, vectors, embeddings, expected) in [
        ("[1]", vec![("g", VectorFrom::Kept(0))], vec![], json!({"g":[1]})),
        (
            r#"{"":[1],"x":[2]}"#,
            vec![("", VectorFrom::Kept(0))],
            vec![],
            json!([1]),
        ),
        (
            r#"{"f":[1],"g":[[2]]}"#,
            vec![
                ("g", VectorFrom::Kept(0)),
                ("f", VectorFrom::Embedded(EmbedRef(0))),
            ],
            vec![dense()],
            json!({"g":[1],"f":[0.5]}),
        ),
        (
            r#"{"text":"t","model":"m"}"#,
            vec![("", VectorFrom::Embedded(EmbedRef(0)))],
            vec![dense()],
            json!([0.5]),
        ),
        (
            r#"{"text":"t","model":"m"}"#,
            vec![("", VectorFrom::Embedded(EmbedRef(0)))],
            vec![sparse()],
            json!({"":{"indices":[3,9],"values":[1.0,0.25]}}),
        ),
        (
            r#"{"":{"indices":[1],"values":[2]},"x":[1]}"#,
            vec![("", VectorFrom::Kept(0))],
            vec![],
            json!({"":{"indices":[1],"values":[2]}}),
        ),
        ("[1]", vec![], vec![], json!({})),
    ] {
        let body = format!(r#"{{"points":[{{"vectors":{vector},"id":7,"payload":{{"a":1}}}}]}}"#);
        let (_, seen) = out(Verb::Upsert, &body, &embeddings, |scan| {
            edited(vec![(points(scan)[0].site, Edit::Point(point_edit(&vectors)))])
        });
        assert_eq!(seen["points"][0]["vectors"], expected, "{vector}");
        assert_eq!(
            seen["points"][0]["payload"],
            json!({"a":1,"_embedding":tag().to_json()})
        );
    }
}

#[test]
fn a_columnar_upsert_goes_out_as_points() {
    let body = r#"{"shard_key":"s","batch":{"payloads":[{"a":1},null,{}],"ids":[1,2,3],
        "vectors":{"f":[[1],[2],[3]],"o":[[4],[5],[6]]}},"update_mode":"insert_only"}"#;
    let (_, seen) = out(Verb::Upsert, body, &[], |scan| {
        let edit = || Edit::Point(point_edit(&[("g", VectorFrom::Kept(0))]));
        edited(vec![
            (points(scan)[0].site, edit()),
            (points(scan)[2].site, edit()),
        ])
    });
    let tag = tag().to_json();
    assert_eq!(
        seen,
        json!({"shard_key":"s","update_mode":"insert_only","points":[
            {"id":1,"vector":{"g":[1]},"payload":{"a":1,"_embedding":tag}},
            {"id":2,"vector":{"f":[2],"o":[5]}},
            {"id":3,"vector":{"g":[3]},"payload":{"_embedding":tag}}]})
    );
    let untouched = out(Verb::Upsert, body, &[], |_| Plan::default()).1;
    assert_eq!(untouched, serde_json::from_str::<Value>(body).unwrap());
}
