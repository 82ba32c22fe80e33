//! Over generated bodies: the scan sees what a walk over the tree sees, and a rewrite is an edit of the tree.

use bytes::Bytes;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::super::{rewrite, scan};
use super::walk::View;
use super::{LENS, bodies, reads, value, walk, writes};
use crate::domain::ids::WriteId;
use crate::domain::op::{Verb, WriteKind};
use crate::domain::plan::{Edit, OutVector, Plan, PointEdit, VectorFrom};
use crate::domain::tag::{Tag, TagEntry};

fn tree_view(verb: Verb, body: &Value) -> View {
    match verb {
        Verb::Query => walk::of_query(body),
        _ => walk::of_tree(body),
    }
}

/// The edits of [`renamed`], on the tree.
fn rename_tree(body: &mut Value) {
    fn node(value: &mut Value) {
        value["using"] = json!("u");
        match value.get_mut("prefetch") {
            Some(Value::Array(list)) => list.iter_mut().for_each(node),
            Some(inner @ Value::Object(_)) => node(inner),
            Some(_) | None => {}
        }
    }
    fn conditions(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(conditions),
            Value::Object(members) => {
                for (key, value) in members {
                    match key.as_str() {
                        "has_vector" => *value = json!("h\""),
                        _ => conditions(value),
                    }
                }
            }
            _ => {}
        }
    }
    conditions(body);
    node(body);
    let key = if body.get("with_vectors").is_some() {
        "with_vectors"
    } else {
        "with_vector"
    };
    body[key] = json!(["w"]);
}

fn tag() -> Tag {
    Tag([TagEntry {
        field: "f".into(),
        write_id: WriteId(uuid::Uuid::nil()),
        source_hash: Some("h".into()),
        models: vec![("f".into(), "m@1#x".into())].into(),
    }]
    .into())
}

/// Renames every vector of every point and tags it, on the tree. A document keeps its map, as it may not stand bare.
fn retag_tree(body: &mut Value) {
    let Some(points) = body["points"].as_array_mut() else {
        return;
    };
    for point in points {
        let key = if point.get("vectors").is_some() {
            "vectors"
        } else {
            "vector"
        };
        let vectors = match &point[key] {
            Value::Object(map) if map.values().all(|v| v.is_array() || v.is_object()) => map.clone(),
            bare => [(String::new(), bare.clone())].into_iter().collect(),
        };
        point[key] = vectors
            .into_iter()
            .map(|(name, value)| (format!("{name}@m"), value))
            .collect();
        if !point["payload"].is_object() {
            point["payload"] = json!({});
        }
        point["payload"]["_tag"] = tag().to_json();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_scan_sees_what_the_tree_holds((verb, body) in bodies::any_body()) {
        let text = body.to_string();
        let scan = scan(verb, "c", text.as_bytes(), &LENS).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        prop_assert_eq!(walk::of_scan(&scan.op), tree_view(verb, &body), "{}", text);
    }

    #[test]
    fn rewriting_a_query_is_editing_its_tree(mut body in bodies::query_body()) {
        let text = Bytes::from(serde_json::to_string_pretty(&body).unwrap());
        let scan = scan(Verb::Query, "c", &text, &LENS).unwrap();
        let read = &reads(&scan.op)[0];
        let mut edits: Vec<_> = read.nodes.iter().map(|n| (n.site, Edit::Name("u".into()))).collect();
        edits.extend(read.filters.has_vectors.iter().map(|(site, _)| (*site, Edit::Name("h\"".into()))));
        edits.push((read.with_vectors.as_ref().unwrap().site, Edit::Names(vec!["w".into()])));
        let plan = Plan { edits, ..Plan::default() };
        let outgoing = rewrite(&scan, &text, &plan, &[], "_tag").unwrap();
        rename_tree(&mut body);
        prop_assert_eq!(value(&outgoing.parts), body);
    }

    #[test]
    fn rewriting_points_is_editing_their_tree(mut body in bodies::upsert_body()) {
        let text = Bytes::from(body.to_string());
        let scan = scan(Verb::Upsert, "c", &text, &LENS).unwrap();
        let WriteKind::Upsert(points) = &writes(&scan.op)[0].kind else {
            return Err(TestCaseError::fail("not an upsert"));
        };
        let edits = points.iter().map(|point| {
            let vectors = point.vectors.iter().enumerate().map(|(i, v)| OutVector {
                name: format!("{}@m", v.name).as_str().into(),
                from: VectorFrom::Kept(i),
            });
            let edit = PointEdit { vectors: vectors.collect(), tag: Some(tag()) };
            (point.site, Edit::Point(edit))
        });
        let plan = Plan { edits: edits.collect(), ..Plan::default() };
        let outgoing = rewrite(&scan, &text, &plan, &[], "_tag").unwrap();
        retag_tree(&mut body);
        prop_assert_eq!(value(&outgoing.parts), body);
    }

    #[test]
    fn what_is_taken_after_damage_is_still_seen_right(
        (verb, body) in bodies::any_body(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut text = body.to_string().into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(text.len().max(1)).min(text.len().saturating_sub(1));
            match how {
                0 if !text.is_empty() => text[at] = byte,
                1 => text.insert(at, b"\"{}[],:0e-n\\ "[usize::from(byte) % 13]),
                _ => text.truncate(at.max(1)),
            }
        }
        if let Ok(scan) = scan(verb, "c", &text, &LENS) {
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&text).is_ok());
            // A number that overflows is one for IgnoredAny, and for us, and none for a tree.
            if let Ok(tree) = serde_json::from_slice::<Value>(&text) {
                prop_assert_eq!(walk::of_scan(&scan.op), tree_view(verb, &tree), "{}", tree);
            }
        }
    }
}
