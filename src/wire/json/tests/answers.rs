//! What comes back.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{info, key_page, unbatch, unwrite};
use super::value;
use crate::domain::ids::PointId;
use crate::domain::op::Verb;
use crate::domain::plan::Unwrite;
use crate::wire::InfoView;

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn hiding(names: &[(&str, &str)]) -> Unwrite {
    Unwrite {
        vectors: Some(
            names
                .iter()
                .map(|(real, client)| ((*real).into(), (*client).into()))
                .collect(),
        ),
        lookup_vectors: None,
        payload_key: Some("_embedding".into()),
    }
}

#[test]
fn records_are_found_in_the_answer_of_every_read() {
    let record = json!({"id":1,"version":3,"score":0.5,"payload":{"_embedding":{"f":1},"a":1},"vector":{"x":[1],"y":[2]}});
    let shown = json!({"id":1,"version":3,"score":0.5,"payload":{"a":1},"vector":{"f":[1]}});
    type Shape = fn(&Value) -> Value;
    let shapes: [(Verb, Shape); 11] = [
        (Verb::GetOne, |r| r.clone()),
        (Verb::Get, |r| json!([r, r])),
        (Verb::ShardGet, |r| json!([r])),
        (Verb::ShardScroll, |r| json!({"points":[r]})),
        (Verb::Search, |r| json!([r])),
        (Verb::Query, |r| json!({"points":[r]})),
        (Verb::Scroll, |r| json!({"points":[r],"next_page_offset":4})),
        (Verb::SearchBatch, |r| json!([[r], [], [r]])),
        (Verb::QueryBatch, |r| json!([{"points":[r]},{"points":[]}])),
        (
            Verb::QueryGroups,
            |r| json!({"groups":[{"id":"g","hits":[r]},{"id":1,"hits":[]}]}),
        ),
        (
            Verb::RecommendGroups,
            |r| json!({"groups":[{"id":"g","hits":[r],"lookup":null}]}),
        ),
    ];
    for (verb, shape) in shapes {
        let envelope = |r| json!({"result":shape(r),"status":"ok","time":0.1,"usage":null});
        let answer = bytes(&envelope(&record));
        let seen = unwrite(verb, &answer, &hiding(&[("x", "f")])).unwrap();
        assert_eq!(value(&seen), envelope(&shown), "{verb:?}");
    }
}

#[test]
fn looked_up_records_are_shown_by_their_own_list() {
    let record = json!({"id":1,"payload":{"_embedding":{},"a":1},"vector":{"x":[1],"y":[2]}});
    let answer =
        |hit, lookup| json!({"result":{"groups":[{"id":"g","hits":[hit],"lookup":lookup}]},"status":"ok"});
    let sent = bytes(&answer(record.clone(), record.clone()));
    let other = vec![("y".into(), "g".into())];
    for (lookup_vectors, expected) in [
        (Some(other), json!({"g":[2]})),
        (Some(Vec::new()), json!({})),
        (None, json!({"x":[1],"y":[2]})),
    ] {
        let shown = Unwrite {
            lookup_vectors,
            ..hiding(&[("x", "f")])
        };
        let seen = value(&unwrite(Verb::QueryGroups, &sent, &shown).unwrap());
        let hit = json!({"id":1,"payload":{"a":1},"vector":{"f":[1]}});
        let looked_up = json!({"id":1,"payload":{"a":1},"vector":expected});
        assert_eq!(seen, answer(hit, looked_up));
    }
}

#[test]
fn vectors_are_shown_by_an_allow_list() {
    for (vector, names, expected) in [
        (json!([1]), vec![("", "")], json!([1])),
        (json!([1]), vec![("", "f")], json!({"f":[1]})),
        (json!([1]), vec![], json!({})),
        (json!({"":[1],"@m@1":[2]}), vec![("", "")], json!([1])),
        (json!({"":[1],"@m@1":[2]}), vec![("@m@1", "")], json!([2])),
        (json!({"@m@1":[[2]]}), vec![("@m@1", "")], json!([[2]])),
        (
            json!({"s":{"indices":[1],"values":[2]}}),
            vec![("s", "")],
            json!({"":{"indices":[1],"values":[2]}}),
        ),
        (
            json!({"a":[1],"b":[2]}),
            vec![("b", "b"), ("a", "a")],
            json!({"a":[1],"b":[2]}),
        ),
        (json!({"stray":[1]}), vec![("b", "b")], json!({})),
        (json!({}), vec![("b", "b")], json!({})),
        (Value::Null, vec![("b", "b")], Value::Null),
    ] {
        let answer = bytes(&json!({"result":{"id":1,"vector":vector},"status":"ok"}));
        let seen = value(&unwrite(Verb::GetOne, &answer, &hiding(&names)).unwrap());
        assert_eq!(seen["result"]["vector"], expected, "{vector}");
    }
}

