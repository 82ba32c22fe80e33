//! Points read and found.

use qdrant_client::qdrant as pb;

use super::show::{Run, by_id, matches, nearest, record, scored};

pub async fn read(run: &mut Run) {
    let collection_name = run.name("a");
    for (label, with_payload, names) in [
        ("get bare", None, vec![]),
        ("get with payload", Some(true.into()), vec![String::new()]),
        (
            "get with an unknown vector",
            Some(false.into()),
            vec!["z".to_owned()],
        ),
    ] {
        let get = pb::GetPoints {
            collection_name: collection_name.clone(),
            ids: vec![3.into(), 99.into(), 1.into()],
            with_payload,
            with_vectors: (!names.is_empty()).then(|| {
                pb::with_vectors_selector::SelectorOptions::Include(pb::VectorsSelector { names }).into()
            }),
            ..Default::default()
        };
        let answer = run.points.get(get).await;
        run.answer(label, answer, |answer| {
            answer.result.iter().map(record).collect::<Vec<_>>().join(" | ")
        });
    }
    for (label, filter) in [
        ("count", None),
        ("count by city", matches("city", "Paris")),
        (
            "count by id",
            Some(pb::Filter::must([pb::Condition::has_id([1, 2])])),
        ),
        (
            "count empty",
            Some(pb::Filter::must([pb::Condition::is_empty(
                "_embedding.\"\".write_id",
            )])),
        ),
        (
            "count by range",
            Some(pb::Filter::must([pb::Condition::range(
                "n",
                pb::Range {
                    gte: Some(2.0),
                    ..Default::default()
                },
            )])),
        ),
        (
            "count by a hole",
            Some(pb::Filter {
                must: vec![pb::Condition::default()],
                ..Default::default()
            }),
        ),
    ] {
        let count = pb::CountPoints {
            collection_name: collection_name.clone(),
            filter,
            exact: Some(true),
            ..Default::default()
        };
        let answer = run.points.count(count).await;
        run.answer(label, answer, |answer| format!("{:?}", answer.result));
    }
    let scroll = pb::ScrollPoints {
        collection_name,
        limit: Some(0),
        ..Default::default()
    };
    let answer = run.points.scroll(scroll).await;
    run.answer("scroll none", answer, |answer| {
        format!("{:?}", answer.result.len())
    });
}

