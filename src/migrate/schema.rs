//! A collection's vectors as Qdrant describes them, compared with what a model needs.

use std::collections::BTreeMap;
use std::fmt;

use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionInfo, DenseVectorCreationConfig, Distance as ProtoDistance, MultiVectorComparator,
    MultiVectorConfig, SparseVectorCreationConfig, VectorParams,
};

use crate::domain::ids::VectorName;
use crate::domain::model::{Distance, Kind, Model};

/// The shape of one vector of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    kind: Kind,
    /// Components; 0 for a sparse vector.
    dimension: u64,
    /// `None` for a sparse vector, and for a distance that this version does not know.
    distance: Option<Distance>,
}

impl Shape {
    /// What the model's space needs.
    pub fn needed_by(model: &Model) -> Self {
        match model.kind {
            Kind::Sparse => Self {
                kind: Kind::Sparse,
                dimension: 0,
                distance: None,
            },
            Kind::Dense | Kind::Multivector => Self {
                kind: model.kind,
                dimension: model.dimension.into(),
                distance: Some(model.distance),
            },
        }
    }

    fn of(params: &VectorParams) -> Self {
        let kind = match params.multivector_config {
            Some(_) => Kind::Multivector,
            None => Kind::Dense,
        };
        Self {
            kind,
            dimension: params.size,
            distance: distance(params.distance()),
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

fn distance(distance: ProtoDistance) -> Option<Distance> {
    match distance {
        ProtoDistance::Cosine => Some(Distance::Cosine),
        ProtoDistance::Dot => Some(Distance::Dot),
        ProtoDistance::Euclid => Some(Distance::Euclid),
        ProtoDistance::Manhattan => Some(Distance::Manhattan),
        ProtoDistance::UnknownDistance => None,
    }
}

/// A collection's vectors by their real names.
pub(super) fn vectors(info: &CollectionInfo) -> BTreeMap<VectorName, Shape> {
    let mut vectors = BTreeMap::new();
    let Some(params) = info.config.as_ref().and_then(|config| config.params.as_ref()) else {
        return vectors;
    };
    match params
        .vectors_config
        .as_ref()
        .and_then(|config| config.config.as_ref())
    {
        Some(Config::Params(one)) => {
            vectors.insert("".into(), Shape::of(one));
        }
        Some(Config::ParamsMap(map)) => {
            vectors.extend(
                map.map
                    .iter()
                    .map(|(name, one)| (name.as_str().into(), Shape::of(one))),
            );
        }
        None => {}
    }
    let sparse = Shape {
        kind: Kind::Sparse,
        dimension: 0,
        distance: None,
    };
    if let Some(config) = &params.sparse_vectors_config {
        vectors.extend(config.map.keys().map(|name| (name.as_str().into(), sparse)));
    }
    vectors
}

/// What makes a space for the model.
pub(super) fn creation(model: &Model) -> VectorConfig {
    match model.kind {
        Kind::Sparse => VectorConfig::SparseConfig(SparseVectorCreationConfig::default()),
        Kind::Dense | Kind::Multivector => {
            let distance = match model.distance {
                Distance::Cosine => ProtoDistance::Cosine,
                Distance::Dot => ProtoDistance::Dot,
                Distance::Euclid => ProtoDistance::Euclid,
                Distance::Manhattan => ProtoDistance::Manhattan,
            };
            let multivector_config = matches!(model.kind, Kind::Multivector).then(|| MultiVectorConfig {
                comparator: MultiVectorComparator::MaxSim.into(),
            });
            VectorConfig::DenseConfig(DenseVectorCreationConfig {
                size: model.dimension.into(),
                distance: distance.into(),
                multivector_config,
                ..DenseVectorCreationConfig::default()
            })
        }
    }
}
