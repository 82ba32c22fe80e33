//! A collection's vectors as Qdrant describes them, compared with what a model needs.

use qdrant_client::qdrant::create_vector_name_request::VectorConfig;
use qdrant_client::qdrant::{
    DenseVectorCreationConfig, Distance as ProtoDistance, MultiVectorComparator, MultiVectorConfig,
    SparseVectorCreationConfig,
};

use crate::domain::model::{Distance, Kind, Model};

pub(super) use crate::domain::shape::Shape;
pub(super) use crate::upstream::calls::vectors;

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
