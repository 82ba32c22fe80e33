//! What a scan sees, by hand.

use std::borrow::Cow;

use super::{reads, scanned, writes};
use crate::domain::ids::PointId;
use crate::domain::op::{
    Document, InputValue, OpKind, PayloadSelection, Ranking, Selector, VectorSelection, Verb, WriteKind,
};

#[test]
fn a_query_tree_is_seen_whole_with_parents_first() {
    let body = r#"{"query":{"fusion":"rrf"},"prefetch":[
        {"query":[0.1,2e-3],"using":"a","prefetch":{"query":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"},"limit":3},
        {"query":{"nearest":{"text":"hi","model":"auto"},"mmr":{"diversity":0.5}},"using":null,
         "lookup_from":{"collection":"d"}}],"with_vectors":["a"],"limit":3}"#;
    let scan = scanned(Verb::Query, body).unwrap();
    let read = &reads(&scan.op)[0];
    let seen: Vec<_> = read
        .nodes
        .iter()
        .map(|n| (n.ranking, n.using.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (Ranking::Prefetches, None),
            (Ranking::Vectors, Some("a")),
            (Ranking::Vectors, None),
            (Ranking::Vectors, None)
        ]
    );
    assert_eq!(read.nodes[1].inputs[0].value, InputValue::Dense(2));
    let uuid = uuid::Uuid::parse_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap();
    assert_eq!(
        read.nodes[2].inputs[0].value,
        InputValue::Point(PointId::Uuid(uuid))
    );
    let document = Document {
        text: Cow::Borrowed("hi"),
        model: Cow::Borrowed("auto"),
        has_options: false,
    };
    assert_eq!(read.nodes[3].inputs[0].value, InputValue::Document(document));
    let lookup = read.nodes[3].lookup_from.as_ref().unwrap();
    assert!(lookup.collection == "d" && lookup.vector.is_none() && !lookup.defaults_to_unnamed);
    let with_vectors = &read.with_vectors.as_ref().unwrap().value;
    assert_eq!(*with_vectors, VectorSelection::Names(vec![Cow::Borrowed("a")]));
    assert_eq!(read.with_payload.as_ref().unwrap().value, PayloadSelection::None);
}

