//! The upstream's aliases, as they were last read: so that an alias is no way around the table. Alias changes go
//! through Interlock; each is followed by a new reading before the client learns of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message;
use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::{ChangeAliases, CreateAlias, DeleteAlias, RenameAlias};
use serde::Deserialize;

use crate::domain::ids::CollectionName;
use crate::domain::refusal::Refusal;
use crate::domain::table::Table;
use crate::upstream::Face;
use crate::upstream::calls::Calls;

/// Alias to real name.
type Names = BTreeMap<String, CollectionName>;

/// The upstream's aliases.
pub struct Aliases {
    names: ArcSwap<Names>,
    is_fresh: AtomicBool,
    reading: tokio::sync::Mutex<()>,
    calls: Calls,
}

impl Aliases {
    /// None read yet: the first request reads them with `calls`.
    pub fn new(calls: Calls) -> Self {
        Self {
            names: ArcSwap::default(),
            is_fresh: AtomicBool::new(false),
            reading: tokio::sync::Mutex::new(()),
            calls,
        }
    }

    /// The real name of a collection as Qdrant would find it: aliases first.
    pub fn resolve(&self, spelled: &str) -> CollectionName {
        self.names
            .load()
            .get(spelled)
            .cloned()
            .unwrap_or_else(|| CollectionName::from(spelled))
    }

    /// Every name, real or alias, of a managed collection.
    pub fn spellings(&self, table: &Table) -> Vec<String> {
        let names = self.names.load();
        let aliases = names
            .iter()
            .filter(|(_, real)| table.managed(real.as_str()).is_some());
        table
            .collections
            .keys()
            .map(ToString::to_string)
            .chain(aliases.map(|(alias, _)| alias.clone()))
            .collect()
    }

    /// They may have changed: the next request reads them anew.
    pub fn invalidate(&self) {
        self.is_fresh.store(false, Ordering::Release);
    }

    /// Reads them, unless nothing may have changed since they were read.
    pub async fn ensure_fresh(&self) -> Result<(), Refusal> {
        if self.is_fresh.load(Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        if self.is_fresh.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match self.calls.aliases().await {
            Ok(pairs) => {
                let names = pairs
                    .into_iter()
                    .map(|(alias, real)| (alias, CollectionName::from(real.as_str())));
                self.names.store(Arc::new(names.collect()));
                Ok(())
            }
            Err(error) => {
                self.invalidate();
                tracing::warn!(%error, "the aliases cannot be read");
                Err(Refusal::unavailable(
                    "aliases_unknown",
                    "Qdrant's aliases cannot be read, so no request can be placed; try again",
                ))
            }
        }
    }

    /// Refuses a change of aliases that a managed collection is part of.
    pub fn check_change(&self, face: Face, message: &Bytes, table: &Table) -> Result<(), Refusal> {
        for name in names_of(face, message)? {
            let real = self.resolve(&name);
            if table.managed(real.as_str()).is_some() || table.managed(&name).is_some() {
                return Err(Refusal::forbidden(
                    "closed_call",
                    format!(
                        "`{name}` is a managed collection, or an alias of one: its aliases cannot be changed, because an alias could lead past Interlock"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Every collection and alias that a change of aliases names.
fn names_of(face: Face, message: &Bytes) -> Result<Vec<String>, Refusal> {
    let malformed = |error: &dyn std::fmt::Display| {
        Refusal::invalid(
            "malformed",
            format!("Format error in JSON body: the alias actions cannot be understood: {error}"),
        )
    };
    match face {
        Face::Grpc => {
            let change = ChangeAliases::decode(message.clone()).map_err(|error| malformed(&error))?;
            let actions = change
                .actions
                .into_iter()
                .filter_map(|operation| operation.action);
            Ok(actions
                .flat_map(|action| match action {
                    Action::CreateAlias(CreateAlias {
                        collection_name,
                        alias_name,
                    }) => vec![collection_name, alias_name],
                    Action::RenameAlias(RenameAlias {
                        old_alias_name,
                        new_alias_name,
                    }) => {
                        vec![old_alias_name, new_alias_name]
                    }
                    Action::DeleteAlias(DeleteAlias { alias_name }) => vec![alias_name],
                })
                .collect())
        }
        Face::Rest => {
            let change: RestChange = serde_json::from_slice(message).map_err(|error| malformed(&error))?;
            Ok(change
                .actions
                .into_iter()
                .flat_map(RestAction::into_names)
                .collect())
        }
    }
}

#[derive(Deserialize)]
struct RestChange {
    actions: Vec<RestAction>,
}

/// One action, exactly one member of which is set; with two, Qdrant would carry out only the first, so all count.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestAction {
    create_alias: Option<RestNames>,
    delete_alias: Option<RestNames>,
    rename_alias: Option<RestNames>,
}

#[derive(Deserialize)]
struct RestNames {
    collection_name: Option<String>,
    alias_name: Option<String>,
    old_alias_name: Option<String>,
    new_alias_name: Option<String>,
}

impl RestAction {
    fn into_names(self) -> Vec<String> {
        let members = [self.create_alias, self.delete_alias, self.rename_alias]
            .into_iter()
            .flatten();
        members
            .flat_map(|names| {
                [
                    names.collection_name,
                    names.alias_name,
                    names.old_alias_name,
                    names.new_alias_name,
                ]
            })
            .flatten()
            .collect()
    }
}
