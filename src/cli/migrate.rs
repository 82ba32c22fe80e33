//! `interlock migrate …`: what can be said of a migration, and what is asked then.

use clap::{Args, Subcommand};

use super::adopt::UndeclaredArg;
use super::args::Connection;
use super::exit;
use super::operate::Ask;
use super::rehearse::DryRun;
use super::target::Target;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::domain::table::StandbyPolicy;
use crate::migrate::{Ahead, Order, Retire, Start, Verify, When};

#[derive(Debug, Subcommand)]
pub(super) enum MigrateVerb {
    /// Say what a migration would do and cost: layout, steps, bytes, embedder calls, tokens, time. Changes nothing.
    ///
    /// A few texts are embedded to measure the rate, and nothing is written; --no-sample leaves that out.
    #[command(after_help = exit::HELP)]
    Plan {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        /// The model to move to: NAME or NAME@VERSION.
        #[arg(long, value_name = "MODEL")]
        to: ModelRef,
        /// Embed nothing: without a sample, tokens, cost and time are left out.
        #[arg(long)]
        no_sample: bool,
    },
    /// Make the standby space, write to both, and backfill; shows the progress until a cutover can be made.
    ///
    /// The work is Interlock's: an interrupted command, or --detach, leaves it going on. The same command again joins it.
    #[command(after_help = exit::HELP)]
    Start {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        start: StartArgs,
    },
    /// Show where a migration stands; without a collection, all of them.
    #[command(after_help = exit::HELP)]
    Status {
        #[command(flatten)]
        connection: Connection,
        /// The collection, or COLLECTION/VECTOR.
        #[arg(value_name = "COLLECTION[/VECTOR]")]
        target: Option<String>,
        /// The vector; COLLECTION is then taken as it is, slashes and all.
        #[arg(long, value_name = "NAME", requires = "target")]
        vector: Option<String>,
    },
    /// Compare both spaces point by point: which points are fresh, whether a tag claims what is not so, whether the
    /// source text changed; a sample is embedded anew. Exit code 3 where something is claimed that is not so.
    ///
    /// The work is Interlock's and goes on over restarts; the same command again joins it. Its end, with a digest of each
    /// space, goes into the audit log, and into the record of a later cutover.
    #[command(after_help = exit::HELP)]
    Verify {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        /// Points whose text is embedded anew and compared, in each space.
        #[arg(long, value_name = "N", default_value_t = Verify::default().sample)]
        sample: u32,
        /// Take the claims away from what differs: it is pending then, and filled anew. What no embedder could make anew
        /// is left and counted.
        #[arg(long)]
        repair: bool,
        /// Return as soon as it is begun.
        #[arg(long)]
        detach: bool,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Flip to the new model, if nothing stands against it; refused with every reason otherwise (exit code 3).
    #[command(after_help = exit::HELP)]
    Cutover {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        cutover: CutoverArgs,
    },
    /// Flip back to the model that served before.
    #[command(after_help = exit::HELP)]
    Rollback {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        /// The model that shall serve: NAME or NAME@VERSION.
        #[arg(long, value_name = "MODEL")]
        to: ModelRef,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Let the backfill rest; writes go to both spaces all the same.
    #[command(after_help = exit::HELP)]
    Pause(OrderArgs),
    /// Let a paused backfill go on, or with --rate change how fast one goes.
    #[command(after_help = exit::HELP)]
    Resume {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        /// Hold the backfill to so many points per second; 0: as many as it can.
        #[arg(long, value_name = "POINTS_PER_SECOND")]
        rate: Option<u32>,
    },
    /// Give the migration up: the new space is dropped, the old one serves as before. Not after the cutover.
    #[command(after_help = exit::HELP)]
    Cancel(OrderArgs),
    /// Drop the space that served before the cutover: first its reads are refused for a while, then it goes. There is
    /// no way back after that.
    #[command(after_help = exit::HELP)]
    Retire {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        retire: RetireArgs,
    },
    /// End a retirement that is still in its brownout: the old space stays and can be read.
    #[command(after_help = exit::HELP)]
    Keep(OrderArgs),
}

/// What shall serve, and when.
#[derive(Clone, Debug, Args)]
pub(super) struct CutoverArgs {
    /// The model that shall serve: NAME or NAME@VERSION.
    #[arg(long, value_name = "MODEL")]
    to: ModelRef,
    /// Flip although points are pending or without a source text, or the spaces are not verified; the reason goes
    /// into the audit log. Queries do not find what is not filled yet. Nothing else can be forced.
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    force: Option<String>,
    /// Ask the gate now, and flip when the same command comes without this.
    #[arg(long, conflicts_with = "force")]
    postpone: bool,
    /// Flip at this time, such as 2027-01-31T03:00:00Z, if the gate says go then; a restart does not forget it. Where
    /// it is not made, `migrate status` says why. `never` takes it back, or what was postponed.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["force", "postpone"], value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    dry: DryRun,
}

impl CutoverArgs {
    fn ask(self, key: FieldKey) -> Ask {
        let Self { to, force, .. } = self;
        let when = self.at.or(self.postpone.then_some(When::Postponed));
        self.dry.of(match when {
            Some(when) => Ask::Appoint { key, to, when },
            None => Ask::Cutover { key, to, force },
        })
    }
}

fn time(text: &str) -> Result<When, String> {
    if text == "never" {
        return Ok(When::Never);
    }
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error| format!("write a time with its offset, such as 2027-01-31T03:00:00Z: {error}"))?;
    match u64::try_from(time.as_millisecond()) {
        Ok(at_ms) => Ok(When::At { at_ms }),
        Err(_) => Err("that is before 1970".to_owned()),
    }
}

/// What is started, and how fast it goes.
#[derive(Clone, Debug, Args)]
pub(super) struct StartArgs {
    #[command(flatten)]
    target: Target,
    /// The model to move to: NAME or NAME@VERSION.
    #[arg(long, value_name = "MODEL")]
    to: ModelRef,
    /// Hold the backfill to so many points per second; 0: as many as it can.
    #[arg(long, value_name = "POINTS_PER_SECOND")]
    rate: Option<u32>,
    /// What a write does after the cutover when the embedder of the old space fails: succeed, the point then waits there
    /// (isolate, the default), or be refused (strict).
    #[arg(long, value_name = "POLICY", value_parser = standby)]
    standby: Option<StandbyPolicy>,
    /// Return as soon as it is started.
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    dry: DryRun,
}

impl StartArgs {
    fn ask(self) -> Ask {
        self.dry.of(Ask::Start {
            key: self.target.key(),
            ask: Start {
                to: self.to,
                points_per_second: self.rate,
                standby: self.standby,
            },
            detach: self.detach,
        })
    }
}

fn standby(text: &str) -> Result<StandbyPolicy, String> {
    [StandbyPolicy::Isolate, StandbyPolicy::Strict]
        .into_iter()
        .find(|policy| policy.as_str() == text)
        .ok_or_else(|| "it is `isolate` or `strict`".to_owned())
}

/// What an order is given to.
#[derive(Clone, Debug, Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    dry: DryRun,
}

