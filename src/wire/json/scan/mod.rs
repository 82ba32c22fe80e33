//! REST bodies to operations. One pass; nothing is allocated for what is only passed over. Called by `engine` through
//! [`scan`]. Knows Qdrant's field names, aliases and untagged forms, and refuses what it does not know.

mod columns;
mod filter;
mod formula;
mod input;
mod point;
mod query;
mod read;
mod shapes;
mod write;

use std::borrow::Cow;

use super::cursor::{Cursor, Kind};
use super::errors;
use super::places::{Operation, Place, Places};
use crate::domain::ids::PointId;
use crate::domain::op::{
    Filters, Op, OpKind, PayloadSelection, Read, Selecting, VectorSelection, Verb, Write, WriteKind,
};
use crate::domain::refusal::Refusal;
use crate::wire::{Lens, Scan};

/// A body that is being scanned.
struct Scanner<'a, 'l> {
    cursor: Cursor<'a>,
    lens: &'l Lens<'l>,
    places: Places,
}

/// Scans the body of a REST request. `collection` comes from its path. `GetOne`, `CollectionInfo`, `CollectionExists`
/// and `DeleteFieldIndex` have no body that counts: what is given is not read. The field name of `DeleteFieldIndex`
/// stands in the path, and so is the caller's to check.
///
/// # Errors
/// A refusal where the body is not JSON, not what the verb takes, ambiguous, over a bound, or holds a key that this
/// version does not know.
pub fn scan<'a>(
    verb: Verb,
    collection: &'a str,
    body: &'a [u8],
    lens: &Lens<'_>,
) -> Result<Scan<'a, Places>, Refusal> {
    let has_body = !matches!(
        verb,
        Verb::GetOne | Verb::CollectionInfo | Verb::CollectionExists | Verb::DeleteFieldIndex
    );
    let mut scanner = Scanner {
        cursor: Cursor::new(if has_body { body } else { b"" }, lens.limits.json_depth_max)?,
        lens,
        places: Places::default(),
    };
    let kind = scanner.kind(verb)?;
    if has_body {
        scanner.cursor.finish()?;
    }
    Ok(Scan {
        op: Op {
            verb,
            collection: Cow::Borrowed(collection),
            kind,
        },
        places: scanner.places,
    })
}

