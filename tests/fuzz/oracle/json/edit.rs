//! The edits of a plan, done to a REST body's tree.

use interlock::domain::op::{Op, OpKind, Verb, WriteKind};
use interlock::domain::plan::VectorFrom;
use serde_json::{Map, Value, json};

use super::super::RESERVED;
use super::super::plan::{How, NEW_VECTOR, SHOWN, embedded, tag};
use super::gather::{named, operation};

/// Does to `tree` what the plan of `how` does.
pub fn edit(verb: Verb, tree: &mut Value, how: How, op: &Op<'_>) {
    let mut order = order(op).into_iter();
    match verb {
        Verb::QueryBatch | Verb::SearchBatch | Verb::RecommendBatch | Verb::DiscoverBatch => {
            each(&mut tree["searches"], |one| read(verb, one, how));
        }
        Verb::UpdateBatch => each(&mut tree["operations"], |one| {
            for (key, of) in one.as_object_mut().expect("an operation") {
                write(key, of, how, &mut order);
            }
        }),
        _ => match operation(verb) {
            Some(key) => write(key, tree, how, &mut order),
            None => read(verb, tree, how),
        },
    }
}

/// The names of every point's vectors, in the body's order.
fn order(op: &Op<'_>) -> Vec<Vec<String>> {
    let OpKind::Writes(writes) = &op.kind else {
        return Vec::new();
    };
    let points = writes.iter().flat_map(|write| match &write.kind {
        WriteKind::Upsert(points) | WriteKind::UpdateVectors(points) => points.as_slice(),
        _ => &[],
    });
    points
        .map(|point| {
            point
                .vectors
                .iter()
                .map(|vector| vector.name.to_string())
                .collect()
        })
        .collect()
}

fn each(value: &mut Value, mut act: impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(act),
        Value::Null => {}
        one => act(one),
    }
}

fn at<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    value.get_mut(key).filter(|value| !value.is_null())
}

fn read(verb: Verb, tree: &mut Value, how: How) {
    let is_ranked = !matches!(verb, Verb::Get | Verb::Scroll | Verb::Count | Verb::Facet);
    match is_ranked {
        true => node(tree, how),
        false => filter(tree.get_mut("filter"), how),
    }
    if !how.selectors() {
        return;
    }
    if !matches!(verb, Verb::Count | Verb::Facet) {
        let key = if tree.get("with_vectors").is_some() {
            "with_vectors"
        } else {
            "with_vector"
        };
        tree[key] = json!(SHOWN);
        tree["with_payload"] = json!({"exclude": [RESERVED]});
    }
    if let Some(lookup) = at(tree, "with_lookup") {
        if lookup.is_string() {
            *lookup = json!({"collection": lookup.take()});
        }
        let key = if lookup.get("with_vector").is_some() {
            "with_vector"
        } else {
            "with_vectors"
        };
        lookup[key] = json!(SHOWN);
        lookup["with_payload"] = json!({"exclude": [RESERVED]});
    }
}

fn node(tree: &mut Value, how: How) {
    if how.names() {
        let old = tree["vector"]["name"]
            .as_str()
            .or_else(|| tree["using"].as_str())
            .unwrap_or_default();
        let name = how.renamed(old);
        match tree.get("vector").map(Value::is_object) {
            Some(true) => tree["vector"]["name"] = json!(name),
            Some(false) if name.is_empty() => {}
            Some(false) => tree["vector"] = json!({"name": name, "vector": tree["vector"].take()}),
            None => tree["using"] = json!(name),
        }
        if let Some(from) = at(tree, "lookup_from") {
            from["vector"] = json!(how.renamed(from["vector"].as_str().unwrap_or_default()));
        }
    }
    if how.embeddings() {
        if let Some(of) = at(tree, "query") {
            query(of);
        }
        each_of(tree, &["positive", "negative"], input);
        if let Some(of) = at(tree, "target") {
            input(of);
        }
        each_of(tree, &["context"], pair);
    }
    if let Some(formula) = tree.get_mut("query").and_then(|query| query.get_mut("formula")) {
        expression(formula, how);
    }
    filter(tree.get_mut("filter"), how);
    let idf = tree.get_mut("params").and_then(|params| params.get_mut("idf"));
    filter(idf.and_then(|idf| idf.get_mut("corpus")), how);
    each_of(tree, &["prefetch"], |below| node(below, how));
}

fn each_of(tree: &mut Value, keys: &[&str], mut act: impl FnMut(&mut Value)) {
    for key in keys {
        if let Some(value) = at(tree, key) {
            each(value, &mut act);
        }
    }
}

fn query(of: &mut Value) {
    if of.get("text").is_some() {
        return input(of);
    }
    for key in ["nearest", "target"] {
        if let Some(value) = at(of, key) {
            input(value);
        }
    }
    for key in ["recommend", "discover", "relevance_feedback"] {
        if let Some(value) = at(of, key) {
            each_of(value, &["positive", "negative"], input);
            if let Some(target) = at(value, "target") {
                input(target);
            }
            each_of(value, &["context"], pair);
            each_of(value, &["feedback"], |item| {
                if let Some(example) = at(item, "example") {
                    input(example);
                }
            });
        }
    }
    each_of(of, &["context"], pair);
}

