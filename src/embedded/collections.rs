//! The collections of one data folder: opening, creation, change and deletion, vector names, aliases. Called by both
//! faces; points are `writes`, `reads` and `query`.
//!
//! Locks: `changes` (one change of the catalogue at a time, across its disk writes) before `state` (held for moments).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use qdrant_edge::{ShardInfo, VectorNameConfig};
use serde::Deserialize;
use uuid::Uuid;

use super::Options;
use super::catalog::{Catalog, Entry};
use super::config::{CollectionConfig, CreateCollection, UpdateCollection};
use super::errors::{ApiError, ApiResult};
use super::schema::check_collection_name;
use super::shard::Shard;

const LOCK_FILE: &str = "lock";
const COLLECTIONS_DIR: &str = "collections";

/// An open collection, as one request sees it.
pub struct Collection {
    /// The real name.
    pub name: String,
    /// The configuration at the time of the request.
    pub config: CollectionConfig,
    /// Its points.
    pub shard: Arc<Shard>,
}

/// One change of aliases.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum AliasOperations"
)]
pub enum AliasAction {
    /// Points an alias at a collection; an existing alias is pointed anew.
    Create { create_alias: CreateAlias },
    /// Removes an alias if it is there.
    Delete { delete_alias: DeleteAlias },
    /// Gives an alias another name.
    Rename { rename_alias: RenameAlias },
}

/// See [`AliasAction::Create`].
#[derive(Clone, Debug, Deserialize)]
pub struct CreateAlias {
    pub collection_name: String,
    pub alias_name: String,
}

/// See [`AliasAction::Delete`].
#[derive(Clone, Debug, Deserialize)]
pub struct DeleteAlias {
    pub alias_name: String,
}

/// See [`AliasAction::Rename`].
#[derive(Clone, Debug, Deserialize)]
pub struct RenameAlias {
    pub old_alias_name: String,
    pub new_alias_name: String,
}

#[derive(Default)]
struct State {
    catalog: Catalog,
    open: HashMap<String, Arc<Collection>>,
}

/// Everything in one data folder. Calls block on locks and disks: keep them off the async threads.
pub struct Core {
    root: PathBuf,
    options: Options,
    changes: Mutex<()>,
    state: RwLock<State>,
    /// Held so that no second process opens the folder.
    _lock: File,
}

impl Core {
    /// Opens every collection under `root`, replaying what was not flushed.
    ///
    /// # Errors
    /// The folder is in use, or cannot be read.
    pub fn open(root: &Path, options: Options) -> ApiResult<Self> {
        std::fs::create_dir_all(root.join(COLLECTIONS_DIR))?;
        let lock = File::create(root.join(LOCK_FILE))?;
        fs4::FileExt::try_lock(&lock)
            .map_err(|_| ApiError::service(format!("{} is in use by another process", root.display())))?;
        let catalog = Catalog::load(root)?;
        remove_leftovers(root, &catalog)?;
        let mut open = HashMap::new();
        for (name, entry) in &catalog.collections {
            let shard = Shard::open(&folder(root, entry), &entry.config.edge(), options.clone())?;
            let collection = Collection {
                name: name.clone(),
                config: entry.config.clone(),
                shard: Arc::new(shard),
            };
            open.insert(name.clone(), Arc::new(collection));
        }
        let state = RwLock::new(State { catalog, open });
        Ok(Self {
            root: root.to_path_buf(),
            options,
            changes: Mutex::new(()),
            state,
            _lock: lock,
        })
    }

    /// The collection behind a name or alias.
    ///
    /// # Errors
    /// There is none.
    pub fn collection(&self, name: &str) -> ApiResult<Arc<Collection>> {
        let state = self.state.read();
        let real = state.catalog.resolve(name);
        state
            .open
            .get(real)
            .cloned()
            .ok_or_else(|| ApiError::no_collection(real))
    }

    /// Whether a collection or alias of this name is there.
    pub fn exists(&self, name: &str) -> bool {
        self.collection(name).is_ok()
    }

