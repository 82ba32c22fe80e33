//! The text that a field's vectors are made from: a template over the payload.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// A template such as `{title}\n{body}`: literal text and top-level payload keys in braces; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Key(String),
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// No key in it.
    #[error("the source template `{0}` names no payload key: write e.g. {{title}}")]
    NoKey(String),
    /// A brace without its partner, or an empty key.
    #[error(
        "the source template `{0}` has an unmatched or empty brace at byte {1}: write {{{{ and }}}} for literal braces"
    )]
    Brace(String, usize),
}

impl SourceTemplate {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let place = text.len() - rest.len() + at;
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let close = brace
                .find('}')
                .filter(|close| brace.starts_with('{') && *close > 1);
            let Some(close) = close.filter(|close| !brace[1..*close].contains('{')) else {
                return Err(BadTemplate::Brace(text.to_owned(), place));
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Key(brace[1..close].to_owned()));
            rest = &brace[close + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if !parts.iter().any(|part| matches!(part, Part::Key(_))) {
            return Err(BadTemplate::NoKey(text.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The payload keys that it reads, in order of appearance.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Key(key) => Some(key.as_str()),
        })
    }

    /// The text for a payload, or `None` where the payload lacks one of the keys as a string.
    pub fn render<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Key(key) => out.push_str(value_of(key)?),
            }
        }
        Some(out)
    }
}

impl fmt::Display for SourceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for SourceTemplate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for SourceTemplate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// BLAKE3 of a source text, cut to 128 bits, base64url: what a tag keeps of the text.
pub fn source_hash(text: &str) -> String {
    const HASH_BYTES: usize = 16;
    URL_SAFE_NO_PAD.encode(&blake3::hash(text.as_bytes()).as_bytes()[..HASH_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, pairs: &[(&str, &'static str)]) -> Option<String> {
        let pairs = pairs.to_vec();
        SourceTemplate::parse(template)
            .unwrap()
            .render(|key| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v))
    }

    #[test]
    fn a_template_joins_literals_and_keys() {
        let pairs = [("title", "A"), ("body", "b")];
        assert_eq!(render("{title}\n{body}", &pairs).as_deref(), Some("A\nb"));
        assert_eq!(render("{{x}} {title}", &pairs).as_deref(), Some("{x} A"));
    }

    #[test]
    fn a_missing_key_gives_no_text() {
        assert_eq!(render("{title}{body}", &[("title", "A")]), None);
    }

    #[test]
    fn unmatched_braces_are_refused_with_their_place() {
        for (text, at) in [("a{b", 1), ("a}b", 1), ("{}", 0), ("x{a{b}}", 1)] {
            assert_eq!(
                SourceTemplate::parse(text),
                Err(BadTemplate::Brace(text.to_owned(), at)),
                "{text}"
            );
        }
        assert!(matches!(
            SourceTemplate::parse("plain"),
            Err(BadTemplate::NoKey(_))
        ));
    }
}
