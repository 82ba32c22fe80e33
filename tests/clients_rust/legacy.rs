//! The calls that `query` replaced, and that servers still answer.

use qdrant_client::Qdrant;
use qdrant_client::qdrant::{
    ContextExamplePair, DiscoverBatchPoints, DiscoverPoints, PointId, RecommendBatchPoints,
    RecommendPointGroups, RecommendPoints, SearchBatchPoints, SearchPointGroups, SearchPoints, TargetVector,
    VectorExample, target_vector, vector_example,
};

use crate::reads::{QUERY, london};
use crate::transcript::Transcript;

struct Made<'a> {
    name: &'a str,
    vector: Option<String>,
}

impl Made<'_> {
    fn search(&self) -> SearchPoints {
        SearchPoints {
            collection_name: self.name.to_owned(),
            vector: QUERY.to_vec(),
            vector_name: self.vector.clone(),
            limit: 3,
            with_payload: Some(true.into()),
            ..Default::default()
        }
    }

    fn recommend(&self) -> RecommendPoints {
        RecommendPoints {
            collection_name: self.name.to_owned(),
            positive: vec![PointId::from(1)],
            negative_vectors: vec![QUERY.to_vec().into()],
            using: self.vector.clone(),
            limit: 3,
            with_vectors: Some(true.into()),
            ..Default::default()
        }
    }

    fn discover(&self, example: vector_example::Example) -> DiscoverPoints {
        let by = |example| VectorExample {
            example: Some(example),
        };
        let id = |id: u64| by(vector_example::Example::Id(id.into()));
        let target = target_vector::Target::Single(by(example));
        DiscoverPoints {
            collection_name: self.name.to_owned(),
            target: Some(TargetVector { target: Some(target) }),
            context: vec![ContextExamplePair {
                positive: Some(id(1)),
                negative: Some(id(2)),
            }],
            using: self.vector.clone(),
            limit: 3,
            ..Default::default()
        }
    }
}

pub async fn calls(client: &Qdrant, name: &str, vector: &str, say: &mut Transcript) {
    let made = Made {
        name,
        vector: (!vector.is_empty()).then(|| vector.to_owned()),
    };
    say.note("search", client.search_points(made.search())).await;
    let mut search = made.search();
    search.filter = Some(london());
    search.with_vectors = Some(true.into());
    say.note("search filtered", client.search_points(search.clone()))
        .await;
    let batch = SearchBatchPoints {
        collection_name: name.to_owned(),
        search_points: vec![made.search(), search],
        ..Default::default()
    };
    say.note("search batch", client.search_batch_points(batch)).await;
    let groups = SearchPointGroups {
        collection_name: name.to_owned(),
        vector: QUERY.to_vec(),
        vector_name: made.vector.clone(),
        limit: 3,
        group_by: "city".to_owned(),
        group_size: 1,
        ..Default::default()
    };
    say.note("search groups", client.search_groups(groups)).await;
    say.note("legacy recommend", client.recommend(made.recommend()))
        .await;
    let batch = RecommendBatchPoints {
        collection_name: name.to_owned(),
        recommend_points: vec![made.recommend(), made.recommend()],
        ..Default::default()
    };
    say.note("legacy recommend batch", client.recommend_batch(batch))
        .await;
    let groups = RecommendPointGroups {
        collection_name: name.to_owned(),
        positive: vec![PointId::from(1)],
        using: made.vector.clone(),
        limit: 3,
        group_by: "city".to_owned(),
        group_size: 1,
        ..Default::default()
    };
    say.note("legacy recommend groups", client.recommend_groups(groups))
        .await;
    let given = || vector_example::Example::Vector(QUERY.to_vec().into());
    let stored = || vector_example::Example::Id(3.into());
    say.note("legacy discover", client.discover(made.discover(given())))
        .await;
    say.note("legacy discover by id", client.discover(made.discover(stored())))
        .await;
    let batch = DiscoverBatchPoints {
        collection_name: name.to_owned(),
        discover_points: vec![made.discover(given()), made.discover(stored())],
        ..Default::default()
    };
    say.note("legacy discover batch", client.discover_batch(&batch))
        .await;
}
