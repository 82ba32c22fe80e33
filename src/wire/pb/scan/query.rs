//! What a node ranks by, and every vector that it is given. Walks `Query` and the legacy examples alike: whatever
//! stands between a query and its vectors, each `VectorInput`, `Vector` and id below it is an input.

use super::fields::{Here, Item, Scanner};
use super::read::message;
use crate::domain::op::{Filters, Input, InputValue, Node, Ranking, Read};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::Place;
use crate::wire::pb::refuse::malformed;
use crate::wire::pb::schema::{
    CONDITION, EXPRESSION, GEO_DISTANCE, Kind, Message, POINT_ID, VECTOR, VECTOR_INPUT,
};

/// Members of `Query`'s oneof.
mod variant {
    pub const ORDER_BY: u32 = 5;
    pub const FUSION: u32 = 6;
    pub const SAMPLE: u32 = 7;
    pub const FORMULA: u32 = 8;
    pub const RRF: u32 = 10;
    pub const TEXT: u32 = 12;
}

impl<'a> Scanner<'a, '_> {
    /// The query of the node of this index.
    pub(super) fn query(
        &mut self,
        here: Here,
        item: &Item<'a>,
        read: &mut Read<'a>,
        node: usize,
    ) -> Result<(), Refusal> {
        let schema = message(item)?;
        let inside = self.enter(here, &item.raw, schema)?;
        let mut ranking = None;
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            ranking = Some(match item.raw.number {
                variant::ORDER_BY => {
                    self.filters(inside, &item, &mut read.filters, false)?;
                    Ranking::Other
                }
                variant::SAMPLE => Ranking::Other,
                variant::FORMULA => {
                    self.formula(inside, &item, &mut read.filters)?;
                    Ranking::Prefetches
                }
                variant::FUSION | variant::RRF => {
                    self.check_item(inside, &item)?;
                    Ranking::Prefetches
                }
                variant::TEXT => {
                    self.check_item(inside, &item)?;
                    Ranking::Text
                }
                // The table lets no other number through: the rest are made of vectors.
                _ => {
                    self.inputs(inside, &item, &mut read.nodes[node])?;
                    Ranking::Vectors
                }
            });
        }
        read.nodes[node].ranking = ranking.ok_or_else(|| malformed(schema.name, "it is empty"))?;
        Ok(())
    }

    /// Every input in a field.
    pub(super) fn inputs(&mut self, here: Here, item: &Item<'a>, node: &mut Node<'a>) -> Result<(), Refusal> {
        let Kind::Message(schema) = item.kind else {
            return self.check_item(here, item);
        };
        let inside = self.enter(here, &item.raw, schema)?;
        let (place, value) = if schema.is(&VECTOR_INPUT) {
            (Place::Input(inside.frame), self.vector_input(inside)?)
        } else if schema.is(&VECTOR) {
            (Place::Vector(inside.frame), self.vector(inside)?)
        } else if schema.is(&POINT_ID) {
            (Place::Fixed, InputValue::Point(self.point_id(inside)?))
        } else {
            let mut fields = self.fields(inside);
            while let Some(item) = fields.next()? {
                self.inputs(inside, &item, node)?;
            }
            return Ok(());
        };
        let site = self.site(place)?;
        node.inputs.push(Input { site, value });
        Ok(())
    }

    /// Conditions and payload keys of a formula. `$score` and its like are no keys.
    fn formula(&mut self, here: Here, item: &Item<'a>, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        match item.kind {
            Kind::Message(schema) if schema.is(&CONDITION) => self.filters(here, item, filters, false),
            Kind::Message(schema) => {
                let inside = self.enter(here, &item.raw, schema)?;
                let keys = self.begin_keys();
                let mut fields = self.fields(inside);
                while let Some(item) = fields.next()? {
                    self.formula(inside, &item, filters)?;
                }
                self.end_keys(keys, schema)
            }
            Kind::Text => {
                if is_key(here.schema, item.raw.number) && !item.text.starts_with('$') {
                    filters.keys.push(item.text.into());
                }
                Ok(())
            }
            Kind::Number | Kind::Float | Kind::Double | Kind::Map(_) | Kind::Floats | Kind::Numbers => {
                self.check_item(here, item)
            }
        }
    }
}

/// Whether a text of a formula is a payload key: `variable`, `datetime_key` or `geo_distance.to`.
fn is_key(schema: &'static Message, number: u32) -> bool {
    (schema.is(&EXPRESSION) && matches!(number, 2 | 6)) || (schema.is(&GEO_DISTANCE) && number == 2)
}
