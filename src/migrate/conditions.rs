//! What makes a point pending, in Qdrant's filters. The collection is its own outbox: these find what is to be done.

use qdrant_client::qdrant::{Condition, Filter};

use crate::domain::table::{Field, Space};
use crate::domain::tag::TagPaths;
use crate::upstream::calls::filters::{all, any, has_vector, is_empty, nested, not};

/// A field under the reserved key of this installation.
#[derive(Clone, Copy)]
pub(super) struct FieldView<'a> {
    /// The reserved payload key.
    pub reserved_key: &'a str,
    /// The field, with the spaces that are looked at.
    pub field: &'a Field,
}

impl<'a> FieldView<'a> {
    /// The paths into its tag.
    pub fn paths(&self) -> TagPaths<'a> {
        TagPaths {
            key: self.reserved_key,
            field: self.field.name.as_str(),
        }
    }

    /// The space that the collection had when it was adopted: points without a tag count as its model's.
    pub fn adopted(&self) -> Option<&'a Space> {
        self.field.spaces().find(|space| space.vector == self.field.name)
    }

    fn has_field(&self) -> Condition {
        any(self
            .field
            .spaces()
            .map(|space| has_vector(space.vector.as_str()))
            .collect())
    }

    /// Points that have the field.
    pub fn points(&self) -> Filter {
        all(vec![self.has_field()])
    }

    /// Points that have the field and no vector in `space`.
    pub fn missing(&self, space: &Space) -> Filter {
        all(vec![self.has_field(), not(has_vector(space.vector.as_str()))])
    }

    /// Points that `space` does not hold fresh: no vector there, or one that is not of the last write.
    pub fn pending(&self, space: &Space) -> Filter {
        let unclaimed = is_empty(self.paths().model_of(space.vector.as_str()));
        let stale = match self.adopted() == Some(space) {
            true => nested(all(vec![unclaimed, not(is_empty(self.paths().write_id()))])),
            false => unclaimed,
        };
        all(vec![
            self.has_field(),
            any(vec![stale, not(has_vector(space.vector.as_str()))]),
        ])
    }

    /// Points that would lose something with `leaving`: their only vector, whoever claims it, or that of their last write.
    /// A point without a write id has none of Interlock's: its client took it out of both spaces.
    pub fn held_only_by(&self, leaving: &Space, stays: &Space) -> Filter {
        let unclaimed = |space: &Space| is_empty(self.paths().model_of(space.vector.as_str()));
        let is_fresher = nested(all(vec![not(unclaimed(leaving)), unclaimed(stays)]));
        all(vec![
            has_vector(leaving.vector.as_str()),
            not(is_empty(self.paths().write_id())),
            any(vec![not(has_vector(stays.vector.as_str())), is_fresher]),
        ])
    }

    /// Points that have the adopted space's vector and no tag.
    pub fn untagged(&self) -> Option<Filter> {
        let adopted = self.adopted()?;
        Some(all(vec![
            has_vector(adopted.vector.as_str()),
            is_empty(self.paths().write_id()),
        ]))
    }
}
