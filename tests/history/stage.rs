//! Where a history's interleaving is decided: every call that matters, to the upstream, to an embedder and to the
//! store, waits here until it is released, with its fate.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use interlock::embed::{EmbedError, Embedder, Embedding, Purpose};
use interlock::store::{Commit, LocalStore, Store, StoreError, StoredState};
use interlock::upstream::{Body, Face, Upstream, UpstreamError};
use tokio::sync::{Notify, oneshot};

use super::reference::{At, Reference, State};
use super::request::{MODELS, vector};

tokio::task_local! {
    /// The client's request that a call is made for.
    pub static OWNER: usize;
}

fn owner() -> Option<usize> {
    OWNER.try_with(|owner| *owner).ok()
}

/// What becomes of a call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Pass,
    /// It is carried out, and its answer waits again.
    PassAndHold,
    /// It never arrives.
    Lose,
    /// It is carried out, and its answer is lost.
    LoseAnswer,
    /// Its caller is told that the outcome is unknown; it is carried out later.
    Late,
    /// It is carried out, and the process dies before the answer comes.
    PassAndDie,
}

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes points.
    Write,
    /// Changes a collection's schema.
    Schema,
    /// Reads points.
    Read,
    /// Texts of a model.
    Embed(String),
    /// An answer on its way back.
    Answer,
    /// A call whose caller has given up.
    Late,
}

/// A call that waits.
pub struct Held {
    pub kind: Kind,
    pub label: String,
    pub owner: Option<usize>,
    release: oneshot::Sender<Fate>,
}

/// When the process dies at the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    Before,
    After,
}

#[derive(Default)]
pub struct Inner {
    pub held: Vec<Held>,
    /// Nothing waits, nothing fails.
    pub is_calm: bool,
    pub is_dead: bool,
    pub dies_at_commit: Option<AtCommit>,
    pub down: Vec<String>,
    pub now: At,
    pub reference: Reference,
    pub log: Vec<String>,
    /// The highest epoch that a flip returned with.
    pub flipped: u64,
    /// Clients and verbs that run.
    pub running: usize,
    pub wrong: Vec<String>,
}

#[derive(Default)]
pub struct Stage {
    inner: Mutex<Inner>,
    quiet: Notify,
    is_awaited: AtomicBool,
    /// Calls that are being carried out.
    busy: AtomicUsize,
}

/// A call that is being carried out.
struct Busy<'s>(&'s Stage);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stage {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn tick(&self) -> At {
        let mut inner = self.lock();
        inner.now += 1;
        inner.now
    }

    pub fn note(&self, line: String) {
        let mut inner = self.lock();
        let at = inner.now;
        inner.log.push(format!("{at:>5} {line}"));
    }

    /// Called when no task of the runtime can go on.
    pub fn parked(&self) {
        if self.busy.load(Ordering::SeqCst) == 0 && self.is_awaited.swap(false, Ordering::SeqCst) {
            self.quiet.notify_one();
        }
    }

    /// Resolves when nothing can go on but what waits here, or a timer.
    pub async fn quiet(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
        self.quiet.notified().await;
    }

    fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    pub fn die(&self) {
        self.lock().is_dead = true;
    }

    /// Lets everything go its way.
    pub fn calm(&self) {
        let mut inner = self.lock();
        inner.is_calm = true;
        inner.dies_at_commit = None;
        inner.down.clear();
        for held in inner.held.drain(..) {
            // Whoever waited may be gone.
            held.release.send(Fate::Pass).ok();
        }
    }

    /// Releases what waits at a place.
    pub fn release(&self, place: usize, fate: Fate) {
        let mut inner = self.lock();
        let held = inner.held.remove(place);
        let is_fault = match fate {
            Fate::Pass | Fate::PassAndHold => false,
            Fate::Lose | Fate::LoseAnswer | Fate::Late | Fate::PassAndDie => true,
        };
        if let Some(owner) = held.owner.filter(|_| is_fault) {
            inner.reference.operations[owner].faulted = true;
        }
        let at = inner.now;
        inner.log.push(format!("{at:>5} {fate:?}: {}", held.label));
        held.release.send(fate).ok();
    }

    /// Forgets waiting calls whose callers are gone.
    pub fn sweep(&self) {
        self.lock().held.retain(|held| !held.release.is_closed());
    }

