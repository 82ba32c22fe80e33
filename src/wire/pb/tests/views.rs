//! The view that a scan must have, for each message that the properties make.

use prost::Message;
use qdrant_client::qdrant::points_update_operation::Operation;
use qdrant_client::qdrant::{self as pb, expression, query};

use super::oracle::{self, Item, View};
use crate::domain::op::{InputValue, Ranking, Verb};

/// A message with its verb and the view that a scan of it must have.
pub trait Viewed: Message + Default + PartialEq {
    const VERB: Verb;
    fn view(&self) -> View;
}

fn inputs_of(query: &pb::Query, item: &mut Item) -> (Ranking, Vec<String>) {
    use query::Variant;
    let mut inputs = Vec::new();
    let mut add = |one: Option<&pb::VectorInput>| inputs.extend(one.map(oracle::input));
    let ranking = match query.variant.as_ref().expect("scan refuses empty queries") {
        Variant::Nearest(one) => {
            add(Some(one));
            Ranking::Vectors
        }
        Variant::Recommend(of) => {
            of.positive
                .iter()
                .chain(&of.negative)
                .for_each(|one| add(Some(one)));
            Ranking::Vectors
        }
        Variant::Discover(of) => {
            add(of.target.as_ref());
            for pair in of.context.iter().flat_map(|c| &c.pairs) {
                add(pair.positive.as_ref());
                add(pair.negative.as_ref());
            }
            Ranking::Vectors
        }
        Variant::Context(of) => {
            for pair in &of.pairs {
                add(pair.positive.as_ref());
                add(pair.negative.as_ref());
            }
            Ranking::Vectors
        }
        Variant::NearestWithMmr(of) => {
            add(of.nearest.as_ref());
            Ranking::Vectors
        }
        Variant::RelevanceFeedback(of) => {
            add(of.target.as_ref());
            of.feedback.iter().for_each(|one| add(one.example.as_ref()));
            Ranking::Vectors
        }
        Variant::OrderBy(order) => {
            item.keys.push(order.key.clone());
            Ranking::Other
        }
        Variant::Sample(_) => Ranking::Other,
        Variant::Formula(formula) => {
            if let Some(root) = &formula.expression {
                expression_of(root, item);
            }
            Ranking::Prefetches
        }
        Variant::Fusion(_) | Variant::Rrf(_) => Ranking::Prefetches,
        Variant::Text(_) => Ranking::Text,
    };
    (ranking, inputs)
}

fn expression_of(of: &pb::Expression, item: &mut Item) {
    use expression::Variant;
    match of.variant.as_ref() {
        Some(Variant::Variable(key)) if !key.starts_with('$') => item.keys.push(key.clone()),
        Some(Variant::DatetimeKey(key)) => item.keys.push(key.clone()),
        Some(Variant::GeoDistance(of)) if !of.to.is_empty() => item.keys.push(of.to.clone()),
        Some(Variant::Condition(of)) => {
            if let Some(one) = &of.condition_one_of {
                oracle::condition(one, item, false);
            }
        }
        Some(Variant::Sum(of)) => of.sum.iter().for_each(|one| expression_of(one, item)),
        Some(Variant::Neg(of)) => expression_of(of, item),
        Some(Variant::ExpDecay(of)) => {
            for one in of.x.iter().chain(&of.target) {
                expression_of(one, item);
            }
        }
        _ => {}
    }
}

/// A node of a query and everything below it.
fn tree(
    item: &mut Item,
    prefetch: &[pb::PrefetchQuery],
    query: Option<&pb::Query>,
    using: Option<&str>,
    lookup: Option<&pb::LookupLocation>,
) {
    let (ranking, inputs) = query.map_or((Ranking::Unranked, Vec::new()), |query| inputs_of(query, item));
    let lookup = lookup.map(|lookup| oracle::lookup(lookup, false));
    item.nodes.push(oracle::node(ranking, using, inputs, lookup));
    for below in prefetch {
        filters(item, below.filter.as_ref(), below.params.as_ref());
        let (query, lookup) = (below.query.as_ref(), below.lookup_from.as_ref());
        tree(item, &below.prefetch, query, below.using.as_deref(), lookup);
    }
}

fn filters(item: &mut Item, filter: Option<&pb::Filter>, params: Option<&pb::SearchParams>) {
    let corpus = params
        .and_then(|p| p.idf.as_ref())
        .and_then(|idf| idf.corpus.as_ref());
    for filter in filter.into_iter().chain(corpus) {
        oracle::filter(filter, item, false);
    }
}

