//! Reads of unmanaged collections that reach into managed ones: `lookup_from` and `with_lookup`. They are refused:
//! nothing says which model the unmanaged side is of.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::domain::ids::Epoch;
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;
use crate::registry::Pinned;
use crate::upstream::Face;
use crate::wire::Lens;
use crate::wire::scanned::{Encoding, Scanned};

use super::Engine;
use super::aliases::Names;

/// Whether a verb can name a second collection.
pub(super) fn can_look_up(verb: Verb) -> bool {
    match verb {
        Verb::SearchGroups
        | Verb::Recommend
        | Verb::RecommendBatch
        | Verb::RecommendGroups
        | Verb::Discover
        | Verb::DiscoverBatch
        | Verb::Query
        | Verb::QueryBatch
        | Verb::QueryGroups => true,
        Verb::Upsert
        | Verb::Delete
        | Verb::Get
        | Verb::GetOne
        | Verb::UpdateVectors
        | Verb::DeleteVectors
        | Verb::SetPayload
        | Verb::OverwritePayload
        | Verb::DeletePayload
        | Verb::ClearPayload
        | Verb::UpdateBatch
        | Verb::CreateFieldIndex
        | Verb::DeleteFieldIndex
        | Verb::Search
        | Verb::SearchBatch
        | Verb::Scroll
        | Verb::Count
        | Verb::Facet
        | Verb::SearchMatrixPairs
        | Verb::SearchMatrixOffsets
        | Verb::ShardGet
        | Verb::ShardScroll
        | Verb::ShardCount
        | Verb::CollectionInfo
        | Verb::CollectionExists => false,
    }
}

/// Refuses a body that looks up in a managed collection, or that might and cannot be understood.
pub(super) fn check(
    engine: &Engine,
    (table, names): (&Pinned, &Arc<Names>),
    face: Face,
    verb: Verb,
    spelled: &str,
    message: &Bytes,
) -> Result<(), Refusal> {
    let encoding = match face {
        Face::Grpc => Encoding::Protobuf,
        Face::Rest => Encoding::Json,
    };
    if !encoding.may_look_up(verb, message) {
        return Ok(());
    }
    let escaped = face == Face::Rest && memchr::memchr(b'\\', message).is_some();
    if !escaped && !engine.finders.might_name_managed(names, table, message) {
        return Ok(());
    }
    let lens = Lens {
        reserved_key: &engine.settings.reserved_key,
        source_keys: &[],
        limits: engine.settings.limits,
    };
    let scanned = Scanned::scan(encoding, verb, spelled, message, &lens)?;
    for name in scanned.op().lookups() {
        if table.managed(names.resolve(name).as_str()).is_some() {
            return Err(Refusal::invalid(
                "foreign_lookup",
                format!("`{name}` is managed and `{spelled}` is not: adopt it too, or look up elsewhere"),
            ));
        }
    }
    Ok(())
}

/// The names, real or alias, of all managed collections: one search for all of them.
struct Finder {
    /// The reading and the table that they are of.
    names: Arc<Names>,
    epoch: Epoch,
    any: AhoCorasick,
}

/// The finder that was made last.
#[derive(Default)]
pub(super) struct Finders(ArcSwapOption<Finder>);

impl Finders {
    /// Whether a body holds the bytes of such a name, as it must to name one without an escape.
    fn might_name_managed(&self, names: &Arc<Names>, table: &Pinned, message: &[u8]) -> bool {
        if let Some(finder) = self.0.load().as_ref()
            && finder.epoch == table.epoch
            && Arc::ptr_eq(&finder.names, names)
        {
            return finder.any.is_match(message);
        }
        match AhoCorasick::new(names.spellings(table)) {
            Ok(any) => {
                let is_there = any.is_match(message);
                self.0.store(Some(Arc::new(Finder {
                    names: Arc::clone(names),
                    epoch: table.epoch,
                    any,
                })));
                is_there
            }
            // More names than it takes: the scan tells.
            Err(error) => {
                tracing::debug!(%error, "managed names cannot be searched for");
                true
            }
        }
    }
}
