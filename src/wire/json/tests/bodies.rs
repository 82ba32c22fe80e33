//! Generated request bodies, as trees.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::domain::op::Verb;

/// Names with all that a JSON string can hold.
pub(super) fn name() -> BoxedStrategy<String> {
    prop_oneof![
        Just(String::new()),
        "[a-z]{1,4}",
        "[a-z\"\\\\/é\n@]{1,5}",
        Just("text".to_owned())
    ]
    .boxed()
}

/// Numbers that serde_json reads back exactly.
fn number() -> BoxedStrategy<Value> {
    any::<i16>().prop_map(|n| json!(f64::from(n) / 8.0)).boxed()
}

fn dense() -> BoxedStrategy<Value> {
    prop::collection::vec(number(), 1..4)
        .prop_map(Value::from)
        .boxed()
}

fn id() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<u128>().prop_map(|n| json!(uuid::Uuid::from_u128(n)))
    ]
    .boxed()
}

fn document() -> BoxedStrategy<Value> {
    (name(), any::<bool>())
        .prop_map(|(text, has_options)| match has_options {
            true => json!({"text":text,"model":"m","options":{"a":[1]}}),
            false => json!({"text":text,"model":"m"}),
        })
        .boxed()
}

/// A vector in any form.
fn vector() -> BoxedStrategy<Value> {
    prop_oneof![
        dense(),
        prop::collection::vec(dense(), 1..3).prop_map(Value::from),
        dense().prop_map(|values| json!({"indices":[1,2],"values":values})),
        document(),
        Just(json!({"image":{"url":[1]},"model":"clip"})),
    ]
    .boxed()
}

fn input() -> BoxedStrategy<Value> {
    prop_oneof![vector(), id()].boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        name().prop_map(|key| json!({"key":key,"match":{"value":1}})),
        name().prop_map(|key| json!({"key":key,"is_empty":true})),
        name().prop_map(|key| json!({"is_empty":{"key":key}})),
        name().prop_map(|key| json!({"is_null":{"key":key}})),
        name().prop_map(|name| json!({"has_vector":name})),
        id().prop_map(|id| json!({"has_id":[id]})),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            filter_of(inner.clone()),
            (name(), filter_of(inner))
                .prop_map(|(key, filter)| json!({"nested":{"key":key,"filter":filter}})),
        ]
    })
    .boxed()
}

fn filter_of(condition: impl Strategy<Value = Value> + Clone + 'static) -> BoxedStrategy<Value> {
    let list = || prop::collection::vec(condition.clone(), 0..3);
    (list(), condition.clone(), list()).prop_map(|(must, should, min)| {
        json!({"must":must,"should":should,"must_not":null,"min_should":{"conditions":min,"min_count":1}})
    }).boxed()
}

pub(super) fn filter() -> BoxedStrategy<Value> {
    filter_of(condition().boxed()).boxed()
}

fn query() -> BoxedStrategy<Value> {
    prop_oneof![
        input(),
        input().prop_map(|input| json!({"nearest":input,"mmr":{"diversity":0.5}})),
        (input(), input()).prop_map(|(a, b)| json!({"recommend":{"positive":[a,b],"negative":null}})),
        (input(), input(), input())
            .prop_map(|(a, b, c)| json!({"discover":{"target":a,"context":{"positive":b,"negative":c}}})),
        (input(), input()).prop_map(|(a, b)| json!({"context":[{"positive":a,"negative":b}]})),
        name().prop_map(|key| json!({"order_by":{"key":key}})),
        name().prop_map(|key| json!({"order_by":key})),
        Just(json!({"fusion":"dbsf"})),
        Just(json!({"sample":"random"})),
        (condition(), name()).prop_map(|(condition, key)| {
            json!({"formula":{"sum":["$score",{"mult":[1.5,condition]},{"neg":{"datetime_key":key}}]},"defaults":{}})
        }),
    ]
    .boxed()
}

/// Drops some of an object's members: every field is optional.
fn some_of(object: Value, keep: u16) -> Value {
    let Value::Object(members) = object else {
        return object;
    };
    let kept = members.into_iter().enumerate();
    let kept = kept
        .filter(|(i, _)| keep & (1 << i) != 0)
        .map(|(_, member)| member);
    Value::Object(kept.collect::<Map<_, _>>())
}

