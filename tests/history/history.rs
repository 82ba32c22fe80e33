//! One history: requests, verbs, faults and crashes, drawn one by one whenever nothing else can go on; then calm, and
//! the check of everything.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock::domain::gate::Reason;
use interlock::domain::ids::{CollectionName, FieldKey};
use interlock::domain::model::ModelRef;
use interlock::domain::table::OnEmbedFailure;
use interlock::migrate::{Order, PhaseName, Retire, UndeclaredChoice, Verify};
use interlock::upstream::Upstream;
use tempfile::TempDir;
use uuid::Uuid;

use super::answer::Reply;
use super::check;
use super::draw::Draw;
use super::process::{Process, drop_collection, make_collection};
use super::reference::{At, Operation, State, model_index};
use super::request::{
    Body, Condition, GROUPS, Given, MODELS, Payload, Point, Request, Requests, Said, Selector, Value, Write,
    document,
};
use super::stage::{AtCommit, Fate, Kind, OWNER, Stage};

const RUNNING_MAX: usize = 4;
/// How long everything may take to settle.
const SETTLE: Duration = Duration::from_secs(20);

/// How rough a history is, in percent of the draws.
#[derive(Clone, Debug)]
struct Temper {
    faults: usize,
    held_answers: usize,
    crashes: usize,
    outages: usize,
}

/// What a history found wrong, with everything that happened.
pub struct Failure {
    pub seed: u64,
    pub wrong: Vec<String>,
    pub log: Vec<String>,
}

/// How a life of the process ended.
enum End {
    Died,
    Settled,
}

struct History {
    stage: Arc<Stage>,
    draw: Draw,
    temper: Temper,
    requests: Requests,
    /// Draws left before it settles.
    left: usize,
    key: FieldKey,
    dir: TempDir,
    upstream: Arc<dyn Upstream>,
    on_embed_failure: OnEmbedFailure,
}

/// Runs the history of a seed.
pub fn run(seed: u64, upstream: &Arc<dyn Upstream>, dirs: &Path) -> Result<(), Failure> {
    let mut draw = Draw::new(seed);
    let temper = Temper {
        faults: draw.of(&[0, 4, 12]),
        held_answers: draw.of(&[0, 20, 40]),
        crashes: draw.of(&[0, 0, 1, 2]),
        outages: draw.of(&[0, 3]),
    };
    let field = draw.of(&["", "v"]);
    let history = History {
        stage: Arc::default(),
        temper,
        requests: Requests { drawn: 0 },
        left: 60 + draw.below(240),
        key: FieldKey {
            collection: CollectionName::from(format!("history-{}", Uuid::now_v7()).as_str()),
            field: field.into(),
        },
        dir: tempfile::tempdir_in(dirs).unwrap(),
        upstream: Arc::clone(upstream),
        on_embed_failure: draw.of(&[OnEmbedFailure::Defer, OnEmbedFailure::Defer, OnEmbedFailure::Fail]),
        draw,
    };
    history.live(seed)
}

impl History {
    fn live(mut self, seed: u64) -> Result<(), Failure> {
        let runtime = self.runtime();
        let legacy = self.legacy();
        runtime.block_on(make_collection(&self.upstream, &self.key, legacy));
        drop(runtime);
        let mut is_first = true;
        loop {
            let runtime = self.runtime();
            let end = runtime.block_on(self.life(is_first));
            drop(runtime);
            is_first = false;
            self.stage.buried();
            match end {
                End::Died => self.stage.note("the process died".to_owned()),
                End::Settled => break,
            }
        }
        self.runtime()
            .block_on(drop_collection(&self.upstream, &self.key.collection));
        let mut inner = self.stage.lock();
        match inner.wrong.is_empty() {
            true => Ok(()),
            false => Err(Failure {
                seed,
                wrong: std::mem::take(&mut inner.wrong),
                log: std::mem::take(&mut inner.log),
            }),
        }
    }

