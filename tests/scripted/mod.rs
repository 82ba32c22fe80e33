//! An operator that answers from a script and notes what it was asked, behind the real admin server on loopback.
#![allow(dead_code)] // each test crate uses its own part

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream, StreamExt};
use interlock::admin::api::AddModel;
use interlock::admin::error::AdminError;
use interlock::admin::{AdminState, Answer, Operator, Readiness, ServeError, Token, serve};
use interlock::domain::embedder::EmbedderSpec;
use interlock::domain::forecast::{Forecast, Layout, Need, Sample, SpaceBytes};
use interlock::domain::gate::{Favour, Reason, Verdict};
use interlock::domain::ids::{CollectionName, Epoch, FieldKey};
use interlock::domain::model::{Distance, Kind, Model, ModelRef};
use interlock::domain::table::{OnEmbedFailure, Space, StandbyPolicy, Undeclared};
use interlock::domain::verify::{Difference, Digest};
use interlock::migrate::{
    Adopt, Adopted, AdoptedField, Ahead, Appointment, Audit, AuditReport, BrownoutStatus, CollectionStatus,
    CutoverReport, FieldStatus, MigrationStatus, ModelAdded, ModelRow, Order, PhaseName, Rehearsal, Rehearse,
    Release, Released, ReleasedVector, Retire, Role, SpaceStatus, Start, Status, ThrottleStatus, Unsourced,
    Verification, Verify, When,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What is asked of [`Scripted`], as the control would see it.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    AddModel(AddModel),
    Models,
    Adopt(Adopt),
    Plan(FieldKey, Ahead),
    Start(FieldKey, Start),
    Pace(FieldKey, u32),
    Watch(FieldKey),
    Migration(FieldKey),
    Cutover(FieldKey, ModelRef),
    ForceCutover(FieldKey, ModelRef, String),
    Appoint(FieldKey, ModelRef, When),
    Rehearse(FieldKey, Rehearse),
    Rollback(FieldKey, ModelRef),
    Order(FieldKey, Order),
    Retire(FieldKey, Retire),
    Verify(FieldKey, Verify),
    Log(usize),
    Audit(Audit),
    Release(Release),
    Status(Option<CollectionName>),
}

#[derive(Default)]
pub struct Scripted {
    /// What was asked.
    pub noted: Mutex<Vec<Call>>,
    /// Every verb fails with it.
    pub error: Option<AdminError>,
    /// No verb ever answers.
    pub is_silent: bool,
    /// What a watch shows.
    pub states: Vec<MigrationStatus>,
    /// Whether a watch ends after the last state, as it does when the control is gone.
    pub watch_ends: bool,
}

impl Scripted {
    pub fn failing(error: AdminError) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.noted.lock().unwrap().clone()
    }

    fn answer<T: Send + 'static>(&self, call: Call, answer: T) -> Answer<'_, T> {
        self.noted.lock().unwrap().push(call);
        let result = self.error.clone().map_or(Ok(answer), Err);
        let is_silent = self.is_silent;
        Box::pin(async move {
            if is_silent {
                std::future::pending::<()>().await;
            }
            result
        })
    }
}

