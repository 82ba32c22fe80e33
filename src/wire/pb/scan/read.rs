//! One read: its nodes, filters and selectors. Called for single reads, batch items and, for its nodes, prefetches.

use super::fields::{Here, Item, Scanner, slot};
use super::shapes::{PREFETCH, ReadRole, ReadShape};
use crate::domain::few::Few;
use crate::domain::op::{
    Input, InputValue, LookupFrom, Node, PayloadSelection, Read, Selecting, VectorSelection, WithLookup,
};
use crate::domain::refusal::Refusal;
use crate::wire::pb::places::Place;
use crate::wire::pb::refuse::malformed;
use crate::wire::pb::schema::{Kind, Message};

/// What a read's own fields hold, until its end is reached and the absent ones can be told.
#[derive(Default)]
struct Partial<'a> {
    collection: &'a str,
    vectors: Option<Selecting<VectorSelection<'a>>>,
    payload: Option<Selecting<PayloadSelection<'a>>>,
    /// A legacy search's components, and whether indices make them sparse.
    floats: usize,
    is_sparse: bool,
}

impl<'a> Scanner<'a, '_> {
    /// A whole read, with the collection that it names.
    pub(super) fn read(
        &mut self,
        shape: &'static ReadShape,
        here: Here,
    ) -> Result<(&'a str, Read<'a>), Refusal> {
        let mut read = Read {
            nodes: Vec::with_capacity(1),
            ..Read::default()
        };
        let partial = self.node(shape, here, &mut read, 0)?;
        if shape.number(ReadRole::Floats).is_some() {
            let site = self.site(Place::Fixed)?;
            let value = if partial.is_sparse {
                InputValue::Sparse
            } else {
                InputValue::Dense(partial.floats)
            };
            if let Some(root) = read.nodes.first_mut() {
                root.inputs.push(Input { site, value });
            }
        }
        read.with_vectors = match (partial.vectors, shape.number(ReadRole::WithVectors)) {
            (None, Some(number)) => Some(Selecting {
                site: self.site(Place::WithVectors(slot(here, number, None)))?,
                value: VectorSelection::None,
            }),
            (present, _) => present,
        };
        read.with_payload = match (partial.payload, shape.number(ReadRole::WithPayload)) {
            (None, Some(number)) => Some(Selecting {
                site: self.site(Place::WithPayload(slot(here, number, None)))?,
                value: if shape.payload_by_default {
                    PayloadSelection::All
                } else {
                    PayloadSelection::None
                },
            }),
            (present, _) => present,
        };
        Ok((partial.collection, read))
    }

    /// A read's root or a prefetch, and everything below it. `depth` counts the prefetches above.
    fn node(
        &mut self,
        shape: &'static ReadShape,
        here: Here,
        read: &mut Read<'a>,
        depth: usize,
    ) -> Result<Partial<'a>, Refusal> {
        let node = read.nodes.len();
        let using = shape.number(ReadRole::Using);
        if let Some(number) = using {
            read.nodes.push(Node {
                site: self.site(Place::Name(slot(here, number, None)))?,
                ranking: shape.ranking,
                using: None,
                inputs: Few::default(),
                lookup_from: None,
            });
        }
        let mut partial = Partial::default();
        let mut fields = self.fields(here);
        while let Some(item) = fields.next()? {
            match shape.role(item.raw.number) {
                Some(ReadRole::Collection) => partial.collection = item.text,
                Some(ReadRole::Using) => {
                    let present = Some(item.raw.outer());
                    let site = read.nodes[node].site;
                    self.places.sites[site.0 as usize] = Place::Name(slot(here, item.raw.number, present));
                    read.nodes[node].using = Some(item.text.into());
                }
                Some(ReadRole::Prefetch) => self.prefetch(here, &item, read, depth + 1)?,
                Some(ReadRole::Query) => self.query(here, &item, read, node)?,
                Some(ReadRole::Inputs) => self.inputs(here, &item, &mut read.nodes[node])?,
                Some(ReadRole::LookupFrom) => {
                    let lookup = self.lookup_from(here, &item, shape.is_legacy)?;
                    read.nodes[node].lookup_from = Some(lookup);
                }
                Some(ReadRole::Floats) => partial.floats += item.floats(),
                Some(ReadRole::Indices) => {
                    partial.is_sparse = true;
                    self.check_item(here, &item)?;
                }
                Some(ReadRole::Filter | ReadRole::Params | ReadRole::OrderBy) => {
                    self.filters(here, &item, &mut read.filters, false)?;
                }
                Some(ReadRole::Key) => read.filters.keys.push(item.text.into()),
                Some(ReadRole::WithVectors) => partial.vectors = Some(self.with_vectors(here, &item)?),
                Some(ReadRole::WithPayload) => partial.payload = Some(self.with_payload(here, &item)?),
                Some(ReadRole::WithLookup) => read.lookup = Some(self.with_lookup(here, &item)?),
                None => self.check_item(here, &item)?,
            }
        }
        Ok(partial)
    }

    fn prefetch(
        &mut self,
        here: Here,
        item: &Item<'a>,
        read: &mut Read<'a>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let max = self.lens.limits.prefetch_depth_max;
        if depth > max {
            return Err(Refusal::invalid(
                "too_deep",
                format!("the query nests more than {max} prefetches; flatten it"),
            ));
        }
        let inside = self.enter(here, &item.raw, PREFETCH.schema)?;
        self.node(&PREFETCH, inside, read, depth).map(|_| ())
    }

    fn lookup_from(
        &mut self,
        here: Here,
        item: &Item<'a>,
        is_legacy: bool,
    ) -> Result<LookupFrom<'a>, Refusal> {
        const VECTOR: u32 = 2;
        let inside = self.enter(here, &item.raw, message(item)?)?;
        let (mut collection, mut vector, mut span) = ("", None, None);
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            match item.raw.number {
                1 => collection = item.text,
                VECTOR => {
                    vector = Some(item.text.into());
                    span = Some(item.raw.outer());
                }
                _ => self.check_item(inside, &item)?,
            }
        }
        Ok(LookupFrom {
            collection: collection.into(),
            vector,
            vector_site: self.site(Place::Name(slot(inside, VECTOR, span)))?,
            defaults_to_unnamed: is_legacy,
        })
    }

    fn with_lookup(&mut self, here: Here, item: &Item<'a>) -> Result<WithLookup<'a>, Refusal> {
        const PAYLOAD: u32 = 2;
        const VECTORS: u32 = 3;
        let inside = self.enter(here, &item.raw, message(item)?)?;
        let (mut collection, mut payload, mut vectors) = ("", None, None);
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            match item.raw.number {
                PAYLOAD => payload = Some(self.with_payload(inside, &item)?),
                VECTORS => vectors = Some(self.with_vectors(inside, &item)?),
                _ => collection = item.text,
            }
        }
        Ok(WithLookup {
            collection: collection.into(),
            with_vectors: match vectors {
                Some(vectors) => vectors,
                None => Selecting {
                    site: self.site(Place::WithVectors(slot(inside, VECTORS, None)))?,
                    value: VectorSelection::None,
                },
            },
            with_payload: match payload {
                Some(payload) => payload,
                None => Selecting {
                    site: self.site(Place::WithPayload(slot(inside, PAYLOAD, None)))?,
                    value: PayloadSelection::All,
                },
            },
        })
    }

    fn with_vectors(
        &mut self,
        here: Here,
        item: &Item<'a>,
    ) -> Result<Selecting<VectorSelection<'a>>, Refusal> {
        let inside = self.inside(here, &item.raw, message(item)?)?;
        let mut value = VectorSelection::None;
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            value = if let Kind::Message(list) = item.kind {
                VectorSelection::Names(self.text_list(self.inside(inside, &item.raw, list)?)?)
            } else if item.raw.varint != 0 {
                VectorSelection::All
            } else {
                VectorSelection::None
            };
        }
        let present = Some(item.raw.outer());
        Ok(Selecting {
            site: self.site(Place::WithVectors(slot(here, item.raw.number, present)))?,
            value,
        })
    }

    fn with_payload(
        &mut self,
        here: Here,
        item: &Item<'a>,
    ) -> Result<Selecting<PayloadSelection<'a>>, Refusal> {
        const INCLUDE: u32 = 2;
        let schema = message(item)?;
        let inside = self.inside(here, &item.raw, schema)?;
        let mut value = None;
        let mut fields = self.fields(inside);
        while let Some(item) = fields.next()? {
            value = Some(if let Kind::Message(list) = item.kind {
                let paths = self.text_list(self.inside(inside, &item.raw, list)?)?;
                if item.raw.number == INCLUDE {
                    PayloadSelection::Include(paths)
                } else {
                    PayloadSelection::Exclude(paths)
                }
            } else if item.raw.varint != 0 {
                PayloadSelection::All
            } else {
                PayloadSelection::None
            });
        }
        let present = Some(item.raw.outer());
        Ok(Selecting {
            site: self.site(Place::WithPayload(slot(here, item.raw.number, present)))?,
            value: value
                .ok_or_else(|| malformed(schema.name, "it selects nothing; set one of its members"))?,
        })
    }
}

/// The type of a field that is a message.
pub(super) fn message(item: &Item<'_>) -> Result<&'static Message, Refusal> {
    match item.kind {
        Kind::Message(schema) | Kind::Map(schema) => Ok(schema),
        Kind::Number | Kind::Float | Kind::Double | Kind::Text | Kind::Floats | Kind::Numbers => Err(
            malformed("the request", "a field is no message where one is wanted"),
        ),
    }
}
