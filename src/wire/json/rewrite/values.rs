//! Embeddings, ids and paths as JSON.

use super::super::errors;
use super::super::splice::{self, Parts};
use super::super::strings;
use crate::domain::ids::PointId;
use crate::domain::plan::{EmbedRef, Embedding};
use crate::domain::refusal::Refusal;

/// An embedding, each component with the fewest digits that read back as the same f32.
pub(super) fn embedding(embeddings: &[Embedding], embed: EmbedRef) -> Result<Parts, Refusal> {
    let embedding = embeddings
        .get(embed.0)
        .ok_or_else(|| errors::misfit("an embedding is missing"))?;
    let mut out = Vec::new();
    match embedding {
        Embedding::Dense(values) => numbers(&mut out, values)?,
        Embedding::Sparse { indices, values } => {
            out.extend_from_slice(b"{\"indices\":[");
            for (i, index) in indices.iter().enumerate() {
                comma(&mut out, i);
                out.extend_from_slice(itoa::Buffer::new().format(*index).as_bytes());
            }
            out.extend_from_slice(b"],\"values\":");
            numbers(&mut out, values)?;
            out.push(b'}');
        }
        Embedding::Multi(rows) => {
            out.push(b'[');
            for (i, row) in rows.iter().enumerate() {
                comma(&mut out, i);
                numbers(&mut out, row)?;
            }
            out.push(b']');
        }
    }
    Ok(vec![out.into()])
}

/// Whether an embedding may stand for a point's only, unnamed vector without a map around it.
pub(super) fn can_be_bare(embeddings: &[Embedding], embed: EmbedRef) -> bool {
    matches!(
        embeddings.get(embed.0),
        Some(Embedding::Dense(_) | Embedding::Multi(_))
    )
}

fn numbers(out: &mut Vec<u8>, values: &[f32]) -> Result<(), Refusal> {
    out.push(b'[');
    for (i, value) in values.iter().enumerate() {
        if !value.is_finite() {
            return Err(Refusal::unavailable(
                "bad_embedding",
                "the embedder gave a component that is not a finite number",
            ));
        }
        comma(out, i);
        serde_json::to_writer(&mut *out, value)
            .map_err(|_| errors::misfit("a component cannot be written"))?;
    }
    out.push(b']');
    Ok(())
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// A point's id.
pub(super) fn id(id: &PointId) -> String {
    match id {
        PointId::Num(number) => number.to_string(),
        PointId::Uuid(uuid) => format!("\"{uuid}\""),
    }
}

/// A list of ids.
pub(super) fn ids(ids: &[PointId]) -> String {
    let ids: Vec<_> = ids.iter().map(id).collect();
    format!("[{}]", ids.join(","))
}

/// A filter that takes exactly those of `ids` that exist.
pub(super) fn has_id(list: &[PointId]) -> Parts {
    vec![splice::new(format!(
        "{{\"must\":[{{\"has_id\":{}}}]}}",
        ids(list)
    ))]
}

/// A payload key as a JSON path: quoted where Qdrant's grammar needs it.
pub(super) fn path_of(key: &str) -> String {
    let is_plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match is_plain {
        true => key.to_owned(),
        false => format!("\"{key}\""),
    }
}

/// A text as one part.
pub(super) fn quoted(text: &str) -> Parts {
    vec![splice::new(strings::quote(text))]
}
