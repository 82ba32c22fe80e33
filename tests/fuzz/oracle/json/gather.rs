//! The facts of a REST body, from serde_json's tree. Written from Qdrant's OpenAPI document, with none of the scanner's
//! code; asked only about bodies that the scanner accepts, so a shape that cannot be is a panic.

use interlock::domain::ids::PointId;
use interlock::domain::op::{Ranking, Verb};
use serde_json::Value;

use super::super::facts::{Chosen, Facts, Given, Item, Node, Point, Selected, Written};
use super::super::{RESERVED, SOURCES};

/// What a read's route takes and leaves out.
struct Route {
    is_ranked: bool,
    is_selecting: bool,
    has_payload: bool,
    is_legacy: bool,
}

fn route(verb: Verb) -> Route {
    let query = Route {
        is_ranked: true,
        is_selecting: true,
        has_payload: false,
        is_legacy: false,
    };
    match verb {
        Verb::Query | Verb::QueryBatch | Verb::QueryGroups => query,
        Verb::Scroll => Route {
            is_ranked: false,
            has_payload: true,
            ..query
        },
        Verb::Get => Route {
            is_ranked: false,
            ..query
        },
        Verb::Count | Verb::Facet => Route {
            is_ranked: false,
            is_selecting: false,
            ..query
        },
        _ => Route {
            is_legacy: true,
            ..query
        },
    }
}

pub fn facts(verb: Verb, tree: &Value) -> Facts {
    let items: Vec<Item> = match verb {
        Verb::QueryBatch | Verb::SearchBatch | Verb::RecommendBatch | Verb::DiscoverBatch => {
            list(&tree["searches"])
                .iter()
                .map(|one| read(one, &route(verb)))
                .collect()
        }
        Verb::UpdateBatch => list(&tree["operations"])
            .iter()
            .flat_map(|one| one.as_object().expect("an operation"))
            .map(|(key, of)| write(key, of))
            .collect(),
        _ => vec![match operation(verb) {
            Some(key) => write(key, tree),
            None => read(tree, &route(verb)),
        }],
    };
    Facts {
        collection: "c".to_owned(),
        items: items.into_iter().map(Item::sorted).collect(),
    }
}

/// A write's key in a batch.
pub fn operation(verb: Verb) -> Option<&'static str> {
    Some(match verb {
        Verb::Upsert => "upsert",
        Verb::Delete => "delete",
        Verb::SetPayload => "set_payload",
        Verb::OverwritePayload => "overwrite_payload",
        Verb::DeletePayload => "delete_payload",
        Verb::ClearPayload => "clear_payload",
        Verb::UpdateVectors => "update_vectors",
        Verb::DeleteVectors => "delete_vectors",
        Verb::CreateFieldIndex => "create_field_index",
        _ => return None,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One or several, or null.
fn some(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(text).collect()
}

fn either<'v>(value: &'v Value, key: &str, alias: &str) -> &'v Value {
    match &value[key] {
        Value::Null => &value[alias],
        given => given,
    }
}

pub fn id(value: &Value) -> PointId {
    match value {
        Value::String(text) => PointId::Uuid(uuid::Uuid::parse_str(text).expect("a UUID")),
        number => PointId::Num(number.as_u64().expect("an unsigned number")),
    }
}

fn read(tree: &Value, route: &Route) -> Item {
    let mut item = Item::default();
    if route.is_ranked {
        node(tree, route.is_legacy, &mut item);
    } else {
        filter(&tree["filter"], false, &mut item);
        order_by(&tree["order_by"], &mut item);
    }
    item.keys.extend(tree["group_by"].as_str().map(str::to_owned));
    item.keys.extend(tree["key"].as_str().map(str::to_owned));
    if route.is_selecting {
        item.vectors = Some(vectors(either(tree, "with_vector", "with_vectors")));
        item.payload = Some(payload(&tree["with_payload"], route.has_payload));
    }
    item.lookup = match &tree["with_lookup"] {
        Value::Null => None,
        Value::String(name) => Some((name.clone(), Chosen::Nothing, Chosen::All)),
        of => Some((
            text(&of["collection"]),
            vectors(either(of, "with_vectors", "with_vector")),
            payload(&of["with_payload"], true),
        )),
    };
    item
}

fn vectors(value: &Value) -> Chosen {
    match value {
        Value::Bool(true) => Chosen::All,
        Value::Array(_) => Chosen::These(texts(value)),
        _ => Chosen::Nothing,
    }
}

fn payload(value: &Value, is_all_by_default: bool) -> Chosen {
    match value {
        Value::Null if is_all_by_default => Chosen::All,
        Value::Bool(true) => Chosen::All,
        Value::Array(_) => Chosen::These(texts(value)),
        Value::Object(of) if of.contains_key("include") => Chosen::These(texts(&value["include"])),
        Value::Object(_) => Chosen::AllBut(texts(&value["exclude"])),
        _ => Chosen::Nothing,
    }
}

