//! Queries of every variant, pages, counts.

use std::collections::BTreeMap;

use qdrant_client::qdrant::{
    Condition, ContextInputBuilder, CountPointsBuilder, DiscoverInputBuilder, Expression, FacetCountsBuilder,
    Filter, Formula, Fusion, GetPointsBuilder, Mmr, NearestInputWithMmr, PointId, PrefetchQueryBuilder,
    Query, QueryBatchPointsBuilder, QueryPointGroupsBuilder, QueryPoints, QueryPointsBuilder, QueryResponse,
    RecommendInputBuilder, RecommendStrategy, Rrf, ScrollPointsBuilder, SearchMatrixPointsBuilder,
    VectorInput, VectorsSelector, query,
};
use qdrant_client::{Qdrant, QdrantError};

use crate::transcript::Transcript;

pub const QUERY: [f32; 4] = [0.2, 0.1, 0.9, 0.7];

pub fn london() -> Filter {
    Filter::must([Condition::matches("city", "London".to_owned())])
}

/// Qdrant gives equal scores in any order, so here the id decides.
async fn ask(client: &Qdrant, query: QueryPointsBuilder) -> Result<QueryResponse, QdrantError> {
    let mut answer = client.query(query).await?;
    answer.result.sort_by(|one, other| {
        let by_id = || format!("{:?}", one.id).cmp(&format!("{:?}", other.id));
        other.score.total_cmp(&one.score).then_with(by_id)
    });
    Ok(answer)
}

fn using(name: &str, vector: &str) -> QueryPointsBuilder {
    let query = QueryPointsBuilder::new(name).limit(3).with_payload(true);
    if vector.is_empty() {
        query
    } else {
        query.using(vector)
    }
}

pub async fn queries(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let with = |query: Query| ask(client, using(name, vector).query(query).limit(9_u64));
    let nearest = || using(name, vector).query(QUERY.to_vec());
    let given = || VectorInput::new_dense(QUERY.to_vec());
    let stored = |id: u64| VectorInput::new_id(PointId::from(id));
    say.note("query", ask(client, nearest())).await;
    say.note("query with vectors", ask(client, nearest().with_vectors(true)))
        .await;
    say.note(
        "query with its own vector",
        ask(
            client,
            nearest().with_vectors(VectorsSelector {
                names: vec![vector.to_owned()],
            }),
        ),
    )
    .await;
    say.note("query filtered", ask(client, nearest().filter(london())))
        .await;
    say.note(
        "query offset, threshold",
        ask(client, nearest().offset(1_u64).score_threshold(0.3)),
    )
    .await;
    say.note("query by id", with(Query::new_nearest(PointId::from(1))))
        .await;
    say.note(
        "query without a query",
        ask(client, using(name, vector).with_vectors(true)),
    )
    .await;
    let mmr = Mmr {
        diversity: Some(0.6),
        candidates_limit: Some(9),
    };
    let mmr = NearestInputWithMmr {
        nearest: Some(given()),
        mmr: Some(mmr),
    };
    say.note(
        "mmr",
        with(Query {
            variant: Some(query::Variant::NearestWithMmr(mmr)),
        }),
    )
    .await;
    let recommend = || {
        RecommendInputBuilder::default()
            .add_positive(stored(1))
            .add_negative(given())
    };
    say.note("recommend", with(recommend().build().into())).await;
    for (label, strategy) in [
        ("recommend by best score", RecommendStrategy::BestScore),
        ("recommend by sum of scores", RecommendStrategy::SumScores),
    ] {
        say.note(label, with(recommend().strategy(strategy).build().into()))
            .await;
    }
    let context = || ContextInputBuilder::default().add_pair(PointId::from(1), PointId::from(2));
    say.note("context", with(context().build().into())).await;
    let discover = DiscoverInputBuilder::new(given(), context()).build();
    say.note("discover", with(discover.into())).await;
    say.note("missing point", with(Query::new_nearest(PointId::from(4711))))
        .await;
}

