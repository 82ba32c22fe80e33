//! How a command ends: the exit codes that scripts rely on, and the failures behind them.

use std::process::ExitCode;

use crate::admin::error::{AdminError, ErrorKind};

/// The exit codes, as `--help` shows them.
pub const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  not ready: the gate said no, with its reasons
  4  not found
  5  conflict: another model, migration or verb stands in the way
  6  Interlock cannot be reached";

/// A command's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done.
    Done,
    /// It failed.
    Failed,
    /// The command line, or what it asks for, is wrong.
    Usage,
    /// A gate said no.
    NotReady,
    /// Nothing of that name.
    NotFound,
    /// Something stands in the way.
    Conflict,
    /// Interlock cannot be reached.
    Unreachable,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotReady => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Unreachable => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server said so.
    #[error(transparent)]
    Refused(#[from] AdminError),
    /// Nobody answers.
    #[error(
        "Interlock cannot be reached at {address}: {cause}\nIs `interlock serve` running? Another address is given by \
         --admin URL or INTERLOCK_ADMIN_URL."
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the connection died of.
        cause: String,
    },
    /// The migration was watched, and stopped.
    #[error("{0}")]
    Stopped(String),
    /// The result cannot be written.
    #[error("the result cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Refused(error) => match error.kind {
                ErrorKind::Invalid => Exit::Usage,
                ErrorKind::NotReady => Exit::NotReady,
                ErrorKind::NotFound => Exit::NotFound,
                ErrorKind::Conflict => Exit::Conflict,
                ErrorKind::Unauthenticated
                | ErrorKind::Forbidden
                | ErrorKind::TooLarge
                | ErrorKind::Unavailable
                | ErrorKind::Internal => Exit::Failed,
            },
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Stopped(_) | Self::Output(_) => Exit::Failed,
        }
    }

    /// The document for `--json`, of the admin API's own shape.
    pub(super) fn document(&self) -> serde_json::Value {
        let kind = match self {
            Self::Refused(error) => return error.document(),
            Self::Unreachable { .. } => "unreachable",
            Self::Stopped(_) => "stopped",
            Self::Output(_) => "output",
        };
        serde_json::json!({"error": {"kind": kind, "message": self.to_string(), "reasons": []}})
    }
}
