//! What a forecast says in words: the layout's reason, the steps, the warnings.

use super::{ADDS_VECTORS, Computes, Given, Layout, Need, is_beside, major_minor};
use crate::domain::model::{Kind, Model};

pub(super) fn need(given: &Given) -> (Need, String) {
    let (from, to) = (&given.from, &given.to);
    if from.id == to.id {
        return (
            Need::CollectionUpdate,
            format!(
                "`{}` serves already. Quantization, the index's parameters and where vectors are kept change by an update of the collection: no vector moves and none is computed",
                to.id
            ),
        );
    }
    match (&given.computes, given.has_source) {
        (Computes::Nobody, _) => (
            Need::ClientsBring,
            format!(
                "`{}` has no embedder: clients write the new vector of every point",
                to.id
            ),
        ),
        (Computes::Here | Computes::Endpoint { .. }, false) => (
            Need::ClientsBring,
            "the field has no source text: clients write the new vector of every point".to_owned(),
        ),
        (Computes::Here | Computes::Endpoint { .. }, true) => (Need::Embed, embed_why(from, to)),
    }
}

fn embed_why(from: &Model, to: &Model) -> String {
    let same_but_distance = from.kind == to.kind
        && from.dimension == to.dimension
        && from.query_prompt == to.query_prompt
        && from.document_prompt == to.document_prompt
        && from.id.name() == to.id.name()
        && from.distance != to.distance;
    match same_but_distance {
        true => format!(
            "only the distance differs ({:?} to {:?}). Qdrant fixes it when a vector is made, so a second space is made; its vectors are embedded from the source text, not copied",
            from.distance, to.distance
        ),
        false => {
            "the models' vectors have nothing in common: every point's source text is embedded".to_owned()
        }
    }
}

pub(super) fn layout(given: &Given) -> Layout {
    let is_unnamed = given.key.field.is_unnamed();
    let version = major_minor(&given.server);
    let in_place = version.is_some_and(|version| version >= ADDS_VECTORS);
    let (major, minor) = ADDS_VECTORS;
    let why = match (in_place, is_unnamed) {
        (true, false) => format!(
            "in place: Qdrant {} adds a vector name to a collection that is there",
            given.server
        ),
        (true, true) => format!(
            "in place: Qdrant {} adds a vector name to a collection with one unnamed vector; clients go on as before",
            given.server
        ),
        (false, _) if version.is_none() => format!(
            "the server's version `{}` is not understood; in place needs {major}.{minor} or later",
            given.server
        ),
        (false, _) => format!(
            "Qdrant {} cannot add a vector to a collection; in place needs {major}.{minor} or later",
            given.server
        ),
    };
    Layout {
        in_place,
        server: given.server.clone(),
        is_unnamed,
        is_cluster: given.is_cluster,
        why,
    }
}

pub(super) fn steps(given: &Given, need: Need) -> Vec<String> {
    let (key, to) = (&given.key, &given.to.id);
    let fill = match need {
        Need::CollectionUpdate => {
            return vec![
                "update the collection (PATCH /collections/NAME); no migration is needed".to_owned(),
            ];
        }
        Need::Embed => format!(
            "backfill {} points in pages of {}: embed the text, set the vector where the point is unchanged, claim it",
            given.points, given.page_points
        ),
        Need::ClientsBring => {
            format!(
                "wait until clients have written the new vector of {} points",
                given.points
            )
        }
    };
    vec![
        format!("add the vector `{}` and an index on its claim", given.to_space),
        format!("tag the {} points that have no tag", given.untagged),
        "open dual writing, and wait for every request that began before".to_owned(),
        fill,
        format!("`interlock migrate cutover {key} --to {to}`: one instant, at a coverage of 100 %"),
        format!(
            "keep the space of `{}` fresh: `interlock migrate rollback {key} --to {}` goes back",
            given.from.id, given.from.id
        ),
        format!(
            "`interlock migrate retire {key}`: drop the space of `{}`",
            given.from.id
        ),
    ]
}

pub(super) fn warnings(given: &Given, need: Need) -> Vec<String> {
    let mut warnings = Vec::new();
    if need == Need::CollectionUpdate {
        return warnings;
    }
    let space = &given.to_space;
    if is_beside(given, Kind::Multivector) && !given.to_keeping.on_disk {
        warnings.push(format!(
            "a multivector space in memory slows every query of the collection, those of the dense one too: after the start, set `on_disk` for `{space}` by an update of the collection before it has filled"
        ));
    }
    if given.to.kind == Kind::Sparse {
        warnings.push(format!(
            "`{space}` is made without a modifier: a model whose weights expect the server's IDF (BM25) needs `modifier: idf` there"
        ));
    }
    if let Some(path) = &given.strict_path {
        warnings.push(format!(
            "the collection's strict mode refuses filters without an index: make a keyword index on `{path}`, or the backfill's compare-and-set is refused"
        ));
    }
    if given.is_cluster == Some(true) {
        warnings.push("other peers hold shards of the collection: counts wait for all of them".to_owned());
    }
    if let Some(sample) = &given.sample {
        if let Some(error) = &sample.error {
            warnings.push(format!("the sample could not be embedded: {error}"));
        }
        if sample.unsourced > 0 {
            warnings.push(format!(
                "{} of {} sampled points have no source text: they cannot be backfilled, and a cutover waits for them",
                sample.unsourced, sample.points
            ));
        }
    }
    warnings
}
