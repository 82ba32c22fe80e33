//! The catalogue: which collections and aliases there are, in one file that is replaced whole and synced. Written by
//! `collections` alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::config::CollectionConfig;
use super::errors::{ApiError, ApiResult};

const FILE: &str = "catalog.json";
const NEW_FILE: &str = "catalog.json.new";

/// One collection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The name of its folder. Never reused, so what a deleted collection left behind cannot come back.
    pub folder: Uuid,
    /// Its configuration.
    pub config: CollectionConfig,
}

/// All collections and aliases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// By real name.
    pub collections: BTreeMap<String, Entry>,
    /// Alias to real name.
    pub aliases: BTreeMap<String, String>,
}

impl Catalog {
    /// Reads the catalogue under `root`; a missing file is an empty one.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn load(root: &Path) -> ApiResult<Self> {
        match std::fs::read(root.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| ApiError::service(format!("{FILE} cannot be understood: {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the file. When this returns, a crash finds the new catalogue; when it fails, the old one.
    ///
    /// # Errors
    /// The disk refused.
    pub fn save(&self, root: &Path) -> ApiResult<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| ApiError::service(error.to_string()))?;
        let new = root.join(NEW_FILE);
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, root.join(FILE))?;
        File::open(root)?.sync_all()?;
        Ok(())
    }

    /// The real name behind a name. An alias goes before a collection of the same name, as in Qdrant.
    pub fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_catalogue_comes_back_and_a_half_written_one_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Catalog::load(dir.path()).unwrap().aliases.is_empty());
        let mut catalog = Catalog::default();
        catalog.aliases.insert("a".into(), "c".into());
        catalog.save(dir.path()).unwrap();
        std::fs::write(dir.path().join(NEW_FILE), b"{half").unwrap();
        let loaded = Catalog::load(dir.path()).unwrap();
        assert_eq!(loaded.resolve("a"), "c");
        assert_eq!(loaded.resolve("b"), "b");
    }
}
