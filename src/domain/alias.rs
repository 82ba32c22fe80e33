//! What a change of aliases would do, decided on the whole list before any of it is sent: Qdrant carries its actions out
//! in order, stops at the first that fails, and keeps those before it. An alias must never lead past the table, nor from
//! one model to another under a client that says nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::CollectionName;
use super::refusal::{Refusal, RefusalKind};
use super::table::{Managed, Table};

/// One action of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes an alias of a collection, by its real name. An alias of this name that there is already is pointed anew.
    Create {
        /// The alias.
        alias: String,
        /// The collection.
        collection: String,
    },
    /// Gives an alias another name, whatever has that name.
    Rename {
        /// The name that it has.
        old: String,
        /// The name that it gets.
        new: String,
    },
    /// Removes an alias, if there is one of that name.
    Delete {
        /// The alias.
        alias: String,
    },
}

/// What Qdrant has now.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The table.
    pub table: &'a Table,
    /// Every alias, with the real name behind it.
    pub aliases: &'a BTreeMap<String, CollectionName>,
    /// The real name of every collection.
    pub collections: &'a BTreeSet<String>,
}

/// A change that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// No managed collection is part of it.
    Unconcerned,
    /// These names will mean something else: no request that uses one may be under way while it is made.
    Concerned {
        /// The names.
        names: BTreeSet<String>,
    },
}

/// Decides on a whole list.
///
/// # Errors
/// `alias_shadows` where an alias would hide a managed collection, or hide another collection behind a managed one;
/// `alias_unlike` where a name would lead from one collection to another whose models are not the same; `alias_list`
/// where Qdrant would stop half-way.
pub fn decide(world: World<'_>, actions: &[Action]) -> Result<Change, Refusal> {
    let mut after = world.aliases.clone();
    let mut names = BTreeSet::new();
    let mut stopped = None;
    for (at, action) in actions.iter().enumerate() {
        names.extend(action.names().map(str::to_owned));
        if stopped.is_none()
            && let Err(why) = apply(world, &mut after, action)
        {
            stopped = Some((at, why));
        }
    }
    let is_concerned = actions.iter().any(|action| concerns(world, &after, action));
    if !is_concerned {
        return Ok(Change::Unconcerned);
    }
    for name in &names {
        check_name(world, &after, name)?;
    }
    // What fails first changes nothing, and Qdrant says best why.
    if let Some((at, why)) = stopped.filter(|(at, _)| *at > 0) {
        return Err(Refusal::invalid(
            "alias_list",
            format!(
                "action {} of {} would fail ({why}), and Qdrant would keep those before it: nothing was changed",
                at + 1,
                actions.len()
            ),
        ));
    }
    Ok(Change::Concerned { names })
}

impl Action {
    /// The aliases that it is about: the names whose meaning it changes.
    fn names(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Create { alias, .. } | Self::Delete { alias } => (alias, None),
            Self::Rename { old, new } => (old, Some(new)),
        };
        std::iter::once(one).chain(other).map(String::as_str)
    }
}

/// As Qdrant does it.
fn apply(
    world: World<'_>,
    aliases: &mut BTreeMap<String, CollectionName>,
    action: &Action,
) -> Result<(), String> {
    match action {
        Action::Create { alias, collection } => {
            if !world.collections.contains(collection) {
                return Err(format!("there is no collection `{collection}`"));
            }
            if world.collections.contains(alias) {
                return Err(format!("`{alias}` is a collection"));
            }
            aliases.insert(alias.clone(), CollectionName::from(collection.as_str()));
        }
        Action::Rename { old, new } => {
            let target = aliases
                .remove(old)
                .ok_or_else(|| format!("there is no alias `{old}`"))?;
            aliases.insert(new.clone(), target);
        }
        Action::Delete { alias } => {
            aliases.remove(alias);
        }
    }
    Ok(())
}

fn concerns(world: World<'_>, after: &BTreeMap<String, CollectionName>, action: &Action) -> bool {
    let is_managed = |name: &str| world.table.managed(name).is_some();
    let leads = |aliases: &BTreeMap<String, CollectionName>, name: &str| {
        aliases.get(name).is_some_and(|real| is_managed(real.as_str()))
    };
    let target = match action {
        Action::Create { collection, .. } => is_managed(collection) || leads(world.aliases, collection),
        Action::Rename { .. } | Action::Delete { .. } => false,
    };
    target
        || action
            .names()
            .any(|name| is_managed(name) || leads(world.aliases, name) || leads(after, name))
}

/// What a name means: aliases first, then collections.
fn meaning<'a>(
    world: World<'a>,
    aliases: &'a BTreeMap<String, CollectionName>,
    name: &'a str,
) -> Option<&'a str> {
    let alias = aliases.get(name).map(CollectionName::as_str);
    alias.or_else(|| world.collections.contains(name).then_some(name))
}

fn check_name(world: World<'_>, after: &BTreeMap<String, CollectionName>, name: &str) -> Result<(), Refusal> {
    let becomes_alias = !world.aliases.contains_key(name) && after.contains_key(name);
    let is_collection = world.collections.contains(name);
    if becomes_alias && (is_collection || world.table.managed(name).is_some()) {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            "alias_shadows",
            format!("the alias would hide the collection `{name}`: choose another name"),
        ));
    }
    let (Some(from), Some(to)) = (meaning(world, world.aliases, name), meaning(world, after, name)) else {
        return Ok(());
    };
    let like = match (world.table.managed(from), world.table.managed(to)) {
        (None, None) => true,
        (Some(one), Some(other)) => is_like(one, other),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if from == to || like {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalKind::Forbidden,
        "alias_unlike",
        format!(
            "`{name}` would lead from `{from}` to `{to}`, and these do not have the same models for the same vectors: its clients would be answered from another model's space. Adopt both with the same models, or delete the alias first and make it anew when no client uses it"
        ),
    ))
}

/// Whether a client that knows one collection's models knows the other's: the same fields with the same serving models
/// and the same reading of requests that declare none.
fn is_like(one: &Managed, other: &Managed) -> bool {
    let reading = |managed: &Managed| {
        let fields = managed.fields.values();
        let fields: Vec<_> = fields
            .map(|field| {
                (
                    field.name.clone(),
                    field.serving.model.clone(),
                    field.undeclared.clone(),
                )
            })
            .collect();
        let opaque: BTreeSet<_> = managed.opaque.iter().cloned().collect();
        (fields, opaque)
    };
    reading(one) == reading(other)
}

#[cfg(test)]
mod tests;