fn view(collection: &str, items: Vec<Item>) -> View {
    View {
        collection: collection.to_owned(),
        items: items.into_iter().map(Item::done).collect(),
    }
}

fn selectors(
    vectors: Option<&pb::WithVectorsSelector>,
    payload: Option<&pb::WithPayloadSelector>,
    is_default: bool,
) -> String {
    let (vectors, payload) = (
        oracle::with_vectors(vectors),
        oracle::with_payload(payload, is_default),
    );
    format!("{:?} {:?}", Some(vectors), Some(payload))
}

impl Viewed for pb::QueryPoints {
    const VERB: Verb = Verb::Query;
    fn view(&self) -> View {
        let mut item = Item::default();
        let (query, lookup) = (self.query.as_ref(), self.lookup_from.as_ref());
        tree(&mut item, &self.prefetch, query, self.using.as_deref(), lookup);
        filters(&mut item, self.filter.as_ref(), self.params.as_ref());
        item.selectors.push(selectors(
            self.with_vectors.as_ref(),
            self.with_payload.as_ref(),
            false,
        ));
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::RecommendPointGroups {
    const VERB: Verb = Verb::RecommendGroups;
    fn view(&self) -> View {
        let mut item = Item::default();
        let ids = self.positive.iter().chain(&self.negative);
        let mut inputs: Vec<_> = ids
            .map(|id| format!("{:?}", InputValue::Point(oracle::id(id))))
            .collect();
        let vectors = self.positive_vectors.iter().chain(&self.negative_vectors);
        inputs.extend(vectors.map(oracle::vector));
        let lookup = self
            .lookup_from
            .as_ref()
            .map(|lookup| oracle::lookup(lookup, true));
        item.nodes.push(oracle::node(
            Ranking::Vectors,
            self.using.as_deref(),
            inputs,
            lookup,
        ));
        filters(&mut item, self.filter.as_ref(), self.params.as_ref());
        if !self.group_by.is_empty() {
            item.keys.push(self.group_by.clone());
        }
        item.selectors.push(selectors(
            self.with_vectors.as_ref(),
            self.with_payload.as_ref(),
            false,
        ));
        if let Some(lookup) = &self.with_lookup {
            item.selectors.push(format!(
                "{:?} {:?} {:?}",
                lookup.collection,
                oracle::with_vectors(lookup.with_vectors.as_ref()),
                oracle::with_payload(lookup.with_payload.as_ref(), true)
            ));
        }
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::SearchPoints {
    const VERB: Verb = Verb::Search;
    fn view(&self) -> View {
        let mut item = Item::default();
        let value = match self.sparse_indices {
            Some(_) => InputValue::Sparse,
            None => InputValue::Dense(self.vector.len()),
        };
        let inputs = vec![format!("{value:?}")];
        item.nodes.push(oracle::node(
            Ranking::Vectors,
            self.vector_name.as_deref(),
            inputs,
            None,
        ));
        filters(&mut item, self.filter.as_ref(), self.params.as_ref());
        item.selectors.push(selectors(
            self.with_vectors.as_ref(),
            self.with_payload.as_ref(),
            false,
        ));
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::SearchMatrixPoints {
    const VERB: Verb = Verb::SearchMatrixPairs;
    fn view(&self) -> View {
        let mut item = Item::default();
        item.nodes.push(oracle::node(
            Ranking::Vectors,
            self.using.as_deref(),
            Vec::new(),
            None,
        ));
        filters(&mut item, self.filter.as_ref(), None);
        item.selectors.push("None None".to_owned());
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::ScrollPoints {
    const VERB: Verb = Verb::Scroll;
    fn view(&self) -> View {
        let mut item = Item::default();
        filters(&mut item, self.filter.as_ref(), None);
        item.keys
            .extend(self.order_by.iter().map(|order| order.key.clone()));
        item.selectors.push(selectors(
            self.with_vectors.as_ref(),
            self.with_payload.as_ref(),
            true,
        ));
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::DiscoverPoints {
    const VERB: Verb = Verb::Discover;
    fn view(&self) -> View {
        use pb::vector_example::Example;
        let mut item = Item::default();
        let pb::DiscoverPoints { target, context, .. } = self;
        let target = target.iter().filter_map(|target| target.target.as_ref());
        let target = target.map(|pb::target_vector::Target::Single(one)| one);
        let pairs = context
            .iter()
            .flat_map(|pair| pair.positive.iter().chain(&pair.negative));
        let inputs = target.chain(pairs).filter_map(|one| one.example.as_ref());
        let inputs = inputs.map(|one| match one {
            Example::Id(id) => format!("{:?}", InputValue::Point(oracle::id(id))),
            Example::Vector(one) => oracle::vector(one),
        });
        let lookup = self
            .lookup_from
            .as_ref()
            .map(|lookup| oracle::lookup(lookup, true));
        item.nodes.push(oracle::node(
            Ranking::Vectors,
            self.using.as_deref(),
            inputs.collect(),
            lookup,
        ));
        filters(&mut item, self.filter.as_ref(), self.params.as_ref());
        item.selectors.push(selectors(
            self.with_vectors.as_ref(),
            self.with_payload.as_ref(),
            false,
        ));
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::UpsertPoints {
    const VERB: Verb = Verb::Upsert;
    fn view(&self) -> View {
        let mut item = Item {
            is_conditional: self.update_filter.is_some() || self.update_mode.unwrap_or_default() != 0,
            ..Item::default()
        };
        filters(&mut item, self.update_filter.as_ref(), None);
        let points = self.points.iter();
        item.points = points
            .map(|one| oracle::point(one.id.as_ref(), one.vectors.as_ref(), Some(&one.payload)))
            .collect();
        view(&self.collection_name, vec![item])
    }
}

fn keys<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort();
    format!("{keys:?}")
}

impl Viewed for pb::SetPayloadPoints {
    const VERB: Verb = Verb::OverwritePayload;
    fn view(&self) -> View {
        let mut item = Item::default();
        let selector = oracle::selector(self.points_selector.as_ref(), &mut item);
        item.nodes = vec![keys(self.payload.keys()), selector];
        view(&self.collection_name, vec![item])
    }
}

impl Viewed for pb::UpdateBatchPoints {
    const VERB: Verb = Verb::UpdateBatch;
    fn view(&self) -> View {
        let operations = self
            .operations
            .iter()
            .map(|one| operation(one.operation.as_ref()));
        view(&self.collection_name, operations.collect())
    }
}

fn operation(of: Option<&Operation>) -> Item {
    let mut item = Item::default();
    match of.expect("scan refuses empty operations") {
        Operation::Upsert(of) => {
            item.is_conditional = of.update_filter.is_some() || of.update_mode.unwrap_or_default() != 0;
            filters(&mut item, of.update_filter.as_ref(), None);
            let points = of.points.iter();
            let each =
                points.map(|one| oracle::point(one.id.as_ref(), one.vectors.as_ref(), Some(&one.payload)));
            item.points = each.collect();
        }
        Operation::UpdateVectors(of) => {
            item.is_conditional = of.update_filter.is_some();
            filters(&mut item, of.update_filter.as_ref(), None);
            let points = of.points.iter();
            let each = points.map(|one| oracle::point(one.id.as_ref(), one.vectors.as_ref(), None));
            item.points = each.collect();
        }
        Operation::SetPayload(of) => {
            oracle::selector(of.points_selector.as_ref(), &mut item);
            item.nodes = vec![keys(of.payload.keys()), format!("{:?}", of.key)];
        }
        Operation::OverwritePayload(of) => {
            let selector = oracle::selector(of.points_selector.as_ref(), &mut item);
            item.nodes = vec![keys(of.payload.keys()), selector];
        }
        Operation::DeletePayload(of) => {
            oracle::selector(of.points_selector.as_ref(), &mut item);
            item.nodes = vec![keys(&of.keys)];
        }
        Operation::DeleteVectors(of) => {
            let names = of.vectors.as_ref().map_or(&[][..], |names| &names.names);
            let selector = oracle::selector(of.points_selector.as_ref(), &mut item);
            item.nodes = vec![format!("{names:?}"), selector];
        }
        Operation::DeleteDeprecated(of) => {
            oracle::selector(Some(of), &mut item);
            item.nodes = vec!["delete".into()];
        }
        Operation::DeletePoints(of) => {
            oracle::selector(of.points.as_ref(), &mut item);
            item.nodes = vec!["delete".into()];
        }
        Operation::ClearPayloadDeprecated(of) => {
            let selector = oracle::selector(Some(of), &mut item);
            item.nodes = vec!["clear".into(), selector];
        }
        Operation::ClearPayload(of) => {
            let selector = oracle::selector(of.points.as_ref(), &mut item);
            item.nodes = vec!["clear".into(), selector];
        }
    }
    item
}