#[test]
fn each_kind_of_query_ranks_as_it_does() {
    for (query, ranking, inputs) in [
        ("null", Ranking::Unranked, 0),
        ("7", Ranking::Vectors, 1),
        ("[[1,2],[3,4]]", Ranking::Vectors, 1),
        (r#"{"indices":[1],"values":[0.5]}"#, Ranking::Vectors, 1),
        (r#"{"model":"m","image":{"a":[1]}}"#, Ranking::Vectors, 1),
        (
            r#"{"recommend":{"positive":[1,[1,2]],"negative":null}}"#,
            Ranking::Vectors,
            2,
        ),
        (
            r#"{"discover":{"target":1,"context":{"positive":2,"negative":3}}}"#,
            Ranking::Vectors,
            3,
        ),
        (
            r#"{"context":[{"positive":2,"negative":3}]}"#,
            Ranking::Vectors,
            2,
        ),
        (
            r#"{"relevance_feedback":{"target":1,"feedback":[{"example":2,"score":1}],"strategy":{"naive":{"a":1,"b":1,"c":1}}}}"#,
            Ranking::Vectors,
            2,
        ),
        (r#"{"order_by":"k"}"#, Ranking::Other, 0),
        (r#"{"sample":"random"}"#, Ranking::Other, 0),
        (r#"{"text":"the words"}"#, Ranking::Text, 0),
        (
            r#"{"text":{"query":"the words","scoring":{"bm25":{"k1":1.2}}}}"#,
            Ranking::Text,
            0,
        ),
        (r#"{"text":"to embed","model":"m"}"#, Ranking::Vectors, 1),
        (r#"{"rrf":{"k":2,"weights":[1]}}"#, Ranking::Prefetches, 0),
        (
            r#"{"formula":{"sum":["$score",1]},"defaults":{"k":1}}"#,
            Ranking::Prefetches,
            0,
        ),
    ] {
        let body = format!(r#"{{"query":{query}}}"#);
        let scan = scanned(Verb::Query, &body).unwrap();
        let node = &reads(&scan.op)[0].nodes[0];
        assert_eq!((node.ranking, node.inputs.len()), (ranking, inputs), "{query}");
    }
}

#[test]
fn filters_are_searched_wherever_they_hide() {
    let body = r#"{"query":{"formula":{"mult":["popularity",{"neg":{"has_vector":"h1"}},
          {"exp_decay":{"x":{"geo_distance":{"origin":{"lat":1,"lon":2},"to":"place"}},"scale":2}},
          {"div":{"left":{"key":"k1","match":{"value":1}},"right":{"datetime_key":"when"},"by_zero_default":1}}]}},
        "params":{"exact":true,"idf":{"corpus":{"must_not":{"has_vector":"h2"}}}},
        "filter":{"min_should":{"conditions":[{"has_vector":"h3"},{"is_empty":{"key":"k2"}}],"min_count":1},
          "should":{"is_null":{"key":"k3"}},
          "must":[{"nested":{"key":"k4","filter":{"must":[{"key":"inner","range":{"gt":1}},{"has_vector":"h4"}]}}},
             {"must":[{"key":"k5","is_empty":true}]},{"has_id":[1,"6ba7b8109dad11d180b400c04fd430c8"]},
             {"slice":{"index":0,"total":2}},{}]}}"#;
    assert!(scanned(Verb::Query, r#"{"params":{"idf":"global"}}"#).is_ok());
    let scan = scanned(Verb::Query, body).unwrap();
    let filters = &reads(&scan.op)[0].filters;
    assert_eq!(
        filters.keys,
        ["popularity", "place", "k1", "when", "k2", "k3", "k4", "k5"]
    );
    let names: Vec<_> = filters
        .has_vectors
        .iter()
        .map(|(_, name)| name.as_ref())
        .collect();
    assert_eq!(names, ["h1", "h2", "h3", "h4"]);
}

#[test]
fn keys_of_groups_orders_facets_and_indexes_are_seen() {
    for (verb, body) in [
        (Verb::QueryGroups, r#"{"query":1,"group_by":"k"}"#),
        (
            Verb::SearchGroups,
            r#"{"vector":[1],"group_by":"k","group_size":1,"limit":1}"#,
        ),
        (Verb::Scroll, r#"{"order_by":"k"}"#),
        (Verb::Scroll, r#"{"order_by":{"key":"k","direction":"asc"}}"#),
        (Verb::Facet, r#"{"key":"k"}"#),
    ] {
        assert_eq!(
            reads(&scanned(verb, body).unwrap().op)[0].filters.keys,
            ["k"],
            "{body}"
        );
    }
    let scan = scanned(
        Verb::CreateFieldIndex,
        r#"{"field_name":"k","field_schema":"keyword"}"#,
    )
    .unwrap();
    assert_eq!(writes(&scan.op)[0].filters.keys, ["k"]);
}

#[test]
fn legacy_verbs_have_their_own_spellings_and_defaults() {
    let body = r#"{"vector":{"name":"a","vector":{"indices":[1],"values":[2]}},"top":3}"#;
    let scan = scanned(Verb::Search, body).unwrap();
    let node = &reads(&scan.op)[0].nodes[0];
    assert_eq!(node.using.as_deref(), Some("a"));
    assert_eq!(node.inputs[0].value, InputValue::Sparse);
    let body = r#"{"positive":[1],"negative":[[1,2]],"limit":1,"lookup_from":{"collection":"o"}}"#;
    let scan = scanned(Verb::Recommend, body).unwrap();
    let node = &reads(&scan.op)[0].nodes[0];
    assert_eq!((node.ranking, node.inputs.len()), (Ranking::Vectors, 2));
    assert!(node.lookup_from.as_ref().unwrap().defaults_to_unnamed);
    let body = r#"{"target":null,"context":[{"positive":1,"negative":2}],"limit":1}"#;
    let scan = scanned(Verb::Discover, body).unwrap();
    assert_eq!(reads(&scan.op)[0].nodes[0].inputs.len(), 2);
}

#[test]
fn a_matrix_search_reads_the_space_that_it_names() {
    for verb in [Verb::SearchMatrixPairs, Verb::SearchMatrixOffsets] {
        for (body, using) in [
            (r#"{"sample":10,"limit":2,"shard_key":"s"}"#, None),
            (r#"{"using":"a","filter":{"must":{"has_vector":"h"}}}"#, Some("a")),
        ] {
            let scan = scanned(verb, body).unwrap();
            let read = &reads(&scan.op)[0];
            assert_eq!(read.nodes.len(), 1, "{body}");
            assert_eq!(
                (read.nodes[0].ranking, read.nodes[0].using.as_deref()),
                (Ranking::Vectors, using),
                "{body}"
            );
            assert_eq!(
                read.filters.has_vectors.len(),
                usize::from(using.is_some()),
                "{body}"
            );
            assert!(read.with_vectors.is_none() && read.with_payload.is_none());
        }
        let refusal = scanned(verb, r#"{"query":[1]}"#).unwrap_err();
        assert_eq!(refusal.reason, "unknown_field");
    }
}

#[test]
fn reads_of_one_shard_are_those_of_the_collection() {
    let scan = scanned(Verb::ShardGet, r#"{"ids":[1],"with_vectors":true}"#).unwrap();
    let read = &reads(&scan.op)[0];
    assert_eq!(read.with_vectors.as_ref().unwrap().value, VectorSelection::All);
    let filter = r#""filter":{"must":[{"has_vector":"h"}]},"hash_ring_filter":{"expected_shard_id":1}"#;
    for (verb, body) in [
        (
            Verb::ShardScroll,
            format!(r#"{{"limit":2,"order_by":"k",{filter}}}"#),
        ),
        (Verb::ShardCount, format!(r#"{{"exact":true,{filter}}}"#)),
    ] {
        let scan = scanned(verb, &body).unwrap();
        assert_eq!(reads(&scan.op)[0].filters.has_vectors.len(), 1, "{body}");
    }
    // A shard's reads take no shard key, and those of the collection no hash ring.
    for (verb, body) in [
        (Verb::ShardGet, r#"{"ids":[1],"shard_key":"s"}"#),
        (Verb::ShardScroll, r#"{"shard_key":"s"}"#),
        (Verb::ShardCount, r#"{"hash_ring_filter":{"shard":1}}"#),
        (Verb::Scroll, r#"{"hash_ring_filter":{"expected_shard_id":1}}"#),
    ] {
        assert_eq!(scanned(verb, body).unwrap_err().reason, "unknown_field", "{body}");
    }
}

#[test]
fn defaults_are_the_routes_own() {
    for (verb, body, payload) in [
        (Verb::Get, r#"{"ids":[1]}"#, PayloadSelection::None),
        (Verb::ShardGet, r#"{"ids":[1]}"#, PayloadSelection::None),
        (Verb::ShardScroll, "{}", PayloadSelection::All),
        (Verb::Scroll, "{}", PayloadSelection::All),
        (Verb::Query, r#"{"with_payload":null}"#, PayloadSelection::None),
        (
            Verb::Search,
            r#"{"vector":[1],"limit":1}"#,
            PayloadSelection::None,
        ),
    ] {
        let scan = scanned(verb, body).unwrap();
        let read = &reads(&scan.op)[0];
        assert_eq!(read.with_payload.as_ref().unwrap().value, payload, "{body}");
        assert_eq!(read.with_vectors.as_ref().unwrap().value, VectorSelection::None);
    }
    let scan = scanned(Verb::GetOne, "").unwrap();
    assert_eq!(
        reads(&scan.op)[0].with_vectors.as_ref().unwrap().value,
        VectorSelection::All
    );
    assert!(matches!(
        scanned(Verb::CollectionInfo, "").unwrap().op.kind,
        OpKind::Info
    ));
    let scan = scanned(Verb::Count, r#"{"exact":true,"filter":null}"#).unwrap();
    assert!(reads(&scan.op)[0].with_payload.is_none());
}

#[test]
fn lookups_are_seen_as_text_and_as_objects() {
    let scan = scanned(Verb::QueryGroups, r#"{"group_by":"k","with_lookup":"o"}"#).unwrap();
    let lookup = reads(&scan.op)[0].lookup.as_ref().unwrap();
    assert!(lookup.collection == "o" && lookup.with_payload.value == PayloadSelection::All);
    assert_eq!(lookup.with_vectors.value, VectorSelection::None);
    let body = r#"{"group_by":"k","with_lookup":{"collection":"o","with_payload":{"exclude":["x"]},"with_vector":true}}"#;
    let scan = scanned(Verb::QueryGroups, body).unwrap();
    let lookup = reads(&scan.op)[0].lookup.as_ref().unwrap();
    assert_eq!(lookup.with_vectors.value, VectorSelection::All);
    for (said, meant) in [
        (r#","with_payload":null"#, PayloadSelection::None),
        ("", PayloadSelection::All),
    ] {
        let body = format!(r#"{{"group_by":"k","with_lookup":{{"collection":"o"{said}}}}}"#);
        let scan = scanned(Verb::QueryGroups, &body).unwrap();
        assert_eq!(
            reads(&scan.op)[0].lookup.as_ref().unwrap().with_payload.value,
            meant
        );
    }
    assert_eq!(
        lookup.with_payload.value,
        PayloadSelection::Exclude(vec![Cow::Borrowed("x")])
    );
}

#[test]
fn selectors_and_paths_of_writes_are_seen() {
    let body = r#"{"operations":[
        {"delete_vectors":{"filter":{"must":[{"has_vector":"h"}]},"vectors":["a",""]}},
        {"overwrite_payload":{"payload":{"\u005fembedding":1},"points":[1],"filter":null,"key":"x"}},
        {"set_payload":{"payload":{"a":1},"points":[1],"key":"_embedding.f"}},
        {"clear_payload":{"points":[1,2],"shard_key":"s"}}]}"#;
    let scan = scanned(Verb::UpdateBatch, body).unwrap();
    let list = writes(&scan.op);
    assert_eq!(list[0].filters.has_vectors.len(), 1);
    match &list[0].kind {
        WriteKind::DeleteVectors { names, selector, .. } => {
            assert_eq!(*names, ["a", ""]);
            assert!(matches!(selector, Selector::Filter(_)));
        }
        other => panic!("{other:?}"),
    }
    match &list[1].kind {
        WriteKind::OverwritePayload { keys, selector } => {
            assert_eq!(*keys, ["_embedding"]);
            assert_eq!(*selector, Selector::Ids(vec![PointId::Num(1)]));
        }
        other => panic!("{other:?}"),
    }
    match &list[2].kind {
        WriteKind::SetPayload { path, .. } => assert_eq!(path.as_deref(), Some("_embedding.f")),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(&list[3].kind, WriteKind::ClearPayload { selector: Selector::Ids(ids) } if ids.len() == 2)
    );
}

#[test]
fn a_write_that_may_skip_points_is_noted() {
    for (rest, expected) in [
        ("", false),
        (r#","update_filter":null"#, false),
        (r#","update_filter":{}"#, true),
    ] {
        let body = format!(r#"{{"points":[]{rest}}}"#);
        for verb in [Verb::Upsert, Verb::UpdateVectors] {
            assert_eq!(
                writes(&scanned(verb, &body).unwrap().op)[0].is_conditional,
                expected
            );
        }
    }
    for (mode, expected) in [("upsert", false), ("insert_only", true), ("update_only", true)] {
        let body = format!(r#"{{"points":[],"update_mode":"{mode}"}}"#);
        assert_eq!(
            writes(&scanned(Verb::Upsert, &body).unwrap().op)[0].is_conditional,
            expected
        );
    }
}
