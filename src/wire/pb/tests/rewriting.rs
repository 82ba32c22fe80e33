//! An edited body decodes to the edited message, and what was kept is not copied.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{self as pb, vector, vector_input};
use uuid::Uuid;

use super::generate::upsert;
use super::generate_reads::{query_points, recommend_groups};
use super::{RESERVED, lens};
use crate::domain::ids::{VectorName, WriteId};
use crate::domain::op::{InputValue, OpKind, WriteKind};
use crate::domain::plan::{Edit, EmbedRef, Embedding, OutVector, PayloadEdit, Plan, PointEdit, VectorFrom};
use crate::domain::tag::{Tag, TagEntry};
use crate::wire::Outgoing;
use crate::wire::pb::{rewrite, scan};

fn joined(out: Outgoing) -> Vec<u8> {
    out.parts.concat()
}

/// The name that every name becomes. Longer than 127 bytes, so that lengths of lengths change too.
fn renamed(name: &str) -> String {
    format!("{name}@{}", "m".repeat(130))
}

/// The embedding of a text: all that matters is that it depends on the text.
fn embedded(text: &str) -> Vec<f32> {
    vec![text.len() as f32, 0.5]
}

/// Every edit that a read can take, as a plan.
fn edits(op: &crate::domain::op::Op<'_>) -> (Plan, Vec<Embedding>) {
    let OpKind::Reads(reads) = &op.kind else {
        return Default::default();
    };
    let (mut edits, mut embeddings) = (Vec::new(), Vec::new());
    for read in reads {
        for node in &read.nodes {
            let name = renamed(node.using.as_deref().unwrap_or(""));
            edits.push((node.site, Edit::Name(name.as_str().into())));
            if let Some(lookup) = &node.lookup_from {
                let name = renamed(lookup.vector.as_deref().unwrap_or(""));
                edits.push((lookup.vector_site, Edit::Name(name.as_str().into())));
            }
            for input in &node.inputs {
                if let InputValue::Document(document) = &input.value {
                    edits.push((input.site, Edit::Embedding(EmbedRef(embeddings.len()))));
                    embeddings.push(Embedding::Dense(embedded(&document.text)));
                }
            }
        }
        for (site, name) in &read.filters.has_vectors {
            edits.push((*site, Edit::Name(renamed(name).as_str().into())));
        }
        let lookup = read.lookup.as_ref();
        for vectors in read.with_vectors.iter().chain(lookup.map(|l| &l.with_vectors)) {
            edits.push((vectors.site, Edit::Names(vec!["x".into(), "".into()])));
        }
        for payload in read.with_payload.iter().chain(lookup.map(|l| &l.with_payload)) {
            let hide = PayloadEdit::Exclude(Vec::new());
            edits.push((payload.site, Edit::Payload(hide)));
        }
    }
    let plan = Plan {
        edits,
        ..Plan::default()
    };
    (plan, embeddings)
}

fn shown_vectors() -> Option<pb::WithVectorsSelector> {
    let names = vec!["x".to_owned(), String::new()];
    Some(pb::with_vectors_selector::SelectorOptions::Include(pb::VectorsSelector { names }).into())
}

fn hidden_key() -> Option<pb::WithPayloadSelector> {
    let fields = vec![RESERVED.to_owned()];
    Some(pb::with_payload_selector::SelectorOptions::Exclude(pb::PayloadExcludeSelector { fields }).into())
}

fn edit_filter(filter: &mut pb::Filter) {
    let few = filter.min_should.iter_mut().flat_map(|few| &mut few.conditions);
    let lists = filter
        .should
        .iter_mut()
        .chain(&mut filter.must)
        .chain(&mut filter.must_not);
    lists.chain(few).for_each(edit_condition);
}

fn edit_condition(condition: &mut pb::Condition) {
    match condition.condition_one_of.as_mut() {
        Some(ConditionOneOf::HasVector(of)) => of.has_vector = renamed(&of.has_vector),
        Some(ConditionOneOf::Filter(below)) => edit_filter(below),
        Some(ConditionOneOf::Nested(of)) => of.filter.iter_mut().for_each(edit_filter),
        _ => {}
    }
}

