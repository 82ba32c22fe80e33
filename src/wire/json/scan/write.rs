//! Write bodies: upserts in both forms, vector and payload operations, batches, and field indexes.

use std::borrow::Cow;

use super::Scanner;
use crate::domain::ids::PointId;
use crate::domain::op::{Filters, Point, Selector, Site, Write, WriteKind};
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::{Kind, Members, Span};
use crate::wire::json::errors;
use crate::wire::json::places::{Operation, Place, SelectorPlace, WritePlace};

/// What was met of a write.
#[derive(Debug, Default)]
struct Parts<'a> {
    filters: Filters<'a>,
    is_conditional: bool,
    /// Where its points and its condition stand.
    points_at: Option<Span>,
    update_filter: Option<Span>,
    points: Option<Vec<Point<'a>>>,
    columns: Option<(Span, Vec<Site>)>,
    ids: Option<(Vec<PointId>, Span)>,
    filter: Option<Span>,
    shard_key: Option<Span>,
    names: Option<(Vec<Cow<'a, str>>, Site)>,
    payload: Option<(Vec<Cow<'a, str>>, Span)>,
    path: Option<Cow<'a, str>>,
    keys: Option<Vec<Cow<'a, str>>>,
    field_name: Option<Cow<'a, str>>,
}

impl<'a> Scanner<'a, '_> {
    /// The operations of a batch.
    pub(super) fn operations(&mut self) -> Result<Vec<Write<'a>>, Refusal> {
        let mut writes = None;
        let mut members = self.cursor.object("a batch")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if key != "operations" {
                return Err(errors::unknown(&key, "a batch"));
            }
            let list = writes.insert(Vec::new());
            let mut items = self.cursor.array()?;
            while self.cursor.next_item(&mut items)? {
                self.bound(items.count, self.lens.limits.batch_items_max, "operations")?;
                list.push(self.operation()?);
            }
        }
        writes.ok_or_else(|| errors::missing("operations"))
    }

    fn operation(&mut self) -> Result<Write<'a>, Refusal> {
        let mut found = None;
        let mut members = self.cursor.object("an operation")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            let Some(operation) = Operation::of_key(&key) else {
                return Err(errors::unknown(&key, "an operation of a batch"));
            };
            if found.is_some() {
                return Err(errors::ambiguous(
                    "an operation of a batch with more than one key: Qdrant would run one and ignore the rest; split it",
                ));
            }
            found = Some(self.write(operation)?);
        }
        found.ok_or_else(|| errors::format("an operation of a batch without a key"))
    }

    /// One write.
    pub(super) fn write(&mut self, operation: Operation) -> Result<Write<'a>, Refusal> {
        let start = self.cursor.offset();
        let mut parts = Parts::default();
        let mut members = self.cursor.object("a write")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            let is_known = match operation {
                Operation::Upsert | Operation::UpdateVectors => {
                    self.point_member(&key, operation, &members, &mut parts)?
                }
                Operation::CreateFieldIndex => self.index_member(&key, &mut members, &mut parts)?,
                Operation::Delete
                | Operation::SetPayload
                | Operation::OverwritePayload
                | Operation::DeletePayload
                | Operation::ClearPayload
                | Operation::DeleteVectors => {
                    self.selector_member(&key, &mut parts)?
                        || self.other_member(&key, operation, &mut members, &mut parts)?
                }
            };
            if !is_known && key == "shard_key" && operation != Operation::CreateFieldIndex {
                let span = self.cursor.skip()?;
                // An absent key and a null one are the same; only one that is there is repeated in our own operations.
                parts.shard_key = (self.cursor.slice(span) != "null").then_some(span);
            } else if !is_known {
                return Err(errors::unknown(&key, "a write"));
            }
        }
        let selector = selector(&parts)?;
        let body = self.span_from(start);
        self.places.writes.push(WritePlace {
            operation,
            body,
            selector,
            shard_key: parts.shard_key,
            payload: parts.payload.as_ref().map(|(_, span)| *span),
            points: parts.points_at,
            update_filter: parts.update_filter,
            columns: parts.columns.take(),
        });
        self.write_kind(operation, selector, parts)
    }
}

/// The selector's place. Both at once are refused: Qdrant's operations differ in which of the two they then run.
fn selector(parts: &Parts<'_>) -> Result<Option<SelectorPlace>, Refusal> {
    match (&parts.ids, parts.filter) {
        (Some(_), Some(_)) => Err(errors::ambiguous(
            "a selector with both `points` and `filter`: give one",
        )),
        (Some((_, span)), None) => Ok(Some(SelectorPlace::Ids(*span))),
        (None, Some(span)) => Ok(Some(SelectorPlace::Filter(span))),
        (None, None) => Ok(None),
    }
}

