//! Puts the sources together, key by key: each value is tried on its own against the whole shape, so that one bad value
//! hides no other.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Table, Value};

use super::overrides::Overrides;
use super::problem::{Place, Problem};
use super::rules;
use super::sections::Config;
use super::{DEFAULTS, File};

/// What every variable of ours begins with.
const PREFIX: &str = "INTERLOCK_";

/// Variables that other parts read: the command line's, and tests'.
const FOREIGN: [&str; 3] = ["INTERLOCK_CONFIG", "INTERLOCK_ADMIN_URL", "INTERLOCK_TEST_"];

/// Keys whose values no message shows.
const SECRETS: [&str; 2] = ["token", "api_key"];

/// Names further apart than this are no typing errors of each other.
const SUGGESTION_DISTANCE_MAX: usize = 2;

/// Where each key was set last.
pub(super) type Places = BTreeMap<(String, String), Place>;

/// The configuration in the making.
pub(super) struct Settings {
    values: Table,
    places: Places,
    problems: Vec<Problem>,
}

impl Settings {
    /// The defaults alone.
    pub(super) fn defaults() -> Result<Self, Vec<Problem>> {
        let values = toml::from_str(DEFAULTS).map_err(|error: toml::de::Error| {
            vec![Problem::new(Place::Default, error.message().to_owned())]
        })?;
        Ok(Self {
            values,
            places: Places::new(),
            problems: Vec::new(),
        })
    }

    /// Lays a file over what is there.
    pub(super) fn file(&mut self, file: File<'_>) {
        let place = |at: usize| Place::in_file(file.name, file.text, at);
        let (parsed, errors) = DeTable::parse_recoverable(file.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.problems
                .push(Problem::new(place(at), error.message().to_owned()));
        }
        for (section, keys) in parsed.into_inner() {
            let at = place(section.span().start);
            let section = section.into_inner().into_owned();
            if !self.values.contains_key(&section) {
                let what = unknown("section", &section, self.values.keys());
                self.problems.push(Problem::new(at, what));
                continue;
            }
            let DeValue::Table(keys) = keys.into_inner() else {
                let what = format!("`{section}` is a section: write [{section}]");
                self.problems.push(Problem::new(at, what));
                continue;
            };
            for (key, value) in keys {
                let at = place(key.span().start);
                let key = key.into_inner().into_owned();
                match Value::deserialize(ValueDeserializer::from(value)) {
                    Ok(value) => self.set(&section, &key, value, at),
                    Err(error) => self.problems.push(Problem::new(at, error.message().to_owned())),
                }
            }
        }
    }

    /// Lays the environment over what is there.
    pub(super) fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, text) in variables {
            if !name.starts_with(PREFIX) || FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
                continue;
            }
            match self.key_of(&name) {
                Some((section, key)) => self.text(&section, &key, text, Place::Variable(name)),
                None => {
                    let names: Vec<String> =
                        self.keys().map(|(section, key)| variable(section, key)).collect();
                    let what = unknown("variable", &name, names.iter());
                    self.problems.push(Problem::new(Place::Variable(name), what));
                }
            }
        }
    }

    /// Lays the command line over what is there.
    pub(super) fn overrides(&mut self, overrides: &Overrides) {
        for (flag, section, key, text) in overrides.settings() {
            self.text(section, key, text, Place::Flag(flag));
        }
    }

    /// The whole, if nothing is wrong with it.
    pub(super) fn finish(mut self) -> Result<Config, Vec<Problem>> {
        match self.values.try_into::<Config>() {
            Ok(config) => {
                rules::check(&config, &self.places, &mut self.problems);
                if self.problems.is_empty() {
                    return Ok(config);
                }
            }
            Err(error) => self
                .problems
                .push(Problem::new(Place::Default, error.message().to_owned())),
        }
        self.problems.sort();
        Err(self.problems)
    }

    /// Sets a key from text, read as the type that the key has.
    fn text(&mut self, section: &str, key: &str, text: String, place: Place) {
        let like = self.values.get(section).and_then(|section| section.get(key));
        let value = match like {
            Some(Value::Integer(_)) => text
                .parse()
                .map(Value::Integer)
                .map_err(|_| "is not a whole number"),
            Some(Value::Boolean(_)) => text
                .parse()
                .map(Value::Boolean)
                .map_err(|_| "is not true or false"),
            Some(Value::Float(_)) => text.parse().map(Value::Float).map_err(|_| "is not a number"),
            Some(Value::Array(_)) => Ok(list(&text)),
            Some(Value::String(_) | Value::Datetime(_) | Value::Table(_)) | None => Ok(Value::String(text)),
        };
        match value {
            Ok(value) => self.set(section, key, value, place),
            Err(what) => self
                .problems
                .push(Problem::new(place, format!("{section}.{key} {what}"))),
        }
    }

    fn set(&mut self, section: &str, key: &str, value: Value, place: Place) {
        let known = self.values.get(section).and_then(Value::as_table);
        let Some(known) = known.filter(|known| known.contains_key(key)) else {
            let keys = known.into_iter().flat_map(Table::keys);
            let what = unknown(&format!("key of [{section}]"), key, keys);
            self.problems.push(Problem::new(place, what));
            return;
        };
        let mut changed = known.clone();
        changed.insert(key.to_owned(), value);
        let mut values = self.values.clone();
        values.insert(section.to_owned(), Value::Table(changed));
        match values.clone().try_into::<Config>() {
            Ok(_) => {
                self.values = values;
                self.places.insert((section.to_owned(), key.to_owned()), place);
            }
            Err(error) => {
                // The library's message quotes the value.
                let why = if SECRETS.contains(&key) {
                    "must be a string"
                } else {
                    error.message()
                };
                let what = format!("{section}.{key}: {why}");
                self.problems.push(Problem::new(place, what));
            }
        }
    }

    fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().flat_map(|(section, keys)| {
            let keys = keys.as_table().into_iter().flat_map(Table::keys);
            keys.map(move |key| (section.as_str(), key.as_str()))
        })
    }

    fn key_of(&self, name: &str) -> Option<(String, String)> {
        self.keys()
            .find(|(section, key)| variable(section, key) == name)
            .map(|(section, key)| (section.to_owned(), key.to_owned()))
    }
}

/// A list as TOML writes it, or names with commas between them.
fn list(text: &str) -> Value {
    let written = format!("it = {text}").parse::<Table>().ok();
    let written = written.and_then(|mut table| table.remove("it"));
    written.filter(Value::is_array).unwrap_or_else(|| {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Value::Array(names.map(Value::from).collect())
    })
}

fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{section}_{key}").to_ascii_uppercase()
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let near = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= SUGGESTION_DISTANCE_MAX)
        .min();
    match near {
        Some((_, known)) => format!("`{name}` is no {kind}; did you mean `{known}`?"),
        None => format!("`{name}` is no {kind}"),
    }
}