    /// The real names, sorted.
    pub fn list(&self) -> Vec<String> {
        self.state.read().catalog.collections.keys().cloned().collect()
    }

    /// Creates a collection.
    ///
    /// # Errors
    /// The name is taken or malformed, or the configuration is refused.
    pub fn create(&self, name: &str, create: CreateCollection) -> ApiResult<bool> {
        check_collection_name(name)?;
        let config = CollectionConfig::create(create)?;
        let _changes = self.changes.lock();
        let mut catalog = self.state.read().catalog.clone();
        if catalog.collections.contains_key(name) {
            return Err(ApiError::already_exists(format!(
                "Collection `{name}` already exists!"
            )));
        }
        if catalog.aliases.contains_key(name) {
            let text =
                format!("Can't create collection with name {name}. Alias with the same name already exists");
            return Err(ApiError::bad_input(text));
        }
        let entry = Entry {
            folder: Uuid::now_v7(),
            config: config.clone(),
        };
        let shard = Arc::new(Shard::open(
            &folder(&self.root, &entry),
            &config.edge(),
            self.options.clone(),
        )?);
        catalog.collections.insert(name.to_owned(), entry);
        catalog.save(&self.root)?;
        let mut state = self.state.write();
        state.catalog = catalog;
        let collection = Collection {
            name: name.to_owned(),
            config,
            shard,
        };
        state.open.insert(name.to_owned(), Arc::new(collection));
        Ok(true)
    }

    /// Changes a collection's configuration.
    ///
    /// # Errors
    /// There is no such collection, or the change is refused.
    pub fn update(&self, name: &str, update: UpdateCollection) -> ApiResult<bool> {
        self.change_config(name, |config, _| config.update(update).map(|()| true), |_| Ok(()))?;
        Ok(true)
    }

    /// Adds a vector name; the same name with the same parameters is not an error.
    ///
    /// # Errors
    /// There is no such collection, or the name is taken by other parameters.
    pub fn create_vector(&self, name: &str, vector: &str, config: VectorNameConfig) -> ApiResult<()> {
        let in_shard = config.clone();
        self.change_config(
            name,
            |held, _| held.add_vector(vector, &config),
            |shard| shard.create_vector(vector, in_shard),
        )
    }

    /// Removes a vector name with its vectors; one that is not there is not an error.
    ///
    /// # Errors
    /// There is no such collection.
    pub fn delete_vector(&self, name: &str, vector: &str) -> ApiResult<()> {
        self.change_config(
            name,
            |held, _| Ok(held.remove_vector(vector)),
            |shard| shard.delete_vector(vector),
        )
    }

    /// Changes a configuration in the catalogue, then the shard. A crash in between is mended at opening, from the
    /// catalogue. `change` tells whether there is anything to do.
    fn change_config(
        &self,
        name: &str,
        change: impl FnOnce(&mut CollectionConfig, &Shard) -> ApiResult<bool>,
        then: impl FnOnce(&Shard) -> ApiResult<()>,
    ) -> ApiResult<()> {
        let _changes = self.changes.lock();
        let held = self.collection(name)?;
        let mut config = held.config.clone();
        if !change(&mut config, &held.shard)? {
            return Ok(());
        }
        let mut catalog = self.state.read().catalog.clone();
        let entry = catalog.collections.get_mut(&held.name);
        entry.ok_or_else(|| ApiError::no_collection(name))?.config = config.clone();
        catalog.save(&self.root)?;
        let done = then(&held.shard);
        let mut state = self.state.write();
        state.catalog = catalog;
        let shard = Arc::clone(&held.shard);
        let collection = Arc::new(Collection {
            name: held.name.clone(),
            config,
            shard,
        });
        state.open.insert(held.name.clone(), collection);
        done
    }

    /// Deletes a collection by its real name, with all aliases of it. Tells whether it was there.
    ///
    /// # Errors
    /// The disk refused.
    pub fn delete(&self, name: &str) -> ApiResult<bool> {
        let _changes = self.changes.lock();
        let mut catalog = self.state.read().catalog.clone();
        catalog.aliases.retain(|_, target| target != name);
        let Some(entry) = catalog.collections.remove(name) else {
            return Ok(false);
        };
        catalog.save(&self.root)?;
        let removed = {
            let mut state = self.state.write();
            state.catalog = catalog;
            state.open.remove(name)
        };
        if let Some(collection) = removed {
            collection.shard.abandon()?;
        }
        std::fs::remove_dir_all(folder(&self.root, &entry))?;
        Ok(true)
    }