fn node(tree: &Value, is_legacy: bool, item: &mut Item) {
    let mut inputs = Vec::new();
    // The calls that were before `query` rank by vectors, also where they name none.
    let mut ranking = match is_legacy {
        true => Ranking::Vectors,
        false => query(&tree["query"], &mut inputs, item),
    };
    let mut using = tree["using"].as_str().map(str::to_owned);
    match &tree["vector"] {
        Value::Null => {}
        Value::Object(of) => {
            ranking = Ranking::Vectors;
            using = Some(text(&of["name"]));
            inputs.push(given(&of["vector"]));
        }
        bare => {
            ranking = Ranking::Vectors;
            inputs.push(given(bare));
        }
    }
    for key in ["positive", "negative", "target", "context"] {
        if tree.get(key).is_some() {
            ranking = Ranking::Vectors;
        }
    }
    inputs.extend(
        list(&tree["positive"])
            .iter()
            .chain(list(&tree["negative"]))
            .map(given),
    );
    inputs.extend(Some(&tree["target"]).filter(|of| !of.is_null()).map(given));
    pairs(&tree["context"], &mut inputs);
    filter(&tree["filter"], false, item);
    filter(&tree["params"]["idf"]["corpus"], false, item);
    let from = &tree["lookup_from"];
    item.nodes.push(Node {
        ranking,
        using,
        inputs,
        lookup: (!from.is_null()).then(|| {
            (
                text(&from["collection"]),
                from["vector"].as_str().map(str::to_owned),
                is_legacy,
            )
        }),
    });
    some(&tree["prefetch"])
        .iter()
        .for_each(|below| node(below, false, item));
}

fn pairs(value: &Value, inputs: &mut Vec<Given>) {
    for pair in some(value) {
        inputs.extend(
            ["positive", "negative"]
                .iter()
                .filter_map(|side| pair.get(*side))
                .map(given),
        );
    }
}

fn query(of: &Value, inputs: &mut Vec<Given>, item: &mut Item) -> Ranking {
    let members = match of {
        Value::Null => return Ranking::Unranked,
        Value::Object(members) => members,
        _ => {
            inputs.push(given(of));
            return Ranking::Vectors;
        }
    };
    let known = [
        "nearest",
        "recommend",
        "discover",
        "context",
        "relevance_feedback",
        "order_by",
        "sample",
        "fusion",
        "rrf",
        "formula",
    ];
    let Some(kind) = known.into_iter().find(|kind| members.contains_key(*kind)) else {
        inputs.push(given(of));
        return Ranking::Vectors;
    };
    let value = &of[kind];
    match kind {
        "nearest" => inputs.push(given(value)),
        "recommend" => inputs.extend(
            list(&value["positive"])
                .iter()
                .chain(list(&value["negative"]))
                .map(given),
        ),
        "discover" => {
            inputs.extend(value.get("target").map(given));
            pairs(&value["context"], inputs);
        }
        "context" => pairs(value, inputs),
        "relevance_feedback" => {
            inputs.extend(value.get("target").map(given));
            inputs.extend(
                list(&value["feedback"])
                    .iter()
                    .filter_map(|one| one.get("example"))
                    .map(given),
            );
        }
        "order_by" => {
            order_by(value, item);
            return Ranking::Other;
        }
        "sample" => return Ranking::Other,
        "formula" => {
            expression(value, item);
            let defaults = of["defaults"].as_object().into_iter().flat_map(|of| of.keys());
            item.keys
                .extend(defaults.filter(|key| !key.starts_with('$')).cloned());
            return Ranking::Prefetches;
        }
        _ => return Ranking::Prefetches,
    }
    Ranking::Vectors
}

pub fn given(value: &Value) -> Given {
    match value {
        Value::Array(items) => match items.first() {
            Some(Value::Array(row)) => Given::Multi(row.len()),
            _ => Given::Dense(items.len()),
        },
        Value::Object(of) if of.contains_key("indices") => Given::Sparse,
        Value::Object(of) => match of.get("text") {
            Some(words) => Given::Text {
                text: text(words),
                model: of.get("model").map(text).unwrap_or_default(),
                has_options: of.get("options").is_some_and(|options| !options.is_null()),
            },
            None => Given::Other(text(&of["model"])),
        },
        scalar => Given::Id(id(scalar)),
    }
}

fn order_by(value: &Value, item: &mut Item) {
    let key = value.as_str().or_else(|| value["key"].as_str());
    item.keys.extend(key.map(str::to_owned));
}

fn filter(value: &Value, is_nested: bool, item: &mut Item) {
    for list in ["must", "should", "must_not"] {
        some(&value[list])
            .iter()
            .for_each(|one| condition(one, is_nested, item));
    }
    some(&value["min_should"]["conditions"])
        .iter()
        .for_each(|one| condition(one, is_nested, item));
}

