//! Both ends of a measurement: an upstream that answers hot calls at once, and clients that check every answer.
//! `benches/README.md` says how they are used.

#![allow(missing_docs)]

mod answers;
mod case;
mod client;
mod open;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use case::{Case, CaseArgs};
use client::Client;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers queries and upserts at once, and passes every other call to a Qdrant behind it.
    Upstream {
        #[arg(long)]
        grpc: SocketAddr,
        #[arg(long)]
        rest: SocketAddr,
        #[arg(long)]
        behind_grpc: http::Uri,
        #[arg(long)]
        behind_rest: http::Uri,
    },
    /// Writes one request's body to a file, for other load generators, and prints its head as JSON.
    Body {
        #[command(flatten)]
        case: CaseArgs,
        file: PathBuf,
    },
    /// One call after the other over one connection.
    Calls {
        #[command(flatten)]
        case: CaseArgs,
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        count: u64,
    },
    /// Stores points in a Qdrant, a hundred in a call.
    Fill {
        #[arg(long)]
        to: http::Uri,
        #[arg(long)]
        collection: String,
        #[arg(long)]
        dimension: usize,
        #[arg(long)]
        points: u64,
    },
    /// Calls at a constant rate, whatever becomes of those before; latencies count from when a call was due.
    Open {
        #[command(flatten)]
        case: CaseArgs,
        #[arg(long)]
        to: SocketAddr,
        /// Calls a second.
        #[arg(long)]
        rate: f64,
        #[arg(long)]
        seconds: f64,
        #[arg(long)]
        connections: usize,
    },
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(Args::parse().command))
}

async fn run(command: Command) -> Outcome<()> {
    match command {
        Command::Upstream {
            grpc,
            rest,
            behind_grpc,
            behind_rest,
        } => upstream::serve(grpc, rest, behind_grpc, behind_rest).await,
        Command::Body { case, file } => {
            let case = Case::new(&case);
            std::fs::write(file, &case.body)?;
            let headers: Vec<_> = case.headers.iter().collect();
            let head =
                serde_json::json!({"method": case.method.as_str(), "path": case.path, "headers": headers});
            println!("{head}");
            Ok(())
        }
        Command::Calls { case, to, count } => {
            let client = Client::connect(to, Case::new(&case), 1).await?;
            for _ in 0..count {
                client.call().await?;
            }
            Ok(())
        }
        Command::Fill {
            to,
            collection,
            dimension,
            points,
        } => {
            let qdrant = qdrant_client::Qdrant::from_url(&to.to_string())
                .skip_compatibility_check()
                .build()?;
            for first in (1..=points).step_by(100) {
                let ids = first..(first + 100).min(points + 1);
                qdrant
                    .upsert_points(case::upsert(&collection, ids, dimension))
                    .await?;
            }
            Ok(())
        }
        Command::Open {
            case,
            to,
            rate,
            seconds,
            connections,
        } => {
            let client = Arc::new(Client::connect(to, Case::new(&case), connections).await?);
            let schedule = open::Schedule::new(rate, seconds)?;
            let seen = open::run(schedule, move || {
                let client = client.clone();
                async move { client.call().await }
            })
            .await?;
            println!("{}", seen.summary());
            Ok(())
        }
    }
}
