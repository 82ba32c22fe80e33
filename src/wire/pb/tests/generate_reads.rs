//! Reads for the properties.

use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use qdrant_client::qdrant::{
    Condition, ContextExamplePair, ContextInput, ContextInputPair, DecayParamsExpression, DiscoverInput,
    DiscoverPoints, Expression, FeedbackItem, Formula, GeoDistance, HasVectorCondition, IdfParams,
    LookupLocation, Mmr, NearestInputWithMmr, OrderBy, PayloadExcludeSelector, PayloadIncludeSelector,
    PrefetchQuery, Query, QueryPoints, RecommendInput, RecommendPointGroups, RelevanceFeedbackInput, Rrf,
    ScrollPoints, SearchParams, SearchPoints, SparseIndices, SumExpression, TargetVector, TextQuery,
    VectorExample, VectorInput, VectorsSelector, WithLookup, WithPayloadSelector, WithVectorsSelector,
    condition, expression, query, target_vector, vector_example, vector_input, with_payload_selector,
    with_vectors_selector,
};

use super::generate::{
    dense, document, filter, id, image, multi, name, object, shard_key, sparse, value, vector,
};

fn input() -> BoxedStrategy<VectorInput> {
    use vector_input::Variant;
    prop_oneof![
        id().prop_map(Variant::Id),
        dense().prop_map(Variant::Dense),
        sparse().prop_map(Variant::Sparse),
        multi().prop_map(Variant::MultiDense),
        document().prop_map(Variant::Document),
        image().prop_map(Variant::Image),
        object().prop_map(Variant::Object),
    ]
    .prop_map(|variant| VectorInput {
        variant: Some(variant),
    })
    .boxed()
}

fn expression() -> BoxedStrategy<Expression> {
    use expression::Variant;
    let leaf = prop_oneof![
        Just(Variant::Constant(1.0)),
        Just(Variant::Variable("$score[1]".into())),
        name().prop_map(Variant::Variable),
        name().prop_map(Variant::DatetimeKey),
        name().prop_map(Variant::Datetime),
        name().prop_map(|to| Variant::GeoDistance(GeoDistance { origin: None, to })),
        name().prop_map(|has_vector| {
            let one = condition::ConditionOneOf::HasVector(HasVectorCondition { has_vector });
            Variant::Condition(Condition {
                condition_one_of: Some(one),
            })
        }),
    ];
    let wrap = |variant| Expression {
        variant: Some(variant),
    };
    leaf.prop_map(wrap)
        .prop_recursive(3, 8, 2, move |inner| {
            prop_oneof![
                vec(inner.clone(), 0..3).prop_map(|sum| Variant::Sum(SumExpression { sum })),
                inner.clone().prop_map(|x| Variant::Neg(Box::new(x))),
                (inner.clone(), option::of(inner)).prop_map(|(x, target)| {
                    Variant::ExpDecay(Box::new(DecayParamsExpression {
                        x: Some(Box::new(x)),
                        target: target.map(Box::new),
                        scale: None,
                        midpoint: None,
                    }))
                }),
            ]
            .prop_map(wrap)
        })
        .boxed()
}

fn context() -> BoxedStrategy<ContextInput> {
    let pair = (option::of(input()), option::of(input()))
        .prop_map(|(positive, negative)| ContextInputPair { positive, negative });
    vec(pair, 0..3).prop_map(|pairs| ContextInput { pairs }).boxed()
}

