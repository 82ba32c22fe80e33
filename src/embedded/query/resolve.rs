//! From a query tree to the crate's: checks, vectors of named points, averages. Called by `run`.

use std::collections::HashMap;

use ahash::AHashSet;
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    Condition, ContextPair, ContextQuery, DiscoverQuery, FeedbackItem, FeedbackNaiveQuery, Filter, Fusion,
    HasIdCondition, Mmr, NaiveFeedbackStrategy, NamedQuery, PointId, Prefetch as EdgePrefetch, QueryEnum,
    RecommendQuery, Sample, ScoringQuery, VectorInternal, VectorStructInternal, WithPayloadInterface,
    WithVector,
};

use super::average::average;
use super::request::{Input, Pair, Prefetch, Query, Strategy};
use crate::embedded::collections::{Collection, Core};
use crate::embedded::errors::{ApiError, ApiResult};
use crate::embedded::vectors;

/// Deeper trees are refused before they are walked.
const MAX_PREFETCH_DEPTH: usize = 64;
const DEFAULT_RRF_K: usize = 2;
const DEFAULT_MMR_LAMBDA: f32 = 0.5;
const MAX_MMR_CANDIDATES: usize = 16_384;

/// What resolving needs to know of the surroundings.
pub struct Resolver<'a> {
    pub core: &'a Core,
    pub collection: &'a Collection,
    /// No node can give back more points than there are; larger limits would only cost memory.
    pub points: usize,
}

/// The vectors of named points under one name; a point without it has none.
struct Found {
    by_id: HashMap<PointId, Option<VectorInternal>>,
    name: String,
}

impl Found {
    fn get(&self, input: Input) -> Option<VectorInternal> {
        match input {
            Input::Vector(vector) => Some(vector),
            Input::Id(id) => self.by_id.get(&id).cloned().flatten(),
        }
    }

    fn need(&self, input: Input) -> ApiResult<VectorInternal> {
        let missing = || ApiError::not_found(format!("Vector with name {:?} for point not found", self.name));
        self.get(input).ok_or_else(missing)
    }

    fn need_pairs(&self, pairs: Vec<Pair>) -> ApiResult<Vec<ContextPair<VectorInternal>>> {
        let pair = |pair: Pair| {
            Ok(ContextPair {
                positive: self.need(pair.positive)?,
                negative: self.need(pair.negative)?,
            })
        };
        pairs.into_iter().map(pair).collect()
    }
}

