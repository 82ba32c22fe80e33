//! Between the messages of `proto/` and the documents of `api`, both ways: the server reads requests and writes
//! answers, the CLI the reverse. Nothing is decided here; what a message lacks is refused with its name.

mod adoption;
mod appointments;
mod audit;
mod forecast;
mod gate;
mod migrations;
mod models;
mod rehearsal;
mod release;
mod start;
mod status;
mod verification;

use std::fmt::Display;
use std::str::FromStr;

use super::error::AdminError;

/// Parses a text field of a message.
fn parsed<T>(name: &str, text: &str) -> Result<T, AdminError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse()
        .map_err(|error| AdminError::invalid(format!("{name}: {error}")))
}

/// A message that must be there.
fn present<T>(name: &str, value: Option<T>) -> Result<T, AdminError> {
    value.ok_or_else(|| AdminError::invalid(format!("{name} is missing")))
}

/// Converts each element.
fn all<M, T: TryFrom<M, Error = AdminError>>(values: Vec<M>) -> Result<Vec<T>, AdminError> {
    values.into_iter().map(T::try_from).collect()
}

/// A text where the empty one stands for none.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
