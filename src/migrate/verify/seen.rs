//! A point as the verification reads it, and its vectors as embeddings.

use std::collections::{HashMap, HashSet};

use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{PointId as ProtoId, RetrievedPoint, Value, VectorOutput};

use crate::domain::plan::Embedding;
use crate::domain::source::source_hash;
use crate::domain::table::Space;
use crate::domain::verify::{InSpace, Seen};
use crate::migrate::candidate::{string, structure};
use crate::migrate::conditions::FieldView;

/// A point with its text.
pub(super) struct Read {
    pub id: ProtoId,
    pub seen: Seen,
    pub text: Option<String>,
}

/// Reads a point that was asked for with [`crate::migrate::candidate::paths`]. `holds` says in which space it has a
/// vector. `None` where it has no id, which no Qdrant answers.
pub(super) fn read(
    view: FieldView<'_>,
    spaces: &[&Space],
    id: Option<ProtoId>,
    payload: &HashMap<String, Value>,
    holds: impl Fn(usize) -> bool,
) -> Option<Read> {
    let entry = structure(payload.get(view.reserved_key))
        .and_then(|tag| structure(tag.fields.get(view.field.name.as_str())));
    let member = |name: &str| entry.and_then(|entry| entry.fields.get(name));
    let claims = structure(member("models"));
    let claim = |space: &Space| {
        let claim = claims.and_then(|claims| claims.fields.get(space.vector.as_str()))?;
        // What is no string is a claim all the same, and no model's mark.
        Some(string(Some(claim)).unwrap_or_default().to_owned())
    };
    let text = view
        .field
        .source
        .as_ref()
        .and_then(|template| template.render(|key| string(payload.get(key))));
    let spaces = spaces.iter().enumerate().map(|(index, space)| InSpace {
        has_vector: holds(index),
        claim: claim(space),
    });
    Some(Read {
        id: id?,
        seen: Seen {
            write_id: string(member("write_id")).map(str::to_owned),
            source_hash: string(member("source_hash")).map(str::to_owned),
            text_hash: text.as_deref().map(source_hash),
            spaces: spaces.collect(),
        },
        text,
    })
}

/// As [`read`], of a point that came with its vectors; these too, in the order of `spaces`.
pub(super) fn read_whole(
    view: FieldView<'_>,
    spaces: &[&Space],
    point: RetrievedPoint,
) -> Option<(Read, Vec<Option<Embedding>>)> {
    let mut vectors: HashMap<String, VectorOutput> = match point.vectors.and_then(|all| all.vectors_options) {
        Some(VectorsOptions::Vector(one)) => HashMap::from([(String::new(), one)]),
        Some(VectorsOptions::Vectors(named)) => named.vectors,
        None => HashMap::new(),
    };
    let held: Vec<Option<Embedding>> = spaces
        .iter()
        .map(|space| vectors.remove(space.vector.as_str()).map(embedding))
        .collect();
    let holds = |index: usize| held.get(index).is_some_and(Option::is_some);
    let read = read(view, spaces, point.id, &point.payload, holds)?;
    Some((read, held))
}

fn embedding(vector: VectorOutput) -> Embedding {
    match vector.into_vector() {
        Vector::Dense(dense) => Embedding::Dense(dense.data),
        Vector::Sparse(sparse) => {
            let mut pairs: Vec<(u32, f32)> = sparse.indices.into_iter().zip(sparse.values).collect();
            pairs.sort_unstable_by_key(|(index, _)| *index);
            let (indices, values) = pairs.into_iter().unzip();
            Embedding::Sparse { indices, values }
        }
        Vector::MultiDense(rows) => Embedding::Multi(rows.vectors.into_iter().map(|row| row.data).collect()),
    }
}

/// The points of a page that have a vector in a space.
pub(super) type Holders = HashSet<ProtoId>;
