//! The command line: what can be said, before any of it is done.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use super::adopt::AdoptArgs;
use super::exit;
use super::migrate::MigrateVerb;
use super::model::ModelAddArgs;
use super::rehearse::DryRun;

/// Makes changing the embedding model of a Qdrant collection safe.
#[derive(Debug, Parser)]
#[command(name = "interlock", version, after_help = exit::HELP, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the proxy.
    Serve(ServeArgs),
    /// Look at the configuration without running.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Change a model under live traffic on a generated corpus, and show what an in-place reindex would have cost.
    Demo(DemoArgs),
    /// Register and list embedding models.
    #[command(subcommand)]
    Model(ModelVerb),
    /// Put a collection under management: say which model made the vectors that are there.
    #[command(after_help = exit::HELP)]
    Adopt {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        adopt: AdoptArgs,
    },
    /// Move a collection's vector from one model to another.
    #[command(subcommand)]
    Migrate(MigrateVerb),
    /// Show the audit log: what was done, when and why, one JSON document a line.
    #[command(after_help = exit::HELP)]
    Log {
        #[command(flatten)]
        connection: Connection,
        /// The last N lines.
        #[arg(long, value_name = "N", default_value_t = 100)]
        lines: u32,
    },
    /// Check every point of a collection against its tags; lifts its quarantine if nothing is found (exit code 3 otherwise).
    #[command(after_help = exit::HELP)]
    Audit {
        #[command(flatten)]
        connection: Connection,
        /// The collection.
        #[arg(value_name = "COLLECTION")]
        collection: String,
        /// Take out the vectors that no tag proves; their points are pending until they are written or filled again.
        #[arg(long)]
        drop_unproven: bool,
        /// Vouch that the adopted model made what has no tag, as at an adoption.
        #[arg(long)]
        trust_untagged: bool,
    },
    /// End the management of a collection: says which vector names apps must use directly. Refused while a migration is
    /// open. Afterwards its calls pass unchanged. The same command again goes on with what an interruption left.
    #[command(after_help = exit::HELP)]
    Release {
        #[command(flatten)]
        connection: Connection,
        /// The collection.
        #[arg(value_name = "COLLECTION")]
        collection: String,
        /// Take the tags out of its points' payloads.
        #[arg(long)]
        strip_tags: bool,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Show what is managed, counted exactly: everything, or one collection.
    #[command(after_help = exit::HELP)]
    Status {
        #[command(flatten)]
        connection: Connection,
        /// Only this collection.
        #[arg(value_name = "COLLECTION")]
        collection: Option<String>,
    },
}

/// `interlock serve`. What is absent comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Where Qdrant's REST API is served [default: 127.0.0.1:6333].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Where Qdrant's gRPC API is served [default: 127.0.0.1:6334].
    #[arg(long, value_name = "ADDR")]
    pub grpc: Option<SocketAddr>,
    /// Where the operator's API is served [default: 127.0.0.1:6330]; off loopback only with a token.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// Qdrant's gRPC address, e.g. http://host:6334. Without one, the embedded engine is used.
    #[arg(long, value_name = "URL", requires = "upstream_rest")]
    pub upstream: Option<String>,
    /// Qdrant's REST address, e.g. http://host:6333.
    #[arg(long, value_name = "URL", requires = "upstream")]
    pub upstream_rest: Option<String>,
    /// Where the table, and the embedded engine's data, are kept [default: ./interlock-data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The configuration file, in TOML.
    #[arg(long, value_name = "FILE", env = "INTERLOCK_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Say whether the configuration would be taken, with every mistake and its place.
    Check(ConfigCheckArgs),
}

/// `interlock config check`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ConfigCheckArgs {
    /// The configuration file, in TOML.
    #[arg(long, value_name = "FILE", env = "INTERLOCK_CONFIG")]
    pub config: Option<PathBuf>,
}

/// `interlock demo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Leave it running afterwards.
    #[arg(long)]
    pub keep: bool,
    /// Where the chart goes [default: a file in the working directory].
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// A token. Its debug form does not show it.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How the operator's verbs reach Interlock, and how they answer.
#[derive(Clone, Debug, Args)]
pub(super) struct Connection {
    /// The address of Interlock's operator port.
    #[arg(
        long,
        value_name = "URL",
        env = "INTERLOCK_ADMIN_URL",
        default_value = "http://127.0.0.1:6330"
    )]
    pub(super) admin: String,
    /// The operator's token, where one is set.
    #[arg(long, env = "INTERLOCK_ADMIN_TOKEN", hide_env_values = true)]
    pub(super) token: Option<Secret>,
    /// Print exactly one JSON document on stdout, errors included.
    #[arg(long)]
    pub(super) json: bool,
    /// Longest wait for one answer, in seconds. A migration is watched for as long as it takes.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) timeout_seconds: u64,
}

#[derive(Debug, Subcommand)]
pub(super) enum ModelVerb {
    /// Register a model. The same one again changes nothing.
    #[command(after_help = exit::HELP)]
    Add {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        model: Box<ModelAddArgs>,
    },
    /// List the registered models.
    #[command(after_help = exit::HELP)]
    List {
        #[command(flatten)]
        connection: Connection,
    },
}
