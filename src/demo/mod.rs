//! `interlock demo`: a model changes under live traffic, beside the in-place reindex that most teams do, and a checker
//! that reads the engine counts what went wrong. Called by `cli`. Uses Interlock as an app does, over its ports; only
//! the checker and the in-place reindex go past it.

mod chart;
mod checker;
mod corpus;
mod encoder;
mod setup;
mod traffic;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::Running;
use crate::domain::model::ModelRef;
use crate::domain::phase::PhaseName;

use chart::Sample;
use checker::{Checker, Counts};
use setup::Stage;
use traffic::{Answer, App, Reader};

/// How the demo is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Leave Interlock running at the end, with its data.
    pub keep: bool,
    /// Where the chart goes.
    pub svg: Option<PathBuf>,
}

const SEED: u64 = 20;
const SAMPLE_EVERY: Duration = Duration::from_millis(400);
/// Moments to watch before the migration and after each flip.
const STEADY_SAMPLES: usize = 6;
/// Moments that the backfill may take before the demo gives up.
const BACKFILL_SAMPLES_MAX: usize = 240;
const ANSWERS_QUEUE: usize = 64;
const READERS: [Reader; 6] = [
    Reader::RestText,
    Reader::RestRaw,
    Reader::GrpcText,
    Reader::GrpcRaw,
    Reader::Naive,
    Reader::RestText,
];

/// Runs the demo. `Ok(true)`: every count that must be 0 is.
///
/// # Errors
/// What kept it from coming to an end.
pub async fn run(options: Options) -> Result<bool, String> {
    let stage = Stage::set(SEED).await?;
    println!(
        "demo: {} documents, {} questions, on {}",
        stage.app.corpus.ids().count(),
        corpus::SUBJECTS,
        stage.where_to()
    );
    println!(
        "demo: the model changes from {} to {} while readers and writers go on\n",
        stage.app.old, stage.app.new
    );
    let (sender, answers) = mpsc::channel(ANSWERS_QUEUE);
    let mut traffic = JoinSet::new();
    for (reader, seed) in READERS.into_iter().zip(1..) {
        traffic.spawn(traffic::read(
            Arc::clone(&stage.app),
            reader,
            seed,
            sender.clone(),
        ));
    }
    for is_rest in [true, false] {
        traffic.spawn(traffic::write(
            Arc::clone(&stage.app),
            is_rest,
            100 + u64::from(is_rest),
        ));
    }
    drop(sender);
    let mut show = Show::new(stage.checker(), answers, Arc::clone(&stage.app));
    let course = course(&stage, &mut show).await;
    stage.app.stop.store(true, Ordering::Relaxed);
    show.finish().await?;
    while traffic.join_next().await.is_some() {}
    course?;
    let written = show.checker.writes().await?;
    let is_clean = report(&show, &stage, written, &options)?;
    stage.end(options.keep).await?;
    Ok(is_clean)
}

/// Steady traffic, the migration, the flip, the way back, and the flip again.
async fn course(stage: &Stage, show: &mut Show) -> Result<(), String> {
    let text = |error: crate::migrate::ControlError| error.to_string();
    let control = stage.running.control();
    let to = ModelRef::from(&stage.app.new);
    let back = ModelRef::from(&stage.app.old);
    for _ in 0..STEADY_SAMPLES {
        show.sample("before", 0.0).await?;
    }
    stage.app.has_moved.store(true, Ordering::Relaxed);
    control.start(&stage.key, &to).await.map_err(text)?;
    let watch = control.watch(&stage.key).map_err(text)?;
    let mut reindexed = 0;
    for _ in 0..BACKFILL_SAMPLES_MAX {
        let status = watch.borrow().clone();
        let progress = if status.total == 0 {
            0.0
        } else {
            status.done as f64 / status.total as f64
        };
        // The in-place reindex is kept at the same share, so that the two can be compared.
        reindexed = stage.reindex_in_place(reindexed, progress).await?;
        show.sample("backfill", progress).await?;
        if status.phase == PhaseName::Ready && status.pending == 0 && progress >= 1.0 {
            break;
        }
    }
    for (phase, model) in [("cutover", &to), ("rollback", &back), ("cutover", &to)] {
        let flip = match phase {
            "rollback" => control.rollback(&stage.key, model).await,
            _ => control.cutover(&stage.key, model).await,
        };
        let flip = flip.map_err(text)?;
        println!(
            "        {phase}: epoch {}, every earlier answer was out after {} ms",
            flip.epoch, flip.drained_ms
        );
        show.flips.push(show.began.elapsed().as_secs_f64());
        for _ in 0..STEADY_SAMPLES {
            show.sample(
                if phase == "rollback" {
                    "rolled back"
                } else {
                    "new model"
                },
                1.0,
            )
            .await?;
        }
    }
    Ok(())
}