#[test]
fn errors_pass_and_what_cannot_be_read_does_not() {
    let error = bytes(&json!({"status":{"error":"Not found"},"time":0.1}));
    assert_eq!(
        unwrite(Verb::Query, &error, &hiding(&[])).unwrap(),
        std::slice::from_ref(&error)
    );
    assert_eq!(unbatch(Verb::Upsert, &error, &[0, 0]).unwrap(), error);
    assert_eq!(info(&error, &InfoView::default()).unwrap(), error);
    assert_eq!(key_page(&error).unwrap_err().reason, "bad_answer");
    for answer in [
        "",
        "gone",
        r#"{"result":[]}"#,
        r#"{"result":{"points":[{"vector":"AAAA"}]}}"#,
        r#"{"result":{"points":[1]}}"#,
    ] {
        let refusal = unwrite(Verb::Query, &Bytes::from_static(answer.as_bytes()), &hiding(&[])).unwrap_err();
        assert_eq!(refusal.reason, "bad_answer", "{answer}");
    }
    let nothing = Bytes::from_static(b"not read");
    assert_eq!(
        unwrite(Verb::Query, &nothing, &Unwrite::default()).unwrap(),
        [nothing]
    );
}

#[test]
fn each_client_operation_gets_the_answer_of_its_last_step() {
    let done = |n: u64| json!({"operation_id":n,"status":"completed"});
    let answer = bytes(&json!({"result":[done(1),done(2),done(3)],"status":"ok","time":0.5}));
    let seen = |verb, owners: &[usize]| value(&[unbatch(verb, &answer, owners).unwrap()]);
    assert_eq!(
        seen(Verb::Upsert, &[0, 0, 0]),
        json!({"result":done(3),"status":"ok","time":0.5})
    );
    assert_eq!(
        seen(Verb::UpdateBatch, &[0, 0, 1]),
        json!({"result":[done(2),done(3)],"status":"ok","time":0.5})
    );
    assert_eq!(
        unbatch(Verb::Upsert, &answer, &[0]).unwrap_err().reason,
        "bad_answer"
    );
}