// The members of each kind of write, and what they make.
impl<'a> Scanner<'a, '_> {
    fn point_member(
        &mut self,
        key: &str,
        operation: Operation,
        members: &Members<'a>,
        parts: &mut Parts<'a>,
    ) -> Result<bool, Refusal> {
        let is_upsert = operation == Operation::Upsert;
        let start = members.key_start();
        match key {
            "points" | "batch" if parts.points.is_some() => {
                return Err(errors::ambiguous(
                    "an upsert with both `batch` and `points`: give one",
                ));
            }
            "points" => {
                let start = self.cursor.offset();
                parts.points = Some(self.points(is_upsert)?);
                parts.points_at = Some(self.span_from(start));
            }
            "batch" if is_upsert => {
                let points = self.columns()?;
                let sites = points.iter().map(|point| point.site).collect();
                parts.columns = Some((self.span_from(start), sites));
                parts.points = Some(points);
            }
            "update_filter" => {
                let start = self.cursor.offset();
                let is_there = self.cursor.peek()? != Kind::Null;
                self.filter_option(&mut parts.filters)?;
                parts.is_conditional |= is_there;
                parts.update_filter = is_there.then(|| self.span_from(start));
            }
            "update_mode" if is_upsert => parts.is_conditional |= self.update_mode()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the mode may skip points.
    fn update_mode(&mut self) -> Result<bool, Refusal> {
        if self.cursor.null()? {
            return Ok(false);
        }
        let mode = self.cursor.text()?;
        match mode.as_ref() {
            "upsert" => Ok(false),
            "insert_only" | "update_only" => Ok(true),
            other => Err(errors::format(format_args!(
                "unknown variant `{other}`, expected one of `upsert`, `insert_only`, `update_only`"
            ))),
        }
    }

    fn index_member(
        &mut self,
        key: &str,
        members: &mut Members<'a>,
        parts: &mut Parts<'a>,
    ) -> Result<bool, Refusal> {
        match key {
            "field_name" => parts.field_name = Some(self.cursor.text()?),
            "field_schema" | "field_type" => {
                if key == "field_type" {
                    members.claim(Cow::Borrowed("field_schema"))?;
                }
                self.cursor.skip()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn selector_member(&mut self, key: &str, parts: &mut Parts<'a>) -> Result<bool, Refusal> {
        let start = self.cursor.offset();
        match key {
            "points" | "filter" if self.cursor.null()? => {}
            "points" => {
                let ids = self.point_ids()?;
                parts.ids = Some((ids, self.span_from(start)));
            }
            "filter" => {
                self.filter_option(&mut parts.filters)?;
                parts.filter = Some(self.span_from(start));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn other_member(
        &mut self,
        key: &str,
        operation: Operation,
        members: &mut Members<'a>,
        parts: &mut Parts<'a>,
    ) -> Result<bool, Refusal> {
        let is_setting = matches!(operation, Operation::SetPayload | Operation::OverwritePayload);
        match key {
            "payload" if is_setting => parts.payload = Some(self.payload_keys()?),
            "key" if is_setting => {
                parts.path = match self.cursor.null()? {
                    true => None,
                    false => Some(self.cursor.text()?),
                };
            }
            "keys" if operation == Operation::DeletePayload => parts.keys = Some(self.texts()?),
            "vector" | "vectors" if operation == Operation::DeleteVectors => {
                if key == "vectors" {
                    members.claim(Cow::Borrowed("vector"))?;
                }
                let start = self.cursor.offset();
                let names = self.texts()?;
                parts.names = Some((names, self.place_value(start)));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn payload_keys(&mut self) -> Result<(Vec<Cow<'a, str>>, Span), Refusal> {
        let start = self.cursor.offset();
        let mut keys = Vec::new();
        let mut members = self.cursor.object("a payload")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            keys.push(key);
            self.cursor.skip()?;
        }
        Ok((keys, self.span_from(start)))
    }

    fn write_kind(
        &mut self,
        operation: Operation,
        place: Option<SelectorPlace>,
        mut parts: Parts<'a>,
    ) -> Result<Write<'a>, Refusal> {
        let kind = match operation {
            Operation::Upsert => WriteKind::Upsert(
                parts
                    .points
                    .ok_or_else(|| errors::format("Invalid PointInsertOperations format"))?,
            ),
            Operation::UpdateVectors => {
                WriteKind::UpdateVectors(parts.points.ok_or_else(|| errors::missing("points"))?)
            }
            Operation::CreateFieldIndex => {
                let field = parts.field_name.ok_or_else(|| errors::missing("field_name"))?;
                parts.filters.keys.push(field);
                WriteKind::FieldIndex
            }
            Operation::DeletePayload => {
                place.ok_or_else(no_selector)?;
                WriteKind::DeletePayload {
                    keys: parts.keys.ok_or_else(|| errors::missing("keys"))?,
                }
            }
            Operation::SetPayload => {
                place.ok_or_else(no_selector)?;
                WriteKind::SetPayload {
                    keys: parts.payload.ok_or_else(|| errors::missing("payload"))?.0,
                    path: parts.path,
                }
            }
            Operation::Delete => {
                place.ok_or_else(no_selector)?;
                WriteKind::Delete
            }
            Operation::OverwritePayload => WriteKind::OverwritePayload {
                selector: self.selector(place, parts.ids)?,
                keys: parts.payload.ok_or_else(|| errors::missing("payload"))?.0,
            },
            Operation::ClearPayload => WriteKind::ClearPayload {
                selector: self.selector(place, parts.ids)?,
            },
            Operation::DeleteVectors => {
                let selector = self.selector(place, parts.ids)?;
                let (names, site) = parts.names.ok_or_else(|| errors::missing("vector"))?;
                WriteKind::DeleteVectors {
                    site,
                    names,
                    selector,
                }
            }
        };
        Ok(Write {
            kind,
            filters: parts.filters,
            is_conditional: parts.is_conditional,
        })
    }

    fn selector(
        &mut self,
        place: Option<SelectorPlace>,
        ids: Option<(Vec<PointId>, Span)>,
    ) -> Result<Selector, Refusal> {
        match (place.ok_or_else(no_selector)?, ids) {
            (_, Some((ids, _))) => Ok(Selector::Ids(ids)),
            (SelectorPlace::Ids(span) | SelectorPlace::Filter(span), None) => {
                Ok(Selector::Filter(self.places.add(Place::Value(span))))
            }
        }
    }
}

fn no_selector() -> Refusal {
    errors::format("Either list of point ids or filter must be provided")
}
