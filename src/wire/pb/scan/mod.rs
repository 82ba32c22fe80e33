//! Bodies to operations. Called by `engine` through [`scan`]; reads each byte of a message at most once, skips
//! vectors by their lengths, and decides nothing.

mod fields;
mod filter;
mod plain;
mod point;
mod query;
mod read;
pub(super) mod shapes;
mod vector;
mod write;

use self::fields::{Here, Scanner};
use self::shapes::{ReadShape, WriteShape};
use super::places::Places;
use super::refuse::{malformed, too_large};
use super::schema::{self, Kind, Message};
use crate::domain::op::{Op, OpKind, Verb};
use crate::domain::refusal::Refusal;
use crate::wire::{Lens, Scan};

/// Reads the body of a `verb`. Refuses what prost would refuse, every field that this version does not know, what
/// stands twice where Qdrant would merge, and what is over a bound of `lens`.
pub fn scan<'a>(verb: Verb, message: &'a [u8], lens: &Lens<'_>) -> Result<Scan<'a, Places>, Refusal> {
    let form = form(verb);
    let mut scanner = Scanner::new(message, lens, parts(form.as_ref()));
    let (collection, kind) = match form {
        Some(Form::Read(shape)) => scanner.single_read(shape)?,
        Some(Form::Reads(schema, shape)) => scanner.batch_read(schema, shape)?,
        Some(Form::Write(shape)) => scanner.single_write(shape)?,
        Some(Form::Writes) => scanner.batch_write()?,
        Some(Form::Info) => scanner.info()?,
        None => {
            return Err(Refusal::invalid(
                "unknown_call",
                "this call does not exist over gRPC",
            ));
        }
    };
    Ok(Scan {
        op: Op {
            verb,
            collection: collection.into(),
            kind,
        },
        places: scanner.places,
    })
}

/// Room for the frames and sites of most requests. A write's points are many, and make room for themselves.
fn parts(form: Option<&Form>) -> usize {
    match form {
        Some(Form::Read(_) | Form::Reads(..)) => 4,
        Some(Form::Write(_) | Form::Writes) => 128,
        Some(Form::Info) | None => 1,
    }
}

enum Form {
    Read(&'static ReadShape),
    Reads(&'static Message, &'static ReadShape),
    Write(&'static WriteShape),
    Writes,
    Info,
}

fn form(verb: Verb) -> Option<Form> {
    Some(match verb {
        Verb::Get => Form::Read(&shapes::GET),
        Verb::Scroll => Form::Read(&shapes::SCROLL),
        Verb::Count => Form::Read(&shapes::COUNT),
        Verb::Facet => Form::Read(&shapes::FACET),
        Verb::Search => Form::Read(&shapes::SEARCH),
        Verb::SearchGroups => Form::Read(&shapes::SEARCH_GROUPS),
        Verb::Recommend => Form::Read(&shapes::RECOMMEND),
        Verb::RecommendGroups => Form::Read(&shapes::RECOMMEND_GROUPS),
        Verb::Discover => Form::Read(&shapes::DISCOVER),
        Verb::Query => Form::Read(&shapes::QUERY),
        Verb::QueryGroups => Form::Read(&shapes::QUERY_GROUPS),
        Verb::SearchMatrixPairs | Verb::SearchMatrixOffsets => Form::Read(&shapes::SEARCH_MATRIX),
        Verb::SearchBatch => Form::Reads(&schema::SEARCH_BATCH, &shapes::SEARCH),
        Verb::RecommendBatch => Form::Reads(&schema::RECOMMEND_BATCH, &shapes::RECOMMEND),
        Verb::DiscoverBatch => Form::Reads(&schema::DISCOVER_BATCH, &shapes::DISCOVER),
        Verb::QueryBatch => Form::Reads(&schema::QUERY_BATCH, &shapes::QUERY),
        Verb::UpdateBatch => Form::Writes,
        Verb::CollectionInfo | Verb::CollectionExists => Form::Info,
        Verb::GetOne | Verb::ShardGet | Verb::ShardScroll | Verb::ShardCount => return None,
        Verb::Upsert
        | Verb::Delete
        | Verb::UpdateVectors
        | Verb::DeleteVectors
        | Verb::SetPayload
        | Verb::OverwritePayload
        | Verb::DeletePayload
        | Verb::ClearPayload
        | Verb::CreateFieldIndex
        | Verb::DeleteFieldIndex => Form::Write(single_write(verb)?),
    })
}

/// The message of a verb's requests.
pub(super) fn schema_of(verb: Verb) -> Option<&'static Message> {
    Some(match form(verb)? {
        Form::Read(shape) => shape.schema,
        Form::Reads(schema, _) => schema,
        Form::Write(shape) => shape.schema,
        Form::Writes => &schema::UPDATE_BATCH,
        Form::Info => &schema::NAME_ONLY,
    })
}

/// The shape of a write that is a request of its own.
pub(super) fn single_write(verb: Verb) -> Option<&'static WriteShape> {
    Some(match verb {
        Verb::Upsert => &shapes::UPSERT,
        Verb::Delete => &shapes::DELETE,
        Verb::UpdateVectors => &shapes::UPDATE_VECTORS,
        Verb::DeleteVectors => &shapes::DELETE_VECTORS,
        Verb::SetPayload => &shapes::SET_PAYLOAD,
        Verb::OverwritePayload => &shapes::OVERWRITE_PAYLOAD,
        Verb::DeletePayload => &shapes::DELETE_PAYLOAD,
        Verb::ClearPayload => &shapes::CLEAR_PAYLOAD,
        Verb::CreateFieldIndex => &shapes::CREATE_FIELD_INDEX,
        Verb::DeleteFieldIndex => &shapes::DELETE_FIELD_INDEX,
        Verb::Get
        | Verb::GetOne
        | Verb::UpdateBatch
        | Verb::Search
        | Verb::SearchBatch
        | Verb::SearchGroups
        | Verb::Scroll
        | Verb::Recommend
        | Verb::RecommendBatch
        | Verb::RecommendGroups
        | Verb::Discover
        | Verb::DiscoverBatch
        | Verb::Count
        | Verb::Facet
        | Verb::Query
        | Verb::QueryBatch
        | Verb::QueryGroups
        | Verb::SearchMatrixPairs
        | Verb::SearchMatrixOffsets
        | Verb::ShardGet
        | Verb::ShardScroll
        | Verb::ShardCount
        | Verb::CollectionInfo
        | Verb::CollectionExists => return None,
    })
}

