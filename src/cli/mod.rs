//! The command line. Called by `main`: [`parse`] says what is asked, the app runs the proxy and the demo, and [`run`]
//! carries out the operator's verbs, which speak to a running Interlock over its admin API and nothing else.

mod adopt;
mod ahead;
mod args;
mod client;
mod exit;
mod migrate;
mod model;
mod operate;
mod progress;
mod rehearse;
mod render;
mod start;
mod target;
mod verify;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::migrate::{Audit, Release};
use args::{Cli, ConfigVerb, ModelVerb, Verb};
use operate::Ask;

pub use args::{ConfigCheckArgs, DemoArgs, ServeArgs};
pub use exit::Exit;
pub use operate::{Operate, Streams, operate};

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Run the proxy.
    Serve(ServeArgs),
    /// Check the configuration.
    ConfigCheck(ConfigCheckArgs),
    /// Show a migration under traffic.
    Demo(DemoArgs),
    /// A verb for a running Interlock.
    Operate(Operate),
}

/// The process's command line. Ends the process with help or with what is wrong (exit code 2).
pub fn parse() -> Command {
    parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// A command line, the program's name first.
///
/// # Errors
/// What is wrong with it, or the help that it asks for.
pub fn parse_from(args: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let Cli { verb } = Cli::try_parse_from(args)?;
    let wrong = |message| Cli::command().error(ErrorKind::ArgumentConflict, message);
    let (connection, ask) = match verb {
        Verb::Serve(args) => return Ok(Command::Serve(args)),
        Verb::Config(ConfigVerb::Check(args)) => return Ok(Command::ConfigCheck(args)),
        Verb::Demo(args) => return Ok(Command::Demo(args)),
        Verb::Model(ModelVerb::Add { connection, model }) => {
            let request = model.request().map_err(wrong)?;
            (connection, Ask::AddModel(Box::new(request)))
        }
        Verb::Model(ModelVerb::List { connection }) => (connection, Ask::Models),
        Verb::Adopt { connection, adopt } => (connection, Ask::Adopt(adopt.request().map_err(wrong)?)),
        Verb::Migrate(verb) => migrate::asked(verb),
        Verb::Log { connection, lines } => (connection, Ask::Log { lines }),
        Verb::Audit {
            connection,
            collection,
            drop_unproven,
            trust_untagged,
        } => {
            let collection = collection.as_str().into();
            let request = Audit {
                collection,
                drop_unproven,
                trust_untagged,
            };
            (connection, Ask::Audit(request))
        }
        Verb::Release {
            connection,
            collection,
            strip_tags,
            dry,
        } => {
            let collection = collection.as_str().into();
            let request = Release {
                collection,
                strip_tags,
            };
            (connection, dry.of(Ask::Release(request)))
        }
        Verb::Status {
            connection,
            collection,
        } => (
            connection,
            Ask::Status(collection.map(|name| name.as_str().into())),
        ),
    };
    Ok(Command::Operate(Operate { connection, ask }))
}

/// Carries out an operator's verb on the process's own streams.
pub fn run(verb: Operate) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("interlock: no runtime can be made: {error}");
            return Exit::Failed.into();
        }
    };
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let is_terminal = err.is_terminal();
    let streams = Streams {
        out: &mut out,
        err: &mut err,
        is_terminal,
    };
    runtime.block_on(operate(verb, streams)).into()
}