#[test]
fn a_page_gives_ids_keys_and_where_to_go_on() {
    let answer = bytes(&json!({"result":{"points":[
        {"id":1,"payload":{"a":1,"b":{"c":2}}},{"id":"00000000-0000-0000-0000-000000000000","payload":{"a":2}},{"id":3}],
        "next_page_offset":9},"status":"ok"}));
    let page = key_page(&answer).unwrap();
    assert_eq!(
        page.ids,
        [PointId::Num(1), PointId::Uuid(uuid::Uuid::nil()), PointId::Num(3)]
    );
    assert_eq!(
        page.keys.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(page.next, Some(PointId::Num(9)));
}

fn info_of(vectors: &Value, sparse: &Value, metadata: &Value) -> Value {
    json!({"result":{"status":"green","points_count":3,
        "config":{"params":{"vectors":vectors,"shard_number":1,"sparse_vectors":sparse},"hnsw_config":{"m":16},"metadata":metadata},
        "payload_schema":{"_embedding.\"f\".write_id":{"data_type":"uuid"},"city":{"data_type":"keyword"}}},"status":"ok"})
}

#[test]
fn collection_info_is_shown_as_without_interlock() {
    let dense = |size: u64| json!({"size":size,"distance":"Cosine"});
    let view = |names: &[(&str, &str)]| InfoView {
        vectors: names.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
        metadata_key: "interlock".into(),
        payload_key: "_embedding".into(),
    };
    let seen = |vectors: Value, names: &[(&str, &str)]| {
        let answer = info_of(
            &vectors,
            &json!({"s":{},"s@m@1":{"x":1}}),
            &json!({"interlock":1,"owner":"me"}),
        );
        value(&[info(&bytes(&answer), &view(names)).unwrap()])["result"].clone()
    };
    let result = seen(
        json!({"":dense(4),"@m@1":dense(8)}),
        &[("@m@1", ""), ("s@m@1", "s")],
    );
    let params = &result["config"]["params"];
    assert_eq!(params["vectors"], dense(8));
    assert_eq!(params["sparse_vectors"], json!({"s":{"x":1}}));
    assert_eq!(params["shard_number"], 1);
    assert_eq!(result["config"]["metadata"], json!({"owner":"me"}));
    assert_eq!(result["config"]["hnsw_config"], json!({"m":16}));
    assert_eq!(result["payload_schema"], json!({"city":{"data_type":"keyword"}}));
    let result = seen(dense(4), &[("", "")]);
    assert_eq!(result["config"]["params"]["vectors"], dense(4));
    assert!(result["config"]["params"].get("sparse_vectors").is_none());
    let result = seen(
        json!({"size":dense(4),"b":dense(8)}),
        &[("size", "size"), ("b", "c")],
    );
    assert_eq!(
        result["config"]["params"]["vectors"],
        json!({"size":dense(4),"c":dense(8)})
    );

    let bare = info_of(&dense(4), &json!({}), &json!({"interlock":1}));
    let text = info(&bytes(&bare), &view(&[("", "")])).unwrap();
    assert!(
        value(std::slice::from_ref(&text))["result"]["config"]
            .get("metadata")
            .is_none()
    );
    let at = |key: &str| String::from_utf8_lossy(&text).find(key).unwrap();
    let order = bare.to_string();
    let was = |key: &str| order.find(key).unwrap();
    assert_eq!(
        at("hnsw_config") < at("params"),
        was("hnsw_config") < was("params"),
        "the keys' order is kept"
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i16>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        "[a-z\"\\\\é]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c_\"]{0,2}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn answers_lose_what_is_hidden_and_nothing_else(
        records in prop::collection::vec(
            (prop::collection::btree_map(prop::sample::select(vec!["_embedding", "a", "b\"", ""]), json_value(), 0..4),
             prop::collection::btree_map(prop::sample::select(vec!["", "x", "y", "z"]), prop::collection::vec(any::<i16>(), 1..3), 0..4)),
            0..4),
    ) {
        let names = [("x", "f"), ("", "")];
        let record = |(payload, vectors): &(std::collections::BTreeMap<&str, Value>, std::collections::BTreeMap<&str, Vec<i16>>)|
            json!({"id":1,"payload":payload,"vector":vectors});
        let shown = |(payload, vectors): &(std::collections::BTreeMap<&str, Value>, std::collections::BTreeMap<&str, Vec<i16>>)| {
            let mut payload = payload.clone();
            payload.remove("_embedding");
            let vectors: serde_json::Map<_, _> = vectors.iter()
                .filter_map(|(name, v)| Some((names.iter().find(|(real, _)| real == name)?.1.to_owned(), json!(v))))
                .collect();
            let vector = match vectors.get("") {
                Some(only) if vectors.len() == 1 => only.clone(),
                Some(_) | None => Value::Object(vectors),
            };
            json!({"id":1,"payload":payload,"vector":vector})
        };
        let answer = bytes(&json!({"result":{"points":records.iter().map(record).collect::<Vec<_>>()},"status":"ok"}));
        let seen = unwrite(Verb::Query, &answer, &hiding(&names)).unwrap();
        let expected = json!({"result":{"points":records.iter().map(shown).collect::<Vec<_>>()},"status":"ok"});
        prop_assert_eq!(value(&seen), expected);
    }

    #[test]
    fn no_answer_however_cut_makes_it_panic(answer in json_value(), cut in any::<prop::sample::Index>()) {
        let text = json!({"result":answer,"status":"ok"}).to_string();
        let cut = Bytes::copy_from_slice(&text.as_bytes()[..cut.index(text.len())]);
        for answer in [Bytes::from(text.clone()), cut] {
            for verb in [Verb::GetOne, Verb::Get, Verb::Query, Verb::QueryBatch, Verb::QueryGroups] {
                if let Ok(seen) = unwrite(verb, &answer, &hiding(&[("", "f")])) {
                    prop_assert!(serde_json::from_slice::<Value>(&seen.concat()).is_ok());
                }
            }
            let view = InfoView { metadata_key: "a".into(), payload_key: "b".into(), ..InfoView::default() };
            if let Ok(seen) = info(&answer, &view) {
                prop_assert!(serde_json::from_slice::<Value>(&seen).is_ok());
            }
            let single = unbatch(Verb::Upsert, &answer, &[0]).unwrap_or_else(|_| Bytes::from_static(b"{}"));
            prop_assert!(serde_json::from_slice::<Value>(&single).is_ok_and(|seen| seen.is_object()));
            prop_assert!(key_page(&answer).map_or(true, |page| page.ids.len() < 64));
        }
    }
}