fn query() -> BoxedStrategy<Query> {
    use query::Variant;
    let recommend = (vec(input(), 0..3), vec(input(), 0..2), option::of(0..3));
    let feedback = vec((input(), 0..3), 0..2);
    let formula = (expression(), hash_map(name(), value(), 0..2));
    prop_oneof![
        input().prop_map(Variant::Nearest),
        recommend.prop_map(
            |(positive, negative, strategy)| Variant::Recommend(RecommendInput {
                positive,
                negative,
                strategy
            })
        ),
        (input(), context()).prop_map(|(target, context)| Variant::Discover(DiscoverInput {
            target: Some(target),
            context: Some(context),
        })),
        context().prop_map(Variant::Context),
        name().prop_map(|key| Variant::OrderBy(OrderBy {
            key,
            direction: Some(1),
            start_from: None
        })),
        (0..2).prop_map(Variant::Fusion),
        Just(Variant::Sample(0)),
        formula.prop_map(|(expression, defaults)| Variant::Formula(Formula {
            expression: Some(expression),
            defaults
        })),
        input().prop_map(|nearest| Variant::NearestWithMmr(NearestInputWithMmr {
            nearest: Some(nearest),
            mmr: Some(Mmr {
                diversity: Some(0.5),
                candidates_limit: None
            }),
        })),
        Just(Variant::Rrf(Rrf {
            k: Some(2),
            weights: vec![1.0, 2.0]
        })),
        (input(), feedback).prop_map(|(target, feedback)| Variant::RelevanceFeedback(
            RelevanceFeedbackInput {
                target: Some(target),
                feedback: feedback
                    .into_iter()
                    .map(|(example, score)| FeedbackItem {
                        example: Some(example),
                        score: score as f32
                    })
                    .collect(),
                strategy: None,
            }
        )),
        name().prop_map(|query| Variant::Text(TextQuery { query, scoring: None })),
    ]
    .prop_map(|variant| Query {
        variant: Some(variant),
    })
    .boxed()
}

fn params() -> BoxedStrategy<SearchParams> {
    option::of(filter())
        .prop_map(|corpus| SearchParams {
            hnsw_ef: Some(9),
            idf: Some(IdfParams { corpus }),
            ..SearchParams::default()
        })
        .boxed()
}

fn lookup_from() -> BoxedStrategy<LookupLocation> {
    (name(), option::of(name()), shard_key())
        .prop_map(
            |(collection_name, vector_name, shard_key_selector)| LookupLocation {
                collection_name,
                vector_name,
                shard_key_selector,
            },
        )
        .boxed()
}

fn prefetch() -> BoxedStrategy<PrefetchQuery> {
    let own = (
        option::of(query()),
        option::of(name()),
        option::of(filter()),
        option::of(params()),
        option::of(lookup_from()),
    );
    let of = |(query, using, filter, params, lookup_from), prefetch| PrefetchQuery {
        prefetch,
        query,
        using,
        filter,
        params,
        score_threshold: Some(0.5),
        limit: None,
        lookup_from,
    };
    let own = own.boxed();
    own.clone()
        .prop_map(move |own| of(own, Vec::new()))
        .prop_recursive(3, 6, 2, move |inner| {
            (own.clone(), vec(inner, 0..3)).prop_map(move |(own, below)| of(own, below))
        })
        .boxed()
}

pub fn with_vectors() -> BoxedStrategy<WithVectorsSelector> {
    use with_vectors_selector::SelectorOptions;
    let options = prop_oneof![
        any::<bool>().prop_map(SelectorOptions::Enable),
        vec(name(), 0..3).prop_map(|names| SelectorOptions::Include(VectorsSelector { names })),
    ];
    option::of(options)
        .prop_map(|selector_options| WithVectorsSelector { selector_options })
        .boxed()
}

fn with_payload() -> BoxedStrategy<WithPayloadSelector> {
    use with_payload_selector::SelectorOptions;
    prop_oneof![
        any::<bool>().prop_map(SelectorOptions::Enable),
        vec(name(), 0..3).prop_map(|fields| SelectorOptions::Include(PayloadIncludeSelector { fields })),
        vec(name(), 0..3).prop_map(|fields| SelectorOptions::Exclude(PayloadExcludeSelector { fields })),
    ]
    .prop_map(|options| WithPayloadSelector {
        selector_options: Some(options),
    })
    .boxed()
}