/// Draws as the answers come, and has each of them judged.
struct Show {
    checker: Checker,
    answers: mpsc::Receiver<Answer>,
    app: Arc<App>,
    began: Instant,
    samples: Vec<Sample>,
    flips: Vec<f64>,
}

/// A mean that is being gathered.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn get(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Show {
    fn new(checker: Checker, answers: mpsc::Receiver<Answer>, app: Arc<App>) -> Self {
        Self {
            checker,
            answers,
            app,
            began: Instant::now(),
            samples: Vec::new(),
            flips: Vec::new(),
        }
    }

    /// Takes the answers of one moment, and draws it.
    async fn sample(&mut self, phase: &str, progress: f64) -> Result<(), String> {
        let until = tokio::time::Instant::now() + SAMPLE_EVERY;
        let (mut naive, mut interlock) = (Mean::default(), Mean::default());
        // A timeout lets through what is there already, so a steady stream would never end it.
        while tokio::time::Instant::now() < until {
            let Ok(Some(answer)) = tokio::time::timeout_at(until, self.answers.recv()).await else {
                break;
            };
            self.checker.answer(&answer).await?;
            let Some(recall) = checker::recall(&self.app.corpus, &answer) else {
                continue;
            };
            match answer.reader {
                Reader::Naive => naive.add(recall),
                // The app that follows the served model; the pinned ones keep the old model's recall by contract.
                Reader::RestText | Reader::GrpcText => interlock.add(recall),
                Reader::RestRaw | Reader::GrpcRaw => {}
            }
        }
        let sample = Sample {
            second: self.began.elapsed().as_secs_f64(),
            progress,
            naive: naive.get(),
            interlock: interlock.get(),
        };
        println!("{}", chart::line(&sample, phase));
        self.samples.push(sample);
        Ok(())
    }

    /// Judges what is still on its way.
    async fn finish(&mut self) -> Result<(), String> {
        while let Some(answer) = self.answers.recv().await {
            self.checker.answer(&answer).await?;
        }
        Ok(())
    }
}

/// The table, the charts, and the line that says it all.
fn report(show: &Show, stage: &Stage, written: u64, options: &Options) -> Result<bool, String> {
    println!("\n{}", chart::terminal(&show.samples));
    let svg = options
        .svg
        .clone()
        .unwrap_or_else(|| PathBuf::from("interlock-demo.svg"));
    chart::svg(&show.samples, &show.flips, &svg).map_err(|error| format!("{}: {error}", svg.display()))?;
    let failed_writes = stage.app.failed_writes.load(Ordering::Relaxed);
    let Counts {
        answers,
        wrong_space,
        failed,
        lost_writes,
        first_problem,
    } = &show.checker.counts;
    let failed = failed + failed_writes;
    let lowest = |of: fn(&Sample) -> Option<f64>| show.samples.iter().filter_map(of).fold(1.0, f64::min);
    println!("                         in place   interlock");
    println!(
        "lowest recall@10         {:8.2}   {:9.2}",
        lowest(|s| s.naive),
        lowest(|s| s.interlock)
    );
    println!(
        "writes, points written   {:>8}   {:>4}, {written}",
        "-",
        stage.app.writes.load(Ordering::Relaxed)
    );
    println!("chart                    {}", svg.display());
    if let Some(problem) = first_problem {
        println!("first problem            {problem}");
    }
    println!(
        "\ndemo: {answers} answers, {wrong_space} from a wrong space, {failed} failed, {lost_writes} lost writes"
    );
    Ok(*wrong_space == 0 && failed == 0 && *lost_writes == 0 && *answers > 0)
}

impl Stage {
    fn where_to(&self) -> String {
        let Running {
            http, grpc, admin, ..
        } = &self.running;
        format!("http://{http} (REST), http://{grpc} (gRPC), http://{admin} (admin)")
    }
}
