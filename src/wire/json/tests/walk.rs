//! The same views as a scan's, by a plain walk over serde_json's tree, without any of the module's code.

use serde_json::Value;

use crate::domain::ids::PointId;
use crate::domain::op::{Filters, Op, OpKind, VectorSelection, WriteKind};

/// What a request refers to. Keys and names in sorted order, nodes and points in the body's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub usings: Vec<Option<String>>,
    pub keys: Vec<String>,
    pub has_vectors: Vec<String>,
    pub selected: Vec<Vec<String>>,
    /// Id, vector names, whether there is a payload, and whether it holds the reserved key.
    pub points: Vec<(String, Vec<String>, bool, bool)>,
}

impl View {
    fn sorted(mut self) -> Self {
        self.keys.sort();
        self.has_vectors.sort();
        self
    }

    fn filters(&mut self, filters: &Filters<'_>) {
        self.keys.extend(filters.keys.iter().map(ToString::to_string));
        self.has_vectors
            .extend(filters.has_vectors.iter().map(|(_, name)| name.to_string()));
    }
}

/// The view of a scanned operation.
pub(super) fn of_scan(op: &Op<'_>) -> View {
    let mut view = View::default();
    match &op.kind {
        OpKind::Info => {}
        OpKind::Reads(reads) => {
            for read in reads {
                view.usings.extend(
                    read.nodes
                        .iter()
                        .map(|n| n.using.as_ref().map(ToString::to_string)),
                );
                view.filters(&read.filters);
                if let Some(VectorSelection::Names(names)) = read.with_vectors.as_ref().map(|s| &s.value) {
                    view.selected
                        .push(names.iter().map(ToString::to_string).collect());
                }
            }
        }
        OpKind::Writes(writes) => {
            for write in writes {
                view.filters(&write.filters);
                if let WriteKind::Upsert(points) = &write.kind {
                    view.points.extend(points.iter().map(|p| {
                        let names = p.vectors.iter().map(|v| v.name.to_string()).collect();
                        let id = match p.id {
                            PointId::Num(n) => n.to_string(),
                            PointId::Uuid(uuid) => uuid.to_string(),
                        };
                        (id, names, p.has_payload, p.has_reserved_key)
                    }));
                }
            }
        }
    }
    view.sorted()
}

/// The view of a body.
pub(super) fn of_tree(body: &Value) -> View {
    let mut view = View::default();
    let is_query = |body: &Value| {
        [
            "searches",
            "operations",
            "points",
            "key",
            "order_by",
            "update_filter",
        ]
        .iter()
        .all(|key| body.get(key).is_none())
    };
    let is_delete = body.as_object().is_some_and(|o| {
        !o.is_empty() && o.keys().all(|k| k == "filter" || k == "points") && !o.contains_key("points")
    });
    match body.get("searches").and_then(Value::as_array) {
        Some(searches) => searches.iter().for_each(|search| node(search, &mut view)),
        None if is_query(body) && !is_delete => node(body, &mut view),
        None => {}
    }
    collect(body, false, &mut view);
    view.sorted()
}

/// The view of a body whose root is a query node.
pub(super) fn of_query(body: &Value) -> View {
    let mut view = View::default();
    node(body, &mut view);
    collect(body, false, &mut view);
    view.sorted()
}

fn node(value: &Value, view: &mut View) {
    view.usings
        .push(value.get("using").and_then(Value::as_str).map(str::to_owned));
    match value.get("prefetch") {
        Some(Value::Array(list)) => list.iter().for_each(|inner| node(inner, view)),
        Some(inner @ Value::Object(_)) => node(inner, view),
        Some(_) | None => {}
    }
}

fn collect(value: &Value, is_nested: bool, view: &mut View) {
    let members = match value {
        Value::Array(items) => return items.iter().for_each(|item| collect(item, is_nested, view)),
        Value::Object(members) => members,
        _ => return,
    };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("points", Value::Array(list)) => {
                view.points
                    .extend(list.iter().filter(|p| p.is_object()).map(point));
            }
            ("query", Value::Object(query)) if query.contains_key("model") => {}
            ("nearest" | "positive" | "negative" | "target" | "match" | "defaults", _) => {}
            ("has_vector", Value::String(name)) => view.has_vectors.push(name.clone()),
            ("key" | "group_by" | "order_by" | "datetime_key", Value::String(path)) => {
                if !is_nested {
                    view.keys.push(path.clone());
                }
            }
            ("sum" | "mult", Value::Array(items)) => {
                let variables = items.iter().filter_map(Value::as_str);
                view.keys
                    .extend(variables.filter(|v| !v.starts_with('$')).map(str::to_owned));
                collect(value, is_nested, view);
            }
            ("nested", Value::Object(nested)) => {
                if !is_nested {
                    view.keys.extend(nested["key"].as_str().map(str::to_owned));
                }
                collect(&nested["filter"], true, view);
            }
            ("with_vector" | "with_vectors", Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                view.selected.push(names.map(str::to_owned).collect());
            }
            _ => collect(value, is_nested, view),
        }
    }
}

fn point(point: &Value) -> (String, Vec<String>, bool, bool) {
    let id = match &point["id"] {
        Value::String(text) => uuid::Uuid::parse_str(text).map_or(String::new(), |uuid| uuid.to_string()),
        other => other.to_string(),
    };
    let vectors = point.get("vector").or_else(|| point.get("vectors"));
    let names = match vectors.and_then(Value::as_object) {
        Some(map) if map.values().all(|v| v.is_array() || v.is_object()) => map.keys().cloned().collect(),
        Some(_) | None => vec![String::new()],
    };
    let payload = point.get("payload").and_then(Value::as_object);
    let is_marked = payload.is_some_and(|payload| payload.contains_key("_embedding"));
    (id, names, payload.is_some(), is_marked)
}