fn condition(value: &Value, is_nested: bool, item: &mut Item) {
    let keys = [
        &value["key"],
        &value["is_empty"]["key"],
        &value["is_null"]["key"],
        &value["nested"]["key"],
    ];
    let keys = keys.into_iter().filter(|_| !is_nested);
    item.keys
        .extend(keys.filter_map(Value::as_str).map(str::to_owned));
    item.has_vectors
        .extend(value["has_vector"].as_str().map(str::to_owned));
    filter(&value["nested"]["filter"], true, item);
    filter(value, is_nested, item);
}

fn expression(value: &Value, item: &mut Item) {
    let members = match value {
        Value::String(variable) => {
            item.keys
                .extend((!variable.starts_with('$')).then(|| variable.clone()));
            return;
        }
        Value::Object(members) => members,
        _ => return,
    };
    for (key, of) in members {
        match key.as_str() {
            "mult" | "sum" | "max" | "min" => list(of).iter().for_each(|one| expression(one, item)),
            "neg" | "abs" | "sqrt" | "exp" | "log10" | "ln" | "acosh" => expression(of, item),
            "div" | "pow" | "lin_decay" | "exp_decay" | "gauss_decay" => {
                for side in ["left", "right", "base", "exponent", "x", "target"] {
                    expression(&of[side], item);
                }
            }
            "datetime_key" => item.keys.push(text(of)),
            "geo_distance" => item.keys.extend(of["to"].as_str().map(str::to_owned)),
            _ => {}
        }
    }
    condition(value, false, item);
}

fn write(key: &str, tree: &Value) -> Item {
    let mut item = Item::default();
    let is_upsert = key == "upsert";
    let selected = || match &tree["points"] {
        Value::Null => Selected::Filter,
        ids => Selected::Ids(list(ids).iter().map(id).collect()),
    };
    let keys = || {
        tree["payload"]
            .as_object()
            .into_iter()
            .flat_map(|of| of.keys())
            .cloned()
            .collect()
    };
    item.write = Some(match key {
        "upsert" | "update_vectors" => {
            let points = match tree.get("batch").filter(|_| is_upsert) {
                Some(batch) => rows(batch),
                None => list(&tree["points"]).iter().map(point).collect(),
            };
            let mode = tree["update_mode"].as_str().filter(|_| is_upsert);
            item.is_conditional =
                !tree["update_filter"].is_null() || mode.is_some_and(|mode| mode != "upsert");
            match is_upsert {
                true => Written::Upsert(points),
                false => Written::UpdateVectors(points),
            }
        }
        "delete" => Written::Delete,
        "delete_vectors" => Written::DeleteVectors(texts(either(tree, "vector", "vectors")), selected()),
        "set_payload" => Written::SetPayload(keys(), tree["key"].as_str().map(str::to_owned)),
        "overwrite_payload" => Written::Overwrite(keys(), selected()),
        "delete_payload" => Written::DeletePayload(texts(&tree["keys"])),
        "clear_payload" => Written::Clear(selected()),
        _ => {
            item.keys.push(text(&tree["field_name"]));
            Written::Index
        }
    });
    filter(&tree["filter"], false, &mut item);
    filter(&tree["update_filter"], false, &mut item);
    item
}

/// The vectors of a point: named, or the unnamed one.
pub fn named(value: &Value) -> Vec<(String, &Value)> {
    let inferred = ["text", "image", "object", "model", "options"];
    match value {
        Value::Object(of)
            if !(inferred.iter().any(|key| of.contains_key(*key))
                && of.values().any(|value| !value.is_array() && !value.is_object())) =>
        {
            of.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        bare => vec![(String::new(), bare)],
    }
}

fn point(tree: &Value) -> Point {
    let vectors = named(either(tree, "vector", "vectors"));
    build(&tree["id"], vectors, &tree["payload"])
}

fn build(id_of: &Value, vectors: Vec<(String, &Value)>, payload: &Value) -> Point {
    let source = |key: &&str| Some(((*key).to_owned(), payload.get(*key)?.as_str()?.to_owned()));
    Point {
        id: id(id_of),
        vectors: vectors
            .into_iter()
            .map(|(name, value)| (name, given(value)))
            .collect(),
        has_payload: payload.is_object(),
        has_reserved_key: payload.get(RESERVED).is_some(),
        texts: SOURCES.iter().filter_map(source).collect(),
    }
}

fn rows(batch: &Value) -> Vec<Point> {
    let row = |(index, id): (usize, &Value)| {
        let vectors = match &batch["vectors"] {
            Value::Array(column) => vec![(String::new(), &column[index])],
            columns => {
                let columns = columns.as_object().into_iter().flatten();
                columns
                    .map(|(name, column)| (name.clone(), &column[index]))
                    .collect()
            }
        };
        build(id, vectors, &batch["payloads"][index])
    };
    list(&batch["ids"]).iter().enumerate().map(row).collect()
}