    /// A runtime of one thread that says when it has nothing to do.
    fn runtime(&self) -> tokio::runtime::Runtime {
        let stage = Arc::clone(&self.stage);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || stage.parked())
            .build()
            .unwrap()
    }

    /// Points from before the adoption; the reference takes them for one request.
    fn legacy(&mut self) -> Vec<(u64, Payload, Vec<f32>)> {
        let mut points = Vec::new();
        for id in (1..=super::request::POINTS).filter(|_| self.draw.percent(50)) {
            let mut payload = Payload::from([("group".to_owned(), format!("g{}", id % GROUPS))]);
            payload.insert("k0".to_owned(), format!("legacy {id}"));
            payload.insert("title".to_owned(), format!("legacy title {id}"));
            points.push((id, payload, document(0, &format!("legacy title {id}"))));
        }
        let written = points.iter().map(|(id, payload, vector)| Point {
            id: *id,
            payload: payload.clone(),
            given: vec![Given {
                named: Some(0),
                value: Value::Raw(vector.clone()),
            }],
        });
        let request = Request {
            is_rest: false,
            said: Said::Nothing,
            body: Body::Writes(vec![Write::Upsert(written.collect(), Condition::Always)]),
        };
        let began = self.stage.tick();
        let ended = self.stage.tick();
        self.stage.note(format!("before the adoption: {points:?}"));
        self.stage.lock().reference.operations.push(Operation {
            request,
            began,
            ended,
            state: State::Done,
            undeclared: vec![0],
            sent: true,
            faulted: false,
            late: 0,
        });
        points
    }

    /// One life of the process.
    async fn life(&mut self, is_first: bool) -> End {
        self.stage.lock().is_calm = true;
        let process = Arc::new(Process::start(&self.stage, self.dir.path(), &self.upstream, &self.key).await);
        if is_first {
            process.adopt(self.on_embed_failure).await;
        }
        self.stage.lock().is_calm = false;
        process.control.resume().await;
        let engine = Arc::clone(&process.engine);
        tokio::spawn(async move { engine.look_out().await });
        while self.left > 0 {
            if tokio::time::timeout(SETTLE, self.stage.quiet()).await.is_err() {
                let held = self.stage.lock().held.len();
                let hangs = format!("it hangs: {held} calls wait");
                self.stage.lock().wrong.push(hangs);
                return End::Settled;
            }
            if self.stage.lock().is_dead {
                self.stage.note_undeclared(process.undeclared());
                return End::Died;
            }
            self.stage.note_undeclared(process.undeclared());
            self.stage.sweep();
            self.left -= 1;
            self.step(&process).await;
        }
        self.stage.note("calm".to_owned());
        self.stage.calm();
        if self.stage.lock().is_dead {
            return End::Died;
        }
        self.settle(&process).await
    }

    async fn step(&mut self, process: &Arc<Process>) {
        let (held, running) = {
            let inner = self.stage.lock();
            (inner.held.len(), inner.running)
        };
        let weights = [
            if held > 0 { 62 } else { 0 },
            if running < RUNNING_MAX { 24 } else { 0 },
            if running < RUNNING_MAX + 1 { 8 } else { 0 },
            self.temper.crashes,
            self.temper.crashes,
            self.temper.outages,
            5,
        ];
        match self.draw.weighted(&weights) {
            0 => self.release(held),
            1 => self.ask(process),
            2 => self.order(process),
            3 => self.stage.die(),
            4 => {
                let at = self.draw.of(&[AtCommit::Before, AtCommit::After]);
                self.stage.note(format!("dies at the next commit: {at:?}"));
                self.stage.lock().dies_at_commit = Some(at);
            }
            5 => {
                let model = self.draw.of(&MODELS);
                let mut inner = self.stage.lock();
                match inner.down.iter().position(|down| down == model) {
                    Some(at) => drop(inner.down.remove(at)),
                    None => inner.down.push(model.to_owned()),
                }
                let line = format!("      embedders that are down: {:?}", inner.down);
                inner.log.push(line);
            }
            // Time passes: what waits for a timer gets its turn.
            _ => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }

    fn release(&mut self, held: usize) {
        let place = match self.draw.percent(50) {
            true => 0,
            false => self.draw.below(held),
        };
        let kind = self.stage.lock().held[place].kind.clone();
        let is_fault = self.draw.percent(self.temper.faults);
        let dies = self.draw.percent(self.temper.crashes);
        let fate = match (&kind, is_fault) {
            (Kind::Embed(_), true) => self.draw.of(&[Fate::Lose, Fate::LoseAnswer]),
            (Kind::Write, true) => self.draw.of(&[Fate::Lose, Fate::LoseAnswer, Fate::Late]),
            (Kind::Schema | Kind::Read, true) => self.draw.of(&[Fate::Lose, Fate::LoseAnswer]),
            (Kind::Answer | Kind::Late, true) => Fate::Lose,
            (Kind::Write | Kind::Schema, false) if dies => Fate::PassAndDie,
            (Kind::Write | Kind::Schema | Kind::Read, false) => {
                match self.draw.percent(self.temper.held_answers) {
                    true => Fate::PassAndHold,
                    false => Fate::Pass,
                }
            }
            (Kind::Embed(_) | Kind::Answer | Kind::Late, false) => Fate::Pass,
        };
        self.stage.release(place, fate);
    }

    fn ask(&mut self, process: &Arc<Process>) {
        let request = self.requests.draw(&mut self.draw);
        let number = self.begin(&request);
        let process = Arc::clone(process);
        tokio::spawn(OWNER.scope(number, async move { client(&process, number, request).await }));
    }

    /// Enters a request into the reference. Returns its number.
    fn begin(&self, request: &Request) -> usize {
        let began = self.stage.tick();
        let number = {
            let mut inner = self.stage.lock();
            inner.running += 1;
            inner.reference.operations.push(Operation {
                request: request.clone(),
                began,
                ended: At::MAX,
                state: State::Running,
                undeclared: Vec::new(),
                sent: false,
                faulted: false,
                late: 0,
            });
            inner.reference.operations.len() - 1
        };
        self.stage.note(format!("request {number}: {request:?}"));
        number
    }

    /// Points without a text get one: everything can be filled then.
    async fn give_titles(&mut self, process: &Arc<Process>) {
        let stored = process.stored().await;
        let untitled = stored
            .into_iter()
            .filter(|(_, point)| !point.payload.contains_key("title"));
        for (id, _) in untitled {
            let title = Payload::from([("title".to_owned(), format!("last title {id}"))]);
            let request = Request {
                is_rest: false,
                said: Said::Nothing,
                body: Body::Writes(vec![Write::Set(title, Selector::Ids(vec![id]))]),
            };
            let number = self.begin(&request);
            OWNER.scope(number, client(process, number, request)).await;
        }
    }

    fn order(&mut self, process: &Arc<Process>) {
        let (verb, to) = self.verb(process);
        let brownout_seconds = self.draw.of(&[0, 0, 0, 1_000]);
        let waits_for_quiet = self.draw.percent(20);
        self.stage.lock().running += 1;
        self.stage.note(format!("{verb:?} to {to}"));
        let process = Arc::clone(process);
        tokio::spawn(async move {
            let key = process.key.clone();
            let control = &process.control;
            let model: ModelRef = to.parse().unwrap();
            let flip = match verb {
                Verb::Cutover => Some(control.cutover(&key, &model).await),
                Verb::Force => Some(control.force_cutover(&key, &model, "the history says so").await),
                Verb::Rollback => Some(control.rollback(&key, &model).await),
                Verb::Start | Verb::Order(_) | Verb::Retire | Verb::Verify => None,
            };
            let said = match (flip, verb) {
                (Some(Ok(report)), _) => {
                    let mut inner = process.stage.lock();
                    inner.flipped = inner.flipped.max(report.epoch.0);
                    Ok(format!("serves {} since {}", report.serving, report.epoch))
                }
                (Some(Err(error)), _) => Err(error),
                (None, Verb::Start) => control
                    .start(&key, &model)
                    .await
                    .map(|s| format!("{:?}", s.phase)),
                (None, Verb::Order(order)) => {
                    control.order(&key, order).await.map(|s| format!("{:?}", s.phase))
                }
                (None, Verb::Retire) => {
                    let ask = Retire {
                        quiet_seconds: 0,
                        brownout_seconds,
                        undeclared: Some(UndeclaredChoice::Pinned(model)),
                        force: (!waits_for_quiet).then(|| "the history says so".to_owned()),
                    };
                    control.retire(&key, &ask).await.map(|s| format!("{:?}", s.phase))
                }
                (None, _) => {
                    let ask = Verify {
                        sample: 2,
                        ..Verify::default()
                    };
                    control.verify(&key, ask).await.map(|s| format!("{:?}", s.phase))
                }
            };
            let stage = &process.stage;
            stage.note(format!("{verb:?} to {to} is answered: {said:?}"));
            stage.lock().running -= 1;
        });
    }

    /// Mostly one that its phase has a use for.
    fn verb(&mut self, process: &Process) -> (Verb, String) {
        let other = |field: &interlock::domain::table::Field, draw: &mut Draw| {
            let others: Vec<&str> = MODELS
                .into_iter()
                .filter(|model| *model != field.serving.model.to_string())
                .collect();
            draw.of(&others).to_owned()
        };
        let field = process.field();
        let status = process
            .control
            .watch(&process.key)
            .ok()
            .map(|status| status.borrow().clone());
        let random = [
            Verb::Start,
            Verb::Cutover,
            Verb::Force,
            Verb::Rollback,
            Verb::Retire,
            Verb::Verify,
            Verb::Order(Order::Pause),
            Verb::Order(Order::Resume),
            Verb::Order(Order::Cancel),
            Verb::Order(Order::Keep),
        ];
        let Some(status) = status else {
            return (Verb::Start, other(&field, &mut self.draw));
        };
        let (from, to) = (status.from.to_string(), status.to.to_string());
        if self.draw.percent(15) {
            return (self.draw.of(&random), self.draw.of(&[from, to]));
        }
        use PhaseName::{Backfilling, Brownout, Cancelled, Cancelling, Done, DualWriting, Opening, Paused};
        use PhaseName::{Planned, Ready, Retiring, RolledBack, ServingNew};
        let verbs: &[(Verb, usize)] = match status.phase {
            Planned | Done | Cancelled => &[(Verb::Start, 1)],
            Opening | DualWriting | Retiring | Cancelling => {
                &[(Verb::Start, 3), (Verb::Order(Order::Cancel), 1)]
            }
            Backfilling => &[
                (Verb::Order(Order::Pause), 4),
                (Verb::Force, 3),
                (Verb::Cutover, 3),
                (Verb::Order(Order::Cancel), 1),
            ],
            Paused => &[(Verb::Order(Order::Resume), 5), (Verb::Force, 1)],
            Ready => &[
                (Verb::Cutover, 8),
                (Verb::Verify, 2),
                (Verb::Order(Order::Cancel), 1),
            ],
            ServingNew => &[(Verb::Rollback, 4), (Verb::Retire, 4), (Verb::Verify, 1)],
            RolledBack => &[(Verb::Cutover, 6), (Verb::Order(Order::Cancel), 2)],
            Brownout => &[
                (Verb::Order(Order::Keep), 2),
                (Verb::Rollback, 2),
                (Verb::Retire, 3),
            ],
        };
        let weights: Vec<usize> = verbs.iter().map(|(_, weight)| *weight).collect();
        let verb = verbs[self.draw.weighted(&weights)].0;
        let model = match (verb, status.phase) {
            (Verb::Start, Planned | Done | Cancelled) => other(&field, &mut self.draw),
            (Verb::Rollback, _) => from,
            (Verb::Start | Verb::Cutover | Verb::Force | Verb::Retire | Verb::Verify | Verb::Order(_), _) => {
                to
            }
        };
        (verb, model)
    }

    /// Waits until nothing is under way and nothing is pending; then the upstream is looked at.
    async fn settle(&mut self, process: &Arc<Process>) -> End {
        let until = Instant::now() + SETTLE;
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        while self.stage.lock().running > 0 {
            tick.tick().await;
            if Instant::now() > until {
                self.stage.lock().wrong.push("requests or verbs hang".to_owned());
                return End::Settled;
            }
            if self.stage.lock().is_dead {
                return End::Died;
            }
        }
        self.give_titles(process).await;
        let wants_more = self.draw.percent(80);
        let mut was_started = false;
        let mut wrong;
        loop {
            if self.stage.lock().is_dead {
                return End::Died;
            }
            let status = process
                .control
                .watch(&process.key)
                .ok()
                .map(|status| status.borrow().clone());
            let phase = status.as_ref().map(|status| status.phase);
            if phase == Some(PhaseName::Paused) {
                process.control.order(&process.key, Order::Resume).await.unwrap();
            }
            if phase.is_none_or(PhaseName::is_over) && wants_more && !was_started {
                was_started = true;
                let serving = process.field().serving.model.to_string();
                let others = MODELS.into_iter().filter(|model| *model != serving);
                let to = self.draw.of(&others.collect::<Vec<_>>());
                self.stage.note(format!("at last, start to {to}"));
                process
                    .control
                    .start(&process.key, &to.parse().unwrap())
                    .await
                    .unwrap();
                continue;
            }
            let is_on_its_way = matches!(
                phase,
                Some(
                    PhaseName::Opening
                        | PhaseName::DualWriting
                        | PhaseName::Backfilling
                        | PhaseName::Paused
                        | PhaseName::Retiring
                        | PhaseName::Cancelling
                )
            );
            wrong = match is_on_its_way {
                true => vec![format!("it stays {phase:?}")],
                false => {
                    let stored = process.stored().await;
                    check::settled(&self.stage.lock().reference, &process.field(), &stored)
                }
            };
            if wrong.is_empty() || Instant::now() > until {
                if !wrong.is_empty() {
                    wrong.push(format!("it stands at {status:?}"));
                }
                break;
            }
            tick.tick().await;
        }
        if wrong.is_empty() {
            wrong = self.finish(process).await;
        }
        self.stage.lock().wrong.extend(wrong);
        End::Settled
    }

    /// What is ready can be cut over, and changes nothing that is stored.
    async fn finish(&mut self, process: &Arc<Process>) -> Vec<String> {
        let status = process
            .control
            .watch(&process.key)
            .ok()
            .map(|status| status.borrow().clone());
        let Some(status) = status.filter(|status| status.phase == PhaseName::Ready) else {
            return Vec::new();
        };
        let to = ModelRef::from(&status.to);
        match process.control.cutover(&process.key, &to).await {
            Ok(_) => {
                let stored = process.stored().await;
                check::settled(&self.stage.lock().reference, &process.field(), &stored)
            }
            // A text was changed behind its vectors.
            Err(error)
                if error
                    .reasons
                    .iter()
                    .all(|reason| matches!(reason, Reason::FalseClaims { .. })) =>
            {
                Vec::new()
            }
            Err(error) => vec![format!("the last cutover fails: {error:?}")],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Start,
    Cutover,
    Force,
    Rollback,
    Retire,
    Verify,
    Order(Order),
}

/// A client: asks, and holds the answer against the reference.
async fn client(process: &Process, number: usize, request: Request) {
    let stage = &process.stage;
    stage.note_undeclared(process.undeclared());
    let reply = process.ask(&request).await;
    stage.note_undeclared(process.undeclared());
    if let Reply::Ok { models, .. } = &reply {
        // The answer says which it was.
        let mut inner = stage.lock();
        let undeclared = &mut inner.reference.operations[number].undeclared;
        undeclared.retain(|of| models.iter().any(|model| model == MODELS[*of]));
    }
    let state = match &reply {
        Reply::Ok { .. } => State::Done,
        Reply::Refused(_) | Reply::Failed(_) => match stage.lock().reference.operations[number].sent {
            true => State::Unknown,
            false => State::Nothing,
        },
    };
    stage.end(number, state);
    let ended = stage.tick();
    let mut inner = stage.lock();
    inner.running -= 1;
    let at = inner.now;
    let said = match &reply {
        Reply::Ok {
            answer,
            models,
            epoch,
        } => format!("{models:?} {epoch:?} {answer:?}"),
        Reply::Refused(said) | Reply::Failed(said) => said.clone(),
    };
    inner
        .log
        .push(format!("{at:>5} request {number} is answered: {said}"));
    let operation = &inner.reference.operations[number];
    let began = operation.began;
    let mut wrong = Vec::new();
    match &reply {
        Reply::Refused(_) => {}
        Reply::Failed(_) if operation.faulted => {}
        Reply::Failed(said) => wrong.push(format!("it fails without a fault: {said}")),
        Reply::Ok {
            answer,
            models,
            epoch,
        } => {
            if epoch.is_none_or(|epoch| epoch < inner.flipped) {
                wrong.push(format!(
                    "it is of epoch {epoch:?}, delivered after a flip to {}",
                    inner.flipped
                ));
            }
            if let Body::Read(_) = request.body {
                match models
                    .iter()
                    .map(|model| model_index(model))
                    .collect::<Option<Vec<_>>>()
                    .as_deref()
                {
                    Some([model]) => {
                        if let Said::Header(said) | Said::Using(said) = request.said
                            && said != *model
                        {
                            wrong.push(format!("it is answered by `{}`", MODELS[*model]));
                        }
                        wrong.extend(check::answer(
                            &inner.reference,
                            &request,
                            answer,
                            *model,
                            (began, ended),
                        ));
                    }
                    Some(_) | None => wrong.push(format!("its models are {models:?}")),
                }
            }
        }
    }
    for line in wrong {
        inner.wrong.push(format!("request {number}: {line}"));
    }
}