impl<'a> Scanner<'a, '_> {
    fn kind(&mut self, verb: Verb) -> Result<OpKind<'a>, Refusal> {
        Ok(match verb {
            Verb::CollectionInfo | Verb::CollectionExists => OpKind::Info,
            Verb::GetOne => OpKind::Reads(vec![self.whole_point()]),
            Verb::DeleteFieldIndex => OpKind::Writes(vec![Write {
                kind: WriteKind::FieldIndex,
                filters: Filters::default(),
                is_conditional: false,
            }]),
            Verb::Upsert => self.one_write(Operation::Upsert)?,
            Verb::Delete => self.one_write(Operation::Delete)?,
            Verb::UpdateVectors => self.one_write(Operation::UpdateVectors)?,
            Verb::DeleteVectors => self.one_write(Operation::DeleteVectors)?,
            Verb::SetPayload => self.one_write(Operation::SetPayload)?,
            Verb::OverwritePayload => self.one_write(Operation::OverwritePayload)?,
            Verb::DeletePayload => self.one_write(Operation::DeletePayload)?,
            Verb::ClearPayload => self.one_write(Operation::ClearPayload)?,
            Verb::CreateFieldIndex => self.one_write(Operation::CreateFieldIndex)?,
            Verb::UpdateBatch => OpKind::Writes(self.operations()?),
            Verb::SearchBatch => OpKind::Reads(self.searches(&shapes::SEARCH)?),
            Verb::RecommendBatch => OpKind::Reads(self.searches(&shapes::RECOMMEND)?),
            Verb::DiscoverBatch => OpKind::Reads(self.searches(&shapes::DISCOVER)?),
            Verb::QueryBatch => OpKind::Reads(self.searches(&shapes::QUERY)?),
            Verb::Get => self.single(&shapes::GET)?,
            Verb::Search => self.single(&shapes::SEARCH)?,
            Verb::SearchGroups => self.single(&shapes::SEARCH_GROUPS)?,
            Verb::Scroll => self.single(&shapes::SCROLL)?,
            Verb::Recommend => self.single(&shapes::RECOMMEND)?,
            Verb::RecommendGroups => self.single(&shapes::RECOMMEND_GROUPS)?,
            Verb::Discover => self.single(&shapes::DISCOVER)?,
            Verb::Count => self.single(&shapes::COUNT)?,
            Verb::Facet => self.single(&shapes::FACET)?,
            Verb::Query => self.single(&shapes::QUERY)?,
            Verb::QueryGroups => self.single(&shapes::QUERY_GROUPS)?,
            Verb::SearchMatrixPairs | Verb::SearchMatrixOffsets => self.single(&shapes::SEARCH_MATRIX)?,
            Verb::ShardGet => self.single(&shapes::SHARD_GET)?,
            Verb::ShardScroll => self.single(&shapes::SHARD_SCROLL)?,
            Verb::ShardCount => self.single(&shapes::SHARD_COUNT)?,
        })
    }

    fn single(&mut self, shape: &'static shapes::Shape) -> Result<OpKind<'a>, Refusal> {
        Ok(OpKind::Reads(vec![self.read(shape)?]))
    }

    fn one_write(&mut self, operation: Operation) -> Result<OpKind<'a>, Refusal> {
        Ok(OpKind::Writes(vec![self.write(operation)?]))
    }

    /// `GET …/points/{id}`: everything comes back, and nothing in the request can change that.
    fn whole_point(&mut self) -> Read<'a> {
        Read {
            with_vectors: Some(Selecting {
                site: self.places.add(Place::Answer),
                value: VectorSelection::All,
            }),
            with_payload: Some(Selecting {
                site: self.places.add(Place::Answer),
                value: PayloadSelection::All,
            }),
            ..Read::default()
        }
    }

    /// A point's id: a u64, or a UUID in any spelling.
    fn point_id(&mut self) -> Result<PointId, Refusal> {
        let start = self.cursor.offset();
        let id = match self.cursor.peek()? {
            Kind::Number => self.cursor.number_text()?.parse().ok().map(PointId::Num),
            Kind::Text => uuid::Uuid::parse_str(&self.cursor.text()?)
                .ok()
                .map(PointId::Uuid),
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => {
                self.cursor.skip()?;
                None
            }
        };
        id.ok_or_else(|| {
            let end = self.cursor.end();
            let value = self.cursor.slice(super::cursor::Span { start, end });
            let shown: String = value.chars().take(ID_SHOWN_CHARS_MAX).collect();
            errors::format(format_args!(
                "value {shown} is not a valid point ID, valid values are either an unsigned integer or a UUID"
            ))
        })
    }

    /// A list of point ids.
    fn point_ids(&mut self) -> Result<Vec<PointId>, Refusal> {
        let mut ids = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.bound(items.count, self.lens.limits.points_max, "points")?;
            ids.push(self.point_id()?);
        }
        Ok(ids)
    }

    /// A list of strings.
    fn texts(&mut self) -> Result<Vec<Cow<'a, str>>, Refusal> {
        let mut texts = Vec::new();
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            texts.push(self.cursor.text()?);
        }
        Ok(texts)
    }

    fn bound(&self, count: usize, count_max: usize, what: &str) -> Result<(), Refusal> {
        if count > count_max {
            return Err(errors::too_many(what, count_max));
        }
        Ok(())
    }
}

/// How much of a wrong id an error repeats.
const ID_SHOWN_CHARS_MAX: usize = 64;