fn edit_lookup(lookup: &mut pb::LookupLocation) {
    lookup.vector_name = Some(renamed(lookup.vector_name.as_deref().unwrap_or("")));
}

fn edit_input(input: &mut pb::VectorInput) {
    if let Some(vector_input::Variant::Document(document)) = &input.variant {
        let data = embedded(&document.text);
        input.variant = Some(vector_input::Variant::Dense(pb::DenseVector { data }));
    }
}

fn edit_pairs(context: &mut pb::ContextInput) {
    for pair in &mut context.pairs {
        pair.positive
            .iter_mut()
            .chain(&mut pair.negative)
            .for_each(edit_input);
    }
}

fn edit_expression(of: &mut pb::Expression) {
    use pb::expression::Variant;
    match of.variant.as_mut() {
        Some(Variant::Condition(condition)) => edit_condition(condition),
        Some(Variant::Sum(of)) => of.sum.iter_mut().for_each(edit_expression),
        Some(Variant::Neg(of)) => edit_expression(of),
        Some(Variant::ExpDecay(of)) => {
            for one in of.x.iter_mut().chain(&mut of.target) {
                edit_expression(one);
            }
        }
        _ => {}
    }
}

fn edit_query(query: &mut pb::Query) {
    use pb::query::Variant;
    match query.variant.as_mut() {
        Some(Variant::Nearest(one)) => edit_input(one),
        Some(Variant::Recommend(of)) => {
            of.positive
                .iter_mut()
                .chain(&mut of.negative)
                .for_each(edit_input);
        }
        Some(Variant::Discover(of)) => {
            of.target.iter_mut().for_each(edit_input);
            of.context.iter_mut().for_each(edit_pairs);
        }
        Some(Variant::Context(of)) => edit_pairs(of),
        Some(Variant::NearestWithMmr(of)) => of.nearest.iter_mut().for_each(edit_input),
        Some(Variant::RelevanceFeedback(of)) => {
            of.target.iter_mut().for_each(edit_input);
            let examples = of.feedback.iter_mut().flat_map(|item| &mut item.example);
            examples.for_each(edit_input);
        }
        Some(Variant::Formula(of)) => of.expression.iter_mut().for_each(edit_expression),
        _ => {}
    }
}

fn edit_params(params: &mut pb::SearchParams) {
    let corpus = params.idf.iter_mut().flat_map(|idf| &mut idf.corpus);
    corpus.for_each(edit_filter);
}

fn edit_prefetch(of: &mut pb::PrefetchQuery) {
    of.using = Some(renamed(of.using.as_deref().unwrap_or("")));
    of.query.iter_mut().for_each(edit_query);
    of.filter.iter_mut().for_each(edit_filter);
    of.params.iter_mut().for_each(edit_params);
    of.lookup_from.iter_mut().for_each(edit_lookup);
    of.prefetch.iter_mut().for_each(edit_prefetch);
}

fn edit_vector(of: &mut pb::Vector) {
    if let Some(vector::Vector::Document(document)) = &of.vector {
        let data = embedded(&document.text);
        *of = pb::Vector {
            vector: Some(vector::Vector::Dense(pb::DenseVector { data })),
            ..pb::Vector::default()
        };
    }
}

