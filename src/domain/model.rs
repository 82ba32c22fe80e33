//! Embedding models and what tells them apart.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// A model's identity: `name@version`. Shared, for every request names some.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId {
    name: Arc<str>,
    version: Arc<str>,
}

/// A model as a client names it: `name` or `name@version`. Without a version it must be unambiguous where it is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// The name.
    pub name: String,
    /// The version, where the client gave one.
    pub version: Option<String>,
}

/// Why a spelling is not a model's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a model: write name@version, each of letters, digits, '.', '_' and '-', at most 64 bytes"
)]
pub struct BadModel(pub String);

const PART_BYTES_MAX: usize = 64;

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= PART_BYTES_MAX
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl ModelId {
    /// The version of a model that was registered without one.
    pub const FIRST_VERSION: &'static str = "1";

    /// The part before `@`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part after `@`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for ModelRef {
    type Err = BadModel;

    fn from_str(text: &str) -> Result<Self, BadModel> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if !is_part(name) || version.is_some_and(|v| !is_part(v)) {
            return Err(BadModel(text.chars().take(PART_BYTES_MAX * 2).collect()));
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for ModelId {
    type Err = BadModel;

    /// `name` alone is version [`ModelId::FIRST_VERSION`].
    fn from_str(text: &str) -> Result<Self, BadModel> {
        let ModelRef { name, version } = text.parse()?;
        Ok(Self {
            name: name.into(),
            version: version.as_deref().unwrap_or(Self::FIRST_VERSION).into(),
        })
    }
}

impl ModelRef {
    /// Whether this names `id`.
    pub fn names(&self, id: &ModelId) -> bool {
        *self.name == *id.name && self.version.as_ref().is_none_or(|v| **v == *id.version)
    }
}

impl From<&ModelId> for ModelRef {
    fn from(id: &ModelId) -> Self {
        Self {
            name: id.name.as_ref().into(),
            version: Some(id.version.as_ref().into()),
        }
    }
}

impl Serialize for ModelId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for ModelRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The shape of what a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One vector of a fixed dimension.
    Dense,
    /// Indices with weights.
    Sparse,
    /// Several vectors of a fixed dimension.
    Multivector,
}

/// How two vectors of a space are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// Cosine similarity; Qdrant stores the vectors normalised.
    Cosine,
    /// Dot product.
    Dot,
    /// Euclidean distance.
    Euclid,
    /// Manhattan distance.
    Manhattan,
}

/// An embedding function, as far as routing must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// `name@version`.
    pub id: ModelId,
    /// What it makes.
    pub kind: Kind,
    /// Components of one vector; 0 for a sparse model.
    pub dimension: u32,
    /// How its vectors are compared.
    pub distance: Distance,
    /// Put before a query's text.
    #[serde(default)]
    pub query_prompt: String,
    /// Put before a document's text.
    #[serde(default)]
    pub document_prompt: String,
}

/// A hash of everything that defines a model: equal fingerprints, equal models. 96 bits, base64url.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Model {
    /// The hash of identity, kind, dimension, distance and prompts.
    pub fn fingerprint(&self) -> Fingerprint {
        const FINGERPRINT_BYTES: usize = 12;
        let mut all = Vec::with_capacity(256);
        for part in [
            &*self.id.name,
            &self.id.version,
            self.kind.into(),
            itoa::Buffer::new().format(self.dimension),
            self.distance.into(),
            &self.query_prompt,
            &self.document_prompt,
        ] {
            // A length before each part keeps ("ab", "c") and ("a", "bc") apart.
            all.extend_from_slice(&(part.len() as u64).to_le_bytes());
            all.extend_from_slice(part.as_bytes());
        }
        let hash = blake3::hash(&all);
        Fingerprint(URL_SAFE_NO_PAD.encode(&hash.as_bytes()[..FINGERPRINT_BYTES]))
    }

    /// `name@version#fingerprint`, as it stands in tags.
    pub fn mark(&self) -> String {
        [&*self.id.name, "@", &self.id.version, "#", &self.fingerprint().0].concat()
    }
}
