//! Typed names and numbers. Each is parsed once, at the edge, and trusted afterwards.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it is spelled, byte for byte.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A collection's real name in Qdrant, never an alias.
    CollectionName
}

name_type! {
    /// A vector's name; `""` is the unnamed vector. Compared byte for byte, as Qdrant does.
    VectorName
}

impl VectorName {
    /// Longest name that Qdrant takes, in bytes.
    pub const MAX_BYTES: usize = 200;

    /// Whether Qdrant would take this as the name of a new vector.
    pub fn is_creatable(&self) -> bool {
        self.0.len() <= Self::MAX_BYTES
            && !self.0.chars().any(|c| {
                matches!(
                    c,
                    '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\0' | '\u{1F}'
                )
            })
    }

    /// Whether this is the same name, told at once where it is the very same one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    /// Whether this is the unnamed vector.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_empty()
    }
}

/// A field's full name: the collection and the vector, as clients name them. Written `collection` or
/// `collection/vector`; Qdrant takes no `/` in a collection's name, so the first one parts them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldKey {
    /// The collection.
    pub collection: CollectionName,
    /// The vector.
    pub field: VectorName,
}

impl From<&str> for FieldKey {
    fn from(text: &str) -> Self {
        let (collection, field) = text.split_once('/').unwrap_or((text, ""));
        Self {
            collection: collection.into(),
            field: field.into(),
        }
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_unnamed() {
            self.collection.fmt(f)
        } else {
            write!(f, "{}/{}", self.collection, self.field)
        }
    }
}

impl Serialize for FieldKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// The version number of a routing table. Grows by one with each publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the table that replaces this one's.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies one write of one point's field; a UUIDv7, so it also carries the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteId(pub Uuid);

impl WriteId {
    /// The id after this one, of the same instant: as unique as this one is, at the cost of an addition.
    #[must_use]
    pub fn successor(self) -> Self {
        // The random part of a version 7 UUID that lies below its variant.
        const RANDOM: u128 = (1 << 62) - 1;
        let id = self.0.as_u128();
        Self(Uuid::from_u128((id & !RANDOM) | (id.wrapping_add(1) & RANDOM)))
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point's id in its one normal form, whatever its spelling was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointId {
    /// An unsigned number.
    Num(u64),
    /// A UUID, in any of the spellings that Qdrant reads.
    Uuid(Uuid),
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Num(number) => number.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}
