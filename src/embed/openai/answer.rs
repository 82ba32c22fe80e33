//! What the endpoint answers: parsed, and put into the order of the texts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::super::{EmbedError, Embedding};

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: usize,
    #[serde(deserialize_with = "components")]
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    message: String,
}

/// Components as numbers, or as base64 of little-endian `f32`, which some endpoints send whatever they were asked for.
fn components<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    struct Components;

    impl<'de> Visitor<'de> for Components {
        type Value = Vec<f32>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of numbers or base64")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(component) = sequence.next_element()? {
                all.push(component);
            }
            Ok(all)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let bytes = STANDARD.decode(text).map_err(E::custom)?;
            let (components, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(E::custom("not a whole number of f32"));
            }
            Ok(components
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect())
        }
    }

    deserializer.deserialize_any(Components)
}

/// The vectors in the order of the `texts` texts that were sent, by each row's `index`.
pub(super) fn vectors(body: &[u8], texts: usize) -> Result<Vec<Embedding>, EmbedError> {
    let wrong = |expected: &str, got: String| EmbedError::WrongShape {
        expected: expected.to_owned(),
        got,
    };
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| wrong("an embeddings answer", format!("something else: {error}")))?;
    if answer.data.len() != texts {
        return Err(wrong(&format!("{texts} vectors"), answer.data.len().to_string()));
    }
    let mut rows = answer.data;
    rows.sort_by_key(|row| row.index);
    if let Some((at, row)) = rows.iter().enumerate().find(|(at, row)| row.index != *at) {
        return Err(wrong(
            &format!("each index from 0 to {}", texts - 1),
            format!("{} and no {at}", row.index),
        ));
    }
    Ok(rows
        .into_iter()
        .map(|row| Embedding::Dense(row.embedding))
        .collect())
}

/// The message of a refusal in OpenAI's shape, at most `chars_max` of it.
pub(super) fn refusal_text(body: &[u8], chars_max: usize) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(refusal.error.message.chars().take(chars_max).collect())
}
