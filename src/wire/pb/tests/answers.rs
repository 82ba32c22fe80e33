//! Answers show what clients may see, and nothing else changes.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{self as pb};

use super::RESERVED;
use super::generate::value;
use super::generate_answers::{retrieved, scored};
use crate::domain::ids::VectorName;
use crate::domain::op::Verb;
use crate::domain::plan::Unwrite;
use crate::wire::InfoView;
use crate::wire::pb::encode::put_bytes;
use crate::wire::pb::{info, unwrite};

/// What may be seen: some real names under the client's.
fn shown() -> BoxedStrategy<Unwrite> {
    let pairs = proptest::sample::select(vec![
        vec![("", "")],
        vec![("v@m@1", "")],
        vec![("", "text"), ("a", "a")],
        vec![("v@m@1", "v"), ("text", "text"), ("a", "b")],
        vec![],
    ]);
    (option::of(pairs.clone()), option::of(pairs), any::<bool>())
        .prop_map(|(pairs, of_lookups, is_hidden)| Unwrite {
            vectors: pairs.map(names),
            lookup_vectors: of_lookups.map(names),
            payload_key: is_hidden.then(|| RESERVED.to_owned()),
        })
        .boxed()
}

fn names(pairs: Vec<(&str, &str)>) -> Vec<(VectorName, VectorName)> {
    pairs
        .into_iter()
        .map(|(real, client)| (real.into(), client.into()))
        .collect()
}

fn show(vectors: &mut Option<pb::VectorsOutput>, shown: &Unwrite) {
    show_by(vectors, shown.vectors.as_ref());
}

fn show_by(vectors: &mut Option<pb::VectorsOutput>, pairs: Option<&Vec<(VectorName, VectorName)>>) {
    let (Some(output), Some(pairs)) = (vectors, pairs) else {
        return;
    };
    let old: HashMap<String, pb::VectorOutput> = match output.vectors_options.take() {
        None => return,
        Some(VectorsOptions::Vector(one)) => [(String::new(), one)].into(),
        Some(VectorsOptions::Vectors(named)) => named.vectors,
    };
    let left = pairs
        .iter()
        .filter_map(|(real, client)| Some((client.to_string(), old.get(real.as_str())?.clone())));
    let mut left: HashMap<String, pb::VectorOutput> = left.collect();
    let options = match (left.len(), left.remove("")) {
        (1, Some(one)) => VectorsOptions::Vector(one),
        (_, unnamed) => {
            left.extend(unnamed.map(|one| (String::new(), one)));
            VectorsOptions::Vectors(pb::NamedVectorsOutput { vectors: left })
        }
    };
    output.vectors_options = Some(options);
}

fn hide(payload: &mut HashMap<String, pb::Value>, shown: &Unwrite) {
    if let Some(key) = &shown.payload_key {
        payload.remove(key);
    }
}

fn seen<M: Message + Default>(verb: Verb, answer: &M, shown: &Unwrite) -> M {
    let bytes = Bytes::from(answer.encode_to_vec());
    let parts = unwrite(verb, &bytes, shown).unwrap();
    M::decode(parts.concat().as_slice()).unwrap()
}