impl Operator for Scripted {
    fn add_model(&self, request: AddModel) -> Answer<'_, ModelAdded> {
        let added = ModelAdded {
            row: row(request.model.clone(), request.embedder.clone()),
            was_known: false,
            epoch: Epoch(3),
        };
        self.answer(Call::AddModel(request), added)
    }

    fn models(&self) -> Answer<'_, Vec<ModelRow>> {
        self.answer(
            Call::Models,
            vec![row(model("old"), EmbedderSpec::HashedWords {})],
        )
    }

    fn adopt(&self, request: Adopt) -> Answer<'_, Adopted> {
        let adopted = Adopted {
            collection: request.collection.clone(),
            alias: None,
            fields: vec![AdoptedField {
                key: key("docs", ""),
                model: "old@1".parse().unwrap(),
                undeclared: Undeclared::Reject,
                source: None,
                on_embed_failure: OnEmbedFailure::Defer,
            }],
            opaque: request.opaque.clone(),
            points: 7,
            epoch: Epoch(4),
            warnings: vec!["mind the gap".to_owned()],
        };
        self.answer(Call::Adopt(request), adopted)
    }

    fn plan(&self, key: FieldKey, ask: Ahead) -> Answer<'_, Forecast> {
        self.answer(Call::Plan(key, ask), forecast())
    }

    fn start(&self, key: FieldKey, ask: Start) -> Answer<'_, MigrationStatus> {
        let state = state(PhaseName::DualWriting, 0);
        self.answer(Call::Start(key, ask), state)
    }

    fn pace(&self, key: FieldKey, rate: u32) -> Answer<'_, MigrationStatus> {
        self.answer(Call::Pace(key, rate), state(PhaseName::Backfilling, 250))
    }

    fn watch(&self, key: FieldKey) -> Answer<'_, BoxStream<'static, MigrationStatus>> {
        let states = stream::iter(self.states.clone());
        let states = match self.watch_ends {
            true => states.boxed(),
            false => states.chain(stream::pending()).boxed(),
        };
        self.answer(Call::Watch(key), states)
    }

    fn migration(&self, key: FieldKey) -> Answer<'_, MigrationStatus> {
        self.answer(Call::Migration(key), state(PhaseName::Backfilling, 250))
    }

    fn cutover(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport> {
        self.answer(Call::Cutover(key, to), flip())
    }

    fn force_cutover(&self, key: FieldKey, to: ModelRef, why: String) -> Answer<'_, CutoverReport> {
        self.answer(Call::ForceCutover(key, to, why), flip())
    }

    fn appoint(&self, key: FieldKey, to: ModelRef, when: When) -> Answer<'_, MigrationStatus> {
        self.answer(Call::Appoint(key, to, when), state(PhaseName::Ready, 1_000))
    }

    fn rehearse(&self, key: FieldKey, verb: Rehearse) -> Answer<'_, Rehearsal> {
        let said = Rehearsal {
            key: key.clone(),
            would: vec!["do it".to_owned()],
            against: Vec::new(),
            gate: state(PhaseName::Ready, 1_000).gate,
        };
        self.answer(Call::Rehearse(key, verb), said)
    }

    fn rollback(&self, key: FieldKey, to: ModelRef) -> Answer<'_, CutoverReport> {
        self.answer(Call::Rollback(key, to), flip())
    }

    fn order(&self, key: FieldKey, order: Order) -> Answer<'_, MigrationStatus> {
        self.answer(Call::Order(key, order), state(PhaseName::Paused, 250))
    }

    fn retire(&self, key: FieldKey, ask: Retire) -> Answer<'_, MigrationStatus> {
        let mut brownout = state(PhaseName::Brownout, 1_000);
        brownout.brownout = Some(BrownoutStatus {
            until_ms: 99,
            callers: vec!["app/1 (2 s ago)".to_owned()],
        });
        self.answer(Call::Retire(key, ask), brownout)
    }

    fn verify(&self, key: FieldKey, ask: Verify) -> Answer<'_, MigrationStatus> {
        let mut seen = state(PhaseName::Ready, 1_000);
        seen.verification = Some(verification(ask));
        self.answer(Call::Verify(key, ask), seen)
    }

    fn log(&self, lines_max: usize) -> Answer<'_, Vec<String>> {
        let lines = vec![
            r#"{"what":"cut over"}"#.to_owned(),
            r#"{"what":"rolled back"}"#.to_owned(),
        ];
        self.answer(Call::Log(lines_max), lines)
    }

    fn audit(&self, request: Audit) -> Answer<'_, AuditReport> {
        let report = AuditReport {
            collection: request.collection.clone(),
            points: 1_000,
            findings: Vec::new(),
            mended: 0,
            lifted: true,
            quarantine: None,
            epoch: Epoch(9),
        };
        self.answer(Call::Audit(request), report)
    }

    fn release(&self, request: Release) -> Answer<'_, Released> {
        let released = released(&request);
        self.answer(Call::Release(request), released)
    }

    fn status(&self, collection: Option<CollectionName>) -> Answer<'_, Status> {
        self.answer(Call::Status(collection), status())
    }
}