fn pair(of: &mut Value) {
    for side in ["positive", "negative"] {
        if let Some(value) = at(of, side) {
            input(value);
        }
    }
}

fn input(of: &mut Value) {
    if let Some(text) = of.get("text").and_then(Value::as_str) {
        *of = json!(embedded(text));
    }
}

fn filter(of: Option<&mut Value>, how: How) {
    let Some(of) = of.filter(|_| how.names()) else {
        return;
    };
    each_of(of, &["must", "should", "must_not"], |one| condition(one, how));
    if let Some(few) = at(of, "min_should") {
        each_of(few, &["conditions"], |one| condition(one, how));
    }
}

fn condition(of: &mut Value, how: How) {
    if let Some(name) = of.get("has_vector").and_then(Value::as_str) {
        of["has_vector"] = json!(how.renamed(name));
    }
    filter(
        of.get_mut("nested").and_then(|nested| nested.get_mut("filter")),
        how,
    );
    filter(Some(of), how);
}

fn expression(of: &mut Value, how: How) {
    let Value::Object(members) = of else { return };
    for (key, value) in members.iter_mut() {
        match key.as_str() {
            "mult" | "sum" | "max" | "min" => each(value, |one| expression(one, how)),
            "neg" | "abs" | "sqrt" | "exp" | "log10" | "ln" | "acosh" => expression(value, how),
            "div" | "pow" | "lin_decay" | "exp_decay" | "gauss_decay" => {
                for side in ["left", "right", "base", "exponent", "x", "target"] {
                    if let Some(value) = at(value, side) {
                        expression(value, how);
                    }
                }
            }
            _ => {}
        }
    }
    if how.names() {
        condition(of, how);
    }
}

fn write(key: &str, tree: &mut Value, how: How, order: &mut dyn Iterator<Item = Vec<String>>) {
    filter(tree.get_mut("filter"), how);
    filter(tree.get_mut("update_filter"), how);
    if key == "delete_vectors" && how.names() {
        let key = if tree.get("vectors").is_some() {
            "vectors"
        } else {
            "vector"
        };
        tree[key] = json!(SHOWN);
    }
    let is_upsert = key == "upsert";
    if is_upsert && let Some(batch) = tree.get("batch") {
        let rows: Vec<Value> = rows(batch);
        // Without rows nothing is edited, and the columns stay.
        if !rows.is_empty() {
            tree.as_object_mut().expect("a write").remove("batch");
            tree["points"] = rows.into();
            each(&mut tree["points"], |one| point(one, how, order, true, true));
        }
    } else if matches!(key, "upsert" | "update_vectors") {
        each(&mut tree["points"], |one| {
            point(one, how, order, is_upsert, false)
        });
    }
}

fn rows(batch: &Value) -> Vec<Value> {
    let ids = batch["ids"].as_array().expect("ids");
    let row = |(index, id): (usize, &Value)| {
        let vector = match &batch["vectors"] {
            Value::Array(column) => json!({"": column[index]}),
            columns => {
                let columns = columns.as_object().into_iter().flatten();
                columns
                    .map(|(name, column)| (name.clone(), column[index].clone()))
                    .collect::<Map<_, _>>()
                    .into()
            }
        };
        json!({"id": id, "vector": vector, "payload": batch["payloads"][index]})
    };
    ids.iter().enumerate().map(row).collect()
}

/// A point. `is_row`: its vectors are a map whatever they are, and are made anew.
fn point(
    of: &mut Value,
    how: How,
    order: &mut dyn Iterator<Item = Vec<String>>,
    is_tagged: bool,
    is_row: bool,
) {
    let key = if of.get("vectors").is_some() {
        "vectors"
    } else {
        "vector"
    };
    let names = order.next().expect("the scan has as many points");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let given: Map<String, Value> = match (&of[key], is_row) {
        (Value::Object(map), true) => map.clone(),
        (value, _) => named(value)
            .into_iter()
            .map(|(name, value)| (name, value.clone()))
            .collect(),
    };
    let planned = how.point(&names);
    let is_kept = planned.len() == names.len()
        && planned
            .iter()
            .zip(&names)
            .enumerate()
            .all(|(index, ((new, from), old))| new == old && *from == VectorFrom::Kept(index));
    if !is_kept || is_row {
        let out: Map<String, Value> = planned
            .into_iter()
            .map(|(name, from)| match from {
                VectorFrom::Kept(index) => (name, given[names[index]].clone()),
                VectorFrom::Embedded(_) => (name, json!(NEW_VECTOR)),
            })
            .collect();
        of[key] = match out.get("") {
            Some(bare @ Value::Array(_)) if out.len() == 1 => bare.clone(),
            _ => out.into(),
        };
    }
    if is_tagged {
        if !of["payload"].is_object() {
            of["payload"] = json!({});
        }
        of["payload"][RESERVED] = tag().to_json();
    }
}