fn node(prefetch: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let using = prop_oneof![Just(Value::Null), name().prop_map(Value::from)];
    (prefetch, query(), using, filter(), name(), any::<u16>())
        .prop_map(|(prefetch, query, using, filter, name, keep)| {
            let node = json!({"prefetch":prefetch,"query":query,"using":using,"filter":filter,"limit":3,
                "params":{"exact":true,"idf":{"corpus":{"must":{"has_vector":"i"}}}},
                "lookup_from":{"collection":"other","vector":name}});
            some_of(node, keep)
        })
        .boxed()
}

/// A body of `POST …/points/query`.
pub(super) fn query_body() -> BoxedStrategy<Value> {
    let leaf = node(Just(Value::Null)).boxed();
    let tree = leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            node(inner.clone()),
            node(prop::collection::vec(inner, 0..3).prop_map(Value::from)),
        ]
    });
    let names = prop::collection::vec(name(), 0..3).prop_map(Value::from);
    let with_vector = prop_oneof![any::<bool>().prop_map(Value::from), names, Just(Value::Null)];
    (tree, with_vector, any::<bool>())
        .prop_map(|(mut tree, with_vector, is_alias)| {
            let key = if is_alias { "with_vectors" } else { "with_vector" };
            tree[key] = with_vector;
            tree
        })
        .boxed()
}

fn point() -> BoxedStrategy<Value> {
    let named = prop::collection::btree_map("[a-c\"é]{0,2}", vector(), 0..4);
    let vectors = prop_oneof![
        dense(),
        prop::collection::vec(dense(), 1..3).prop_map(Value::from),
        document(),
        named.prop_map(|map| json!(map)),
    ];
    let keys = prop::sample::select(vec!["_embedding", "title", "a\"b", "body", ""]);
    let value = prop_oneof![
        name().prop_map(Value::from),
        number(),
        Just(json!({"x":[{"key":1}]}))
    ];
    let payload = prop::collection::btree_map(keys, value, 0..4);
    (id(), vectors, payload, any::<u8>())
        .prop_map(|(id, vectors, payload, form)| {
            let mut point = json!({"id":id});
            point[if form & 1 == 0 { "vector" } else { "vectors" }] = vectors;
            match form % 5 {
                0 => {}
                1 => point["payload"] = Value::Null,
                _ => point["payload"] = json!(payload),
            }
            point
        })
        .boxed()
}

/// A body of `PUT …/points`.
pub(super) fn upsert_body() -> BoxedStrategy<Value> {
    (prop::collection::vec(point(), 0..4), filter(), any::<u16>())
        .prop_map(|(points, filter, keep)| {
            let mut body = some_of(
                json!({"shard_key":"s","update_filter":filter,"update_mode":"upsert"}),
                keep,
            );
            body["points"] = json!(points);
            body
        })
        .boxed()
}

/// Any of these bodies, with its verb.
pub(super) fn any_body() -> BoxedStrategy<(Verb, Value)> {
    let selected = || {
        (filter(), id(), any::<bool>()).prop_map(|(filter, id, by_id)| match by_id {
            true => json!({"points":[id]}),
            false => json!({"filter":filter}),
        })
    };
    prop_oneof![
        query_body().prop_map(|body| (Verb::Query, body)),
        prop::collection::vec(query_body(), 0..3)
            .prop_map(|list| (Verb::QueryBatch, json!({"searches":list}))),
        upsert_body().prop_map(|body| (Verb::Upsert, body)),
        selected().prop_map(|body| (Verb::Delete, body)),
        (selected(), upsert_body()).prop_map(|(delete, upsert)| {
            (
                Verb::UpdateBatch,
                json!({"operations":[{"clear_payload":delete},{"upsert":upsert}]}),
            )
        }),
        (filter(), name()).prop_map(|(filter, key)| (Verb::Facet, json!({"filter":filter,"key":key}))),
        (filter(), name()).prop_map(|(filter, key)| (Verb::Scroll, json!({"filter":filter,"order_by":key}))),
    ]
    .boxed()
}
