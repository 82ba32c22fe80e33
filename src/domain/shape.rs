//! The shape of a vector in a collection's schema: what can be seen of it without knowing its model.

use std::fmt;

use super::model::{Distance, Kind, Model};

/// The shape of one vector of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its kind.
    pub kind: Kind,
    /// Components; 0 for a sparse vector.
    pub dimension: u64,
    /// `None` for a sparse vector, and for a distance that this version does not know.
    pub distance: Option<Distance>,
}

impl Shape {
    /// Of every sparse vector.
    pub const SPARSE: Self = Self {
        kind: Kind::Sparse,
        dimension: 0,
        distance: None,
    };

    /// What the model's space needs.
    pub fn needed_by(model: &Model) -> Self {
        match model.kind {
            Kind::Sparse => Self::SPARSE,
            Kind::Dense | Kind::Multivector => Self {
                kind: model.kind,
                dimension: model.dimension.into(),
                distance: Some(model.distance),
            },
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Sparse => return f.write_str("sparse"),
            Kind::Dense => "dense",
            Kind::Multivector => "multivector",
        };
        match self.distance {
            Some(distance) => write!(f, "{kind}, {} components, {distance:?}", self.dimension),
            None => write!(f, "{kind}, {} components, an unknown distance", self.dimension),
        }
    }
}
