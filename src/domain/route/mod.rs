//! From a request and a table to a plan, or a refusal. Pure and total: everything that it needs to know beyond the
//! request is in [`Context`], and where that is not enough it says what to look up. Called by `engine`, once a request
//! and again after a look-up or a deferral.

mod claim;
mod read;
mod write;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::ids::{CollectionName, PointId, WriteId};
use super::model::{ModelId, ModelRef};
use super::op::{Op, OpKind, Site, Verb};
use super::plan::{Edit, Plan};
use super::refusal::Refusal;
use super::table::{Managed, Table};

pub use claim::RETIRED_SPACE;

/// What a client says of its model outside the body.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The `embedding-model` header or metadata; one model a field may be listed.
    pub header: Vec<ModelRef>,
    /// The models that are bound to the client's API key: at most one a field. Empty where none is.
    pub key: Arc<[ModelId]>,
    /// `embedding-provenance: include`: tags stay visible.
    pub shows_tags: bool,
}

/// What was looked up for this request.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// For each write that replaces or clears payloads: what is there now.
    pub payloads: HashMap<usize, FoundPayloads>,
    /// Stored source texts, by point: payload key and string. `None` until they were read.
    pub sources: Option<HashMap<PointId, Vec<(String, String)>>>,
}

/// The points of a selector and the payload keys that they hold, without the reserved one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundPayloads {
    /// The points.
    pub ids: Vec<PointId>,
    /// Their top-level payload keys.
    pub keys: Vec<String>,
}

/// Everything that a decision depends on besides the request.
pub struct Context<'a> {
    /// The pinned table.
    pub table: &'a Table,
    /// The request's collection, by its real name.
    pub collection: &'a CollectionName,
    /// Its entry in the table.
    pub managed: &'a Managed,
    /// From a client's spelling of a collection to the real name: aliases first, as Qdrant resolves.
    pub resolve: &'a dyn Fn(&str) -> CollectionName,
    /// What the client claims.
    pub claims: &'a Claims,
    /// The reserved payload key.
    pub reserved_key: &'a str,
    /// Whether the upstream may keep vectors that an upsert does not name (Qdrant below 1.19).
    pub upsert_retains: bool,
    /// The standby's embedder has failed: write what can be written, and leave the rest pending.
    pub deferred: bool,
    /// What was looked up.
    pub known: &'a Known,
}

/// What must be known before a request can be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The points and payload keys of this write's selector.
    Payloads {
        /// The write's index.
        write: usize,
    },
    /// The stored source texts of these points.
    Sources {
        /// The points.
        ids: Vec<PointId>,
    },
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This is to be done.
    Plan(Plan),
    /// These must be looked up, in the spaces that the edits so far say; then decide again.
    Needs(Vec<Lookup>, Vec<(Site, Edit)>),
}

/// Decides on a request; of a batch of writes, on those in `writes` only.
///
/// # Errors
/// A [`Refusal`] that says what was wrong; nothing may then be forwarded.
pub fn decide(
    context: &Context<'_>,
    op: &Op<'_>,
    writes: Range<usize>,
    new_id: &mut dyn FnMut() -> WriteId,
) -> Result<Decision, Refusal> {
    match &op.kind {
        OpKind::Reads(_) | OpKind::Writes(_) => context.check_standing(op)?,
        OpKind::Info => {}
    }
    match &op.kind {
        OpKind::Reads(reads) => read::decide(context, op.verb, reads).map(Decision::Plan),
        OpKind::Writes(all) => write::decide(context, all, writes, new_id),
        OpKind::Info => info(context, op.verb).map(Decision::Plan),
    }
}

/// Collection info says the shape of the client's own spaces, under its own names.
fn info(context: &Context<'_>, verb: Verb) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let opaque = context.managed.opaque.iter();
    let mut vectors: Vec<_> = opaque.map(|name| (name.clone(), name.clone())).collect();
    for field in context.managed.fields.values() {
        let space = claim::shown(field, context.managed, context.claims)?;
        vectors.push((space.vector.clone(), field.name.clone()));
        if !plan.models.contains(&space.model) {
            plan.models.push(space.model.clone());
        }
    }
    if verb == Verb::CollectionInfo {
        plan.unwrite.vectors = Some(vectors);
    }
    Ok(plan)
}

/// Splits a batch of writes into runs that can each be planned at once: a write that replaces or clears payloads, or
/// needs stored source texts, must see what the writes before it left, so it starts a run of its own.
pub fn runs(op: &Op<'_>) -> SmallVec<[Range<usize>; 1]> {
    match &op.kind {
        OpKind::Reads(_) | OpKind::Info => std::iter::once(0..0).collect(),
        OpKind::Writes(all) => write::runs(all),
    }
}

impl Context<'_> {
    /// Data calls on a quarantined collection are refused, and those that look up in one.
    fn check_standing(&self, op: &Op<'_>) -> Result<(), Refusal> {
        self.managed.standing.check(self.collection)?;
        for spelled in op.lookups() {
            let real = (self.resolve)(spelled);
            if let Some(managed) = self.table.managed(real.as_str()) {
                managed.standing.check(&real)?;
            }
        }
        Ok(())
    }

    fn serving_models(&self) -> Vec<ModelId> {
        let mut models: Vec<_> = self
            .managed
            .fields
            .values()
            .map(|field| field.serving.model.clone())
            .collect();
        models.dedup();
        models
    }
}

#[cfg(test)]
mod tests;
