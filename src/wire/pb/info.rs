//! Collection info as the client would see it without Interlock. Called by `engine`; keeps every field that it does
//! not know.

use bytes::Bytes;

use super::answer::{Answer, Inside, join};
use super::encode::{field_len, put_bytes, put_header};
use super::reader::Raw;
use super::vectors::{KEY, NAMED, SINGLE, VALUE};
use crate::domain::identity::is_ours;
use crate::domain::refusal::Refusal;
use crate::domain::tag::path_touches;
use crate::wire::InfoView;

/// Numbers of the fields that are changed, by message.
mod number {
    /// In `GetCollectionInfoResponse`.
    pub const RESULT: u32 = 1;
    /// In `CollectionInfo`.
    pub const CONFIG: u32 = 7;
    pub const PAYLOAD_SCHEMA: u32 = 8;
    /// In `CollectionConfig`.
    pub const PARAMS: u32 = 1;
    pub const STRICT_MODE: u32 = 6;
    pub const METADATA: u32 = 7;
    /// In `CollectionParams`.
    pub const VECTORS: u32 = 5;
    pub const SPARSE_VECTORS: u32 = 10;
    /// In `StrictModeConfig`.
    pub const STRICT_MULTIVECTOR: u32 = 16;
    pub const STRICT_SPARSE: u32 = 17;
    /// The map in each message that is nothing else.
    pub const MAP: u32 = 1;
}

/// Hides spaces, the metadata key and indexes on the payload key, and renames what is shown.
pub fn info(answer: &Bytes, view: &InfoView) -> Result<Bytes, Refusal> {
    let mut work = Answer::new(answer);
    let root = work.root();
    for result in within(&work, &root, number::RESULT)? {
        let result = work.enter(&root, &result)?;
        for field in work.fields(&result.body)? {
            match field.number {
                number::PAYLOAD_SCHEMA if path_touches(work.entry(&field)?.0, &view.payload_key) => {
                    work.remove(&result, &field);
                }
                number::CONFIG => {
                    let config = work.enter(&result, &field)?;
                    show_config(&mut work, &config, view)?;
                }
                _ => {}
            }
        }
    }
    Ok(join(work.finish().all()?))
}

fn within(work: &Answer<'_>, inside: &Inside, number: u32) -> Result<Vec<Raw>, Refusal> {
    let mut fields = work.fields(&inside.body)?;
    fields.retain(|field| field.number == number);
    Ok(fields)
}

fn show_config(work: &mut Answer<'_>, config: &Inside, view: &InfoView) -> Result<(), Refusal> {
    for field in work.fields(&config.body)? {
        match field.number {
            number::PARAMS => {
                let params = work.enter(config, &field)?;
                for field in work.fields(&params.body)? {
                    match field.number {
                        number::VECTORS => show_vectors(work, &params, &field, view)?,
                        number::SPARSE_VECTORS => show_map(work, &params, &field, view)?,
                        _ => {}
                    }
                }
            }
            number::STRICT_MODE => {
                let strict = work.enter(config, &field)?;
                for field in work.fields(&strict.body)? {
                    if matches!(field.number, number::STRICT_MULTIVECTOR | number::STRICT_SPARSE) {
                        show_map(work, &strict, &field, view)?;
                    }
                }
            }
            number::METADATA if is_ours(work.entry(&field)?.0, &view.metadata_key) => {
                work.remove(config, &field)
            }
            _ => {}
        }
    }
    Ok(())
}

/// The client's name of a vector that is shown.
fn shown<'v>(view: &'v InfoView, real: &str) -> Option<&'v str> {
    view.vectors
        .iter()
        .find(|(name, _)| name.as_str() == real)
        .map(|(_, client)| client.as_str())
}

/// A `VectorsConfig`: one unnamed vector, or a map, which becomes the one where nothing else is left.
fn show_vectors(work: &mut Answer<'_>, params: &Inside, raw: &Raw, view: &InfoView) -> Result<(), Refusal> {
    let config = work.enter(params, raw)?;
    for member in work.fields(&config.body)? {
        match member.number {
            SINGLE => match shown(view, "") {
                Some("") => {}
                Some(client) => {
                    work.splicer.replace(config.frame, member.outer());
                    let entry = field_len(KEY, client.len()) + field_len(VALUE, member.content().len());
                    work.splicer.put(|out| {
                        put_header(out, NAMED, field_len(number::MAP, entry));
                        put_header(out, number::MAP, entry);
                        put_bytes(out, KEY, client.as_bytes());
                        put_header(out, VALUE, member.content().len());
                    });
                    work.splicer.keep(member.content());
                }
                None => {
                    work.splicer.replace(config.frame, member.outer());
                    work.splicer.put(|out| put_header(out, NAMED, 0));
                }
            },
            NAMED => {
                let mut left = Vec::new();
                for entry in work.fields(&member.content())? {
                    let (real, value) = work.entry(&entry)?;
                    left.extend(shown(view, real).map(|client| (client, value)));
                }
                if let [("", value)] = left.as_slice() {
                    work.splicer.replace(config.frame, member.outer());
                    work.splicer.put(|out| put_header(out, SINGLE, value.len()));
                    work.splicer.keep(value.clone());
                } else {
                    let map = work.enter(&config, &member)?;
                    show_entries(work, &map, view)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A message that is a map by vector name; left out where nothing of it is shown.
fn show_map(work: &mut Answer<'_>, parent: &Inside, raw: &Raw, view: &InfoView) -> Result<(), Refusal> {
    let (mut entries, mut left) = (0, 0);
    for entry in work.fields(&raw.content())? {
        entries += 1;
        left += usize::from(shown(view, work.entry(&entry)?.0).is_some());
    }
    if left == 0 && entries > 0 {
        work.remove(parent, raw);
        return Ok(());
    }
    let map = work.enter(parent, raw)?;
    show_entries(work, &map, view)
}

fn show_entries(work: &mut Answer<'_>, map: &Inside, view: &InfoView) -> Result<(), Refusal> {
    for entry in work.fields(&map.body)? {
        let (real, value) = work.entry(&entry)?;
        match shown(view, real) {
            Some(client) if client == real => {}
            Some(client) => {
                work.splicer.replace(map.frame, entry.outer());
                let len = field_len(KEY, client.len()) + field_len(VALUE, value.len());
                work.splicer.put(|out| {
                    put_header(out, number::MAP, len);
                    put_bytes(out, KEY, client.as_bytes());
                    put_header(out, VALUE, value.len());
                });
                work.splicer.keep(value);
            }
            None => work.remove(map, &entry),
        }
    }
    Ok(())
}