impl<'a> Scanner<'a, '_> {
    fn single_read(&mut self, shape: &'static ReadShape) -> Result<(&'a str, OpKind<'a>), Refusal> {
        let root = self.root(shape.schema);
        let (collection, read) = self.read(shape, root)?;
        Ok((collection, OpKind::Reads(vec![read])))
    }

    fn batch_read(
        &mut self,
        schema: &'static Message,
        shape: &'static ReadShape,
    ) -> Result<(&'a str, OpKind<'a>), Refusal> {
        let root = self.root(schema);
        let (mut outer, mut inner, mut reads) = ("", Vec::new(), Vec::new());
        let mut fields = self.fields(root);
        while let Some(item) = fields.next()? {
            match item.kind {
                Kind::Text => outer = item.text,
                Kind::Message(schema) if schema.is(shape.schema) => {
                    let here = self.enter(root, &item.raw, schema)?;
                    let (collection, read) = self.read(shape, here)?;
                    inner.push(collection);
                    reads.push(read);
                    self.bound_batch(reads.len())?;
                }
                Kind::Message(_) | Kind::Number | Kind::Float | Kind::Double => {
                    self.check_item(root, &item)?
                }
                Kind::Map(_) | Kind::Floats | Kind::Numbers => self.check_item(root, &item)?,
            }
        }
        // The server ignores an item's own collection; a client that relies on it would read another one.
        if inner.iter().any(|name| !name.is_empty() && *name != outer) {
            return Err(malformed(
                schema.name,
                "an item names another collection than the batch does",
            ));
        }
        Ok((outer, OpKind::Reads(reads)))
    }

    fn info(&mut self) -> Result<(&'a str, OpKind<'a>), Refusal> {
        let mut collection = "";
        let mut fields = self.fields(self.root(&schema::NAME_ONLY));
        while let Some(item) = fields.next()? {
            collection = item.text;
        }
        Ok((collection, OpKind::Info))
    }

    fn bound_batch(&self, items: usize) -> Result<(), Refusal> {
        let max = self.lens.limits.batch_items_max;
        if items > max {
            return Err(too_large(
                "batch_too_large",
                format!("the batch has more than {max} items; send several"),
            ));
        }
        Ok(())
    }

    /// Where a submessage's content stands.
    fn range(here: Here) -> std::ops::Range<usize> {
        here.start..here.end
    }
}
