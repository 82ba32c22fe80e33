//! Points in every form that Qdrant takes.

use std::borrow::Cow;

use super::{scanned, writes};
use crate::domain::ids::PointId;
use crate::domain::op::{Document, InputValue, Point, Verb, WriteKind};

fn with_points(verb: Verb, body: &str, check: impl Fn(&[Point<'_>])) {
    let scan = scanned(verb, body).unwrap_or_else(|e| panic!("{body}: {e}"));
    match &writes(&scan.op)[0].kind {
        WriteKind::Upsert(points) | WriteKind::UpdateVectors(points) => check(points),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_form_of_vector_is_told_apart() {
    let document = |text: &'static str, has_options| {
        InputValue::Document(Document {
            text: Cow::Borrowed(text),
            model: Cow::Borrowed("m"),
            has_options,
        })
    };
    let other = || InputValue::Other {
        model: Cow::Borrowed("m"),
    };
    for (vector, expected) in [
        ("[1,2,3]", vec![("", InputValue::Dense(3))]),
        ("[]", vec![("", InputValue::Dense(0))]),
        ("[[1,2],[3,4]]", vec![("", InputValue::Multi(2))]),
        (r#"{"":[1]}"#, vec![("", InputValue::Dense(1))]),
        ("{}", vec![]),
        (
            r#"{"a":[1],"b":{"indices":[1],"values":[1]},"c":[[1]]}"#,
            vec![
                ("a", InputValue::Dense(1)),
                ("b", InputValue::Sparse),
                ("c", InputValue::Multi(1)),
            ],
        ),
        (r#"{"text":"t","model":"m"}"#, vec![("", document("t", false))]),
        (
            r#"{"model":"m","options":{"a":1},"text":"t"}"#,
            vec![("", document("t", true))],
        ),
        (r#"{"image":[1,2],"model":"m"}"#, vec![("", other())]),
        (
            r#"{"object":{"x":[1]},"model":"m","options":null}"#,
            vec![("", other())],
        ),
        (
            r#"{"text":[1,2],"model":[3]}"#,
            vec![("text", InputValue::Dense(2)), ("model", InputValue::Dense(1))],
        ),
        (
            r#"{"image":{"text":"t","model":"m"},"b":[1]}"#,
            vec![("image", document("t", false)), ("b", InputValue::Dense(1))],
        ),
        (
            r#"{"a":{"text":"t","model":"m"}}"#,
            vec![("a", document("t", false))],
        ),
    ] {
        let body = format!(r#"{{"points":[{{"id":1,"vector":{vector}}}]}}"#);
        with_points(Verb::Upsert, &body, |points| {
            let seen: Vec<_> = points[0]
                .vectors
                .iter()
                .map(|v| (v.name.as_ref(), &v.value))
                .collect();
            let expected: Vec<_> = expected.iter().map(|(name, value)| (*name, value)).collect();
            assert_eq!(seen, expected, "{vector}");
        });
    }
}

#[test]
fn ids_are_read_in_every_spelling() {
    let uuid = uuid::Uuid::parse_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap();
    for (id, expected) in [
        ("18446744073709551615", PointId::Num(u64::MAX)),
        ("0", PointId::Num(0)),
        ("\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"", PointId::Uuid(uuid)),
        ("\"6BA7B8109DAD11D180B400C04FD430C8\"", PointId::Uuid(uuid)),
        ("\"{6ba7b810-9dad-11d1-80b4-00c04fd430c8}\"", PointId::Uuid(uuid)),
        (
            "\"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
            PointId::Uuid(uuid),
        ),
    ] {
        let body = format!(r#"{{"points":[{{"id":{id},"vectors":[1]}}]}}"#);
        with_points(Verb::UpdateVectors, &body, |points| {
            assert_eq!(points[0].id, expected, "{id}")
        });
    }
}

#[test]
fn payloads_give_their_source_texts_and_betray_the_reserved_key() {
    let body = r#"{"points":[
        {"payload":{"title":"a \u00e9","body":7,"x":{"title":"no"}},"id":1,"vector":[1]},
        {"id":2,"vector":[1],"payload":{"\u005fembedding":{}}},
        {"id":3,"vector":[1],"payload":null},{"id":4,"vector":[1]}]}"#;
    with_points(Verb::Upsert, body, |points| {
        assert_eq!(points[0].texts, [(Cow::Borrowed("title"), Cow::Borrowed("a é"))]);
        let flags: Vec<_> = points
            .iter()
            .map(|p| (p.has_payload, p.has_reserved_key))
            .collect();
        assert_eq!(
            flags,
            [(true, false), (true, true), (false, false), (false, false)]
        );
    });
}

#[test]
fn rows_of_the_columnar_form_are_points() {
    let body = r#"{"batch":{"payloads":[{"title":"t"},null],"ids":[1,2],
        "vectors":{"a":[[1,2],[3,4]],"b":[{"text":"x","model":"m"},[[1],[2]]]}}}"#;
    with_points(Verb::Upsert, body, |points| {
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].texts, [(Cow::Borrowed("title"), Cow::Borrowed("t"))]);
        assert!(points[0].has_payload && !points[1].has_payload);
        let names: Vec<_> = points[1].vectors.iter().map(|v| v.name.as_ref()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(points[1].vectors[1].value, InputValue::Multi(1));
    });
    with_points(
        Verb::Upsert,
        r#"{"batch":{"ids":[1],"vectors":[[1,2,3]]}}"#,
        |points| {
            assert_eq!(points[0].vectors[0].name, "");
            assert_eq!(points[0].vectors[0].value, InputValue::Dense(3));
        },
    );
}