pub fn query_points() -> BoxedStrategy<QueryPoints> {
    let places = (
        option::of(filter()),
        option::of(params()),
        option::of(lookup_from()),
    );
    let selectors = (
        option::of(with_vectors()),
        option::of(with_payload()),
        shard_key(),
    );
    let tree = (vec(prefetch(), 0..3), option::of(query()), option::of(name()));
    (name(), tree, places, selectors)
        .prop_map(|(collection_name, tree, places, selectors)| QueryPoints {
            collection_name,
            prefetch: tree.0,
            query: tree.1,
            using: tree.2,
            filter: places.0,
            params: places.1,
            lookup_from: places.2,
            with_vectors: selectors.0,
            with_payload: selectors.1,
            shard_key_selector: selectors.2,
            limit: Some(3),
            ..QueryPoints::default()
        })
        .boxed()
}

pub fn recommend_groups() -> BoxedStrategy<RecommendPointGroups> {
    let examples = (
        vec(id(), 0..3),
        vec(id(), 0..2),
        vec(vector(), 0..3),
        vec(vector(), 0..2),
    );
    let lookup = (name(), option::of(with_payload()), option::of(with_vectors())).prop_map(
        |(collection, with_payload, with_vectors)| WithLookup {
            collection,
            with_payload,
            with_vectors,
        },
    );
    let selectors = (
        option::of(with_vectors()),
        option::of(with_payload()),
        option::of(lookup),
    );
    let rest = (
        option::of(name()),
        option::of(lookup_from()),
        name(),
        option::of(filter()),
    );
    (name(), examples, selectors, rest)
        .prop_map(
            |(collection_name, examples, selectors, rest)| RecommendPointGroups {
                collection_name,
                positive: examples.0,
                negative: examples.1,
                positive_vectors: examples.2,
                negative_vectors: examples.3,
                with_vectors: selectors.0,
                with_payload: selectors.1,
                with_lookup: selectors.2,
                using: rest.0,
                lookup_from: rest.1,
                group_by: rest.2,
                filter: rest.3,
                limit: 5,
                group_size: 2,
                ..RecommendPointGroups::default()
            },
        )
        .boxed()
}

pub fn search() -> BoxedStrategy<SearchPoints> {
    let indices = option::of(vec(any::<u32>(), 0..4).prop_map(|data| SparseIndices { data }));
    let selectors = (option::of(with_vectors()), option::of(with_payload()));
    (
        name(),
        dense(),
        indices,
        option::of(name()),
        option::of(filter()),
        selectors,
    )
        .prop_map(
            |(collection_name, vector, sparse_indices, vector_name, filter, selectors)| SearchPoints {
                collection_name,
                vector: vector.data,
                sparse_indices,
                vector_name,
                filter,
                with_vectors: selectors.0,
                with_payload: selectors.1,
                limit: 10,
                ..SearchPoints::default()
            },
        )
        .boxed()
}

pub fn scroll() -> BoxedStrategy<ScrollPoints> {
    let selectors = (option::of(with_vectors()), option::of(with_payload()));
    (
        name(),
        option::of(filter()),
        option::of(id()),
        option::of(name()),
        selectors,
    )
        .prop_map(|(collection_name, filter, offset, key, selectors)| ScrollPoints {
            collection_name,
            filter,
            offset,
            order_by: key.map(|key| OrderBy {
                key,
                ..OrderBy::default()
            }),
            with_vectors: selectors.0,
            with_payload: selectors.1,
            ..ScrollPoints::default()
        })
        .boxed()
}

pub fn discover() -> BoxedStrategy<DiscoverPoints> {
    use vector_example::Example;
    let example = || {
        prop_oneof![id().prop_map(Example::Id), vector().prop_map(Example::Vector)].prop_map(|example| {
            VectorExample {
                example: Some(example),
            }
        })
    };
    let target = example().prop_map(|single| TargetVector {
        target: Some(target_vector::Target::Single(single)),
    });
    let pair = (example(), example()).prop_map(|(positive, negative)| ContextExamplePair {
        positive: Some(positive),
        negative: Some(negative),
    });
    (
        name(),
        option::of(target),
        vec(pair, 0..3),
        option::of(name()),
        option::of(lookup_from()),
    )
        .prop_map(
            |(collection_name, target, context, using, lookup_from)| DiscoverPoints {
                collection_name,
                target,
                context,
                using,
                lookup_from,
                ..DiscoverPoints::default()
            },
        )
        .boxed()
}
