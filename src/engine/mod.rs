//! One request, from pin to reply. `handle` is the whole of it, for gRPC and REST alike; each step has a file here.
//! Called by `server`. Publishes nothing and starts no migration: it meets those in the registry.

mod aliases;
mod answer;
pub mod body;
mod call;
mod change;
mod foreign;
mod guard;
mod open;
mod pass;
mod peek;
mod send;
mod settle;
mod turns;
mod usage;
mod write_ids;

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};

use crate::domain::access::Access;
use crate::domain::ids::FieldKey;
use crate::domain::op::Op;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::route::{self, Claims, Context, Known};
use crate::embed::Embedders;
use crate::registry::{Pinned, Registry};
use crate::upstream::calls::Calls;
use crate::upstream::{Body, Face, Upstream};
use crate::wire::Limits;
use crate::wire::scanned::Scanned;

pub use write_ids::WriteIds;

use aliases::{Aliases, Names};
use answer::Answers;
use call::{Call, Pending, Reach};
use foreign::Finders;
use send::Halt;
use turns::{Turn, Turns};

/// What the listeners serve.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. A refusal is encoded by the listener in its API's own error shape.
    fn handle(&self, face: Face, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Refusal>>;
}

/// What the engine is set up with.
pub struct Settings {
    /// The payload key of tags.
    pub reserved_key: String,
    /// The key of ours in collections' metadata.
    pub metadata_key: String,
    /// Bounds of one body's structure.
    pub limits: Limits,
    /// Bytes of one request's body, inflated.
    pub body_bytes_max: usize,
    /// Bytes of one answer that must be read whole.
    pub answer_bytes_max: usize,
    /// Points whose payload keys one overwrite or clear may have to read.
    pub lookup_points_max: usize,
    /// Whether the upstream may keep vectors that an upsert does not name (Qdrant below 1.19).
    pub upsert_retains: bool,
    /// What is open to whom.
    pub access: Access,
}

/// Called when a write left a point pending in a field's standby space.
pub type OnPending = Arc<dyn Fn(&FieldKey) + Send + Sync>;

/// Answers requests.
pub struct Engine {
    registry: Arc<Registry>,
    upstream: Arc<dyn Upstream>,
    embedders: Arc<Embedders>,
    calls: Calls,
    aliases: Arc<Aliases>,
    turns: Arc<Turns>,
    finders: Finders,
    /// Held by whoever changes names or schemas.
    changing: Arc<tokio::sync::Mutex<()>>,
    settings: Arc<Settings>,
    on_pending: OnPending,
}

impl Service for Engine {
    fn handle(&self, face: Face, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Refusal>> {
        Box::pin(async move {
            let mut table = self.registry.pin();
            // Without a managed collection, no alias can lead to one.
            if !table.collections.is_empty() && !self.aliases.is_fresh() {
                drop(table);
                self.aliases.ensure_fresh().await?;
                // The look may have quarantined a collection.
                table = self.registry.pin();
            }
            match open::open(self, &table, face, request).await? {
                Reach::Unmanaged(unmanaged) => self.pass(unmanaged, table).await,
                Reach::Restore(collections, call) => {
                    drop(table);
                    self.restore(collections, call).await
                }
                Reach::Change(call) => self.change(call, table).await,
                Reach::Managed(call, body) => self.managed(call, body, table).await,
            }
        })
    }
}

impl Engine {
    /// An engine over its parts.
    pub fn new(
        registry: Arc<Registry>,
        upstream: Arc<dyn Upstream>,
        embedders: Arc<Embedders>,
        calls: Calls,
        settings: Settings,
        on_pending: OnPending,
    ) -> Self {
        let aliases = Aliases::new(calls.clone(), Arc::clone(&registry), &settings.metadata_key);
        let settings = Arc::new(settings);
        Self {
            registry,
            upstream,
            embedders,
            calls,
            aliases: Arc::new(aliases),
            turns: Arc::default(),
            finders: Finders::default(),
            changing: Arc::default(),
            settings,
            on_pending,
        }
    }

