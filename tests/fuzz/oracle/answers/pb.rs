//! Answers over gRPC: against prost.

use std::collections::HashMap;

use bytes::Bytes;
use interlock::domain::ids::VectorName;
use interlock::domain::op::Verb;
use interlock::domain::plan::Unwrite;
use interlock::wire::pb::unwrite;
use prost::Message;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{self as pb};

use super::client_name;

pub fn check(verb: u8, answer: &[u8], shown: &Unwrite) {
    match verb % 10 {
        0 => one::<pb::QueryResponse>(Verb::Query, answer, shown),
        1 => one::<pb::ScrollResponse>(Verb::Scroll, answer, shown),
        2 => one::<pb::GetResponse>(Verb::Get, answer, shown),
        3 => one::<pb::QueryBatchResponse>(Verb::QueryBatch, answer, shown),
        4 => one::<pb::QueryGroupsResponse>(Verb::QueryGroups, answer, shown),
        5 => one::<pb::SearchResponse>(Verb::Search, answer, shown),
        6 => one::<pb::SearchBatchResponse>(Verb::SearchBatch, answer, shown),
        7 => one::<pb::SearchGroupsResponse>(Verb::SearchGroups, answer, shown),
        8 => one::<pb::RecommendResponse>(Verb::Recommend, answer, shown),
        _ => one::<pb::CountResponse>(Verb::Count, answer, shown),
    }
}

fn one<M: Answer>(verb: Verb, bytes: &[u8], shown: &Unwrite) {
    let decoded = M::decode(bytes);
    if let Ok(parts) = unwrite(verb, &Bytes::copy_from_slice(bytes), shown) {
        let seen = M::decode(parts.concat().as_slice());
        assert!(
            seen.is_ok() || decoded.is_err(),
            "a good answer cannot be read any more"
        );
        if let Ok(mut seen) = seen {
            nothing_hidden(&mut seen, shown);
        }
    }
    let Ok(mut expected) = decoded else { return };
    // In prost's own form nothing is unknown and nothing twice. A float that is no number equals nothing.
    let canonical = Bytes::from(expected.encode_to_vec());
    if expected != expected.clone() {
        return;
    }
    show(&mut expected, shown);
    let parts = unwrite(verb, &canonical, shown).expect("a good answer was refused");
    same(&parts, &expected);
    // So too in another order; but a body of this length may still hold what prost alone can read.
    if canonical.len() == bytes.len()
        && let Ok(parts) = unwrite(verb, &Bytes::copy_from_slice(bytes), shown)
    {
        same(&parts, &expected);
    }
}

fn same<M: Answer>(parts: &[Bytes], expected: &M) {
    let seen = M::decode(parts.concat().as_slice()).expect("no protobuf came out");
    assert!(seen == *expected, "{seen:?} is not {expected:?}");
}

fn nothing_hidden<M: Answer>(seen: &mut M, shown: &Unwrite) {
    seen.records(&mut |record| {
        if let (Some(names), Some(vectors)) = (record.names(shown), record.vectors.as_ref()) {
            let found: Vec<&str> = match &vectors.vectors_options {
                None => Vec::new(),
                Some(VectorsOptions::Vector(_)) => vec![""],
                Some(VectorsOptions::Vectors(named)) => named.vectors.keys().map(String::as_str).collect(),
            };
            for name in found {
                assert!(
                    names.iter().any(|(_, client)| client.as_str() == name),
                    "{name:?} is shown"
                );
            }
        }
        if let Some(key) = &shown.payload_key {
            assert!(!record.payload.contains_key(key), "a tag is shown");
        }
    });
}

/// Does to a decoded answer what is to be done to its bytes.
fn show<M: Answer>(answer: &mut M, shown: &Unwrite) {
    answer.records(&mut |record| {
        if let (Some(names), Some(vectors)) = (record.names(shown), record.vectors.as_mut()) {
            show_vectors(&mut vectors.vectors_options, names);
        }
        if let Some(key) = &shown.payload_key {
            record.payload.remove(key);
        }
    });
}

fn show_vectors(options: &mut Option<VectorsOptions>, names: &[(VectorName, VectorName)]) {
    let given = match options.take() {
        None => return,
        Some(VectorsOptions::Vector(one)) => [(String::new(), one)].into(),
        Some(VectorsOptions::Vectors(named)) => named.vectors,
    };
    let mut left: HashMap<String, pb::VectorOutput> = given
        .into_iter()
        .filter_map(|(real, one)| Some((client_name(&real, names)?.to_owned(), one)))
        .collect();
    *options = Some(match left.len() {
        1 if left.contains_key("") => VectorsOptions::Vector(left.remove("").expect("it is there")),
        _ => VectorsOptions::Vectors(pb::NamedVectorsOutput { vectors: left }),
    });
}

/// A point of an answer.
struct Record<'r> {
    vectors: &'r mut Option<pb::VectorsOutput>,
    payload: &'r mut HashMap<String, pb::Value>,
    is_looked_up: bool,
}

impl Record<'_> {
    fn names<'u>(&self, shown: &'u Unwrite) -> Option<&'u [(VectorName, VectorName)]> {
        match self.is_looked_up {
            true => shown.lookup_vectors.as_deref(),
            false => shown.vectors.as_deref(),
        }
    }
}

fn record<'r>(
    vectors: &'r mut Option<pb::VectorsOutput>,
    payload: &'r mut HashMap<String, pb::Value>,
    is_looked_up: bool,
) -> Record<'r> {
    Record {
        vectors,
        payload,
        is_looked_up,
    }
}

/// An answer whose points can be gone through.
trait Answer: Message + Default + Clone + PartialEq + std::fmt::Debug {
    fn records(&mut self, visit: &mut dyn FnMut(Record<'_>));
}

fn groups(of: &mut Option<pb::GroupsResult>, visit: &mut dyn FnMut(Record<'_>)) {
    for group in of.iter_mut().flat_map(|of| &mut of.groups) {
        for hit in &mut group.hits {
            visit(record(&mut hit.vectors, &mut hit.payload, false));
        }
        if let Some(found) = &mut group.lookup {
            visit(record(&mut found.vectors, &mut found.payload, true));
        }
    }
}

macro_rules! answers {
    (points $($points:ident)*; batches $($batch:ident)*; groups $($groups:ident)*) => {
        $(impl Answer for pb::$points {
            fn records(&mut self, visit: &mut dyn FnMut(Record<'_>)) {
                for of in &mut self.result {
                    visit(record(&mut of.vectors, &mut of.payload, false));
                }
            }
        })*
        $(impl Answer for pb::$batch {
            fn records(&mut self, visit: &mut dyn FnMut(Record<'_>)) {
                for of in self.result.iter_mut().flat_map(|item| &mut item.result) {
                    visit(record(&mut of.vectors, &mut of.payload, false));
                }
            }
        })*
        $(impl Answer for pb::$groups {
            fn records(&mut self, visit: &mut dyn FnMut(Record<'_>)) {
                groups(&mut self.result, visit);
            }
        })*
    };
}

answers! {
    points QueryResponse SearchResponse RecommendResponse ScrollResponse GetResponse;
    batches QueryBatchResponse SearchBatchResponse;
    groups QueryGroupsResponse SearchGroupsResponse
}

impl Answer for pb::CountResponse {
    fn records(&mut self, _: &mut dyn FnMut(Record<'_>)) {}
}
