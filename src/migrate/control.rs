//! The operator's verbs, as the admin API calls them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::api::{
    Adopt, Adopted, Audit, AuditReport, CutoverReport, MigrationStatus, ModelAdded, ModelRow, Order,
    Rehearsal, Rehearse, Release, Released, Retire, Start, Status, When,
};
use super::audit::now_ms;
use super::cache::Cache;
use super::error::{ControlError, ErrorKind};
use super::flip::Direction;
use super::forecast::Ahead;
use super::inner::{Inner, lock};
use super::run::Run;
use super::settings::Settings;
use crate::domain::embedder::EmbedderSpec;
use crate::domain::forecast::Forecast;
use crate::domain::ids::{CollectionName, Epoch, FieldKey};
use crate::domain::model::{Model, ModelRef};
use crate::domain::phase::{Appointment, Migration};
use crate::domain::quarantine::Cause;
use crate::domain::verify::Ask as Verify;
use crate::embed::Embedders;
use crate::registry::Registry;
use crate::store::StoredState;
use crate::upstream::Upstream;
use crate::upstream::calls::{CallLimits, Calls};

/// What a [`Control`] is made of.
pub struct Parts {
    /// The routing table, and through it the store.
    pub registry: Arc<Registry>,
    /// The Qdrant.
    pub upstream: Arc<dyn Upstream>,
    /// Every model's embedder; shared with the engine, and filled from the store by `app`.
    pub embedders: Arc<Embedders>,
    /// Bounds and names.
    pub settings: Settings,
}

/// The control loop's handle. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

