//! How a collection keeps its vectors, and what its strict mode wants, in our own terms.

use qdrant_client::qdrant::quantization_config::Quantization;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    BinaryQuantizationEncoding, CollectionClusterInfoRequest, CollectionClusterInfoResponse, CollectionInfo,
    CompressionRatio, Datatype, HealthCheckReply, HealthCheckRequest, Memory, QuantizationConfig,
    TurboQuantBitSize, VectorParams,
};

use super::{CallError, Calls};
use crate::domain::forecast::{Keeping, Quantized};

impl Calls {
    /// The server's own version.
    pub async fn version(&self) -> Result<String, CallError> {
        let reply: HealthCheckReply = self
            .unary("/qdrant.Qdrant/HealthCheck", &HealthCheckRequest {})
            .await?;
        Ok(reply.version)
    }

    /// Whether other peers hold shards of the collection; `None` where the server does not know the call.
    pub async fn is_cluster(&self, collection: &str) -> Result<Option<bool>, CallError> {
        let ask = CollectionClusterInfoRequest {
            collection_name: collection.to_owned(),
        };
        let answer: Result<CollectionClusterInfoResponse, _> = self
            .unary("/qdrant.Collections/CollectionClusterInfo", &ask)
            .await;
        match answer {
            Ok(info) => Ok(Some(!info.remote_shards.is_empty())),
            Err(error) if error.is_unimplemented() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How the vectors of a name are kept; a name that is not there, as a new one would be.
pub fn keeping(info: &CollectionInfo, vector: &str) -> Keeping {
    let Some(config) = info.config.as_ref() else {
        return Keeping::PLAIN;
    };
    let vectors = config
        .params
        .as_ref()
        .and_then(|params| params.vectors_config.as_ref()?.config.as_ref());
    let params = match vectors {
        Some(Config::Params(one)) if vector.is_empty() => Some(one),
        Some(Config::ParamsMap(map)) => map.map.get(vector),
        Some(Config::Params(_)) | None => None,
    };
    let whole = config.quantization_config.as_ref();
    let own = params.and_then(|params| params.quantization_config.as_ref());
    Keeping {
        bits: params.map_or(Keeping::PLAIN.bits, |params| bits(params.datatype())),
        on_disk: params.is_some_and(is_on_disk),
        quantized: own.or(whole).and_then(quantized),
    }
}

/// Copies that the server keeps of each point.
pub fn replicas(info: &CollectionInfo) -> u64 {
    let params = info.config.as_ref().and_then(|config| config.params.as_ref());
    params
        .and_then(|params| params.replication_factor)
        .map_or(1, u64::from)
}

/// Whether the collection refuses filters on what has no index.
pub fn is_strict(info: &CollectionInfo) -> bool {
    let strict = info
        .config
        .as_ref()
        .and_then(|config| config.strict_mode_config.as_ref());
    strict.is_some_and(|strict| {
        let forbids = [
            strict.unindexed_filtering_retrieve,
            strict.unindexed_filtering_update,
        ];
        strict.enabled == Some(true) && forbids.contains(&Some(false))
    })
}

fn is_on_disk(params: &VectorParams) -> bool {
    match params.memory {
        Some(_) => params.memory() == Memory::Cold,
        #[allow(deprecated)] // servers of today say it this way
        None => params.on_disk == Some(true),
    }
}

fn bits(datatype: Datatype) -> f64 {
    match datatype {
        Datatype::Default | Datatype::Float32 => 32.0,
        Datatype::Float16 | Datatype::Turbo16 => 16.0,
        Datatype::Uint8 | Datatype::Turbo8 => 8.0,
        Datatype::Turbo4 => 4.0,
    }
}

fn quantized(config: &QuantizationConfig) -> Option<Quantized> {
    let (bits, always_ram) = match config.quantization.as_ref()? {
        Quantization::Scalar(scalar) => (8.0, scalar.always_ram_or_pinned()),
        Quantization::Binary(binary) => {
            let bits = match binary.encoding() {
                BinaryQuantizationEncoding::OneBit => 1.0,
                BinaryQuantizationEncoding::OneAndHalfBits => 1.5,
                BinaryQuantizationEncoding::TwoBits => 2.0,
            };
            (bits, binary.always_ram_or_pinned())
        }
        Quantization::Product(product) => {
            let bits = match product.compression() {
                CompressionRatio::X4 => 8.0,
                CompressionRatio::X8 => 4.0,
                CompressionRatio::X16 => 2.0,
                CompressionRatio::X32 => 1.0,
                CompressionRatio::X64 => 0.5,
            };
            (bits, product.always_ram_or_pinned())
        }
        Quantization::Turboquant(turbo) => {
            let bits = match turbo.bits() {
                TurboQuantBitSize::Bits1 => 1.0,
                TurboQuantBitSize::Bits15 => 1.5,
                TurboQuantBitSize::Bits2 => 2.0,
                TurboQuantBitSize::Bits4 => 4.0,
                TurboQuantBitSize::Bits8 => 8.0,
            };
            (bits, turbo.always_ram_or_pinned())
        }
    };
    Some(Quantized { bits, always_ram })
}

/// Each kind of quantization says in the same two ways whether its copies stay in memory.
trait InMemory {
    fn always_ram_or_pinned(&self) -> bool;
}

macro_rules! in_memory {
    ($($kind:ident),*) => {$(
        impl InMemory for qdrant_client::qdrant::$kind {
            fn always_ram_or_pinned(&self) -> bool {
                match self.memory {
                    Some(_) => self.memory() == Memory::Pinned,
                    #[allow(deprecated)] // servers of today say it this way
                    None => self.always_ram == Some(true),
                }
            }
        }
    )*};
}

in_memory!(
    ScalarQuantization,
    BinaryQuantization,
    ProductQuantization,
    TurboQuantization
);

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::{
        BinaryQuantization, CollectionConfig, CollectionParams, ScalarQuantization, StrictModeConfig,
        VectorParamsMap, VectorsConfig,
    };

    use super::*;

    fn info(params: VectorParams, whole: Option<QuantizationConfig>) -> CollectionInfo {
        let map = VectorParamsMap {
            map: std::iter::once(("title".to_owned(), params)).collect(),
        };
        CollectionInfo {
            config: Some(CollectionConfig {
                params: Some(CollectionParams {
                    vectors_config: Some(VectorsConfig {
                        config: Some(Config::ParamsMap(map)),
                    }),
                    replication_factor: Some(2),
                    ..CollectionParams::default()
                }),
                quantization_config: whole,
                ..CollectionConfig::default()
            }),
            ..CollectionInfo::default()
        }
    }

    #[test]
    #[allow(deprecated)]
    fn a_vectors_own_settings_come_before_the_collections() {
        let scalar = QuantizationConfig {
            quantization: Some(Quantization::Scalar(ScalarQuantization::default())),
        };
        let binary = QuantizationConfig {
            quantization: Some(Quantization::Binary(BinaryQuantization {
                always_ram: Some(true),
                ..BinaryQuantization::default()
            })),
        };
        let params = VectorParams {
            datatype: Some(Datatype::Float16.into()),
            on_disk: Some(true),
            quantization_config: Some(binary),
            ..VectorParams::default()
        };
        let info = info(params, Some(scalar));
        let own = keeping(&info, "title");
        assert_eq!((own.bits, own.on_disk), (16.0, true));
        let copy = Quantized {
            bits: 1.0,
            always_ram: true,
        };
        assert_eq!(own.quantized, Some(copy));
        let new = keeping(&info, "title@new@1");
        assert_eq!((new.bits, new.on_disk), (32.0, false));
        let copy = Quantized {
            bits: 8.0,
            always_ram: false,
        };
        assert_eq!(new.quantized, Some(copy), "a new name inherits the collection's");
        assert_eq!(replicas(&info), 2);
    }

    #[test]
    fn a_mode_that_is_off_is_not_strict() {
        let mut info = info(VectorParams::default(), None);
        for (enabled, retrieve, strict) in [
            (true, Some(false), true),
            (false, Some(false), false),
            (true, None, false),
        ] {
            if let Some(config) = &mut info.config {
                config.strict_mode_config = Some(StrictModeConfig {
                    enabled: Some(enabled),
                    unindexed_filtering_retrieve: retrieve,
                    ..StrictModeConfig::default()
                });
            }
            assert_eq!(is_strict(&info), strict);
        }
    }
}
