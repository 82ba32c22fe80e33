//! Reads of unmanaged collections that reach into managed ones: `lookup_from` and `with_lookup`. They are refused:
//! nothing says which model the unmanaged side is of.

use bytes::Bytes;
use memchr::memmem;

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
    (table, names): (&Pinned, &Names),
    face: Face,
    verb: Verb,
    spelled: &str,
    message: &Bytes,
) -> Result<(), Refusal> {
    if !might_name_managed(names, table, face, message) {
        return Ok(());
    }
    let encoding = match face {
        Face::Grpc => Encoding::Protobuf,
        Face::Rest => Encoding::Json,
    };
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

/// A body that names a managed collection holds its name's bytes, or, in JSON, perhaps an escape.
fn might_name_managed(names: &Names, table: &Pinned, face: Face, message: &Bytes) -> bool {
    let escaped = face == Face::Rest && memchr::memchr(b'\\', message).is_some();
    escaped
        || names
            .spellings(table)
            .iter()
            .any(|name| memmem::find(message, name.as_bytes()).is_some())
}