    async fn wait(&self, kind: Kind, label: &str, owner: Option<usize>) -> Fate {
        let released = {
            let mut inner = self.lock();
            if inner.is_calm && !inner.is_dead {
                return Fate::Pass;
            }
            let (release, released) = oneshot::channel();
            // What a dead process asks for, nobody hears.
            let is_heard = !inner.is_dead;
            let label = label.to_owned();
            let held = Held {
                kind,
                label,
                owner,
                release,
            };
            inner.held.extend(is_heard.then_some(held));
            released
        };
        match released.await {
            Ok(fate) => fate,
            // The process that it belonged to is dead.
            Err(_) => std::future::pending().await,
        }
    }

    fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// What vectors that declare no model mean now, for all requests that run.
    pub fn note_undeclared(&self, model: Option<usize>) {
        let mut inner = self.lock();
        for operation in &mut inner.reference.operations {
            if let Some(model) = model.filter(|model| !operation.undeclared.contains(model))
                && operation.state == State::Running
            {
                operation.undeclared.push(model);
            }
        }
    }

    /// A client's request has ended for its client; it ends for good when nothing of it is late.
    pub fn end(&self, operation: usize, state: State) {
        let now = self.tick();
        let mut inner = self.lock();
        let operation = &mut inner.reference.operations[operation];
        operation.state = state;
        if operation.late == 0 {
            operation.ended = now;
        }
    }

    fn late_done(&self, owner: Option<usize>) {
        let Some(owner) = owner else { return };
        let now = self.tick();
        let mut inner = self.lock();
        let operation = &mut inner.reference.operations[owner];
        operation.late -= 1;
        if operation.late == 0 && operation.state != State::Running {
            operation.ended = now;
        }
    }

    /// The process is gone, with all that was under way.
    pub fn buried(&self) {
        let now = self.tick();
        let mut inner = self.lock();
        inner.held.clear();
        inner.is_dead = false;
        inner.dies_at_commit = None;
        inner.running = 0;
        for operation in &mut inner.reference.operations {
            operation.late = 0;
            operation.ended = operation.ended.min(now);
            if operation.state == State::Running {
                operation.state = if operation.sent {
                    State::Unknown
                } else {
                    State::Nothing
                };
            }
        }
        drop(inner);
        self.busy.store(0, Ordering::SeqCst);
        self.is_awaited.store(false, Ordering::SeqCst);
    }
}

/// What a path does; `None`: it is not held.
fn kind_of(face: Face, method: &http::Method, path: &str) -> Option<Kind> {
    let last = path.rsplit('/').next().unwrap_or_default();
    match face {
        Face::Grpc if path.starts_with("/qdrant.Points/") => match last {
            "Count" | "Facet" => None,
            "Scroll" | "Get" | "Query" => Some(Kind::Read),
            "CreateVectorName" | "DeleteVectorName" | "CreateFieldIndex" | "DeleteFieldIndex" => {
                Some(Kind::Schema)
            }
            _ => Some(Kind::Write),
        },
        Face::Grpc => None,
        Face::Rest => match (method.as_str(), last) {
            ("POST", "query" | "scroll") => Some(Kind::Read),
            ("POST", "points") => Some(Kind::Read),
            _ => Some(Kind::Write),
        },
    }
}

/// The upstream, as the process sees it.
pub struct Staged {
    pub stage: Arc<Stage>,
    pub inner: Arc<dyn Upstream>,
}

impl Staged {
    async fn carry_out(
        stage: &Stage,
        inner: &dyn Upstream,
        face: Face,
        request: Request<Body>,
    ) -> Result<Response<Body>, UpstreamError> {
        if stage.is_dead() {
            return std::future::pending().await;
        }
        let _busy = stage.busy();
        let answer = inner.call(face, request).await?;
        let (head, body) = answer.into_parts();
        let collected = body.collect().await.map_err(UpstreamError::Unknown)?;
        let trailers = collected.trailers().cloned();
        let data = Full::new(collected.to_bytes()).map_err(|never| match never {});
        let body = data.with_trailers(async move { trailers.map(Ok) });
        Ok(Response::from_parts(head, Body::new(body)))
    }
}

/// Notes when a space is made.
fn note_made(stage: &Stage, path: &str, body: &Bytes) {
    if !path.ends_with("/CreateVectorName") {
        return;
    }
    let now = stage.tick();
    let text = String::from_utf8_lossy(body).into_owned();
    let mut inner = stage.lock();
    for (model, id) in MODELS.iter().enumerate() {
        if text.contains(&format!("@{id}")) {
            inner.reference.made.insert(model, now);
        }
    }
}

