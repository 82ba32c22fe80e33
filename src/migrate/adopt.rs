//! Puts a collection under management: checks what is there, describes it in the collection itself, publishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use qdrant_client::qdrant::CollectionInfo;
use uuid::Uuid;

use serde_json::json;

use super::api::{Adopt, AdoptVector, Adopted, AdoptedField, UndeclaredChoice};
use super::audit;
use super::error::{ControlError, ErrorKind};
use super::inner::{Inner, lock};
use super::run::Run;
use super::schema::{self, Shape};
use crate::domain::identity::{mark_key, verdict};
use crate::domain::ids::{CollectionName, Epoch, FieldKey, VectorName};
use crate::domain::model::ModelId;
use crate::domain::quarantine::Cause;
use crate::domain::refusal::Refusal;
use crate::domain::table::{Field, Managed, Space, Table, Undeclared};
use crate::store::Commit;
use crate::upstream::calls::found;

fn invalid(message: String) -> ControlError {
    ControlError::new(ErrorKind::Invalid, message)
}

impl Inner {
    pub(super) async fn adopt(&self, request: Adopt) -> Result<Adopted, ControlError> {
        let _turn = self.adding.lock().await;
        let aliases = self.calls.aliases().await?;
        let alias = aliases.get(request.collection.as_str());
        let collection = match alias {
            Some(real) => CollectionName::from(real.as_str()),
            None => request.collection.clone(),
        };
        let info = self.existing(&collection).await?;
        let table = self.registry.pin();
        let current = table.managed(collection.as_str());
        let before = current.filter(|managed| !self.is_another(managed, &table, &info));
        let shapes = own_vectors(schema::vectors(&info), before);
        let mut managed = self.managed(&request, &shapes, before)?;
        // Those that were adopted before there were marks get one now.
        let mark = *managed.mark.get_or_insert_with(Uuid::now_v7);
        let points = self.calls.count(collection.as_str(), Default::default()).await?;
        if current != Some(&managed) {
            if before.and_then(|before| before.mark) != Some(mark) {
                self.mark(&collection, mark).await?;
            }
            self.describe_as(&collection, &managed, &table).await?;
            let parent = current.cloned();
            let is_another = before.is_none() && current.is_some();
            drop(table);
            let insert = |table: &mut Table| {
                // A flip between the check and the publication must not be undone.
                if table.managed(collection.as_str()) != parent.as_ref() {
                    return Err(Refusal::invalid(
                        "changed",
                        "the collection changed under this command: give it again",
                    ));
                }
                table.collections.insert(collection.clone(), managed.clone());
                Ok(())
            };
            let rest = Commit {
                audit: Some(audit::line(
                    "collection adopted",
                    json!({ "collection": collection, "managed": managed, "replaces": is_another }),
                )),
                ..Commit::default()
            };
            let epoch = match is_another {
                true => self.replace(&collection, insert, rest).await?,
                false => self.publish(insert, rest).await?,
            };
            // From the answer on, no write goes untagged.
            self.registry.drained(epoch).await;
        }
        Ok(Adopted {
            alias: alias.map(|_| request.collection.to_string()),
            fields: managed
                .fields
                .values()
                .map(|field| adopted(&collection, field))
                .collect(),
            opaque: managed.opaque.clone(),
            points,
            epoch: self.registry.current_epoch(),
            warnings: warnings(&collection, points, &managed),
            collection,
        })
    }

    async fn existing(&self, collection: &CollectionName) -> Result<CollectionInfo, ControlError> {
        match self.calls.collection(collection.as_str()).await {
            Err(error) if error.is_not_found() => Err(ControlError::new(
                ErrorKind::NotFound,
                format!("the upstream has no collection `{collection}`: create it first"),
            )),
            info => Ok(info?),
        }
    }

    /// Whether what has the managed collection's name now is another one.
    fn is_another(&self, managed: &Managed, table: &Table, info: &CollectionInfo) -> bool {
        let found = found(info, &mark_key(&self.settings.metadata_key));
        let held = managed.standing.quarantine().map(|held| held.cause);
        [held, verdict(managed, table, Some(&found))].contains(&Some(Cause::Dropped))
    }

