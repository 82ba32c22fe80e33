//! Read bodies: query trees, selectors and lookups.

use std::borrow::Cow;

use super::Scanner;
use super::query::Parts;
use super::shapes::{PREFETCH, Shape};
use crate::domain::few::Few;
use crate::domain::op::{
    LookupFrom, Node, PayloadSelection, Ranking, Read, Selecting, Site, VectorSelection, WithLookup,
};
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::{Kind, Members, Span};
use crate::wire::json::errors;
use crate::wire::json::places::{Member, Place, Slot};

/// What a selector said, and where.
type Said<T> = Option<(Span, T)>;

/// What was met of a read's selectors.
#[derive(Debug, Default)]
struct Head<'a> {
    with_vectors: Said<Option<VectorSelection<'a>>>,
    with_payload: Said<Option<PayloadSelection<'a>>>,
}

impl<'a> Scanner<'a, '_> {
    /// The items of a batch of reads.
    pub(super) fn searches(&mut self, shape: &'static Shape) -> Result<Vec<Read<'a>>, Refusal> {
        let mut reads = None;
        let mut members = self.cursor.object("a batch")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if key != "searches" {
                return Err(errors::unknown(&key, "a batch"));
            }
            let list = reads.insert(Vec::new());
            let mut items = self.cursor.array()?;
            while self.cursor.next_item(&mut items)? {
                self.bound(items.count, self.lens.limits.batch_items_max, "searches")?;
                list.push(self.read(shape)?);
            }
        }
        reads.ok_or_else(|| errors::missing("searches"))
    }

    /// One read.
    pub(super) fn read(&mut self, shape: &'static Shape) -> Result<Read<'a>, Refusal> {
        let mut read = Read::default();
        let mut head = Head::default();
        let mut parts = Parts::default();
        if let Some(ranking) = shape.ranking {
            // Parents come before their children, but are known only after them.
            read.nodes.push(placeholder());
            parts.ranking = ranking;
        }
        let mut members = self.cursor.object(shape.name)?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            self.known(&key, shape, &mut members)?;
            if !self.head_member(&key, &mut read, &mut head)?
                && !self.node_member(&key, shape, &mut parts, &mut read, 0)?
            {
                self.cursor.skip()?;
            }
        }
        if shape.keys.contains(&"vector") && parts.named_at.is_none() {
            return Err(errors::missing("vector"));
        }
        if shape.ranking.is_some() {
            let node = self.node(parts, &members);
            if let Some(root) = read.nodes.first_mut() {
                *root = node;
            }
        }
        if shape.is_selecting {
            let (with_vectors, with_payload) =
                self.selectors(head, "with_vector", shape.payload_by_default, &members);
            read.with_vectors = Some(with_vectors);
            read.with_payload = Some(with_payload);
        }
        Ok(read)
    }

    /// Refuses keys that the route does not take, and an alias beside the name that it stands for.
    fn known(&self, key: &str, shape: &Shape, members: &mut Members<'a>) -> Result<(), Refusal> {
        if !shape.keys.contains(&key) {
            return Err(errors::unknown(key, shape.name));
        }
        match key {
            "with_vectors" => members.claim(Cow::Borrowed("with_vector")),
            "top" => members.claim(Cow::Borrowed("limit")),
            _ => Ok(()),
        }
    }

    /// Reads a member that only a root has, if it is one that matters.
    fn head_member(&mut self, key: &str, read: &mut Read<'a>, head: &mut Head<'a>) -> Result<bool, Refusal> {
        match key {
            "with_vector" | "with_vectors" => head.with_vectors = Some(self.vector_selection()?),
            "with_payload" => head.with_payload = Some(self.payload_selection()?),
            "with_lookup" => read.lookup = self.with_lookup()?,
            "group_by" | "key" => {
                let field = self.cursor.text()?;
                read.filters.keys.push(field);
            }
            "order_by" => self.order_by(&mut read.filters)?,
            "ids" => {
                self.point_ids()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a member of a query node, if it is one that matters.
    fn node_member(
        &mut self,
        key: &str,
        shape: &Shape,
        parts: &mut Parts<'a>,
        read: &mut Read<'a>,
        depth: usize,
    ) -> Result<bool, Refusal> {
        match key {
            "query" => self.query(parts, &mut read.filters)?,
            "prefetch" => self.prefetches(read, depth + 1)?,
            "using" => {
                let start = self.cursor.offset();
                let name = match self.cursor.null()? {
                    true => None,
                    false => Some(self.cursor.text()?),
                };
                let end = self.cursor.end();
                parts.using = Some((Span { start, end }, name));
            }
            "filter" => self.filter_option(&mut read.filters)?,
            "params" => self.params(&mut read.filters)?,
            "lookup_from" => parts.lookup_from = self.lookup_from(shape.is_legacy)?,
            "vector" => self.search_vector(parts)?,
            "positive" | "negative" => self.inputs(&mut parts.inputs)?,
            "target" if self.cursor.null()? => {}
            "target" => parts.inputs.push(self.input()?),
            "context" => self.context(parts)?,
            "hash_ring_filter" => self.known_members("hash_ring_filter", &["expected_shard_id"])?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Prefetches: one, several, or `null`.
    fn prefetches(&mut self, read: &mut Read<'a>, depth: usize) -> Result<(), Refusal> {
        let depth_max = self.lens.limits.prefetch_depth_max;
        if self.cursor.null()? {
            return Ok(());
        }
        if depth > depth_max {
            return Err(errors::too_deep("prefetches", depth_max));
        }
        match self.cursor.peek()? {
            Kind::Array => {}
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::Object => {
                return self.prefetch(read, depth);
            }
        }
        let mut items = self.cursor.array()?;
        while self.cursor.next_item(&mut items)? {
            self.prefetch(read, depth)?;
        }
        Ok(())
    }

    fn prefetch(&mut self, read: &mut Read<'a>, depth: usize) -> Result<(), Refusal> {
        let index = read.nodes.len();
        read.nodes.push(placeholder());
        let mut parts = Parts::default();
        let mut members = self.cursor.object(PREFETCH.name)?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            self.known(&key, &PREFETCH, &mut members)?;
            if !self.node_member(&key, &PREFETCH, &mut parts, read, depth)? {
                self.cursor.skip()?;
            }
        }
        let node = self.node(parts, &members);
        if let Some(place) = read.nodes.get_mut(index) {
            *place = node;
        }
        Ok(())
    }

    fn node(&mut self, parts: Parts<'a>, members: &Members<'a>) -> Node<'a> {
        let (span, using) = parts.using.unzip();
        let site = match parts.named_at {
            Some(site) => site,
            None => self.member("using", span, members),
        };
        Node {
            site,
            ranking: parts.ranking,
            using: using.flatten(),
            inputs: parts.inputs,
            lookup_from: parts.lookup_from,
        }
    }

    /// The site of a member that has been met, or of the place where it can be put.
    fn member(&mut self, key: &'static str, span: Option<Span>, members: &Members<'a>) -> Site {
        let slot = match span {
            Some(span) => Slot::Value(span),
            None => Slot::Absent {
                open: members.open(),
                is_empty: members.is_empty(),
            },
        };
        self.places.add(Place::Member(Member { key, slot }))
    }

    fn selectors(
        &mut self,
        head: Head<'a>,
        vectors_key: &'static str,
        payload_by_default: bool,
        members: &Members<'a>,
    ) -> (Selecting<VectorSelection<'a>>, Selecting<PayloadSelection<'a>>) {
        let (span, vectors) = head.with_vectors.unzip();
        let with_vectors = Selecting {
            site: self.member(vectors_key, span, members),
            value: vectors.flatten().unwrap_or(VectorSelection::None),
        };
        let (span, payload) = head.with_payload.unzip();
        let default = match payload_by_default {
            true => PayloadSelection::All,
            false => PayloadSelection::None,
        };
        let with_payload = Selecting {
            site: self.member("with_payload", span, members),
            value: payload.flatten().unwrap_or(default),
        };
        (with_vectors, with_payload)
    }

    fn vector_selection(&mut self) -> Result<(Span, Option<VectorSelection<'a>>), Refusal> {
        let start = self.cursor.offset();
        let selection = match self.cursor.peek()? {
            Kind::Null => {
                self.cursor.skip()?;
                None
            }
            Kind::Array => Some(VectorSelection::Names(self.texts()?)),
            Kind::Bool | Kind::Number | Kind::Text | Kind::Object => match self.cursor.boolean()? {
                true => Some(VectorSelection::All),
                false => Some(VectorSelection::None),
            },
        };
        let end = self.cursor.end();
        Ok((Span { start, end }, selection))
    }

    fn payload_selection(&mut self) -> Result<(Span, Option<PayloadSelection<'a>>), Refusal> {
        let start = self.cursor.offset();
        let selection = match self.cursor.peek()? {
            Kind::Null => {
                self.cursor.skip()?;
                None
            }
            Kind::Array => Some(PayloadSelection::Include(self.texts()?)),
            Kind::Object => Some(self.payload_object()?),
            Kind::Bool | Kind::Number | Kind::Text => match self.cursor.boolean()? {
                true => Some(PayloadSelection::All),
                false => Some(PayloadSelection::None),
            },
        };
        let end = self.cursor.end();
        Ok((Span { start, end }, selection))
    }

    fn payload_object(&mut self) -> Result<PayloadSelection<'a>, Refusal> {
        let mut selection = None;
        let mut members = self.cursor.object("with_payload")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            let next = match key.as_ref() {
                "include" => PayloadSelection::Include(self.texts()?),
                "exclude" => PayloadSelection::Exclude(self.texts()?),
                _ => return Err(errors::unknown(&key, "with_payload")),
            };
            if selection.replace(next).is_some() {
                return Err(errors::ambiguous(
                    "with_payload with both `include` and `exclude`",
                ));
            }
        }
        selection.ok_or_else(|| {
            errors::format(
                "Expected a boolean, an array of strings, or an object with an include/exclude field",
            )
        })
    }

    fn lookup_from(&mut self, is_legacy: bool) -> Result<Option<LookupFrom<'a>>, Refusal> {
        if self.cursor.null()? {
            return Ok(None);
        }
        let mut collection = None;
        let mut vector: Said<Option<Cow<'a, str>>> = None;
        let mut members = self.cursor.object("lookup_from")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "collection" => collection = Some(self.cursor.text()?),
                "vector" => {
                    let start = self.cursor.offset();
                    let name = match self.cursor.null()? {
                        true => None,
                        false => Some(self.cursor.text()?),
                    };
                    let end = self.cursor.end();
                    vector = Some((Span { start, end }, name));
                }
                "shard_key" => {
                    self.cursor.skip()?;
                }
                _ => return Err(errors::unknown(&key, "lookup_from")),
            }
        }
        let (span, name) = vector.unzip();
        Ok(Some(LookupFrom {
            collection: collection.ok_or_else(|| errors::missing("collection"))?,
            vector: name.flatten(),
            vector_site: self.member("vector", span, &members),
            defaults_to_unnamed: is_legacy,
        }))
    }

    /// `with_lookup`: a collection's name, an object, or `null`.
    fn with_lookup(&mut self) -> Result<Option<WithLookup<'a>>, Refusal> {
        match self.cursor.peek()? {
            Kind::Null => {
                self.cursor.skip()?;
                return Ok(None);
            }
            Kind::Text => return self.lookup_text().map(Some),
            Kind::Bool | Kind::Number | Kind::Array | Kind::Object => {}
        }
        let mut collection = None;
        let mut head = Head::default();
        let mut members = self.cursor.object("with_lookup")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "collection" => collection = Some(self.cursor.text()?),
                "with_payload" => {
                    // Absent, it means all of it; `null` means none.
                    let (span, said) = self.payload_selection()?;
                    head.with_payload = Some((span, said.or(Some(PayloadSelection::None))));
                }
                "with_vectors" => head.with_vectors = Some(self.vector_selection()?),
                "with_vector" => {
                    members.claim(Cow::Borrowed("with_vectors"))?;
                    head.with_vectors = Some(self.vector_selection()?);
                }
                _ => return Err(errors::unknown(&key, "with_lookup")),
            }
        }
        let (with_vectors, with_payload) = self.selectors(head, "with_vectors", true, &members);
        Ok(Some(WithLookup {
            collection: collection.ok_or_else(|| errors::missing("collection"))?,
            with_vectors,
            with_payload,
        }))
    }

    fn lookup_text(&mut self) -> Result<WithLookup<'a>, Refusal> {
        let start = self.cursor.offset();
        let collection = self.cursor.text()?;
        let span = Span {
            start,
            end: self.cursor.end(),
        };
        let mut site = |key| self.places.add(Place::LookupText { span, key });
        Ok(WithLookup {
            collection,
            with_vectors: Selecting {
                site: site("with_vectors"),
                value: VectorSelection::None,
            },
            with_payload: Selecting {
                site: site("with_payload"),
                value: PayloadSelection::All,
            },
        })
    }
}

fn placeholder<'a>() -> Node<'a> {
    Node {
        site: Site(u32::MAX),
        ranking: Ranking::Unranked,
        using: None,
        inputs: Few::default(),
        lookup_from: None,
    }
}