impl Resolver<'_> {
    /// One node with all below it.
    ///
    /// # Errors
    /// The node contradicts itself or the schema, or a point that it names is not there.
    pub fn prefetch(&self, node: Prefetch, depth: usize) -> ApiResult<EdgePrefetch> {
        if depth > MAX_PREFETCH_DEPTH {
            let text = format!("prefetches depth {depth} exceeds max depth {MAX_PREFETCH_DEPTH}");
            return Err(ApiError::bad_request(text));
        }
        validate(&node)?;
        let limit = node.limit.min(self.points.max(1));
        let query = match node.query {
            Some(query) => Some(self.scoring(query, &node.using, node.lookup_from.as_ref(), limit)?),
            None => None,
        };
        let below = node
            .prefetch
            .into_iter()
            .map(|below| self.prefetch(below, depth + 1));
        Ok(EdgePrefetch {
            prefetches: below.collect::<ApiResult<_>>()?,
            query,
            limit,
            params: node.params,
            filter: node.filter,
            score_threshold: node.score_threshold.map(OrderedFloat),
        })
    }

    fn scoring(
        &self,
        query: Query,
        using: &str,
        lookup: Option<&super::request::Lookup>,
        limit: usize,
    ) -> ApiResult<ScoringQuery> {
        let found = self.find(&query.ids(), using, lookup)?;
        match query {
            Query::Nearest(input) => Ok(ScoringQuery::Vector(QueryEnum::Nearest(
                self.named(found.need(input)?, using)?,
            ))),
            Query::Mmr {
                nearest,
                diversity,
                candidates_limit,
            } => {
                let vector = self.named(found.need(nearest)?, using)?.query;
                mmr(vector, using, diversity, candidates_limit.unwrap_or(limit))
            }
            Query::Recommend {
                positive,
                negative,
                strategy,
            } => {
                let known =
                    |inputs: Vec<Input>| inputs.into_iter().filter_map(|input| found.get(input)).collect();
                let query = self.recommend(known(positive), known(negative), strategy, using)?;
                Ok(ScoringQuery::Vector(query))
            }
            Query::Discover { target, context } => {
                let query = DiscoverQuery {
                    target: found.need(target)?,
                    pairs: found.need_pairs(context)?,
                };
                self.check_each(query.pairs.iter().flat_map(both), using)?;
                self.check_each([&query.target], using)?;
                Ok(ScoringQuery::Vector(QueryEnum::Discover(NamedQuery::new(
                    query, using,
                ))))
            }
            Query::Context(context) => {
                let query = ContextQuery {
                    pairs: found.need_pairs(context)?,
                };
                self.check_each(query.pairs.iter().flat_map(both), using)?;
                Ok(ScoringQuery::Vector(QueryEnum::Context(NamedQuery::new(
                    query, using,
                ))))
            }
            Query::Feedback {
                target,
                feedback,
                weights,
            } => self.feedback(&found, target, feedback, weights, using),
            Query::OrderBy(order_by) => Ok(ScoringQuery::OrderBy(order_by)),
            Query::Rrf { k, weights } => {
                let weights = weights.map(|weights| weights.into_iter().map(OrderedFloat).collect());
                Ok(ScoringQuery::Fusion(Fusion::Rrf {
                    k: k.unwrap_or(DEFAULT_RRF_K),
                    weights,
                }))
            }
            Query::Dbsf => Ok(ScoringQuery::Fusion(Fusion::Dbsf)),
            Query::Formula(formula) => Ok(ScoringQuery::Formula(formula.try_into()?)),
            Query::Sample => Ok(ScoringQuery::Sample(Sample::Random)),
        }
    }

    fn feedback(
        &self,
        found: &Found,
        target: Input,
        feedback: Vec<(Input, f32)>,
        [a, b, c]: [f32; 3],
        using: &str,
    ) -> ApiResult<ScoringQuery> {
        let coefficients = NaiveFeedbackStrategy {
            a: a.into(),
            b: b.into(),
            c: c.into(),
        };
        let item = |(input, score): (Input, f32)| {
            Ok(FeedbackItem {
                vector: found.need(input)?,
                score: OrderedFloat(score),
            })
        };
        let feedback = feedback.into_iter().map(item).collect::<ApiResult<Vec<_>>>()?;
        let query = FeedbackNaiveQuery {
            target: found.need(target)?,
            feedback,
            coefficients,
        };
        self.check_each(query.feedback.iter().map(|item| &item.vector), using)?;
        self.check_each([&query.target], using)?;
        Ok(ScoringQuery::Vector(QueryEnum::FeedbackNaive(NamedQuery::new(
            query, using,
        ))))
    }

    fn recommend(
        &self,
        positives: Vec<VectorInternal>,
        negatives: Vec<VectorInternal>,
        strategy: Strategy,
        using: &str,
    ) -> ApiResult<QueryEnum> {
        self.check_each(positives.iter().chain(&negatives), using)?;
        let examples = |positives, negatives| NamedQuery::new(RecommendQuery { positives, negatives }, using);
        match strategy {
            Strategy::AverageVector => {
                vectors::check_name(&self.collection.config, using)?;
                Ok(QueryEnum::Nearest(
                    self.named(average(positives, negatives)?, using)?,
                ))
            }
            Strategy::BestScore => Ok(QueryEnum::RecommendBestScore(examples(positives, negatives))),
            Strategy::SumScores => Ok(QueryEnum::RecommendSumScores(examples(positives, negatives))),
        }
    }

    /// A vector under the name that it is to rank, checked; sparse indices in the order that the crate expects.
    fn named(&self, mut vector: VectorInternal, using: &str) -> ApiResult<NamedQuery<VectorInternal>> {
        vectors::check_query(&self.collection.config, using, &vector)?;
        if let VectorInternal::Sparse(sparse) = &mut vector {
            let mut weights: Vec<_> = sparse
                .indices
                .iter()
                .copied()
                .zip(sparse.values.iter().copied())
                .collect();
            weights.sort_by_key(|(index, _)| *index);
            (sparse.indices, sparse.values) = weights.into_iter().unzip();
        }
        Ok(NamedQuery::new(vector, using))
    }

    fn check_each<'v>(
        &self,
        vectors: impl IntoIterator<Item = &'v VectorInternal>,
        using: &str,
    ) -> ApiResult<()> {
        vectors::check_name(&self.collection.config, using)?;
        vectors
            .into_iter()
            .try_for_each(|vector| vectors::check_query(&self.collection.config, using, vector))
    }

    /// Reads the vectors of named points. Each must exist; it may lack the vector.
    fn find(
        &self,
        ids: &[PointId],
        using: &str,
        lookup: Option<&super::request::Lookup>,
    ) -> ApiResult<Found> {
        let name = lookup
            .and_then(|lookup| lookup.vector.as_deref())
            .unwrap_or(using)
            .to_owned();
        if ids.is_empty() {
            return Ok(Found {
                by_id: HashMap::new(),
                name,
            });
        }
        let elsewhere =
            match lookup {
                Some(lookup) => Some(self.core.collection(&lookup.collection).map_err(|_| {
                    ApiError::not_found(format!("Collection {} not found", lookup.collection))
                })?),
                None => None,
            };
        let collection = elsewhere.as_deref().unwrap_or(self.collection);
        let known = vectors::check_name(&collection.config, &name);
        let names = if known.is_ok() {
            vec![name.clone()]
        } else {
            Vec::new()
        };
        let wanted = (
            Some(WithPayloadInterface::Bool(false)),
            Some(WithVector::Selector(names)),
        );
        let records = collection
            .shard
            .read(|edge| Ok(edge.retrieve(ids, wanted.0, wanted.1)?))?;
        let vector = |vectors: Option<VectorStructInternal>| vectors.and_then(|vectors| pick(vectors, &name));
        let by_id: HashMap<_, _> = records
            .into_iter()
            .map(|record| (record.id, vector(record.vector)))
            .collect();
        // A point that is missing is said before a name that is, as in Qdrant.
        match ids.iter().find(|id| !by_id.contains_key(id)) {
            Some(missing) => Err(ApiError::no_point(missing)),
            None => known.map(|()| Found { by_id, name }),
        }
    }
}

