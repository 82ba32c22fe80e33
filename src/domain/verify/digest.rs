//! What two spaces are compared by as a whole, and which points are drawn for a closer look. Both are functions of what
//! was read alone, so that a verification goes on after a crash as if there had been none.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A chain of BLAKE3 over points in the order of ids: each link hashes the digest so far with the point's id, write id
/// and source hash, each before a zero byte. An absent source hash is the empty one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; blake3::OUT_LEN]);

impl Default for Digest {
    fn default() -> Self {
        Self([0; blake3::OUT_LEN])
    }
}

impl Digest {
    /// With one more point.
    #[must_use]
    pub fn with(self, id: &str, write_id: &str, source_hash: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        for text in [id, write_id, source_hash] {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(blake3::Hash::from_hex(text)?.into()))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Whether a point is one of about `sample` that are drawn from `total`. `seed` changes which.
pub fn is_sampled(seed: u64, id: &str, sample: u32, total: u64) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(id.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    let drawn = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    (u128::from(drawn) * u128::from(total)) >> u64::BITS < u128::from(sample)
}
