//! What a client may change of collections and their vectors while Interlock knows their models. Called by `engine` with
//! the names that a body holds; decides on names alone.

use unicode_normalization::UnicodeNormalization;

use super::identity::is_ours;
use super::ids::{CollectionName, VectorName};
use super::quarantine::{Cause, Quarantine};
use super::refusal::{Refusal, RefusalKind};
use super::table::{Managed, StandbyState, Table};

/// A call that changes a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaCall {
    /// Makes a collection.
    CreateCollection,
    /// Changes a collection's configuration.
    UpdateCollection,
    /// Drops a collection.
    DeleteCollection,
    /// Makes a vector name.
    CreateVectorName,
    /// Drops a vector name with its vectors.
    DeleteVectorName,
}

/// The names in the body of a new collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of its vectors.
    pub vectors: Vec<String>,
    /// Top-level keys of its metadata.
    pub metadata: Vec<String>,
}

/// Refuses a metadata key of ours, whoever's collection it is: only Interlock says which model a collection is of.
///
/// # Errors
/// `reserved_metadata`.
pub fn check_metadata(keys: &[String], metadata_key: &str) -> Result<(), Refusal> {
    match keys.iter().find(|key| is_ours(key, metadata_key)) {
        Some(key) => Err(Refusal::forbidden(
            "reserved_metadata",
            format!("the metadata key `{key}` is Interlock's own: leave it out, other keys pass"),
        )),
        None => Ok(()),
    }
}

/// Refuses names that Interlock uses for spaces, and names that people take for one another.
///
/// # Errors
/// `reserved_name`, `look_alike`.
pub fn check_new_names(table: &Table, names: &[String], known: &[&VectorName]) -> Result<(), Refusal> {
    if table.models.is_empty() {
        return Ok(());
    }
    for (at, name) in names.iter().enumerate() {
        if name.contains('@') {
            return Err(Refusal::invalid(
                "reserved_name",
                format!(
                    "the vector name `{name}` is written like a space of a model (`field@model`), which only Interlock makes: choose one without `@`"
                ),
            ));
        }
        let earlier = names.iter().take(at).map(String::as_str);
        let known = known.iter().map(|name| name.as_str());
        if let Some(like) = earlier.chain(known).find(|other| is_look_alike(name, other)) {
            return Err(Refusal::invalid(
                "look_alike",
                format!(
                    "the vector names `{name}` and `{like}` would be two spaces that look like one: choose names that differ in more than case, blanks or encoding"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether two different names are the same to the eye: but for case, blanks around them, and how their letters are
/// composed.
fn is_look_alike(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        name.trim()
            .nfkc()
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    one != other && plain(one) == plain(other)
}

/// What becomes of a new collection whose name is in the table.
///
/// # Errors
/// `already_managed`, in Qdrant's words.
pub fn check_creation(collection: &CollectionName, managed: &Managed) -> Result<(), Refusal> {
    match managed.standing.quarantine() {
        Some(Quarantine {
            cause: Cause::Dropped,
            ..
        }) => Ok(()),
        Some(Quarantine {
            cause: Cause::Restored | Cause::Reshaped,
            ..
        })
        | None => Err(Refusal::new(
            RefusalKind::NotReady,
            "already_managed",
            format!("Wrong input: Collection `{collection}` already exists!"),
        )),
    }
}

/// Whether a managed collection may be dropped.
///
/// # Errors
/// `migration_open`: what is being filled would be lost half-way.
pub fn check_deletion(collection: &CollectionName, managed: &Managed) -> Result<(), Refusal> {
    let filling = managed.fields.values().find(|field| {
        let standby = field.standby.as_ref();
        standby.is_some_and(|standby| standby.state == StandbyState::Filling)
    });
    match filling {
        Some(field) => Err(Refusal::new(
            RefusalKind::NotReady,
            "migration_open",
            format!(
                "`{collection}` has an open migration of the vector `{}`: end it before the collection is dropped",
                field.name
            ),
        )),
        None => Ok(()),
    }
}

/// The real names of a vector whose configuration a client changes: every space behind it, so that a cutover changes
/// nothing about it but the model.
///
/// # Errors
/// `unknown_vector`.
pub fn spaces_of(managed: &Managed, name: &str) -> Result<Vec<VectorName>, Refusal> {
    if let Some(field) = managed.fields.get(name) {
        return Ok(field.spaces().map(|space| space.vector.clone()).collect());
    }
    let opaque = managed.opaque.iter().find(|opaque| opaque.as_str() == name);
    opaque
        .map(|opaque| vec![opaque.clone()])
        .ok_or_else(|| unknown(managed, name))
}

fn unknown(managed: &Managed, name: &str) -> Refusal {
    let names = managed.fields.keys().chain(&managed.opaque);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    Refusal::invalid(
        "unknown_vector",
        format!(
            "Wrong input: Not existing vector name error: {name} (there are {})",
            names.join(", ")
        ),
    )
}

/// Refuses a new vector name on a managed collection: it would be a space without a model.
pub fn new_vector(table: &Table, managed: &Managed, name: &str) -> Refusal {
    if spaces_of(managed, name).is_ok() {
        return Refusal::new(
            RefusalKind::NotReady,
            "already_managed",
            format!(
                "the vector `{name}` is there already; its configuration is changed by updating the collection"
            ),
        );
    }
    let known: Vec<&VectorName> = managed.fields.keys().chain(&managed.opaque).collect();
    match check_new_names(table, &[name.to_owned()], &known) {
        Err(refusal) => refusal,
        Ok(()) => Refusal::forbidden(
            "unregistered_vector",
            format!(
                "a vector `{name}` of a managed collection needs a model: make it at Qdrant itself, then adopt the collection again with it, as a field (`--vector {name}=MODEL`) or with `--opaque {name}`"
            ),
        ),
    }
}

/// Whether a vector name may be dropped: only one that is opaque.
///
/// # Errors
/// `managed_vector`, `unknown_vector`.
pub fn check_vector_deletion(managed: &Managed, name: &str) -> Result<(), Refusal> {
    let is_space = |field: &super::table::Field| field.spaces().any(|space| space.vector.as_str() == name);
    if managed.fields.contains_key(name) || managed.fields.values().any(is_space) {
        return Err(Refusal::forbidden(
            "managed_vector",
            format!(
                "the vector `{name}` has a model, and points are tagged with it: it is not dropped through Interlock"
            ),
        ));
    }
    match managed.opaque.iter().any(|opaque| opaque.as_str() == name) {
        true => Ok(()),
        false => Err(unknown(managed, name)),
    }
}

#[cfg(test)]
mod tests;