impl OrderArgs {
    fn ask(self, order: Order) -> (Connection, Ask) {
        let key = self.target.key();
        (self.connection, self.dry.of(Ask::Order { key, order }))
    }
}

/// How an old space goes.
#[derive(Clone, Debug, Args)]
pub(super) struct RetireArgs {
    /// Refused unless nobody read the old space for so long.
    #[arg(long, value_name = "N", default_value_t = Retire::default_quiet_seconds())]
    pub(super) quiet_seconds: u64,
    /// How long reads of it are refused before it is dropped. Who asks meanwhile is named in `migrate status`, and
    /// while anybody does, it stays.
    #[arg(long, value_name = "N", default_value_t = Retire::default_brownout_seconds())]
    pub(super) brownout_seconds: u64,
    /// What requests that declare no model mean afterwards: pinned:MODEL or reject.
    #[arg(long, value_name = "pinned:MODEL|reject")]
    pub(super) undeclared: Option<UndeclaredArg>,
    /// Retire although somebody may read it, or end the brownout at once; the reason goes into the audit log.
    #[arg(long, value_name = "REASON")]
    pub(super) force: Option<String>,
    #[command(flatten)]
    dry: DryRun,
}

impl RetireArgs {
    fn ask(self) -> Retire {
        Retire {
            quiet_seconds: self.quiet_seconds,
            brownout_seconds: self.brownout_seconds,
            undeclared: self.undeclared.map(|UndeclaredArg(choice)| choice),
            force: self.force,
        }
    }
}

/// What a verb asks, and of whom.
pub(super) fn asked(verb: MigrateVerb) -> (Connection, Ask) {
    match verb {
        MigrateVerb::Plan {
            connection,
            target,
            to,
            no_sample,
        } => {
            let key = target.key();
            (connection, Ask::Plan(key, Ahead { to, no_sample }))
        }
        MigrateVerb::Start { connection, start } => (connection, start.ask()),
        MigrateVerb::Status {
            connection,
            target,
            vector,
        } => {
            let key = target.map(|target| Target::new(target, vector).key());
            (connection, Ask::Migration(key))
        }
        MigrateVerb::Verify {
            connection,
            target,
            sample,
            repair,
            detach,
            dry,
        } => {
            let (key, ask) = (target.key(), Verify { sample, repair });
            (connection, dry.of(Ask::Verify { key, ask, detach }))
        }
        MigrateVerb::Cutover {
            connection,
            target,
            cutover,
        } => (connection, cutover.ask(target.key())),
        MigrateVerb::Rollback {
            connection,
            target,
            to,
            dry,
        } => {
            let key = target.key();
            (connection, dry.of(Ask::Rollback { key, to }))
        }
        MigrateVerb::Pause(args) => args.ask(Order::Pause),
        MigrateVerb::Resume {
            connection,
            target,
            rate,
        } => {
            let key = target.key();
            (connection, Ask::Resume { key, rate })
        }
        MigrateVerb::Cancel(args) => args.ask(Order::Cancel),
        MigrateVerb::Keep(args) => args.ask(Order::Keep),
        MigrateVerb::Retire {
            connection,
            target,
            retire,
        } => {
            let (key, dry) = (target.key(), retire.dry);
            let ask = retire.ask();
            (connection, dry.of(Ask::Retire { key, ask }))
        }
    }
}