    /// Publishes a collection in the place of one that was dropped, whose migrations are over.
    async fn replace(
        &self,
        collection: &CollectionName,
        insert: impl Fn(&mut Table) -> Result<(), Refusal>,
        rest: Commit,
    ) -> Result<Epoch, ControlError> {
        let over: Vec<Arc<Run>> = {
            let runs = lock(&self.runs);
            let of_it = runs.values().filter(|run| run.key.collection == *collection);
            of_it.cloned().collect()
        };
        // Held, so that none of them steps on while they are forgotten.
        let mut held = Vec::with_capacity(over.len());
        for run in &over {
            held.push(run.state.lock().await);
        }
        let rest = Commit {
            forget: Some(collection.clone()),
            ..rest
        };
        let epoch = self.publish(insert, rest).await?;
        lock(&self.runs).retain(|key, _| key.collection != *collection);
        Ok(epoch)
    }

    fn managed(
        &self,
        request: &Adopt,
        shapes: &BTreeMap<VectorName, Shape>,
        before: Option<&Managed>,
    ) -> Result<Managed, ControlError> {
        let mut fields = BTreeMap::new();
        for vector in &request.vectors {
            let name = name_of(vector, shapes)?;
            let shape = shapes.get(&name).ok_or_else(|| no_vector(&name, shapes))?;
            let known = before.and_then(|managed| managed.fields.get(&name));
            let field = self.field_from(vector, &name, *shape, known)?;
            if fields.insert(name.clone(), field).is_some() {
                return Err(invalid(format!("vector `{name}` is named twice")));
            }
        }
        let opaque: BTreeSet<&VectorName> = request.opaque.iter().collect();
        for name in &opaque {
            if !shapes.contains_key(*name) {
                return Err(no_vector(name, shapes));
            }
            if fields.contains_key(*name) {
                return Err(invalid(format!(
                    "vector `{name}` is both a field and opaque: decide"
                )));
            }
        }
        let left: Vec<String> = shapes
            .keys()
            .filter(|name| !fields.contains_key(*name) && !opaque.contains(name))
            .map(|name| format!("`{name}`"))
            .collect();
        if !left.is_empty() {
            return Err(invalid(format!(
                "adoption covers a whole collection, and nothing is said of {}: give each a model, or declare it opaque",
                left.join(", ")
            )));
        }
        if let Some(field) =
            before.and_then(|managed| managed.fields.keys().find(|name| !fields.contains_key(*name)))
        {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("`{field}` is a field already and cannot become opaque: its points carry tags"),
            ));
        }
        Ok(Managed {
            fields,
            opaque: opaque.into_iter().cloned().collect(),
            mark: before.and_then(|before| before.mark),
            standing: before.map(|before| before.standing).unwrap_or_default(),
        })
    }

    fn field_from(
        &self,
        vector: &AdoptVector,
        name: &VectorName,
        shape: Shape,
        known: Option<&Field>,
    ) -> Result<Field, ControlError> {
        if name.as_str().contains('"') {
            return Err(invalid(format!(
                "vector `{name}` holds a quotation mark, which Qdrant's JSON paths cannot say: declare it opaque"
            )));
        }
        if let Some(key) = vector
            .source
            .iter()
            .flat_map(|source| source.keys())
            .find(|key| key.contains('"'))
        {
            return Err(invalid(format!(
                "the source template's key `{key}` holds a quotation mark"
            )));
        }
        let model = self.resolve(&vector.model)?;
        let needed = Shape::needed_by(&model);
        may_be(name, vector, &model.id, known)?;
        if known.is_none() && shape != needed {
            return Err(invalid(format!(
                "vector `{name}` is {shape}, but model `{}` makes {needed}: name the model that made it",
                model.id
            )));
        }
        let serving = Space {
            vector: known.map_or_else(|| name.clone(), |known| known.serving.vector.clone()),
            model: model.id.clone(),
        };
        let mut field = Field {
            name: name.clone(),
            serving,
            standby: known.and_then(|known| known.standby.clone()),
            undeclared: Undeclared::Reject,
            source: vector.source.clone(),
            on_embed_failure: vector.on_embed_failure,
        };
        field.undeclared = match &vector.undeclared {
            None => known.map_or(Undeclared::Pinned(model.id), |known| known.undeclared.clone()),
            Some(UndeclaredChoice::Reject) => Undeclared::Reject,
            Some(UndeclaredChoice::Pinned(to)) => {
                let pinned = self.resolve(to)?.id;
                if field.space_of(&pinned).is_none() {
                    return Err(invalid(format!(
                        "undeclared requests cannot be pinned to `{pinned}`: `{name}` has no space of it"
                    )));
                }
                Undeclared::Pinned(pinned)
            }
        };
        Ok(field)
    }
}