pub async fn query(run: &mut Run) {
    let base = || pb::QueryPoints {
        limit: Some(3),
        with_payload: Some(true.into()),
        ..Default::default()
    };
    let prefetch = |values: &[f32], limit| pb::PrefetchQuery {
        query: nearest(values),
        limit: Some(limit),
        ..Default::default()
    };
    let recommend = |strategy: pb::RecommendStrategy| {
        Some(pb::Query::new_recommend(pb::RecommendInput {
            positive: vec![by_id(1)],
            negative: vec![by_id(3)],
            strategy: Some(strategy.into()),
        }))
    };
    let pair = || pb::ContextInputPair {
        positive: Some(by_id(2)),
        negative: Some(by_id(3)),
    };
    let sum = pb::Expression::sum_with([
        pb::Expression::score(),
        pb::Expression::mult_with([
            pb::Expression::constant(0.5),
            pb::Expression::condition(pb::Condition::matches("city", "Berlin".to_owned())),
        ]),
    ]);
    let cases: Vec<(&str, pb::QueryPoints)> = vec![
        (
            "nearest",
            pb::QueryPoints {
                query: nearest(&[1.0, 0.5, 0.1, 0.0]),
                with_vectors: Some(true.into()),
                ..base()
            },
        ),
        (
            "nearest, second page",
            pb::QueryPoints {
                query: nearest(&[1.0, 0.5, 0.1, 0.0]),
                offset: Some(2),
                ..base()
            },
        ),
        (
            "by id",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(2))),
                ..base()
            },
        ),
        (
            "by missing id",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(99))),
                ..base()
            },
        ),
        (
            "wrong dimension",
            pb::QueryPoints {
                query: nearest(&[1.0]),
                ..base()
            },
        ),
        (
            "unknown name",
            pb::QueryPoints {
                query: nearest(&[1.0; 4]),
                using: Some("z".into()),
                ..base()
            },
        ),
        ("no query", base()),
        (
            "limit 0",
            pb::QueryPoints {
                limit: Some(0),
                ..base()
            },
        ),
        (
            "empty query",
            pb::QueryPoints {
                query: Some(pb::Query::default()),
                ..base()
            },
        ),
        (
            "average",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::AverageVector),
                ..base()
            },
        ),
        (
            "best score",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::BestScore),
                ..base()
            },
        ),
        (
            "sum scores",
            pb::QueryPoints {
                query: recommend(pb::RecommendStrategy::SumScores),
                ..base()
            },
        ),
        (
            "discover",
            pb::QueryPoints {
                query: Some(pb::Query::new_discover(pb::DiscoverInput {
                    target: Some(by_id(1)),
                    context: Some(pb::ContextInput { pairs: vec![pair()] }),
                })),
                ..base()
            },
        ),
        (
            "rrf",
            pb::QueryPoints {
                prefetch: vec![
                    prefetch(&[1.0, 0.1, 0.0, 0.0], 3),
                    prefetch(&[1.0, 0.9, 0.1, 0.0], 2),
                ],
                query: Some(pb::Query::new_rrf(pb::Rrf {
                    k: Some(10),
                    weights: vec![1.0, 3.0],
                })),
                ..base()
            },
        ),
        (
            "dbsf",
            pb::QueryPoints {
                prefetch: vec![
                    prefetch(&[1.0, 0.1, 0.0, 0.0], 4),
                    prefetch(&[0.0, 0.9, 0.1, 0.3], 3),
                ],
                query: Some(pb::Query::new_fusion(pb::Fusion::Dbsf)),
                ..base()
            },
        ),
        (
            "fusion alone",
            pb::QueryPoints {
                query: Some(pb::Query::new_fusion(pb::Fusion::Rrf)),
                ..base()
            },
        ),
        (
            "formula",
            pb::QueryPoints {
                prefetch: vec![prefetch(&[1.0, 0.1, 0.0, 0.0], 4)],
                query: Some(pb::Query::new_formula(pb::Formula {
                    expression: Some(sum),
                    ..Default::default()
                })),
                ..base()
            },
        ),
        (
            "lookup elsewhere",
            pb::QueryPoints {
                query: Some(pb::Query::new_nearest(by_id(2))),
                lookup_from: Some(pb::LookupLocation {
                    collection_name: run.name("none"),
                    ..Default::default()
                }),
                ..base()
            },
        ),
    ];
    for (label, case) in cases {
        run.query(label, "a", case).await;
    }
    let groups = pb::QueryPointGroups {
        collection_name: run.name("a"),
        query: nearest(&[1.0, 0.5, 0.1, 0.0]),
        group_by: "n".to_owned(),
        group_size: Some(1),
        limit: Some(2),
        ..Default::default()
    };
    let answer = run.points.query_groups(groups).await;
    run.answer("groups", answer, |answer| {
        let group = |group: &pb::PointGroup| format!("{:?} {}", group.id, scored(&group.hits));
        answer
            .result
            .unwrap()
            .groups
            .iter()
            .map(group)
            .collect::<Vec<_>>()
            .join(" | ")
    });
    older(run).await;
}

// The deprecated RPCs are still served.
#[allow(deprecated)]
pub async fn older(run: &mut Run) {
    let search = |run: &Run, vector: Vec<f32>| pb::SearchPoints {
        collection_name: run.name("a"),
        vector,
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.search(search(run, vec![1.0, 0.5, 0.1, 0.0])).await;
    run.answer("search", answer, |answer| scored(&answer.result));
    let answer = run.points.search(search(run, vec![])).await;
    run.answer("search for nothing", answer, |answer| scored(&answer.result));
    let recommend = pb::RecommendPoints {
        collection_name: run.name("a"),
        positive: vec![1.into()],
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.recommend(recommend).await;
    run.answer("recommend", answer, |answer| scored(&answer.result));
    let discover = pb::DiscoverPoints {
        collection_name: run.name("a"),
        limit: 2,
        ..Default::default()
    };
    let answer = run.points.discover(discover).await;
    run.answer("discover nothing", answer, |answer| scored(&answer.result));
}