proptest! {
    #[test]
    fn an_edited_query_decodes_to_the_edited_query(mut query in query_points()) {
        let bytes = Bytes::from(query.encode_to_vec());
        let lens = lens();
        let scan = scan(crate::domain::op::Verb::Query, &bytes, &lens).unwrap();
        let (plan, embeddings) = edits(&scan.op);
        let out = rewrite(&scan, &bytes, &plan, &embeddings, RESERVED).unwrap();

        query.using = Some(renamed(query.using.as_deref().unwrap_or("")));
        query.query.iter_mut().for_each(edit_query);
        query.filter.iter_mut().for_each(edit_filter);
        query.params.iter_mut().for_each(edit_params);
        query.lookup_from.iter_mut().for_each(edit_lookup);
        query.prefetch.iter_mut().for_each(edit_prefetch);
        query.with_vectors = shown_vectors();
        query.with_payload = hidden_key();
        prop_assert_eq!(pb::QueryPoints::decode(joined(out).as_slice()).unwrap(), query);
    }

    #[test]
    fn an_edited_recommendation_decodes_to_the_edited_one(mut of in recommend_groups()) {
        let bytes = Bytes::from(of.encode_to_vec());
        let lens = lens();
        let scan = scan(crate::domain::op::Verb::RecommendGroups, &bytes, &lens).unwrap();
        let (plan, embeddings) = edits(&scan.op);
        let out = rewrite(&scan, &bytes, &plan, &embeddings, RESERVED).unwrap();

        of.using = Some(renamed(of.using.as_deref().unwrap_or("")));
        of.lookup_from.iter_mut().for_each(edit_lookup);
        of.filter.iter_mut().for_each(edit_filter);
        of.positive_vectors.iter_mut().chain(&mut of.negative_vectors).for_each(edit_vector);
        of.with_vectors = shown_vectors();
        of.with_payload = hidden_key();
        if let Some(lookup) = &mut of.with_lookup {
            lookup.with_vectors = shown_vectors();
            lookup.with_payload = hidden_key();
        }
        prop_assert_eq!(pb::RecommendPointGroups::decode(joined(out).as_slice()).unwrap(), of);
    }

    #[test]
    fn without_edits_a_body_leaves_as_it_came(query in query_points()) {
        let bytes = Bytes::from(query.encode_to_vec());
        let lens = lens();
        let scan = scan(crate::domain::op::Verb::Query, &bytes, &lens).unwrap();
        let out = rewrite(&scan, &bytes, &Plan::default(), &[], RESERVED).unwrap();
        prop_assert_eq!(joined(out), bytes.to_vec());
    }

    #[test]
    fn an_edited_upsert_decodes_to_the_edited_upsert(mut upsert in upsert(), how in 0u8..4) {
        let bytes = Bytes::from(upsert.encode_to_vec());
        let lens = lens();
        let scan = scan(crate::domain::op::Verb::Upsert, &bytes, &lens).unwrap();
        let OpKind::Writes(writes) = &scan.op.kind else { panic!("an upsert writes") };
        let WriteKind::Upsert(points) = &writes[0].kind else { panic!("an upsert upserts") };
        let mut plan = Plan::default();
        for (point, decoded) in points.iter().zip(&mut upsert.points) {
            let edit = point_edit(point, how);
            apply(&edit, point, decoded);
            plan.edits.push((point.site, Edit::Point(edit)));
        }
        for (site, name) in &writes[0].filters.has_vectors {
            plan.edits.push((*site, Edit::Name(renamed(name).as_str().into())));
        }
        upsert.update_filter.iter_mut().for_each(edit_filter);
        let out = rewrite(&scan, &bytes, &plan, &[Embedding::Dense(vec![1.0, 2.0])], RESERVED).unwrap();
        prop_assert_eq!(pb::UpsertPoints::decode(joined(out).as_slice()).unwrap(), upsert);
    }
}

/// What a point becomes: 0 keeps all, 1 renames all, 2 drops the first and adds an embedding, 3 leaves the unnamed.
fn point_edit(point: &crate::domain::op::Point<'_>, how: u8) -> PointEdit {
    let kept = point.vectors.iter().enumerate().map(|(index, vector)| OutVector {
        name: vector.name.as_ref().into(),
        from: VectorFrom::Kept(index),
    });
    let vectors = match how {
        0 => kept.collect(),
        1 => kept
            .map(|vector| OutVector {
                name: renamed(vector.name.as_str()).as_str().into(),
                ..vector
            })
            .collect(),
        2 => {
            let new = OutVector {
                name: "new".into(),
                from: VectorFrom::Embedded(EmbedRef(0)),
            };
            kept.skip(1).chain([new]).collect()
        }
        _ => vec![OutVector {
            name: "".into(),
            from: VectorFrom::Embedded(EmbedRef(0)),
        }],
    };
    PointEdit {
        vectors: vectors.into(),
        tag: Some(tag()),
    }
}