impl Upstream for Staged {
    fn call(
        &self,
        face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        let (stage, inner) = (Arc::clone(&self.stage), Arc::clone(&self.inner));
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let Some(kind) = kind_of(face, request.method(), &path) else {
                return Self::carry_out(&stage, inner.as_ref(), face, request).await;
            };
            let owner = owner();
            let whose = owner.map_or("the migration".to_owned(), |owner| format!("request {owner}"));
            let call = path.rsplit('/').next().unwrap_or_default();
            let label = format!("{} {call} of {whose}", request.method());
            let fate = stage.wait(kind.clone(), &label, owner).await;
            let lost = || UpstreamError::Unknown("the history says so".into());
            if fate == Fate::Lose {
                return Err(UpstreamError::Unreachable("the history says so".into()));
            }
            let (head, body) = request.into_parts();
            let bytes = body
                .collect()
                .await
                .map_err(UpstreamError::Incomplete)?
                .to_bytes();
            note_made(&stage, &path, &bytes);
            let whole = Full::new(bytes).map_err(|never| match never {});
            let request = Request::from_parts(head, Body::new(whole));
            if let Some(owner) = owner.filter(|_| kind == Kind::Write) {
                stage.lock().reference.operations[owner].sent = true;
            }
            if fate == Fate::Late {
                if let Some(owner) = owner {
                    stage.lock().reference.operations[owner].late += 1;
                }
                tokio::spawn(async move {
                    let fate = stage.wait(Kind::Late, &format!("late {label}"), owner).await;
                    if fate != Fate::Lose {
                        // Nobody waits for its answer.
                        Self::carry_out(&stage, inner.as_ref(), face, request).await.ok();
                    }
                    stage.late_done(owner);
                });
                return Err(lost());
            }
            let answer = Self::carry_out(&stage, inner.as_ref(), face, request).await;
            match fate {
                Fate::Pass | Fate::Lose | Fate::Late => answer,
                Fate::LoseAnswer => Err(lost()),
                Fate::PassAndDie => {
                    stage.die();
                    std::future::pending().await
                }
                Fate::PassAndHold => {
                    match stage
                        .wait(Kind::Answer, &format!("answer to {label}"), owner)
                        .await
                    {
                        Fate::Lose | Fate::LoseAnswer | Fate::Late => Err(lost()),
                        Fate::PassAndDie => {
                            stage.die();
                            std::future::pending().await
                        }
                        Fate::Pass | Fate::PassAndHold => answer,
                    }
                }
            }
        })
    }
}

/// A model's embedder: [`vector`], where it is up and the call is not lost.
pub struct StagedEmbedder {
    pub stage: Arc<Stage>,
    pub model: &'static str,
}

impl Embedder for StagedEmbedder {
    fn embed<'a>(
        &'a self,
        _purpose: Purpose,
        texts: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Embedding>, EmbedError>> {
        Box::pin(async move {
            let owner = owner();
            let label = format!("{} texts for {} of {owner:?}", texts.len(), self.model);
            let fate = self
                .stage
                .wait(Kind::Embed(self.model.to_owned()), &label, owner)
                .await;
            let is_down = {
                let mut inner = self.stage.lock();
                let is_down = inner.down.iter().any(|model| model == self.model);
                if let Some(owner) = owner.filter(|_| is_down) {
                    inner.reference.operations[owner].faulted = true;
                }
                is_down
            };
            match fate {
                Fate::Pass | Fate::PassAndHold if !is_down => {
                    let embedded = |text: &&str| Embedding::Dense(vector(self.model, text));
                    Ok(texts.iter().map(embedded).collect())
                }
                Fate::PassAndDie => {
                    self.stage.die();
                    std::future::pending().await
                }
                Fate::LoseAnswer => Err(EmbedError::Timeout),
                Fate::Pass | Fate::PassAndHold | Fate::Lose | Fate::Late => Err(EmbedError::Unavailable {
                    retry_after: None,
                    why: "the history says so".to_owned(),
                }),
            }
        })
    }
}

/// The store, which a crash can meet before and after a commit.
pub struct StagedStore {
    pub stage: Arc<Stage>,
    pub inner: LocalStore,
}

impl Store for StagedStore {
    fn load(&self) -> Result<StoredState, StoreError> {
        self.inner.load()
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let _busy = self.stage.busy();
        let dead = || StoreError::Io(std::io::Error::other("the process is dead"));
        let dies = {
            let mut inner = self.stage.lock();
            if inner.is_dead {
                return Err(dead());
            }
            inner.dies_at_commit.take()
        };
        match dies {
            None => self.inner.commit(commit),
            Some(AtCommit::Before) => {
                self.stage.die();
                Err(dead())
            }
            Some(AtCommit::After) => {
                self.inner.commit(commit)?;
                self.stage.die();
                Err(dead())
            }
        }
    }

    fn audit_tail(&self, lines_max: usize) -> Result<Vec<String>, StoreError> {
        self.inner.audit_tail(lines_max)
    }
}
