//! Values, filters, vectors, points and writes for the properties.

use std::collections::HashMap;

use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{self as operation, Operation};
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    Condition, DenseVector, Document, FieldCondition, Filter, GeoPoint, GeoRadius, HasIdCondition,
    HasVectorCondition, Image, InferenceObject, IsEmptyCondition, IsNullCondition, ListValue, Match,
    MinShould, MultiDenseVector, NamedVectors, NestedCondition, PointId, PointStruct, PointVectors,
    PointsIdsList, PointsSelector, PointsUpdateOperation, Range, SetPayloadPoints, ShardKeySelector,
    SparseIndices, SparseVector, Struct, UpdateBatchPoints, UpsertPoints, Value, Vector, Vectors,
    VectorsSelector, WriteOrdering, r#match, vector,
};

pub fn name() -> BoxedStrategy<String> {
    select(vec!["", "a", "text", "naïve", "v@m@1"])
        .prop_map(str::to_owned)
        .boxed()
}

pub fn id() -> BoxedStrategy<PointId> {
    prop_oneof![
        any::<u64>().prop_map(PointId::from),
        any::<u128>().prop_map(|id| uuid::Uuid::from_u128(id).to_string().into()),
    ]
    .boxed()
}

pub fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Kind::NullValue(0)),
        any::<i32>().prop_map(|n| Kind::DoubleValue(f64::from(n))),
        any::<i64>().prop_map(Kind::IntegerValue),
        name().prop_map(Kind::StringValue),
        any::<bool>().prop_map(Kind::BoolValue),
    ];
    leaf.prop_map(|kind| Value { kind: Some(kind) })
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..3).prop_map(|values| Kind::ListValue(ListValue { values })),
                hash_map(name(), inner, 0..3).prop_map(|fields| Kind::StructValue(Struct { fields })),
            ]
            .prop_map(|kind| Value { kind: Some(kind) })
        })
        .boxed()
}

pub fn payload() -> BoxedStrategy<HashMap<String, Value>> {
    let key = select(vec!["title", "body", "", "other", "_embedding"]).prop_map(str::to_owned);
    hash_map(key, value(), 0..4).boxed()
}

fn floats() -> BoxedStrategy<Vec<f32>> {
    vec(any::<i16>().prop_map(f32::from), 0..6).boxed()
}

pub fn document() -> BoxedStrategy<Document> {
    (name(), name(), hash_map(name(), value(), 0..2))
        .prop_map(|(text, model, options)| Document { text, model, options })
        .boxed()
}

pub fn image() -> BoxedStrategy<Image> {
    (option::of(value()), name(), hash_map(name(), value(), 0..2))
        .prop_map(|(image, model, options)| Image {
            image,
            model,
            options,
        })
        .boxed()
}

pub fn object() -> BoxedStrategy<InferenceObject> {
    (option::of(value()), name())
        .prop_map(|(object, model)| InferenceObject {
            object,
            model,
            options: HashMap::new(),
        })
        .boxed()
}

pub fn dense() -> BoxedStrategy<DenseVector> {
    floats().prop_map(|data| DenseVector { data }).boxed()
}

pub fn sparse() -> BoxedStrategy<SparseVector> {
    (floats(), vec(any::<u32>(), 0..4))
        .prop_map(|(values, indices)| SparseVector { values, indices })
        .boxed()
}

pub fn multi() -> BoxedStrategy<MultiDenseVector> {
    vec(dense(), 0..3)
        .prop_map(|vectors| MultiDenseVector { vectors })
        .boxed()
}

pub fn vector() -> BoxedStrategy<Vector> {
    let member = prop_oneof![
        dense().prop_map(vector::Vector::Dense),
        sparse().prop_map(vector::Vector::Sparse),
        multi().prop_map(vector::Vector::MultiDense),
        document().prop_map(vector::Vector::Document),
        image().prop_map(vector::Vector::Image),
        object().prop_map(vector::Vector::Object),
    ];
    let indices = option::of(vec(any::<u32>(), 0..4).prop_map(|data| SparseIndices { data }));
    (floats(), indices, option::of(1u32..4), option::of(member))
        .prop_map(|(data, indices, vectors_count, vector)| Vector {
            data,
            indices,
            vectors_count,
            vector,
        })
        .boxed()
}

