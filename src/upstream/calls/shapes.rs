//! Collection info in our own terms: vectors by their real names, and the mark.

use std::collections::BTreeMap;

use qdrant_client::qdrant::value::Kind as ValueKind;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{CollectionInfo, Distance as ProtoDistance, VectorParams};
use uuid::Uuid;

use crate::domain::identity::Found;
use crate::domain::ids::VectorName;
use crate::domain::model::{Distance, Kind};
use crate::domain::shape::Shape;

/// A collection's vectors by their real names.
pub fn vectors(info: &CollectionInfo) -> BTreeMap<VectorName, Shape> {
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
            vectors.insert("".into(), shape(one));
        }
        Some(Config::ParamsMap(map)) => {
            vectors.extend(
                map.map
                    .iter()
                    .map(|(name, one)| (name.as_str().into(), shape(one))),
            );
        }
        None => {}
    }
    if let Some(config) = &params.sparse_vectors_config {
        let names = config.map.keys();
        vectors.extend(names.map(|name| (name.as_str().into(), Shape::SPARSE)));
    }
    vectors
}

/// What says whether the collection is the one that was adopted.
pub fn found(info: &CollectionInfo, mark_key: &str) -> Found {
    let metadata = info.config.as_ref().map(|config| &config.metadata);
    let mark = metadata.and_then(|metadata| metadata.get(mark_key)?.kind.as_ref());
    let mark = mark.and_then(|kind| match kind {
        ValueKind::StringValue(text) => text.parse::<Uuid>().ok(),
        ValueKind::NullValue(_)
        | ValueKind::DoubleValue(_)
        | ValueKind::IntegerValue(_)
        | ValueKind::BoolValue(_)
        | ValueKind::StructValue(_)
        | ValueKind::ListValue(_) => None,
    });
    Found {
        mark,
        vectors: vectors(info),
    }
}

fn shape(params: &VectorParams) -> Shape {
    let kind = match params.multivector_config {
        Some(_) => Kind::Multivector,
        None => Kind::Dense,
    };
    Shape {
        kind,
        dimension: params.size,
        distance: distance(params.distance()),
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