    /// Runs alias actions in order. The first that fails ends them; those before it stay, as in Qdrant.
    ///
    /// # Errors
    /// A collection or alias is not there, or the name is a collection's.
    pub fn update_aliases(&self, actions: Vec<AliasAction>) -> ApiResult<bool> {
        let _changes = self.changes.lock();
        let mut catalog = self.state.read().catalog.clone();
        let mut outcome = Ok(true);
        for action in actions {
            if let Err(error) = alias_action(&mut catalog, action) {
                outcome = Err(error);
                break;
            }
        }
        catalog.save(&self.root)?;
        self.state.write().catalog = catalog;
        outcome
    }

    /// All aliases, alias to real name.
    pub fn aliases(&self) -> BTreeMap<String, String> {
        self.state.read().catalog.aliases.clone()
    }

    /// The aliases of one collection by its real name; none where there is no such collection.
    pub fn aliases_of(&self, name: &str) -> BTreeMap<String, String> {
        let mut aliases = self.aliases();
        aliases.retain(|_, target| target == name);
        aliases
    }

    /// A collection's configuration and counts.
    ///
    /// # Errors
    /// There is no such collection.
    pub fn info(&self, name: &str) -> ApiResult<(Arc<Collection>, ShardInfo)> {
        let collection = self.collection(name)?;
        let info = collection.shard.read(|edge| Ok(edge.info()))?;
        Ok((collection, info))
    }

    /// Flushes and closes every collection.
    ///
    /// # Errors
    /// The first that failed; the others are closed all the same.
    pub fn close(&self) -> ApiResult<()> {
        let _changes = self.changes.lock();
        // They stay listed: a late call is told that the collection is closed, not that there is none.
        let open: Vec<_> = self.state.read().open.values().cloned().collect();
        let mut outcome = Ok(());
        for collection in open {
            outcome = outcome.and(collection.shard.close());
        }
        outcome
    }
}

fn alias_action(catalog: &mut Catalog, action: AliasAction) -> ApiResult<()> {
    match action {
        AliasAction::Create {
            create_alias:
                CreateAlias {
                    collection_name,
                    alias_name,
                },
        } => {
            if !catalog.collections.contains_key(&collection_name) {
                return Err(ApiError::no_collection(&collection_name));
            }
            if catalog.collections.contains_key(&alias_name) {
                return Err(ApiError::already_exists(format!(
                    "Collection `{alias_name}` already exists!"
                )));
            }
            catalog.aliases.insert(alias_name, collection_name);
        }
        AliasAction::Delete { delete_alias } => {
            catalog.aliases.remove(&delete_alias.alias_name);
        }
        AliasAction::Rename {
            rename_alias:
                RenameAlias {
                    old_alias_name,
                    new_alias_name,
                },
        } => {
            let target = catalog
                .aliases
                .remove(&old_alias_name)
                .ok_or_else(|| ApiError::not_found(format!("Alias {old_alias_name} does not exists!")))?;
            catalog.aliases.insert(new_alias_name, target);
        }
    }
    Ok(())
}

fn folder(root: &Path, entry: &Entry) -> PathBuf {
    root.join(COLLECTIONS_DIR).join(entry.folder.to_string())
}

/// Folders that no catalogue entry names: a creation or deletion that a crash cut short.
fn remove_leftovers(root: &Path, catalog: &Catalog) -> ApiResult<()> {
    for entry in std::fs::read_dir(root.join(COLLECTIONS_DIR))? {
        let path = entry?.path();
        let named = |entry: &Entry| folder(root, entry) == path;
        if !catalog.collections.values().any(named) {
            tracing::warn!(path = %path.display(), "a deleted or half-created collection is removed");
            std::fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}
