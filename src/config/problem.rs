//! What is wrong with a configuration, and where.

use std::fmt;

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// Its name.
        name: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// A file as a whole.
    Whole(String),
    /// In an environment variable.
    Variable(String),
    /// By a flag.
    Flag(&'static str),
    /// Nowhere: the default stands.
    Default,
}

impl Place {
    /// The place of byte `at` of a file.
    pub(super) fn in_file(name: &str, text: &str, at: usize) -> Self {
        let before = &text[..text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            name: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Place::Whole(name) => f.write_str(name),
            Place::Variable(name) => f.write_str(name),
            Place::Flag(flag) => f.write_str(flag),
            Place::Default => f.write_str("defaults"),
        }
    }
}

/// One thing that is wrong. Shown as `place: what`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Problem {
    /// Where to look.
    pub place: Place,
    /// What is wrong, and what would be right. Never shows a secret.
    pub what: String,
}

impl Problem {
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            what: what.into(),
        }
    }
}
