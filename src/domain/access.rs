//! Who may do what that is closed by default, and which clients are known by their API keys. Pure: `config` reads it, the
//! table of routes names its groups, `engine` asks.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::model::ModelId;

/// Calls that are opened together. Closed while they could reach a managed collection, unless the configuration opens
/// them to everybody or a client's API key has them in its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Making and downloading snapshots: files with the vectors of every space.
    Snapshots,
    /// Recovery from a snapshot: replaces vectors and tags.
    Restore,
    /// Shard keys, transfers, clean-ups: moves or drops points, and what was written lately.
    Shards,
    /// Raw files of a collection.
    StorageRead,
    /// Peers and the keys of the consensus.
    Cluster,
    /// Figures that name vectors and payload keys of ours.
    Telemetry,
    /// Logs and traces of the server, which hold requests.
    Debug,
}

impl Group {
    /// Its name in the configuration, in refusals and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Group::Snapshots => "snapshots",
            Group::Restore => "restore",
            Group::Shards => "shards",
            Group::StorageRead => "storage-read",
            Group::Cluster => "cluster",
            Group::Telemetry => "telemetry",
            Group::Debug => "debug",
        }
    }
}

/// What stands for an API key: its SHA-256. The key itself is kept nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; KeyHash::BYTES]);

impl KeyHash {
    const BYTES: usize = 32;

    /// The hash of a key.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

/// A text that is no hash. It does not repeat the text, which may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the key's SHA-256 in 64 hexadecimal digits, never the key itself")]
pub struct BadKeyHash;

impl FromStr for KeyHash {
    type Err = BadKeyHash;

    fn from_str(text: &str) -> Result<Self, BadKeyHash> {
        let digits = text.as_bytes();
        if digits.len() != 2 * Self::BYTES {
            return Err(BadKeyHash);
        }
        let mut hash = [0; Self::BYTES];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |value: u8, digit| {
                let digit = char::from(*digit)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok());
                digit.map(|digit| (value << 4) | digit).ok_or(BadKeyHash)
            })?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        String::deserialize(text)?.parse().map_err(de::Error::custom)
    }
}

/// A client that is known by its API key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// For logs.
    pub name: String,
    /// Its key's hash.
    pub sha256: KeyHash,
    /// The models that made its vectors: for each field, the one that has a space there. Empty: its key says nothing.
    #[serde(default)]
    pub models: Arc<[ModelId]>,
    /// The groups that are open to it.
    #[serde(default)]
    pub scopes: BTreeSet<Group>,
}

/// What is open to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Groups that are open to everybody.
    pub open: BTreeSet<Group>,
    /// Clients that are known by their keys.
    pub clients: Vec<Client>,
}

impl Access {
    /// The client whose key this is. Takes as long for every key.
    pub fn client(&self, key: Option<&str>) -> Option<&Client> {
        if self.clients.is_empty() {
            return None;
        }
        let hash = KeyHash::of(key?.as_bytes());
        let mut found = None;
        for client in &self.clients {
            if bool::from(client.sha256.0.ct_eq(&hash.0)) {
                found = Some(client);
            }
        }
        found
    }

    /// Whether `group` is open to who sends this key.
    pub fn opens(&self, group: Group, key: Option<&str>) -> bool {
        self.open.contains(&group)
            || self
                .client(key)
                .is_some_and(|client| client.scopes.contains(&group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, key: &str, scopes: &[Group]) -> Client {
        Client {
            name: name.to_owned(),
            sha256: KeyHash::of(key.as_bytes()),
            models: Arc::default(),
            scopes: scopes.iter().copied().collect(),
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        // `printf %s key | sha256sum`
        let text = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
        assert_eq!(text.parse(), Ok(KeyHash::of(b"key")));
        assert_eq!(text.to_uppercase().parse(), Ok(KeyHash::of(b"key")));
        assert_eq!(KeyHash::of(b"key").to_string(), text);
        for wrong in [
            "",
            "key",
            &text[1..],
            &text.replace('2', "g"),
            &format!("{text}0"),
            &"ä".repeat(32),
        ] {
            assert_eq!(wrong.parse::<KeyHash>(), Err(BadKeyHash), "{wrong}");
        }
    }

    #[test]
    fn a_client_is_known_by_its_whole_key_alone() {
        let access = Access {
            clients: vec![client("a", "key-a", &[]), client("b", "key-b", &[])],
            ..Access::default()
        };
        let name = |key| access.client(key).map(|client| client.name.as_str());
        assert_eq!(name(Some("key-a")), Some("a"));
        assert_eq!(name(Some("key-b")), Some("b"));
        for unknown in [None, Some(""), Some("key"), Some("key-a "), Some("KEY-A")] {
            assert_eq!(name(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_group_is_open_to_everybody_or_to_the_keys_that_have_it() {
        let access = Access {
            open: [Group::Telemetry].into(),
            clients: vec![client("backup", "key", &[Group::Snapshots])],
        };
        assert!(access.opens(Group::Telemetry, None));
        assert!(access.opens(Group::Snapshots, Some("key")));
        assert!(!access.opens(Group::Snapshots, Some("other")));
        assert!(!access.opens(Group::Snapshots, None));
        assert!(!access.opens(Group::Restore, Some("key")));
    }
}
