//! One walk over every decoded request: what it visits, in the order that the scan's facts have. Written from Qdrant's
//! `.proto` files, with none of the scanner's code.

use interlock::domain::ids::PointId;
use interlock::domain::op::Ranking;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    self as pb, Filter, VectorInput, expression, query, target_vector, vector_example,
};

/// A write, with what it holds.
pub enum Write<'m> {
    Upsert(&'m mut Vec<pb::PointStruct>),
    UpdateVectors(&'m mut Vec<pb::PointVectors>),
    DeleteVectors(
        &'m mut Option<pb::VectorsSelector>,
        &'m Option<pb::PointsSelector>,
    ),
    Delete,
    SetPayload(&'m Payload, &'m Option<String>, &'m Option<pb::PointsSelector>),
    Overwrite(&'m Payload, &'m Option<pb::PointsSelector>),
    DeletePayload(&'m [String]),
    Clear(&'m Option<pb::PointsSelector>),
    Index,
}

pub type Payload = std::collections::HashMap<String, pb::Value>;

/// What is done at each place. What is not overridden is passed by.
pub trait Visit {
    fn collection(&mut self, _name: &str) {}
    /// The next read or write begins.
    fn item(&mut self) {}
    fn write(&mut self, _write: Write<'_>) {}
    /// The write may skip some of its points.
    fn conditional(&mut self) {}
    /// A body cannot be accepted: it is empty where Qdrant needs something, or over a bound.
    fn flaw(&mut self, _what: &'static str) {}
    fn node(&mut self, _ranking: Ranking, _using: &mut Option<String>, _depth: usize) {}
    fn input(&mut self, _input: &mut VectorInput) {}
    fn vector(&mut self, _vector: &mut pb::Vector) {}
    fn id(&mut self, _id: &mut pb::PointId) {}
    fn floats(&mut self, _components: usize, _is_sparse: bool) {}
    fn lookup_from(&mut self, _from: &mut pb::LookupLocation, _is_legacy: bool) {}
    fn has_vector(&mut self, _name: &mut String) {}
    fn key(&mut self, _key: &str) {}
    fn with_vectors(&mut self, _with: &mut Option<pb::WithVectorsSelector>) {}
    fn with_payload(&mut self, _with: &mut Option<pb::WithPayloadSelector>, _is_all_by_default: bool) {}
    fn with_lookup(&mut self, _lookup: &mut pb::WithLookup) {}
}

/// An id in its normal form; `None` where Qdrant would refuse it.
pub fn id(of: &pb::PointId) -> Option<PointId> {
    match of.point_id_options.as_ref()? {
        PointIdOptions::Num(num) => Some(PointId::Num(*num)),
        PointIdOptions::Uuid(text) => uuid::Uuid::parse_str(text).ok().map(PointId::Uuid),
    }
}

pub fn selector(v: &mut dyn Visit, of: &mut Option<pb::PointsSelector>) {
    match of.as_mut().and_then(|of| of.points_selector_one_of.as_mut()) {
        None => v.flaw("it selects nothing"),
        Some(PointsSelectorOneOf::Filter(of)) => filter(v, of, false),
        Some(PointsSelectorOneOf::Points(list)) => {
            if list.ids.iter().any(|of| id(of).is_none()) {
                v.flaw("an id");
            }
        }
    }
}

pub fn filter(v: &mut dyn Visit, of: &mut Filter, is_nested: bool) {
    let few = of.min_should.iter_mut().flat_map(|few| &mut few.conditions);
    for one in of
        .should
        .iter_mut()
        .chain(&mut of.must)
        .chain(&mut of.must_not)
        .chain(few)
    {
        condition(v, one, is_nested);
    }
}

fn condition(v: &mut dyn Visit, of: &mut pb::Condition, is_nested: bool) {
    let key = match of.condition_one_of.as_mut() {
        Some(ConditionOneOf::Field(of)) => &of.key,
        Some(ConditionOneOf::IsEmpty(of)) => &of.key,
        Some(ConditionOneOf::IsNull(of)) => &of.key,
        Some(ConditionOneOf::Nested(of)) => {
            if let Some(below) = &mut of.filter {
                filter(v, below, true);
            }
            &of.key
        }
        Some(ConditionOneOf::Filter(below)) => return filter(v, below, is_nested),
        Some(ConditionOneOf::HasVector(of)) => return v.has_vector(&mut of.has_vector),
        Some(ConditionOneOf::HasId(_) | ConditionOneOf::Slice(_)) | None => return,
    };
    if !is_nested {
        v.key(key);
    }
}

fn expression(v: &mut dyn Visit, of: &mut pb::Expression) {
    use expression::Variant as E;
    let Some(variant) = of.variant.as_mut() else {
        return;
    };
    let mut both = |one: &mut Option<Box<pb::Expression>>, two: &mut Option<Box<pb::Expression>>| {
        for of in one.iter_mut().chain(two) {
            expression(v, of);
        }
    };
    match variant {
        E::Constant(_) | E::Datetime(_) => {}
        E::Variable(key) | E::DatetimeKey(key) if key.starts_with('$') => {}
        E::Variable(key) | E::DatetimeKey(key) => v.key(key),
        E::GeoDistance(of) if of.to.starts_with('$') => {}
        E::GeoDistance(of) => v.key(&of.to),
        E::Condition(of) => condition(v, of, false),
        E::Mult(of) => of.mult.iter_mut().for_each(|of| expression(v, of)),
        E::Sum(of) => of.sum.iter_mut().for_each(|of| expression(v, of)),
        E::Max(of) => of.max.iter_mut().for_each(|of| expression(v, of)),
        E::Min(of) => of.min.iter_mut().for_each(|of| expression(v, of)),
        E::Div(of) => both(&mut of.left, &mut of.right),
        E::Pow(of) => both(&mut of.base, &mut of.exponent),
        E::ExpDecay(of) | E::GaussDecay(of) | E::LinDecay(of) => both(&mut of.x, &mut of.target),
        E::Neg(of) | E::Abs(of) | E::Sqrt(of) | E::Exp(of) | E::Log10(of) | E::Ln(of) | E::Acosh(of) => {
            expression(v, of)
        }
    }
}

fn ranking(query: Option<&pb::Query>) -> Ranking {
    use query::Variant as Q;
    match query.and_then(|query| query.variant.as_ref()) {
        None => Ranking::Unranked,
        Some(Q::OrderBy(_) | Q::Sample(_)) => Ranking::Other,
        Some(Q::Fusion(_) | Q::Rrf(_) | Q::Formula(_)) => Ranking::Prefetches,
        Some(Q::Text(_)) => Ranking::Text,
        Some(
            Q::Nearest(_)
            | Q::Recommend(_)
            | Q::Discover(_)
            | Q::Context(_)
            | Q::NearestWithMmr(_)
            | Q::RelevanceFeedback(_),
        ) => Ranking::Vectors,
    }
}

fn pairs(v: &mut dyn Visit, of: &mut pb::ContextInput) {
    for pair in &mut of.pairs {
        for input in pair.positive.iter_mut().chain(&mut pair.negative) {
            v.input(input);
        }
    }
}

fn query(v: &mut dyn Visit, of: &mut pb::Query) {
    use query::Variant as Q;
    match of.variant.as_mut() {
        None => v.flaw("an empty query"),
        Some(Q::Nearest(input)) => v.input(input),
        Some(Q::Recommend(of)) => {
            for input in of.positive.iter_mut().chain(&mut of.negative) {
                v.input(input);
            }
        }
        Some(Q::Discover(of)) => {
            of.target.iter_mut().for_each(|input| v.input(input));
            of.context.iter_mut().for_each(|of| pairs(v, of));
        }
        Some(Q::Context(of)) => pairs(v, of),
        Some(Q::NearestWithMmr(of)) => of.nearest.iter_mut().for_each(|input| v.input(input)),
        Some(Q::RelevanceFeedback(of)) => {
            of.target.iter_mut().for_each(|input| v.input(input));
            for input in of.feedback.iter_mut().flat_map(|item| &mut item.example) {
                v.input(input);
            }
        }
        Some(Q::OrderBy(of)) => v.key(&of.key),
        Some(Q::Formula(of)) => of.expression.iter_mut().for_each(|of| expression(v, of)),
        Some(Q::Fusion(_) | Q::Rrf(_) | Q::Sample(_) | Q::Text(_)) => {}
    }
}

pub fn filters(v: &mut dyn Visit, of: &mut Option<Filter>, params: &mut Option<pb::SearchParams>) {
    let corpus = params
        .iter_mut()
        .flat_map(|params| &mut params.idf)
        .flat_map(|idf| &mut idf.corpus);
    for of in of.iter_mut().chain(corpus) {
        filter(v, of, false);
    }
}

/// The parts of a query node.
pub struct Tree<'m> {
    pub query: &'m mut Option<pb::Query>,
    pub using: &'m mut Option<String>,
    pub lookup: &'m mut Option<pb::LookupLocation>,
    pub filter: &'m mut Option<Filter>,
    pub params: &'m mut Option<pb::SearchParams>,
    pub prefetch: &'m mut Vec<pb::PrefetchQuery>,
}

pub fn tree(v: &mut dyn Visit, of: Tree<'_>, depth: usize) {
    v.node(ranking(of.query.as_ref()), of.using, depth);
    of.query.iter_mut().for_each(|of| query(v, of));
    of.lookup.iter_mut().for_each(|of| v.lookup_from(of, false));
    filters(v, of.filter, of.params);
    for below in of.prefetch {
        let below = Tree {
            query: &mut below.query,
            using: &mut below.using,
            lookup: &mut below.lookup_from,
            filter: &mut below.filter,
            params: &mut below.params,
            prefetch: &mut below.prefetch,
        };
        tree(v, below, depth + 1);
    }
}

pub fn example(v: &mut dyn Visit, of: &mut pb::VectorExample) {
    match of.example.as_mut() {
        Some(vector_example::Example::Id(id)) => v.id(id),
        Some(vector_example::Example::Vector(vector)) => v.vector(vector),
        None => {}
    }
}

pub fn examples(
    v: &mut dyn Visit,
    target: &mut Option<pb::TargetVector>,
    context: &mut [pb::ContextExamplePair],
) {
    for target in target.iter_mut().flat_map(|of| &mut of.target) {
        let target_vector::Target::Single(one) = target;
        example(v, one);
    }
    for pair in context {
        for one in pair.positive.iter_mut().chain(&mut pair.negative) {
            example(v, one);
        }
    }
}
