//! From a scanned request to a plan with its embeddings: decide, look up what is missing, embed, and where the
//! standby's embedder fails, decide anew without it.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use crate::domain::ids::{FieldKey, PointId};
use crate::domain::op::{Site, Verb};
use crate::domain::plan::{Edit, Embedding, Plan};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::route::{Claims, Decision, FoundPayloads, Known, Lookup};
use crate::domain::table::{Managed, OnEmbedFailure};
use crate::embed::{EmbedError, EmbedFailure};
use crate::registry::Pinned;
use crate::wire::scanned::Scanned;
use crate::wire::{Outgoing, StoredTexts};

use super::Engine;
use super::call::Call;
use super::send::Halt;

/// Points of one page of a look-up.
const LOOKUP_PAGE_POINTS: u32 = 1_000;
/// Decisions on one request: the first, one after each kind of look-up, one without the standby.
const DECISIONS_MAX: usize = 6;

/// A plan that can be carried out.
pub(super) struct Settled {
    pub plan: Plan,
    /// One for each of the plan's texts.
    pub embeddings: Vec<Embedding>,
}

impl Engine {
    pub(super) async fn settle(
        &self,
        call: &Call,
        table: &Pinned,
        claims: &Claims,
        scanned: &Scanned<'_>,
        message: &Bytes,
        run: Range<usize>,
    ) -> Result<Settled, Halt> {
        let mut known = Known::default();
        let mut deferred = false;
        for _ in 0..DECISIONS_MAX {
            match self.decide(call, table, claims, scanned, (&known, deferred), run.clone())? {
                Decision::Needs(lookups, edits) => {
                    for lookup in lookups {
                        self.look_up(call, table, scanned, (message, &edits), lookup, &mut known)
                            .await?;
                    }
                }
                Decision::Plan(plan) if plan.embeds.is_empty() => {
                    self.note_pending(call, table, &plan, deferred);
                    return Ok(Settled {
                        plan,
                        embeddings: Vec::new(),
                    });
                }
                Decision::Plan(plan) => match self.embedders.embed_all(&plan.embeds).await {
                    Ok(embeddings) => {
                        self.note_pending(call, table, &plan, deferred);
                        return Ok(Settled { plan, embeddings });
                    }
                    Err(failure)
                        if !deferred && may_defer(table.managed(call.collection.as_str()), &failure) =>
                    {
                        tracing::warn!(model = %failure.model, kind = failure.error.kind(), "the standby's vectors are deferred");
                        deferred = true;
                    }
                    Err(failure) => return Err(not_embedded(&failure).into()),
                },
            }
        }
        Err(Refusal::unavailable(
            "undecided",
            "the request could not be decided with what was looked up; try again",
        )
        .into())
    }

    async fn look_up(
        &self,
        call: &Call,
        table: &Pinned,
        scanned: &Scanned<'_>,
        edited: (&Bytes, &[(Site, Edit)]),
        lookup: Lookup,
        known: &mut Known,
    ) -> Result<(), Halt> {
        match lookup {
            Lookup::Payloads { write } => {
                let found = self.payloads(call, scanned, edited, write).await?;
                known.payloads.insert(write, found);
            }
            Lookup::Sources { ids } => {
                let keys: BTreeSet<&str> = table
                    .managed(call.collection.as_str())
                    .map(|m| m.source_keys().collect())
                    .unwrap_or_default();
                // One for each vector update of a batch.
                let found = self.sources(call, &ids, &keys).await?;
                known.sources.get_or_insert_default().extend(found);
            }
        }
        Ok(())
    }

    /// The points of a write's selector and their payload keys, page by page, with the client's own credentials.
    async fn payloads(
        &self,
        call: &Call,
        scanned: &Scanned<'_>,
        (message, edits): (&Bytes, &[(Site, Edit)]),
        write: usize,
    ) -> Result<FoundPayloads, Halt> {
        let key = &self.settings.reserved_key;
        let mut found = FoundPayloads::default();
        let mut keys = BTreeSet::new();
        let mut offset = None;
        loop {
            let body = scanned.scroll_of(message, edits, write, offset, LOOKUP_PAGE_POINTS, key)?;
            let answer = self
                .ask(
                    call,
                    Outgoing {
                        verb: Some(Verb::Scroll),
                        parts: vec![body],
                    },
                )
                .await?;
            let page = call.encoding().key_page(&answer)?;
            found.ids.extend(page.ids);
            keys.extend(page.keys);
            if found.ids.len() > self.settings.lookup_points_max {
                return Err(Refusal::new(
                    RefusalKind::TooLarge,
                    "selector_too_large",
                    format!(
                        "replacing or clearing payloads keeps every point's tag, and does so for at most {} points at once: use a narrower filter",
                        self.settings.lookup_points_max
                    ),
                )
                .into());
            }
            offset = page.next;
            if offset.is_none() {
                break;
            }
        }
        found.keys = keys.into_iter().collect();
        Ok(found)
    }

    /// The stored strings under the keys that source templates read, with the client's own credentials.
    async fn sources(
        &self,
        call: &Call,
        ids: &[PointId],
        keys: &BTreeSet<&str>,
    ) -> Result<StoredTexts, Halt> {
        let encoding = call.encoding();
        let outgoing = Outgoing {
            verb: Some(Verb::Get),
            parts: vec![encoding.get_texts(&call.spelled, ids, keys)],
        };
        let answer = self.ask(call, outgoing).await?;
        Ok(encoding.texts(&answer)?)
    }

    fn note_pending(&self, call: &Call, table: &Pinned, plan: &Plan, deferred: bool) {
        let Some(managed) = table.managed(call.collection.as_str()) else {
            return;
        };
        if !deferred || plan.steps.is_empty() {
            return;
        }
        for field in managed.fields.values().filter(|field| field.standby.is_some()) {
            (self.on_pending)(&FieldKey {
                collection: call.collection.clone(),
                field: field.name.clone(),
            });
        }
    }
}

/// Whether the write can go on without the vectors that failed.
fn may_defer(managed: Option<&Managed>, failure: &EmbedFailure) -> bool {
    let mut fields = managed.into_iter().flat_map(|managed| managed.fields.values());
    !failure.required
        && fields.any(|field| {
            field.on_standby_failure() == OnEmbedFailure::Defer
                && field
                    .standby
                    .as_ref()
                    .is_some_and(|standby| standby.space.model == failure.model)
        })
}

fn not_embedded(failure: &EmbedFailure) -> Refusal {
    let message = format!("{}: {}; nothing was written", failure.model, failure.error);
    match &failure.error {
        EmbedError::Rejected(_) | EmbedError::NoEmbedder => Refusal::invalid("not_embedded", message),
        EmbedError::Busy => Refusal::new(RefusalKind::Busy, "embedder_busy", message),
        EmbedError::Unavailable { .. } | EmbedError::Timeout | EmbedError::WrongShape { .. } => {
            Refusal::unavailable("embedder_down", message)
        }
    }
}