pub fn vectors() -> BoxedStrategy<Vectors> {
    let options = prop_oneof![
        vector().prop_map(VectorsOptions::Vector),
        hash_map(name(), vector(), 0..4)
            .prop_map(|vectors| VectorsOptions::Vectors(NamedVectors { vectors })),
    ];
    option::of(options)
        .prop_map(|vectors_options| Vectors { vectors_options })
        .boxed()
}

pub fn point() -> BoxedStrategy<PointStruct> {
    (id(), payload(), option::of(vectors()))
        .prop_map(|(id, payload, vectors)| PointStruct {
            id: Some(id),
            payload,
            vectors,
        })
        .boxed()
}

/// Points as client libraries write them, most of them like the one before.
fn plain_points() -> BoxedStrategy<Vec<PointStruct>> {
    let vector = dense().prop_map(|dense| Vector {
        vector: Some(vector::Vector::Dense(dense)),
        ..Vector::default()
    });
    let names = select(vec!["a", "b"]).prop_map(str::to_owned);
    let named = hash_map(names, vector, 1..3);
    let point = (id(), payload(), named).prop_map(|(id, payload, vectors)| PointStruct {
        id: Some(id),
        payload,
        vectors: Some(VectorsOptions::Vectors(NamedVectors { vectors }).into()),
    });
    vec(point, 0..6).boxed()
}

fn point_vectors() -> BoxedStrategy<PointVectors> {
    (id(), option::of(vectors()))
        .prop_map(|(id, vectors)| PointVectors {
            id: Some(id),
            vectors,
        })
        .boxed()
}

pub fn filter() -> BoxedStrategy<Filter> {
    let field =
        (name(), option::of(name()), any::<bool>()).prop_map(|(key, word, has_range)| FieldCondition {
            key,
            r#match: word.map(|word| Match {
                match_value: Some(r#match::MatchValue::Keyword(word)),
            }),
            range: has_range.then_some(Range {
                lt: Some(1.0),
                ..Range::default()
            }),
            geo_radius: has_range.then_some(GeoRadius {
                center: Some(GeoPoint { lon: 1.0, lat: 2.0 }),
                radius: 3.0,
            }),
            ..FieldCondition::default()
        });
    let leaf = prop_oneof![
        field.prop_map(ConditionOneOf::Field),
        name().prop_map(|key| ConditionOneOf::IsEmpty(IsEmptyCondition { key })),
        name().prop_map(|key| ConditionOneOf::IsNull(IsNullCondition { key })),
        vec(id(), 0..3).prop_map(|has_id| ConditionOneOf::HasId(HasIdCondition { has_id })),
        name().prop_map(|has_vector| ConditionOneOf::HasVector(HasVectorCondition { has_vector })),
    ];
    let of = |conditions: Vec<ConditionOneOf>| -> Vec<Condition> {
        let wrap = |one| Condition {
            condition_one_of: Some(one),
        };
        conditions.into_iter().map(wrap).collect()
    };
    let filter_of = move |(should, must, must_not, few): (Vec<_>, Vec<_>, Vec<_>, Option<Vec<_>>)| Filter {
        should: of(should),
        must: of(must),
        must_not: of(must_not),
        min_should: few.map(|few| MinShould {
            conditions: of(few),
            min_count: 1,
        }),
    };
    let lists = |one: BoxedStrategy<ConditionOneOf>| {
        (
            vec(one.clone(), 0..2),
            vec(one.clone(), 0..3),
            vec(one.clone(), 0..2),
            option::of(vec(one, 0..2)),
        )
    };
    let base = lists(leaf.clone().boxed()).prop_map(filter_of).boxed();
    let leaf = leaf.boxed();
    base.prop_recursive(3, 12, 3, move |inner| {
        let below = prop_oneof![
            leaf.clone(),
            inner.clone().prop_map(ConditionOneOf::Filter),
            (name(), inner).prop_map(|(key, filter)| {
                ConditionOneOf::Nested(NestedCondition {
                    key,
                    filter: Some(filter),
                })
            }),
        ];
        lists(below.boxed()).prop_map(filter_of)
    })
    .boxed()
}

pub fn selector() -> BoxedStrategy<PointsSelector> {
    prop_oneof![
        vec(id(), 0..4).prop_map(|ids| PointsSelectorOneOf::Points(PointsIdsList { ids })),
        filter().prop_map(PointsSelectorOneOf::Filter),
    ]
    .prop_map(|one| PointsSelector {
        points_selector_one_of: Some(one),
    })
    .boxed()
}

