//! Points of answers for the properties.

use proptest::collection::hash_map;
use proptest::option;
use proptest::prelude::*;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{self as pb};

use super::generate::{dense, id, multi, name, payload, sparse};

fn output() -> BoxedStrategy<pb::VectorOutput> {
    use pb::vector_output::Vector;
    prop_oneof![
        dense().prop_map(Vector::Dense),
        sparse().prop_map(Vector::Sparse),
        multi().prop_map(Vector::MultiDense),
    ]
    .prop_map(|one| pb::VectorOutput {
        vector: Some(one),
        ..pb::VectorOutput::default()
    })
    .boxed()
}

fn vectors() -> BoxedStrategy<Option<pb::VectorsOutput>> {
    let options = prop_oneof![
        output().prop_map(VectorsOptions::Vector),
        hash_map(name(), output(), 0..4)
            .prop_map(|vectors| VectorsOptions::Vectors(pb::NamedVectorsOutput { vectors })),
    ];
    let wrap = |one| pb::VectorsOutput {
        vectors_options: Some(one),
    };
    option::of(options.prop_map(wrap)).boxed()
}

pub fn scored() -> BoxedStrategy<pb::ScoredPoint> {
    (id(), payload(), vectors())
        .prop_map(|(id, payload, vectors)| pb::ScoredPoint {
            id: Some(id),
            payload,
            vectors,
            score: 0.5,
            version: 3,
            ..pb::ScoredPoint::default()
        })
        .boxed()
}

pub fn retrieved() -> BoxedStrategy<pb::RetrievedPoint> {
    (id(), payload(), vectors())
        .prop_map(|(id, payload, vectors)| pb::RetrievedPoint {
            id: Some(id),
            payload,
            vectors,
            ..pb::RetrievedPoint::default()
        })
        .boxed()
}
