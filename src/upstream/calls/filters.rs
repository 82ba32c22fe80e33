//! Conditions in Qdrant's protobuf, as Interlock's own calls need them.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{
    Condition, FieldCondition, Filter, HasIdCondition, HasVectorCondition, IsEmptyCondition, Match, PointId,
    RepeatedStrings,
};

fn condition(one: ConditionOneOf) -> Condition {
    Condition {
        condition_one_of: Some(one),
    }
}

/// Nothing stands at this JSON path.
pub fn is_empty(path: impl Into<String>) -> Condition {
    condition(ConditionOneOf::IsEmpty(IsEmptyCondition { key: path.into() }))
}

/// The point has a vector of this real name.
pub fn has_vector(name: impl Into<String>) -> Condition {
    condition(ConditionOneOf::HasVector(HasVectorCondition {
        has_vector: name.into(),
    }))
}

/// The point is one of these.
pub fn has_id(ids: Vec<PointId>) -> Condition {
    condition(ConditionOneOf::HasId(HasIdCondition { has_id: ids }))
}

/// The string at this JSON path is one of these.
pub fn is_any_of(path: impl Into<String>, strings: Vec<String>) -> Condition {
    let any = MatchValue::Keywords(RepeatedStrings { strings });
    condition(ConditionOneOf::Field(FieldCondition {
        key: path.into(),
        r#match: Some(Match {
            match_value: Some(any),
        }),
        ..FieldCondition::default()
    }))
}

/// Not this one.
pub fn not(one: Condition) -> Condition {
    condition(ConditionOneOf::Filter(Filter {
        must_not: vec![one],
        ..Filter::default()
    }))
}

/// At least one of these.
pub fn any(of: Vec<Condition>) -> Condition {
    condition(ConditionOneOf::Filter(Filter {
        should: of,
        ..Filter::default()
    }))
}

/// All of these.
pub fn all(of: Vec<Condition>) -> Filter {
    Filter {
        must: of,
        ..Filter::default()
    }
}

/// A filter as one condition of another.
pub fn nested(filter: Filter) -> Condition {
    condition(ConditionOneOf::Filter(filter))
}