/// What is a field already keeps its model, and, while it has two spaces, its source.
fn may_be(
    name: &VectorName,
    vector: &AdoptVector,
    model: &ModelId,
    known: Option<&Field>,
) -> Result<(), ControlError> {
    let Some(known) = known else { return Ok(()) };
    if known.serving.model != *model {
        return Err(ControlError::new(
            ErrorKind::Conflict,
            format!(
                "`{name}` is managed, and `{}` serves it: change models with `interlock migrate start`",
                known.serving.model
            ),
        ));
    }
    if known.standby.is_some() && known.source != vector.source {
        return Err(ControlError::new(
            ErrorKind::Conflict,
            format!("`{name}` has two spaces, which are made from one source: keep the template as it is"),
        ));
    }
    Ok(())
}

/// The collection's vectors without the spaces that a migration made.
fn own_vectors(
    mut shapes: BTreeMap<VectorName, Shape>,
    before: Option<&Managed>,
) -> BTreeMap<VectorName, Shape> {
    for field in before.iter().flat_map(|managed| managed.fields.values()) {
        for space in field.spaces().filter(|space| space.vector != field.name) {
            shapes.remove(&space.vector);
        }
    }
    shapes
}

fn name_of(vector: &AdoptVector, shapes: &BTreeMap<VectorName, Shape>) -> Result<VectorName, ControlError> {
    match (&vector.name, shapes.len(), shapes.keys().next()) {
        (Some(name), _, _) => Ok(name.clone()),
        (None, 1, Some(only)) => Ok(only.clone()),
        (None, _, _) => Err(invalid(format!(
            "the collection has several vectors: say which one is `{}`'s",
            vector.model
        ))),
    }
}

fn no_vector(name: &VectorName, shapes: &BTreeMap<VectorName, Shape>) -> ControlError {
    let known: Vec<String> = shapes.keys().map(|name| format!("`{name}`")).collect();
    ControlError::new(
        ErrorKind::NotFound,
        format!("the collection has no vector `{name}`, but {}", known.join(", ")),
    )
}

fn adopted(collection: &CollectionName, field: &Field) -> AdoptedField {
    AdoptedField {
        key: FieldKey {
            collection: collection.clone(),
            field: field.name.clone(),
        },
        model: field.serving.model.clone(),
        undeclared: field.undeclared.clone(),
        source: field.source.clone(),
        on_embed_failure: field.on_embed_failure,
    }
}

fn warnings(collection: &CollectionName, points: u64, managed: &Managed) -> Vec<String> {
    let mut warnings = Vec::new();
    if points > 0 {
        warnings.push(format!(
            "`{collection}` holds {points} points; those without a tag count as the adopted model's, because nothing in them says otherwise: adopt with another model if another made them"
        ));
    }
    for field in managed.fields.values().filter(|field| field.source.is_none()) {
        warnings.push(format!(
            "`{}` has no source template: it can be migrated only by clients that write both models' vectors",
            field.name
        ));
    }
    warnings
}