    /// The same engine over another set of connections: one core's.
    pub fn over(&self, upstream: Arc<dyn Upstream>) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            upstream,
            embedders: Arc::clone(&self.embedders),
            calls: self.calls.clone(),
            aliases: Arc::clone(&self.aliases),
            turns: Arc::clone(&self.turns),
            finders: Finders::default(),
            changing: Arc::clone(&self.changing),
            settings: Arc::clone(&self.settings),
            on_pending: Arc::clone(&self.on_pending),
        }
    }

    /// A request to a managed collection: read it whole, and from then on look how long it takes.
    async fn managed(&self, call: Call, body: Pending, table: Pinned) -> Result<Response<Body>, Refusal> {
        let message = call.content(body, self.settings.body_bytes_max).await?;
        let began = Instant::now();
        let collection = call.collection.clone();
        let answer = self.answer(call, message, table).await;
        // What is refused at once says nothing of how busy anything is.
        let was_sent = match &answer {
            Ok(_) => true,
            Err(refusal) => refusal.kind == RefusalKind::Unavailable,
        };
        if was_sent {
            self.registry.latency().note(&collection, began.elapsed());
        }
        answer
    }

    /// Understand it whole, decide, and only then send.
    async fn answer(&self, mut call: Call, message: Bytes, table: Pinned) -> Result<Response<Body>, Refusal> {
        let claims = call.claims(&self.settings.access)?;
        let managed = table
            .managed(call.collection.as_str())
            .ok_or_else(|| call.vanished())?;
        let source_keys: Vec<&str> = managed.source_keys().collect();
        let lens = call.lens(&self.settings, &source_keys);
        let spelled = call.spelled.clone();
        let scanned = Scanned::scan(call.encoding(), call.verb, &spelled, &message, &lens)?;
        self.take_turns(&mut call, scanned.op(), &table)?;
        let mut turns = std::mem::take(&mut call.turns);
        turns.iter_mut().for_each(Turn::begin);
        let mut answers = Answers::new(&call, managed, &self.settings);
        let runs = route::runs(scanned.op());
        if let [_, .., last] = runs.as_slice() {
            // What is refused in a later run must be refused before the first one is sent.
            self.decide(
                &call,
                &table,
                &claims,
                &scanned,
                (&Known::default(), false),
                0..last.end,
            )?;
        }
        for run in runs {
            let settled = self
                .settle(&call, &table, &claims, &scanned, &message, run.clone())
                .await;
            self.note_use(&call, managed, scanned.op(), &settled);
            let settled = match settled {
                Ok(settled) => settled,
                Err(Halt::Refused(refusal)) => return Err(refusal),
                Err(Halt::Answered(said)) => {
                    let (head, collected) = *said;
                    answers.fail(head, collected)?;
                    break;
                }
            };
            let outgoing = scanned.rewrite(
                &message,
                &settled.plan,
                &settled.embeddings,
                &self.settings.reserved_key,
            )?;
            let answer = self
                .send(&call, &table, outgoing, answers.must_read(&settled.plan))
                .await?;
            if !answers.push(answer, settled.plan, run).await? {
                break;
            }
        }
        turns.into_iter().for_each(Turn::end);
        answers.reply(table.clone()).await
    }

    /// One reading of the names for a request, and where its spelling could come to mean another collection, its turn.
    async fn named(&self, spelled: &str, table: &Pinned) -> Result<(Arc<Names>, Option<Turn>), Refusal> {
        let names = self.aliases.names();
        if names.is_settled(spelled, table) {
            return Ok((names, None));
        }
        let turn = self.turns.enter(spelled).await;
        self.aliases.ensure_fresh().await?;
        Ok((self.aliases.names(), Some(turn)))
    }

    /// Turns for the collections that a request looks up in, and one reading for all of its names.
    fn take_turns(&self, call: &mut Call, op: &Op<'_>, table: &Pinned) -> Result<(), Refusal> {
        for spelled in op.lookups() {
            if spelled != call.spelled && !call.names.is_settled(spelled, table) {
                call.turns.push(self.turns.try_enter(spelled)?);
            }
        }
        let names = self.aliases.names();
        if !Arc::ptr_eq(&names, &call.names) && names.resolve(&call.spelled) != call.collection {
            return Err(Refusal::new(
                RefusalKind::NotReady,
                "alias_changed",
                format!(
                    "the alias `{}` has changed meanwhile: send the request again",
                    call.spelled
                ),
            ));
        }
        call.names = names;
        Ok(())
    }

    /// Keeps what is known of Qdrant's names from growing old. Never ends.
    pub async fn look_out(&self) {
        self.aliases.look_out().await;
    }

    /// Decides with what is known so far.
    fn decide(
        &self,
        call: &Call,
        table: &Pinned,
        claims: &Claims,
        scanned: &Scanned<'_>,
        (known, deferred): (&Known, bool),
        run: Range<usize>,
    ) -> Result<route::Decision, Refusal> {
        let context = Context {
            table,
            collection: &call.collection,
            managed: table
                .managed(call.collection.as_str())
                .ok_or_else(|| call.vanished())?,
            resolve: &|name| call.names.resolve(name),
            claims,
            reserved_key: &self.settings.reserved_key,
            upsert_retains: self.settings.upsert_retains,
            deferred,
            known,
        };
        let mut ids = WriteIds::default();
        route::decide(&context, scanned.op(), run, &mut || ids.draw())
    }
}
