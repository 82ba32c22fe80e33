//! Filters: every key and every `has_vector`, at any depth. Also for what holds filters or keys without being one:
//! search parameters and orders.

use super::fields::{Here, Item, Scanner, slot};
use crate::domain::op::Filters;
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::Place;
use crate::wire::pb::schema::{
    CONDITION, FIELD_CONDITION, FILTER, HAS_VECTOR, IDF_PARAMS, IS_EMPTY, IS_NULL, Kind, MIN_SHOULD, Message,
    NESTED, ORDER_BY, SEARCH_PARAMS,
};

/// The number of the key, or the name, in each message that has one.
const KEY: u32 = 1;

impl<'a> Scanner<'a, '_> {
    /// What a field refers to. `is_nested`: its keys are relative to the key of a nested condition, and left out.
    pub(super) fn filters(
        &mut self,
        here: Here,
        item: &Item<'a>,
        filters: &mut Filters<'a>,
        is_nested: bool,
    ) -> Result<(), Refusal> {
        let Kind::Message(schema) = item.kind else {
            return self.check_item(here, item);
        };
        if holds_filters(schema) {
            let inside = self.enter(here, &item.raw, schema)?;
            self.filters_of(inside, filters, is_nested)
        } else if schema.is(&HAS_VECTOR) {
            let inside = self.enter(here, &item.raw, schema)?;
            let (mut name, mut span) = ("", None);
            let mut fields = self.fields(inside);
            while let Some(item) = fields.next()? {
                name = item.text;
                span = Some(item.raw.outer());
            }
            let site = self.site(Place::Name(slot(inside, KEY, span)))?;
            filters.has_vectors.push((site, name.into()));
            Ok(())
        } else if holds_key(schema) {
            self.keyed(here, item, schema, filters, is_nested)
        } else {
            self.check_item(here, item)
        }
    }

    /// [`Self::filters`] for each field of a message.
    pub(super) fn filters_of(
        &mut self,
        here: Here,
        filters: &mut Filters<'a>,
        is_nested: bool,
    ) -> Result<(), Refusal> {
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            self.filters(here, &item, filters, is_nested)?;
        }
        Ok(())
    }

    fn keyed(
        &mut self,
        here: Here,
        item: &Item<'a>,
        schema: &'static Message,
        filters: &mut Filters<'a>,
        is_nested: bool,
    ) -> Result<(), Refusal> {
        let inside = self.enter(here, &item.raw, schema)?;
        let mut key = "";
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            if item.raw.number == KEY {
                key = item.text;
            }
            // Only a nested condition has a filter; for everything else this is `check_item`.
            self.filters(inside, &item, filters, true)?;
        }
        if !is_nested {
            filters.keys.push(key.into());
        }
        Ok(())
    }
}

fn holds_filters(schema: &'static Message) -> bool {
    [&FILTER, &CONDITION, &MIN_SHOULD, &SEARCH_PARAMS, &IDF_PARAMS]
        .into_iter()
        .any(|known| schema.is(known))
}

fn holds_key(schema: &'static Message) -> bool {
    [&FIELD_CONDITION, &IS_EMPTY, &IS_NULL, &NESTED, &ORDER_BY]
        .into_iter()
        .any(|known| schema.is(known))
}