pub fn key(collection: &str, field: &str) -> FieldKey {
    FieldKey {
        collection: collection.into(),
        field: field.into(),
    }
}

pub fn model(name: &str) -> Model {
    Model {
        id: name.parse().unwrap(),
        kind: Kind::Dense,
        dimension: 256,
        distance: Distance::Cosine,
        query_prompt: "query: ".to_owned(),
        document_prompt: String::new(),
    }
}

pub fn row(model: Model, embedder: EmbedderSpec) -> ModelRow {
    ModelRow {
        fingerprint: model.fingerprint(),
        model,
        embedder,
    }
}

/// A migration of 1000 points, `done` of them filled.
pub fn state(phase: PhaseName, done: u64) -> MigrationStatus {
    let pending = 1_000 - done;
    let reasons = match pending {
        0 => Vec::new(),
        points => vec![
            Reason::Phase { phase },
            Reason::Pending { points },
            Reason::SpaceMissing,
            Reason::OtherMigration {
                to: "third@1".parse().unwrap(),
            },
            Reason::Coverage {
                missing: points,
                points: 1_000,
            },
            Reason::Unsourced { points: 1 },
            Reason::Unverified,
            Reason::FalseClaims { points: 2 },
        ],
    };
    MigrationStatus {
        key: key("docs", "title"),
        from: "old@1".parse().unwrap(),
        to: "new@2".parse().unwrap(),
        from_space: "title".into(),
        to_space: "title@new@2".into(),
        phase,
        epoch: Epoch(9),
        started_at_ms: 1_700_000_000_000,
        total: 1_000,
        done,
        pending,
        points_per_second: (phase == PhaseName::Backfilling).then_some(125.5),
        seconds_left: (phase == PhaseName::Backfilling).then_some(pending as f64 / 125.5),
        unsourced: Unsourced::default(),
        gate: Some(Verdict {
            go: pending == 0,
            go_if_forced: false,
            favours: vec![
                Favour::SpaceStands,
                Favour::Covered { points: 3 },
                Favour::NothingPending,
                Favour::Verified { finished_at_ms: 4 },
            ],
            reasons: reasons.clone(),
        }),
        reasons,
        last_error: None,
        brownout: None,
        verification: None,
        standby: StandbyPolicy::Strict,
        appointment: Some(Appointment::Missed {
            at_ms: 1_800_000_000_000,
            why: vec!["3 points are pending".to_owned()],
        }),
        throttle: (phase == PhaseName::Backfilling).then(|| ThrottleStatus {
            points_per_second: Some(120.0),
            reason: Some("rate".to_owned()),
            why: Some("held to 120 points/s".to_owned()),
            requests: 4,
            tokens_estimated: 2_000,
            cost_estimated: Some(0.25),
        }),
    }
}

/// A verification that has ended, with one of each difference.
pub fn verification(ask: Verify) -> Verification {
    let space = |vector: &str, model: &str| Space {
        vector: vector.into(),
        model: model.parse().unwrap(),
    };
    let spaces = [&space("title", "old@1"), &space("title@new@2", "new@2")];
    let mut seen = Verification::begun(ask, spaces, 1_000, 5);
    seen.finished_at_ms = Some(6);
    seen.points = 1_000;
    seen.spaces[0].digest = Digest::default().with("1", "w", "h");
    seen.spaces[0].sampled = 3;
    seen.spaces[0].lowest_cosine = Some(0.25);
    for difference in Difference::ALL {
        seen.note(difference, &"title".into(), "7".to_owned());
    }
    seen
}

