//! The `interlock` program.

use std::process::ExitCode;

use interlock::cli::{self, Command};
use interlock::config::{Config, Overrides, Problem};
use interlock::{app, demo};

/// Chosen by measurement: see `benches/README.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse() {
        Command::Operate(verb) => cli::run(verb),
        Command::ConfigCheck(args) => match Config::load(args.config.as_deref(), &Overrides::default()) {
            Ok(_) => {
                println!("the configuration is good");
                ExitCode::SUCCESS
            }
            Err(problems) => wrong(&problems),
        },
        Command::Serve(args) => {
            let overrides = Overrides {
                http: args.http,
                grpc: args.grpc,
                admin: args.admin,
                upstream: args.upstream,
                upstream_rest: args.upstream_rest,
                data: args.data,
            };
            match Config::load(args.config.as_deref(), &overrides) {
                Ok(config) => block_on(app::serve(config), |()| true),
                Err(problems) => wrong(&problems),
            }
        }
        Command::Demo(args) => block_on(
            demo::run(demo::Options {
                keep: args.keep,
                svg: args.svg,
            }),
            |is_clean| is_clean,
        ),
    }
}

fn wrong(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        eprintln!("interlock: {problem}");
    }
    ExitCode::from(2)
}

/// Runs to the end on a runtime of as many threads as there are cores.
fn block_on<T, E: Into<Box<dyn std::error::Error>>>(
    future: impl Future<Output = Result<T, E>>,
    is_good: impl FnOnce(T) -> bool,
) -> ExitCode {
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => {
            eprintln!("interlock: no runtime can be made: {error}");
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(value) => match is_good(value) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
        Err(error) => {
            let error: Box<dyn std::error::Error> = error.into();
            eprint!("interlock: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