fn both(pair: &ContextPair<VectorInternal>) -> [&VectorInternal; 2] {
    [&pair.positive, &pair.negative]
}

fn mmr(
    vector: VectorInternal,
    using: &str,
    diversity: Option<f32>,
    candidates_limit: usize,
) -> ApiResult<ScoringQuery> {
    if candidates_limit > MAX_MMR_CANDIDATES {
        let bound = format!("value {candidates_limit} invalid, must be {MAX_MMR_CANDIDATES} or smaller");
        return Err(ApiError::validation(format!(
            "internal.query.mmr.candidates_limit: {bound}"
        )));
    }
    let lambda = OrderedFloat(diversity.map_or(DEFAULT_MMR_LAMBDA, |diversity| 1.0 - diversity));
    Ok(ScoringQuery::Mmr(Mmr {
        vector,
        using: using.to_owned(),
        lambda,
        candidates_limit,
    }))
}

fn pick(vectors: VectorStructInternal, name: &str) -> Option<VectorInternal> {
    match vectors {
        VectorStructInternal::Single(vector) => name.is_empty().then_some(VectorInternal::Dense(vector)),
        VectorStructInternal::MultiDense(vector) => {
            name.is_empty().then_some(VectorInternal::MultiDense(vector))
        }
        VectorStructInternal::Named(mut map) => map.remove(name),
    }
}

fn validate(node: &Prefetch) -> ApiResult<()> {
    let text = match &node.query {
        None if !node.prefetch.is_empty() => {
            "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
        }
        None if node.score_threshold.is_some() => {
            "A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
        }
        Some(Query::OrderBy(_)) if node.score_threshold.is_some() => {
            "Can't use score_threshold with an order_by query."
        }
        Some(Query::Rrf { .. } | Query::Dbsf) if !node.using.is_empty() => {
            "Fusion queries cannot be combined with the 'using' field."
        }
        None | Some(_) => return Ok(()),
    };
    Err(ApiError::bad_request(text))
}

/// The points of the searched collection that the tree names. They are not results of it. Compared with the real name
/// literally, as in Qdrant: an alias in `lookup_from` does not exclude.
pub fn named_here(node: &Prefetch, collection: &str, ids: &mut AHashSet<PointId>) {
    let here = node
        .lookup_from
        .as_ref()
        .is_none_or(|lookup| lookup.collection == collection);
    if here && let Some(query) = &node.query {
        ids.extend(query.ids());
    }
    for below in &node.prefetch {
        named_here(below, collection, ids);
    }
}

/// The filter without those points.
pub fn excluding(ids: AHashSet<PointId>, filter: Option<Filter>) -> Option<Filter> {
    if ids.is_empty() {
        return filter;
    }
    let others = Filter::new_must_not(Condition::HasId(HasIdCondition::from(ids)));
    Some(others.merge_owned(filter.unwrap_or_default()))
}