fn tag() -> Tag {
    Tag([TagEntry {
        field: "text".into(),
        write_id: WriteId(Uuid::from_u128(7)),
        source_hash: Some("hash".into()),
        models: vec![("text".into(), "m@1#f".into())].into(),
    }]
    .into())
}

/// The same edit, on the decoded point.
fn apply(edit: &PointEdit, point: &crate::domain::op::Point<'_>, decoded: &mut pb::PointStruct) {
    let tag: pb::Value = tag().to_json().into();
    decoded.payload.insert(RESERVED.to_owned(), tag);
    let old = decoded
        .vectors
        .clone()
        .and_then(|vectors| vectors.vectors_options);
    let is_single = matches!(old, Some(VectorsOptions::Vector(_)));
    let old: HashMap<String, pb::Vector> = match old {
        None => HashMap::new(),
        Some(VectorsOptions::Vector(one)) => [(String::new(), one)].into(),
        Some(VectorsOptions::Vectors(named)) => named.vectors,
    };
    let value = |from: &VectorFrom| match from {
        VectorFrom::Kept(index) => old[point.vectors[*index].name.as_ref()].clone(),
        VectorFrom::Embedded(_) => pb::Vector {
            vector: Some(vector::Vector::Dense(vec![1.0, 2.0].into())),
            ..pb::Vector::default()
        },
    };
    let new: HashMap<String, pb::Vector> = edit
        .vectors
        .iter()
        .map(|vector| (vector.name.to_string(), value(&vector.from)))
        .collect();
    if new == old {
        return;
    }
    let options = match new.get("") {
        Some(one) if is_single && new.len() == 1 => VectorsOptions::Vector(one.clone()),
        _ => VectorsOptions::Vectors(pb::NamedVectors { vectors: new }),
    };
    decoded.vectors = Some(pb::Vectors {
        vectors_options: Some(options),
    });
}

#[test]
fn kept_vectors_are_not_copied() {
    const COMPONENTS: usize = 384;
    let point = pb::PointStruct::new(1, vec![0.25f32; COMPONENTS], ::qdrant_client::Payload::default());
    let upsert = pb::UpsertPoints {
        points: vec![point],
        ..pb::UpsertPoints::default()
    };
    let bytes = Bytes::from(upsert.encode_to_vec());
    let lens = lens();
    let scan = scan(crate::domain::op::Verb::Upsert, &bytes, &lens).unwrap();
    let OpKind::Writes(writes) = &scan.op.kind else {
        panic!("an upsert writes")
    };
    let WriteKind::Upsert(points) = &writes[0].kind else {
        panic!("an upsert upserts")
    };
    let name = |name: &str, index| OutVector {
        name: VectorName::from(name),
        from: VectorFrom::Kept(index),
    };
    let edit = PointEdit {
        vectors: vec![name("a", 0), name("b", 0)].into(),
        tag: Some(tag()),
    };
    let plan = Plan {
        edits: vec![(points[0].site, Edit::Point(edit))],
        ..Plan::default()
    };
    let out = rewrite(&scan, &bytes, &plan, &[], RESERVED).unwrap();
    let here = bytes.as_ptr_range();
    let (kept, new): (Vec<_>, Vec<_>) = out.parts.iter().partition(|part| here.contains(&part.as_ptr()));
    assert_eq!(kept.len(), 2, "each of the two names has the one vector's bytes");
    assert!(
        kept.iter()
            .all(|part| part.len() >= COMPONENTS * size_of::<f32>())
    );
    let new: usize = new.iter().map(|part| part.len()).sum();
    assert!(new < COMPONENTS, "{new} new bytes");
}
