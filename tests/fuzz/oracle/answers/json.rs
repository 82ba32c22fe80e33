//! Answers over REST: against serde_json.

use bytes::Bytes;
use interlock::domain::ids::VectorName;
use interlock::domain::op::Verb;
use interlock::domain::plan::Unwrite;
use interlock::wire::json::unwrite;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::client_name;

/// How an answer holds records.
#[derive(Clone, Copy)]
enum Shape {
    One,
    List,
    Lists,
    Page,
    Pages,
    Groups,
}

const VERBS: [(Verb, Shape); 8] = [
    (Verb::GetOne, Shape::One),
    (Verb::Get, Shape::List),
    (Verb::Scroll, Shape::Page),
    (Verb::Query, Shape::Page),
    (Verb::QueryBatch, Shape::Pages),
    (Verb::SearchBatch, Shape::Lists),
    (Verb::QueryGroups, Shape::Groups),
    (Verb::Search, Shape::List),
];

pub fn check(verb: u8, answer: &[u8], shown: &Unwrite) {
    let (verb, shape) = VERBS[usize::from(verb) % VERBS.len()];
    let bytes = Bytes::copy_from_slice(answer);
    let seen = unwrite(verb, &bytes, shown);
    if shown.is_nothing() {
        assert_eq!(seen.expect("nothing is read").concat(), answer);
        return;
    }
    let tree = serde_json::from_slice::<Value>(answer);
    match (seen, tree) {
        (Ok(parts), Ok(tree)) => {
            let expected = expected(tree, shape, shown).expect("an answer of another shape was passed on");
            assert_eq!(read(&parts), expected, "rewriting is not editing");
        }
        // A number that overflows is none in a tree, and a tree has fewer levels.
        (Ok(parts), Err(_)) => {
            let whole = parts.concat();
            for body in [answer, &whole] {
                assert!(
                    serde_json::from_slice::<IgnoredAny>(body).is_ok(),
                    "what is no JSON was passed on"
                );
            }
        }
        // In serde_json's own form no key stands twice. A long number may be another one there.
        (Err(_), Ok(tree)) => {
            let canonical = Bytes::from(tree.to_string());
            let tree = serde_json::from_slice(&canonical).expect("what was printed is JSON");
            let seen = unwrite(verb, &canonical, shown);
            match expected(tree, shape, shown) {
                Some(expected) => {
                    let parts = seen.expect("a good answer was refused");
                    assert_eq!(read(&parts), expected, "rewriting is not editing");
                }
                None => assert!(seen.is_err(), "an answer of another shape was passed on"),
            }
        }
        (Err(_), Err(_)) => {}
    }
}

fn read(parts: &[Bytes]) -> Value {
    serde_json::from_slice(&parts.concat()).expect("no JSON came out")
}

/// The answer as its client may see it; `None` where it is not of the verb's shape.
fn expected(answer: Value, shape: Shape, shown: &Unwrite) -> Option<Value> {
    let mut edited = answer.clone();
    if let Some(result) = edited.as_object_mut()?.get_mut("result")
        && !result.is_null()
    {
        edit(result, shape, shown)?;
    }
    let is_error = answer.get("status").is_some_and(Value::is_object);
    Some(if is_error { answer } else { edited })
}

fn edit(result: &mut Value, shape: Shape, shown: &Unwrite) -> Option<()> {
    let vectors = shown.vectors.as_deref();
    match shape {
        Shape::One => record(result, vectors, shown),
        Shape::List => each(result, |one| record(one, vectors, shown)),
        Shape::Lists => each(result, |one| edit(one, Shape::List, shown)),
        Shape::Pages => each(result, |one| edit(one, Shape::Page, shown)),
        Shape::Page => match result.as_object_mut()?.get_mut("points") {
            Some(points) => edit(points, Shape::List, shown),
            None => Some(()),
        },
        Shape::Groups => match result.as_object_mut()?.get_mut("groups") {
            Some(groups) => each(groups, |one| group(one, shown)),
            None => Some(()),
        },
    }
}

fn each(list: &mut Value, act: impl FnMut(&mut Value) -> Option<()>) -> Option<()> {
    list.as_array_mut()?.iter_mut().try_for_each(act)
}

fn group(group: &mut Value, shown: &Unwrite) -> Option<()> {
    let members = group.as_object_mut()?;
    if let Some(hits) = members.get_mut("hits") {
        edit(hits, Shape::List, shown)?;
    }
    match members.get_mut("lookup") {
        Some(found) if !found.is_null() => record(found, shown.lookup_vectors.as_deref(), shown),
        Some(_) | None => Some(()),
    }
}

fn record(of: &mut Value, names: Option<&[(VectorName, VectorName)]>, shown: &Unwrite) -> Option<()> {
    let members = of.as_object_mut()?;
    if let (Some(names), Some(vector)) = (names, members.get_mut("vector")) {
        match vector.take() {
            Value::Null => {}
            bare @ Value::Array(_) => {
                *vector = match client_name("", names) {
                    Some("") => bare,
                    Some(name) => Value::Object(Map::from_iter([(name.to_owned(), bare)])),
                    None => Value::Object(Map::new()),
                }
            }
            Value::Object(map) => *vector = visible(map, names),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        }
    }
    if let (Some(key), Some(Value::Object(payload))) = (&shown.payload_key, members.get_mut("payload")) {
        payload.remove(key);
    }
    Some(())
}

fn visible(map: Map<String, Value>, names: &[(VectorName, VectorName)]) -> Value {
    let left: Map<String, Value> = map
        .into_iter()
        .filter_map(|(real, vector)| Some((client_name(&real, names)?.to_owned(), vector)))
        .collect();
    match left.get("") {
        Some(bare @ Value::Array(_)) if left.len() == 1 => bare.clone(),
        Some(_) | None => Value::Object(left),
    }
}