proptest! {
    #[test]
    fn a_query_answer_shows_what_it_may(mut result in vec(scored(), 0..4), shown in shown()) {
        let answer = pb::QueryResponse { result: result.clone(), time: 0.5, usage: None };
        let batch = pb::QueryBatchResponse {
            result: vec![pb::BatchResult { result: result.clone() }; 2],
            ..pb::QueryBatchResponse::default()
        };
        for point in &mut result {
            show(&mut point.vectors, &shown);
            hide(&mut point.payload, &shown);
        }
        prop_assert_eq!(&seen(Verb::Query, &answer, &shown).result, &result);
        for item in seen(Verb::QueryBatch, &batch, &shown).result {
            prop_assert_eq!(&item.result, &result);
        }
    }

    #[test]
    fn a_scroll_answer_shows_what_it_may(mut result in vec(retrieved(), 0..4), shown in shown()) {
        let scroll = pb::ScrollResponse {
            result: result.clone(),
            next_page_offset: Some(3.into()),
            ..pb::ScrollResponse::default()
        };
        let get = pb::GetResponse { result: result.clone(), ..pb::GetResponse::default() };
        for point in &mut result {
            show(&mut point.vectors, &shown);
            hide(&mut point.payload, &shown);
        }
        prop_assert_eq!(&seen(Verb::Get, &get, &shown).result, &result);
        let expected = pb::ScrollResponse { result, ..scroll.clone() };
        prop_assert_eq!(seen(Verb::Scroll, &scroll, &shown), expected);
    }

    #[test]
    fn a_grouped_answer_shows_what_it_may(hits in vec(scored(), 0..3), lookup in retrieved(), shown in shown()) {
        let group = pb::PointGroup { id: None, hits, lookup: Some(lookup) };
        let mut expected = group.clone();
        for hit in &mut expected.hits {
            show(&mut hit.vectors, &shown);
            hide(&mut hit.payload, &shown);
        }
        if let Some(lookup) = &mut expected.lookup {
            show_by(&mut lookup.vectors, shown.lookup_vectors.as_ref());
            hide(&mut lookup.payload, &shown);
        }
        let answer = |group: pb::PointGroup| pb::QueryGroupsResponse {
            result: Some(pb::GroupsResult { groups: vec![group.clone(), group] }),
            ..pb::QueryGroupsResponse::default()
        };
        prop_assert_eq!(seen(Verb::QueryGroups, &answer(group), &shown), answer(expected));
    }

    #[test]
    fn any_answer_is_read_without_panic(bytes in vec(0u8..40, 0..60), shown in shown()) {
        let bytes = Bytes::from(bytes);
        for verb in [Verb::Query, Verb::QueryBatch, Verb::QueryGroups, Verb::Scroll] {
            if let Ok(parts) = unwrite(verb, &bytes, &shown) {
                prop_assert!(parts.concat().len() <= bytes.len() * 16);
            }
        }
    }

    #[test]
    fn collection_info_hides_what_is_ours(metadata in value(), has_sparse: bool, has_other: bool) {
        let params = |size| pb::VectorParams { size, ..pb::VectorParams::default() };
        let mut map: HashMap<String, pb::VectorParams> =
            [(String::new(), params(3)), ("@m@1".to_owned(), params(4))].into();
        if has_other {
            map.insert("other".into(), params(5));
        }
        let answer = of(Config::ParamsMap(pb::VectorParamsMap { map: map.clone() }), has_sparse, &metadata);
        let mut bytes = answer.encode_to_vec();
        // A field of a newer server.
        put_bytes(&mut bytes, 99, b"newer");
        let vectors = names(vec![("", ""), ("other", "other")]);
        let view = InfoView { vectors, metadata_key: "interlock".into(), payload_key: RESERVED.into() };
        let seen = info(&bytes.into(), &view).unwrap();
        prop_assert!(seen.ends_with(b"newer"));

        map.remove("@m@1");
        let shown = match map.len() {
            1 => Config::Params(params(3)),
            _ => Config::ParamsMap(pb::VectorParamsMap { map }),
        };
        let mut expected = of(shown, false, &metadata);
        let result = expected.result.as_mut().unwrap();
        result.payload_schema.retain(|key, _| key == "mine");
        result.config.as_mut().unwrap().metadata.remove("interlock");
        prop_assert_eq!(pb::GetCollectionInfoResponse::decode(seen).unwrap(), expected);
    }
}

/// Collection info with things of ours in it.
fn of(config: Config, has_sparse: bool, metadata: &pb::Value) -> pb::GetCollectionInfoResponse {
    let sparse = [("@s@1".to_owned(), pb::SparseVectorParams::default())];
    let params = pb::CollectionParams {
        shard_number: 1,
        vectors_config: Some(pb::VectorsConfig { config: Some(config) }),
        sparse_vectors_config: has_sparse.then(|| pb::SparseVectorConfig { map: sparse.into() }),
        ..pb::CollectionParams::default()
    };
    let schema = ["mine", "_embedding.text.models", "\"_embedding\".\"\".write_id"];
    let config = pb::CollectionConfig {
        params: Some(params),
        metadata: [
            ("interlock".into(), metadata.clone()),
            ("mine".into(), metadata.clone()),
        ]
        .into(),
        ..pb::CollectionConfig::default()
    };
    let result = pb::CollectionInfo {
        status: 1,
        config: Some(config),
        payload_schema: schema
            .map(|key| (key.to_owned(), pb::PayloadSchemaInfo::default()))
            .into(),
        points_count: Some(5),
        ..pb::CollectionInfo::default()
    };
    pb::GetCollectionInfoResponse {
        result: Some(result),
        time: 0.25,
    }
}

#[test]
fn an_answer_with_nothing_to_hide_passes_as_it_is() {
    let answer = Bytes::from_static(b"not even protobuf");
    let parts = unwrite(Verb::Query, &answer, &Unwrite::default()).unwrap();
    assert_eq!(parts, [answer]);
}
