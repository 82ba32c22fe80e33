//! A stored point as the backfill sees it: its tag entry's state and its source text.

use std::collections::HashMap;

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{PointId as ProtoId, RetrievedPoint, Struct, Value};

use super::conditions::FieldView;
use crate::domain::source::SourceTemplate;

/// What a point's tag entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// There is none, or it has no write id.
    Untagged,
    /// It claims no space: a vector update is under way, or was cut off.
    Unclaimed(String),
    /// It claims spaces.
    Claimed {
        /// Its write id.
        write_id: String,
        /// Their names.
        spaces: Vec<String>,
    },
}

impl Entry {
    /// The write id.
    pub fn write_id(&self) -> Option<&str> {
        match self {
            Self::Untagged => None,
            Self::Unclaimed(write_id) | Self::Claimed { write_id, .. } => Some(write_id),
        }
    }
}

/// A point to fill.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Its id.
    pub id: ProtoId,
    /// Its tag entry.
    pub entry: Entry,
    /// Its source text; `None` where the payload does not give one.
    pub text: Option<String>,
}

/// The payload paths that [`read`] needs.
pub(super) fn paths(view: FieldView<'_>) -> Vec<String> {
    let sources = view.field.source.iter().flat_map(SourceTemplate::keys);
    let quoted = sources.map(|key| format!("\"{key}\""));
    std::iter::once(view.paths().entry()).chain(quoted).collect()
}

/// Reads a point that was asked for with [`paths`]. `None` where it has no id, which no Qdrant answers.
pub(super) fn read(view: FieldView<'_>, point: RetrievedPoint) -> Option<Candidate> {
    let text = view
        .field
        .source
        .as_ref()
        .and_then(|template| template.render(|key| string(point.payload.get(key))));
    Some(Candidate {
        entry: entry(view, &point.payload),
        text,
        id: point.id?,
    })
}

fn entry(view: FieldView<'_>, payload: &HashMap<String, Value>) -> Entry {
    let entry = structure(payload.get(view.reserved_key))
        .and_then(|tag| structure(tag.fields.get(view.field.name.as_str())));
    let Some(entry) = entry else {
        return Entry::Untagged;
    };
    let Some(write_id) = string(entry.fields.get("write_id")) else {
        return Entry::Untagged;
    };
    let models = structure(entry.fields.get("models"));
    let spaces: Vec<String> = models
        .iter()
        .flat_map(|models| models.fields.keys().cloned())
        .collect();
    let write_id = write_id.to_owned();
    match spaces.is_empty() {
        true => Entry::Unclaimed(write_id),
        false => Entry::Claimed { write_id, spaces },
    }
}

pub(super) fn string(value: Option<&Value>) -> Option<&str> {
    let Kind::StringValue(text) = value?.kind.as_ref()? else {
        return None;
    };
    Some(text)
}

pub(super) fn structure(value: Option<&Value>) -> Option<&Struct> {
    let Kind::StructValue(fields) = value?.kind.as_ref()? else {
        return None;
    };
    Some(fields)
}