pub fn released(request: &Release) -> Released {
    Released {
        collection: request.collection.clone(),
        is_there: true,
        was_released: false,
        vectors: vec![ReleasedVector {
            said: "title".into(),
            vector: "title@new@2".into(),
            model: "new@2".parse().unwrap(),
        }],
        opaque: vec!["clip".into()],
        tags_taken: 1_000,
        tags_left: request.strip_tags.then_some(0),
        is_done: true,
        epoch: Epoch(13),
    }
}

pub fn forecast() -> Forecast {
    Forecast {
        key: key("docs", "title"),
        from: "old@1".parse().unwrap(),
        to: "new@2".parse().unwrap(),
        layout: Layout {
            in_place: true,
            server: "1.18.3".to_owned(),
            is_unnamed: false,
            is_cluster: Some(false),
            why: "in place: it can".to_owned(),
        },
        need: Need::Embed,
        need_why: "nothing in common".to_owned(),
        steps: vec!["add the vector".to_owned(), "backfill 1000 points".to_owned()],
        points: 1_000,
        spaces: vec![SpaceBytes {
            vector: "title".into(),
            model: "old@1".parse().unwrap(),
            memory_bytes: Some(1_536_000),
            disk_bytes: Some(1_536_000),
        }],
        memory_bytes: Some(1_536_000),
        disk_bytes: None,
        embedder_calls: 16,
        tokens_estimated: Some(250_000),
        cost_estimated: Some(0.005),
        unsourced_estimated: Some(0),
        seconds_estimated: Some(90.0),
        sample: Some(Sample {
            points: 10,
            tokens_estimated: 2_500,
            seconds: Some(0.9),
            ..Sample::default()
        }),
        warnings: vec!["mind the gap".to_owned()],
        obstacles: vec!["it is migrating already".to_owned()],
    }
}

pub fn flip() -> CutoverReport {
    CutoverReport {
        key: key("docs", "title"),
        serving: "new@2".parse().unwrap(),
        kept: "old@1".parse().unwrap(),
        epoch: Epoch(12),
        was_serving: false,
        drained_ms: 4,
        pending_after: Some(0),
    }
}

pub fn status() -> Status {
    let space = |vector: &str, model: &str, role, vectors| SpaceStatus {
        vector: vector.into(),
        model: model.parse().unwrap(),
        role,
        embedder: EmbedderSpec::HashedWords {},
        vectors,
        pending: Some(0),
    };
    Status {
        epoch: Epoch(9),
        collections: vec![CollectionStatus {
            collection: "docs".into(),
            points: Some(1_000),
            fields: vec![FieldStatus {
                key: key("docs", "title"),
                spaces: vec![
                    space("title", "old@1", Role::Serving, Some(1_000)),
                    space("title@new@2", "new@2", Role::Filling, None),
                ],
                undeclared: Undeclared::Pinned("old@1".parse().unwrap()),
                source: Some(interlock::domain::source::SourceTemplate::parse("{title}").unwrap()),
                on_embed_failure: OnEmbedFailure::Fail,
                migration: Some(state(PhaseName::Backfilling, 250)),
            }],
            opaque: vec!["clip".into()],
            quarantine: None,
            error: None,
        }],
    }
}

/// The real server over a script.
pub struct Server {
    pub address: SocketAddr,
    pub script: Arc<Scripted>,
    pub readiness: Readiness,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub async fn start(script: Scripted) -> Self {
        Self::with_token(script, None).await
    }

    pub async fn with_token(script: Scripted, token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        let readiness = Readiness::default();
        let state = state_of(script.clone(), readiness.clone(), token);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, state, async {
            stopped.await.ok();
        }));
        Self {
            address,
            script,
            readiness,
            stop,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn ask_to_stop(self) -> JoinHandle<Result<(), ServeError>> {
        self.stop.send(()).unwrap();
        self.task
    }
}

pub fn state_of(operator: Arc<Scripted>, readiness: Readiness, token: Option<&str>) -> AdminState {
    AdminState {
        operator,
        readiness,
        metrics: Arc::new(|| "interlock_up 1\n".to_owned()),
        token: token.and_then(Token::new),
    }
}