impl Control {
    /// Makes a control from what was stored. Nothing runs before [`Self::resume`] or a verb.
    ///
    /// # Errors
    /// `invalid` for an API key that no header can carry; `store` where a stored migration cannot be read.
    pub fn new(parts: Parts, stored: &StoredState) -> Result<Self, ControlError> {
        let api_key = match &parts.settings.api_key {
            Some(key) => {
                let mut value = HeaderValue::from_str(key).map_err(|_| {
                    ControlError::new(ErrorKind::Invalid, "the upstream's API key is no header value")
                })?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let limits = CallLimits {
            timeout: Duration::from_millis(parts.settings.call_timeout_ms),
            answer_bytes_max: parts.settings.answer_bytes_max,
        };
        let mut runs = std::collections::BTreeMap::new();
        for (key, bytes) in &stored.migrations {
            let migration: Migration = serde_json::from_slice(bytes).map_err(|error| {
                ControlError::new(
                    ErrorKind::Store,
                    format!("the migration of `{key}` cannot be read ({error}): was it written by a newer version?"),
                )
            })?;
            let run = Run::new(migration, parts.registry.current_epoch());
            runs.insert(key.clone(), Arc::new(run));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                calls: Calls::new(parts.upstream, api_key, limits),
                registry: parts.registry,
                embedders: parts.embedders,
                cache: Cache::new(parts.settings.cache_bytes_max),
                settings: parts.settings,
                specs: Mutex::new(stored.embedders.clone()),
                runs: Mutex::new(runs),
                tasks: Mutex::new(JoinSet::new()),
                stopping: watch::Sender::new(false),
                adding: tokio::sync::Mutex::new(()),
            }),
        })
    }

    /// Registers a model, or, where it is registered with the same definition, gives it this embedder.
    ///
    /// # Errors
    /// `conflict` where another definition has the id; `invalid` for a model or an embedder that cannot be; `store`.
    pub async fn add_model(&self, model: Model, embedder: EmbedderSpec) -> Result<ModelAdded, ControlError> {
        self.inner.add_model(model, embedder).await
    }

    /// Every registered model.
    pub fn models(&self) -> Vec<ModelRow> {
        self.inner.rows()
    }

    /// Puts a collection under management. The same request again changes nothing; one that differs only in policies
    /// changes those.
    ///
    /// # Errors
    /// `not_found` for a collection, vector or model; `invalid` where the model does not fit the schema or a vector is
    /// left out; `conflict` where it is managed otherwise; `upstream`; `store`.
    pub async fn adopt(&self, request: Adopt) -> Result<Adopted, ControlError> {
        self.inner.adopt(request).await
    }

    /// Says what a migration would do and cost; changes nothing. Embeds a bounded sample unless told not to.
    ///
    /// # Errors
    /// `not_found` for a field or model; `upstream`.
    pub async fn forecast(&self, key: &FieldKey, ask: &Ahead) -> Result<Forecast, ControlError> {
        self.inner.forecast(key, ask).await
    }

    /// Starts a migration, or takes up the one to the same target. Answers when dual writing is open, or earlier with
    /// the state reached after a bounded wait; the work goes on.
    ///
    /// # Errors
    /// `not_found` for a field or model; `conflict` where another migration is open or the model serves already;
    /// `invalid` where Qdrant refuses the space; `upstream`; `store`.
    pub async fn start(&self, key: &FieldKey, to: &ModelRef) -> Result<MigrationStatus, ControlError> {
        self.inner.start(key, &Start::to(to.clone())).await
    }

    /// As [`Self::start`], with options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(&self, key: &FieldKey, ask: &Start) -> Result<MigrationStatus, ControlError> {
        self.inner.start(key, ask).await
    }

    /// Holds a backfill to so many points per second; 0: as many as it can.
    ///
    /// # Errors
    /// `not_found`; `conflict` where there is no backfill to come or under way; `store`.
    pub async fn pace(&self, key: &FieldKey, rate: u32) -> Result<MigrationStatus, ControlError> {
        self.inner.set_rate(key, rate).await
    }

    /// The field's migration, now and after each change. By the collection's real name.
    ///
    /// # Errors
    /// `not_found`.
    pub fn watch(&self, key: &FieldKey) -> Result<watch::Receiver<MigrationStatus>, ControlError> {
        Ok(self.inner.run(key)?.status.subscribe())
    }

    /// The field's migration, counted anew.
    ///
    /// # Errors
    /// `not_found`; `upstream`.
    pub async fn migration(&self, key: &FieldKey) -> Result<MigrationStatus, ControlError> {
        let run = self.inner.run(&self.inner.real(key).await?)?;
        let migration = run.state.lock().await.clone();
        self.inner.count(&run, &migration).await?;
        let status = run.status.borrow().clone();
        Ok(status)
    }

    /// Flips to the target if the gate says go. When it returns, every answer begun under the earlier table has been
    /// delivered. Where the target serves already, it waits for those answers and says so.
    ///
    /// # Errors
    /// `not_ready` with every reason of the gate, or where earlier requests outlast the bound (the flip is made then);
    /// `conflict` for another model; `not_found`; `upstream`; `store`.
    pub async fn cutover(&self, key: &FieldKey, to: &ModelRef) -> Result<CutoverReport, ControlError> {
        self.inner.flip(key, to, Direction::Forth, None).await
    }

    /// As [`Self::cutover`], but for those of the gate's reasons that can be forced. `why` goes into the audit log.
    ///
    /// # Errors
    /// As [`Self::cutover`].
    pub async fn force_cutover(
        &self,
        key: &FieldKey,
        to: &ModelRef,
        why: &str,
    ) -> Result<CutoverReport, ControlError> {
        self.inner.flip(key, to, Direction::Forth, Some(why)).await
    }

    /// Postpones a cutover, sets its time, or takes that back.
    ///
    /// # Errors
    /// As [`Self::cutover`]; `invalid` for a time that is not ahead.
    pub async fn appoint(
        &self,
        key: &FieldKey,
        to: &ModelRef,
        when: When,
    ) -> Result<MigrationStatus, ControlError> {
        self.inner.appoint(key, to, when).await
    }

    /// Says what a verb would do now; changes nothing.
    ///
    /// # Errors
    /// `not_found`; `upstream`. What stands against the verb is no error: [`Rehearsal::against`] says it.
    pub async fn rehearse(&self, key: &FieldKey, verb: &Rehearse) -> Result<Rehearsal, ControlError> {
        self.inner.rehearse(key, verb).await
    }

    /// Flips back to the space that served before the cutover, whose model is `to`.
    ///
    /// # Errors
    /// As [`Self::cutover`].
    pub async fn rollback(&self, key: &FieldKey, to: &ModelRef) -> Result<CutoverReport, ControlError> {
        self.inner.flip(key, to, Direction::Back, None).await
    }

    /// Pauses, resumes or cancels a migration, or ends a brownout.
    ///
    /// # Errors
    /// `not_found`; `conflict` where its phase has no use for the order; `store`.
    pub async fn order(&self, key: &FieldKey, order: Order) -> Result<MigrationStatus, ControlError> {
        self.inner.order(key, order).await
    }

    /// Begins to retire the space that served before the cutover; given again, says where that stands.
    ///
    /// # Errors
    /// `not_ready` with every reason against it; `invalid` for a policy that cannot hold afterwards; `conflict` before
    /// the cutover; `not_found`; `store`.
    pub async fn retire(&self, key: &FieldKey, ask: &Retire) -> Result<MigrationStatus, ControlError> {
        self.inner.retire(key, ask).await
    }

    /// Compares both spaces of a migration, point by point. Answers when it is begun, or is known to be under way; the
    /// work goes on, also over restarts, and shows in the migration's state. Given again after its end, it begins anew.
    ///
    /// # Errors
    /// `not_found`; `conflict` where there are not two spaces, or one with other options is under way; `upstream`;
    /// `store`.
    pub async fn verify(&self, key: &FieldKey, ask: Verify) -> Result<MigrationStatus, ControlError> {
        self.inner.verify(key, ask).await
    }

    /// The last lines of the audit log, oldest first: one JSON document each.
    ///
    /// # Errors
    /// `store`.
    pub async fn log(&self, lines_max: usize) -> Result<Vec<String>, ControlError> {
        Ok(self.inner.registry.audit_tail(lines_max).await?)
    }

    /// What is managed, counted exactly: everything, or one collection, by its name or an alias. A collection that the
    /// upstream does not count has its error in its place.
    ///
    /// # Errors
    /// `not_found` for a collection that is not managed; `upstream` where its alias cannot be looked up.
    pub async fn status(&self, filter: Option<&CollectionName>) -> Result<Status, ControlError> {
        self.inner.status(filter).await
    }

    /// Checks every point of a managed collection against its tags. Lifts its quarantine where nothing is found.
    ///
    /// # Errors
    /// `not_found`; `conflict` where the collection is not the one that was adopted; `upstream`; `store`.
    pub async fn audit(&self, request: &Audit) -> Result<AuditReport, ControlError> {
        self.inner.audit(request).await
    }

    /// Ends the management of a collection; given again, goes on with what was left undone. Takes tags out for a bounded
    /// time only: see [`Released::tags_left`].
    ///
    /// # Errors
    /// `conflict` while a migration is open, or where it is quarantined; `not_found`; `upstream`; `store`.
    pub async fn release(&self, request: &Release) -> Result<Released, ControlError> {
        self.inner.release(request).await
    }

    /// Refuses a managed collection's data calls until what lifts the cause is done; see [`Registry::quarantine`].
    ///
    /// # Errors
    /// `store`.
    pub async fn quarantine(&self, collection: &CollectionName, cause: Cause) -> Result<Epoch, ControlError> {
        let quarantined = self.inner.registry.quarantine(collection, cause, now_ms());
        Ok(quarantined.await?)
    }

    /// Takes up every migration that was stored. Once, at start-up.
    pub async fn resume(&self) {
        let runs: Vec<_> = lock(&self.inner.runs).values().cloned().collect();
        for run in runs {
            let state = run.state.lock().await.clone();
            if !state.phase.name().is_over() {
                self.inner.spawn(Arc::clone(&run));
            }
            if let Some(Appointment::At { at_ms }) = state.appointment {
                self.inner.await_appointment(Arc::clone(&run), at_ms);
            }
            if state
                .verification
                .is_some_and(|known| known.finished_at_ms.is_none())
            {
                self.inner.spawn_verification(run);
            }
        }
    }

    /// Says that a write left points of this field pending: they are looked for soon. Never waits.
    pub fn poke(&self, key: &FieldKey) {
        let run = lock(&self.inner.runs).get(key).cloned();
        if let Some(run) = run {
            run.wake.notify_one();
        }
    }

    /// Ends the backfills and waits for them. What they leave undone is pending, and is taken up at the next start.
    pub async fn shutdown(&self) {
        self.inner.stopping.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.inner.tasks));
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a migration's task failed");
            }
        }
        // A step that has begun is carried out apart from its driver: it is done when its state can be locked.
        let runs: Vec<_> = lock(&self.inner.runs).values().cloned().collect();
        for run in runs {
            drop(run.state.lock().await);
        }
    }
}
