//! What an operator can set: defaults, then a file, then the environment, then flags. Read once, by `app` and by
//! `interlock config check`. Everything that is wrong is told at once, each thing with its place.
//!
//! The defaults are `config/default.toml` itself, and the structs of `sections` have no others: a key that is in one
//! and not in the other fails every start and every test.

mod overrides;
mod problem;
mod read;
mod rules;
mod sections;
mod values;

use std::path::Path;

pub use self::overrides::Overrides;
pub use self::problem::{Place, Problem};
pub use self::sections::{
    Admin, Calls, Clients, Config, Data, Drain, Embed, Limits, Listen, Log, Migrate, Tags, Upstream,
};
pub use self::values::{Millis, Secret};

/// The defaults, explained.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// A configuration file, read.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Config {
    /// Puts a configuration together. `environment` is the process's, or a test's.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn check(
        file: Option<File<'_>>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Self, Vec<Problem>> {
        let mut settings = read::Settings::defaults()?;
        if let Some(file) = file {
            settings.file(file);
        }
        settings.environment(environment);
        settings.overrides(overrides);
        settings.finish()
    }

    /// As [`Config::check`], with the file at `path` and this process's environment.
    ///
    /// # Errors
    /// All that is wrong with it; an unreadable file is one problem.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, Vec<Problem>> {
        let name = path.map(|path| path.display().to_string()).unwrap_or_default();
        let text = path.map(std::fs::read_to_string).transpose().map_err(|error| {
            let place = Place::Whole(name.clone());
            vec![Problem::new(place, format!("cannot be read: {error}"))]
        })?;
        let file = text.as_deref().map(|text| File { name: &name, text });
        // Names and values that are not Unicode cannot be ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::check(file, environment, overrides)
    }
}

#[cfg(test)]
mod tests;