pub async fn combined(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let prefetch = |query: Query| {
        let prefetch = PrefetchQueryBuilder::default().query(query).limit(9_u64);
        if vector.is_empty() {
            prefetch
        } else {
            prefetch.using(vector)
        }
    };
    let dense = || prefetch(Query::new_nearest(QUERY.to_vec()));
    let both = || {
        QueryPointsBuilder::new(name)
            .add_prefetch(dense())
            .add_prefetch(prefetch(Query::new_nearest(PointId::from(2))))
            .limit(9_u64)
    };
    say.note("rrf", ask(client, both().query(Fusion::Rrf))).await;
    say.note("dbsf", ask(client, both().query(Fusion::Dbsf).with_vectors(true)))
        .await;
    let weighted = Rrf {
        k: Some(9),
        weights: vec![2.0, 1.0],
    };
    let weighted = Query {
        variant: Some(query::Variant::Rrf(weighted)),
    };
    say.note("weighted rrf", ask(client, both().query(weighted)))
        .await;
    let rescoring = using(name, vector).add_prefetch(dense().filter(london()));
    say.note("rescoring", ask(client, rescoring.query(QUERY.to_vec())))
        .await;
    let score = Expression::sum_with([Expression::variable("$score[0]"), Expression::constant(0.5)]);
    say.note(
        "formula",
        ask(
            client,
            both().query(Query {
                variant: Some(query::Variant::Formula(Formula {
                    expression: Some(score),
                    ..Default::default()
                })),
            }),
        ),
    )
    .await;
    let sample = Query::new_sample(qdrant_client::qdrant::Sample::Random);
    let sampled = ask(client, using(name, vector).query(sample).limit(50_u64)).await;
    let sampled = sampled.map(|answer| {
        let mut ids: Vec<_> = answer
            .result
            .into_iter()
            .map(|point| format!("{:?}", point.id))
            .collect();
        ids.sort();
        ids
    });
    say.note("sample", std::future::ready(sampled)).await;
    let nearest = || using(name, vector).query(QUERY.to_vec());
    let batch: Vec<QueryPoints> = vec![nearest().into(), nearest().filter(london()).into()];
    say.note(
        "batch",
        client.query_batch(QueryBatchPointsBuilder::new(name, batch)),
    )
    .await;
    let groups = QueryPointGroupsBuilder::new(name, "city")
        .query(QUERY.to_vec())
        .limit(3_u64)
        .group_size(1_u64);
    let groups = if vector.is_empty() {
        groups
    } else {
        groups.using(vector)
    };
    say.note("groups", client.query_groups(groups)).await;
    let matrix = SearchMatrixPointsBuilder::new(name).sample(20_u64).limit(2_u64);
    let matrix = if vector.is_empty() {
        matrix
    } else {
        matrix.using(vector)
    };
    let pairs = client.search_matrix_pairs(matrix).await.map(|answer| {
        let pairs = answer.result.unwrap_or_default().pairs.into_iter();
        let mut pairs: Vec<_> = pairs
            .map(|pair| (format!("{:?} {:?}", pair.a, pair.b), (pair.score * 1e4).round()))
            .collect();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs
    });
    say.note("matrix of pairs", std::future::ready(pairs)).await;
}

pub async fn pages(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let scroll = || ScrollPointsBuilder::new(name);
    say.note("scroll", client.scroll(scroll().limit(3).with_vectors(true)))
        .await;
    say.note("scroll filtered", client.scroll(scroll().filter(london())))
        .await;
    let has = Filter::must([Condition::has_vector(vector)]);
    say.note(
        "scroll has vector",
        client.scroll(scroll().filter(has).with_payload(false)),
    )
    .await;
    let ids = || vec![PointId::from(1), PointId::from(99)];
    say.note(
        "get",
        client.get_points(GetPointsBuilder::new(name, ids()).with_vectors(true)),
    )
    .await;
    say.note(
        "get with payload",
        client.get_points(GetPointsBuilder::new(name, ids()).with_payload(true)),
    )
    .await;
    say.note(
        "count",
        client.count(CountPointsBuilder::new(name).filter(london()).exact(true)),
    )
    .await;
    let facet = client
        .facet(FacetCountsBuilder::new(name, "city").exact(true))
        .await;
    let counted = facet.map(|answer| {
        let hits = answer.hits.into_iter();
        hits.map(|hit| (format!("{:?}", hit.value), hit.count))
            .collect::<BTreeMap<_, _>>()
    });
    say.note("facet", std::future::ready(counted)).await;
    say.note(
        "wrong dimension",
        ask(client, using(name, vector).query(vec![0.5_f32; 3])),
    )
    .await;
    say.note(
        "unknown vector",
        ask(client, using(name, "nowhere").query(QUERY.to_vec())),
    )
    .await;
    say.note(
        "query nowhere",
        ask(client, using("nowhere", "").query(QUERY.to_vec())),
    )
    .await;
}