pub fn shard_key() -> BoxedStrategy<Option<ShardKeySelector>> {
    option::of(name().prop_map(|key| ShardKeySelector {
        shard_keys: vec![key.into()],
        fallback: None,
    }))
    .boxed()
}

fn ordering() -> BoxedStrategy<Option<WriteOrdering>> {
    option::of((0..3).prop_map(|r#type| WriteOrdering { r#type })).boxed()
}

pub fn upsert() -> BoxedStrategy<UpsertPoints> {
    let rest = (
        option::of(any::<bool>()),
        ordering(),
        option::of(any::<u64>()),
        option::of(0..3),
    );
    (
        name(),
        prop_oneof![vec(point(), 0..4), plain_points()],
        shard_key(),
        option::of(filter()),
        rest,
    )
        .prop_map(
            |(collection_name, points, shard_key_selector, update_filter, rest)| UpsertPoints {
                collection_name,
                wait: rest.0,
                points,
                ordering: rest.1,
                shard_key_selector,
                update_filter,
                timeout: rest.2,
                update_mode: rest.3,
            },
        )
        .boxed()
}

pub fn overwrite() -> BoxedStrategy<SetPayloadPoints> {
    let rest = (
        option::of(any::<bool>()),
        ordering(),
        option::of(name()),
        option::of(any::<u64>()),
    );
    (name(), payload(), selector(), shard_key(), rest)
        .prop_map(
            |(collection_name, payload, selector, shard_key_selector, rest)| SetPayloadPoints {
                collection_name,
                wait: rest.0,
                payload,
                points_selector: Some(selector),
                ordering: rest.1,
                shard_key_selector,
                key: rest.2,
                timeout: rest.3,
            },
        )
        .boxed()
}

fn operation() -> BoxedStrategy<Operation> {
    let upsert = (
        vec(point(), 0..3),
        shard_key(),
        option::of(filter()),
        option::of(0..3),
    );
    let update = (vec(point_vectors(), 0..3), shard_key(), option::of(filter()));
    let set = (payload(), selector(), shard_key(), option::of(name()));
    prop_oneof![
        upsert.prop_map(|(points, shard_key_selector, update_filter, update_mode)| {
            Operation::Upsert(operation::PointStructList {
                points,
                shard_key_selector,
                update_filter,
                update_mode,
            })
        }),
        update.prop_map(|(points, shard_key_selector, update_filter)| {
            Operation::UpdateVectors(operation::UpdateVectors {
                points,
                shard_key_selector,
                update_filter,
            })
        }),
        set.clone()
            .prop_map(|(payload, selector, shard_key_selector, key)| {
                Operation::SetPayload(operation::SetPayload {
                    payload,
                    points_selector: Some(selector),
                    shard_key_selector,
                    key,
                })
            }),
        set.prop_map(|(payload, selector, shard_key_selector, key)| {
            Operation::OverwritePayload(operation::OverwritePayload {
                payload,
                points_selector: Some(selector),
                shard_key_selector,
                key,
            })
        }),
        (vec(name(), 0..3), selector(), shard_key()).prop_map(|(keys, selector, shard_key_selector)| {
            Operation::DeletePayload(operation::DeletePayload {
                keys,
                points_selector: Some(selector),
                shard_key_selector,
            })
        }),
        (vec(name(), 0..3), selector(), shard_key()).prop_map(|(names, selector, shard_key_selector)| {
            Operation::DeleteVectors(operation::DeleteVectors {
                points_selector: Some(selector),
                vectors: Some(VectorsSelector { names }),
                shard_key_selector,
            })
        }),
        selector().prop_map(Operation::DeleteDeprecated),
        selector().prop_map(Operation::ClearPayloadDeprecated),
        (selector(), shard_key()).prop_map(|(points, shard_key_selector)| {
            Operation::ClearPayload(operation::ClearPayload {
                points: Some(points),
                shard_key_selector,
            })
        }),
    ]
    .boxed()
}

pub fn update_batch() -> BoxedStrategy<UpdateBatchPoints> {
    (name(), vec(operation(), 0..5), ordering())
        .prop_map(|(collection_name, operations, ordering)| UpdateBatchPoints {
            collection_name,
            wait: Some(true),
            operations: operations
                .into_iter()
                .map(|one| PointsUpdateOperation { operation: Some(one) })
                .collect(),
            ordering,
            timeout: None,
        })
        .boxed()
}
