//! Looks at every point of a managed collection: whether its tag proves its vectors. Lifts the quarantine of a restored
//! collection where nothing is found, or, where it is told to, once what nothing proves was taken out.

use std::collections::BTreeMap;

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{DeleteVectors, Operation, SetPayload};
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    PointId as ProtoId, PointsIdsList, PointsSelector, PointsUpdateOperation, RetrievedPoint, VectorOutput,
    VectorsSelector,
};
use serde_json::json;
use uuid::Uuid;

use super::api::{Audit, AuditReport, Found};
use super::audit;
use super::error::{ControlError, ErrorKind};
use super::inner::Inner;
use crate::domain::audit::{Finding, Held, examine};
use crate::domain::identity::{self, mark_key};
use crate::domain::ids::{CollectionName, FieldKey, VectorName, WriteId};
use crate::domain::quarantine::{Cause, Standing};
use crate::domain::table::{Managed, Table};
use crate::domain::tag::TagEntry;
use crate::store::Commit;
use crate::upstream::calls::spelled;

/// Points of each kind that are named.
const EXAMPLES_MAX: usize = 20;

/// What one walk over the points found.
#[derive(Default)]
struct Walk {
    points: u64,
    mended: u64,
    found: BTreeMap<Finding, Found>,
}

impl Inner {
    pub(super) async fn audit(&self, request: &Audit) -> Result<AuditReport, ControlError> {
        let named = FieldKey {
            collection: request.collection.clone(),
            field: "".into(),
        };
        let collection = self.real(&named).await?.collection;
        let _turn = self.adding.lock().await;
        let managed = self.registry.pin().managed(collection.as_str()).cloned();
        let managed = managed.ok_or_else(|| {
            ControlError::new(
                ErrorKind::NotFound,
                format!("`{collection}` is not managed: adopt it with `interlock adopt`"),
            )
        })?;
        self.check_identity(&collection, &managed).await?;
        let mut mended = 0;
        if request.drop_unproven {
            if managed.standing.is_open() {
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    format!(
                        "`{collection}` is not quarantined: vectors are taken out of a quarantined collection only"
                    ),
                ));
            }
            mended = self.walk(&collection, &managed, (request, true)).await?.mended;
        }
        let walk = self.walk(&collection, &managed, (request, false)).await?;
        let is_clean = walk.found.is_empty();
        let lifted = match is_clean && !managed.standing.is_open() {
            true => {
                self.lift(&collection, managed.standing, request.trust_untagged)
                    .await?;
                true
            }
            false => false,
        };
        Ok(AuditReport {
            collection,
            points: walk.points,
            findings: walk.found.into_values().collect(),
            mended,
            lifted,
            quarantine: match lifted {
                true => None,
                false => managed.standing.quarantine(),
            },
            epoch: self.registry.current_epoch(),
        })
    }

    /// An audit is about the collection that was adopted, with the vectors that it had.
    async fn check_identity(
        &self,
        collection: &CollectionName,
        managed: &Managed,
    ) -> Result<(), ControlError> {
        let key = mark_key(&self.settings.metadata_key);
        let found = match self.calls.found(collection.as_str(), &key).await {
            Ok(found) => Some(found),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let cause = identity::verdict(managed, &self.registry.pin(), found.as_ref());
        let dropped = managed.standing.quarantine().map(|held| held.cause) == Some(Cause::Dropped);
        match cause.or(dropped.then_some(Cause::Dropped)) {
            None => Ok(()),
            Some(cause) => Err(ControlError::new(
                ErrorKind::Conflict,
                format!(
                    "`{collection}` cannot be audited, because {cause}: {}",
                    cause.remedy()
                ),
            )),
        }
    }

    async fn walk(
        &self,
        collection: &CollectionName,
        managed: &Managed,
        (request, mends): (&Audit, bool),
    ) -> Result<Walk, ControlError> {
        let mut walk = Walk::default();
        let mut from = None;
        loop {
            let page = self
                .calls
                .scroll_whole(
                    collection.as_str(),
                    from,
                    self.settings.page_points,
                    &format!("\"{}\"", self.settings.reserved_key),
                )
                .await?;
            let mut operations = Vec::new();
            {
                let table = self.registry.pin();
                for point in page.points {
                    self.look_at(
                        &table,
                        managed,
                        point,
                        (&mut walk, request.trust_untagged),
                        mends.then_some(&mut operations),
                    );
                }
            }
            if !operations.is_empty() {
                self.calls.update_batch(collection.as_str(), operations).await?;
            }
            from = page.next;
            if from.is_none() {
                return Ok(walk);
            }
        }
    }

    fn look_at(
        &self,
        table: &Table,
        managed: &Managed,
        point: RetrievedPoint,
        (walk, trusts_untagged): (&mut Walk, bool),
        operations: Option<&mut Vec<PointsUpdateOperation>>,
    ) {
        walk.points += 1;
        let Some(id) = point.id.clone() else { return };
        let found = examine(table, managed, &held(point, &self.settings.reserved_key));
        let mut fields: Vec<VectorName> = Vec::new();
        let counts = |finding: &Finding| !(trusts_untagged && *finding == Finding::Untagged);
        for (finding, of) in found.into_iter().filter(|(finding, _)| counts(finding)) {
            let entry = walk.found.entry(finding).or_insert_with(|| Found {
                finding,
                points: 0,
                examples: Vec::new(),
            });
            entry.points += 1;
            if entry.examples.len() < EXAMPLES_MAX {
                entry.examples.push(spelled(&id));
            }
            if finding.is_mendable() && !fields.contains(&of) {
                fields.push(of);
            }
        }
        let Some(operations) = operations else { return };
        walk.mended += u64::from(!fields.is_empty());
        for field in fields {
            operations.extend(self.mending(managed, &id, &field));
        }
    }

    /// First the vectors go, then what is said of them: a crash in between leaves a claim without a vector, which the
    /// next audit finds, and never a vector without a claim.
    fn mending(&self, managed: &Managed, id: &ProtoId, field: &VectorName) -> Vec<PointsUpdateOperation> {
        let selector = Some(PointsSelector {
            points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
                ids: vec![id.clone()],
            })),
        });
        let spaces = managed
            .fields
            .get(field)
            .into_iter()
            .flat_map(|field| field.spaces());
        let names = spaces.map(|space| space.vector.to_string()).collect();
        let entry = TagEntry {
            field: field.clone(),
            write_id: WriteId(Uuid::now_v7()),
            source_hash: None,
            models: std::sync::Arc::default(),
        };
        let removal = Operation::DeleteVectors(DeleteVectors {
            points_selector: selector.clone(),
            vectors: Some(VectorsSelector { names }),
            shard_key_selector: None,
        });
        let tagging = Operation::SetPayload(SetPayload {
            payload: std::iter::once((field.to_string(), entry.to_json().into())).collect(),
            points_selector: selector,
            key: Some(format!("\"{}\"", self.settings.reserved_key)),
            ..SetPayload::default()
        });
        [removal, tagging]
            .map(|operation| PointsUpdateOperation {
                operation: Some(operation),
            })
            .into()
    }

    /// Lifts exactly the quarantine that was looked into.
    async fn lift(
        &self,
        collection: &CollectionName,
        standing: Standing,
        trusts_untagged: bool,
    ) -> Result<(), ControlError> {
        let change = |table: &mut Table| match table.collections.get_mut(collection) {
            Some(managed) if managed.standing == standing => {
                managed.standing = Standing::Open;
                Ok(())
            }
            Some(_) | None => Err(crate::domain::refusal::Refusal::invalid(
                "changed",
                "the collection was quarantined anew during the audit: give the command again",
            )),
        };
        let rest = Commit {
            audit: Some(audit::line(
                "quarantine lifted",
                json!({ "collection": collection, "standing": standing, "trust_untagged": trusts_untagged }),
            )),
            ..Commit::default()
        };
        self.publish(change, rest).await?;
        Ok(())
    }
}

fn held(point: RetrievedPoint, reserved_key: &str) -> Held {
    let mut payload = point.payload;
    let vectors = match point.vectors.and_then(|vectors| vectors.vectors_options) {
        Some(VectorsOptions::Vector(one)) => vec![(VectorName::from(""), components(&one))],
        Some(VectorsOptions::Vectors(named)) => named
            .vectors
            .iter()
            .map(|(name, vector)| (VectorName::from(name.as_str()), components(vector)))
            .collect(),
        None => Vec::new(),
    };
    Held {
        vectors,
        tag: payload.remove(reserved_key).map(Into::into),
    }
}

/// Components of a vector, of a multivector's rows; 0 for a sparse one.
fn components(vector: &VectorOutput) -> u64 {
    let length = match vector.clone().into_vector() {
        Vector::Dense(dense) => dense.data.len(),
        Vector::Sparse(_) => 0,
        Vector::MultiDense(rows) => rows.vectors.first().map_or(0, |row| row.data.len()),
    };
    length as u64
}
