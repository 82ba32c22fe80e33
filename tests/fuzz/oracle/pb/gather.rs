//! The facts of a decoded request, and the flaws that a scan must refuse it for.

use interlock::domain::op::{Ranking, Verb};
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{self as pb, vector, vector_input};

use super::super::facts::{Chosen, Facts, Given, Item, Node, Point, Selected, Written};
use super::super::{LIMITS, RESERVED, SOURCES};
use super::requests::Request;
use super::walk::{Payload, Visit, Write, id};

#[derive(Default)]
pub struct Gather {
    pub facts: Facts,
    pub flaws: Vec<&'static str>,
    /// Whether a message that sets a payload is the request that overwrites it.
    is_overwrite: bool,
}

/// Facts and flaws of a decoded request, which stays as it is.
pub fn gather<M: Request>(message: &mut M, verb: Verb) -> Gather {
    let mut gather = Gather {
        is_overwrite: verb == Verb::OverwritePayload,
        ..Gather::default()
    };
    message.visit(&mut gather);
    let items = std::mem::take(&mut gather.facts.items);
    gather.facts.items = items.into_iter().map(Item::sorted).collect();
    gather
}

impl Gather {
    fn last(&mut self) -> &mut Item {
        self.facts.items.last_mut().expect("an item was begun")
    }

    fn give(&mut self, given: Given) {
        self.last()
            .nodes
            .last_mut()
            .expect("a node was begun")
            .inputs
            .push(given);
    }

    fn document(of: &pb::Document) -> Given {
        Given::Text {
            text: of.text.clone(),
            model: of.model.clone(),
            has_options: !of.options.is_empty(),
        }
    }

    fn rows(of: &pb::MultiDenseVector) -> Given {
        Given::Multi(of.vectors.first().map_or(0, |row| row.data.len()))
    }

    fn of_vector(&mut self, of: &pb::Vector) -> Given {
        use vector::Vector as V;
        match &of.vector {
            Some(V::Dense(of)) => Given::Dense(of.data.len()),
            Some(V::Sparse(_)) => Given::Sparse,
            Some(V::MultiDense(of)) => Self::rows(of),
            Some(V::Document(of)) => Self::document(of),
            Some(V::Image(of)) => Given::Other(of.model.clone()),
            Some(V::Object(of)) => Given::Other(of.model.clone()),
            None if of.indices.is_some() => Given::Sparse,
            None => match of.vectors_count {
                None => Given::Dense(of.data.len()),
                Some(0) => {
                    self.flaw("no vectors");
                    Given::Dense(0)
                }
                Some(count) => Given::Multi(of.data.len() / count as usize),
            },
        }
    }

    fn point(
        &mut self,
        of: Option<&pb::PointId>,
        vectors: Option<&pb::Vectors>,
        payload: Option<&Payload>,
    ) -> Point {
        let given = match vectors.and_then(|of| of.vectors_options.as_ref()) {
            None => Vec::new(),
            Some(VectorsOptions::Vector(one)) => vec![(String::new(), self.of_vector(one))],
            Some(VectorsOptions::Vectors(named)) => named
                .vectors
                .iter()
                .map(|(name, one)| (name.clone(), self.of_vector(one)))
                .collect(),
        };
        let text = |key: &&str| match payload?.get(*key)?.kind.as_ref()? {
            pb::value::Kind::StringValue(text) => Some(((*key).to_owned(), text.clone())),
            _ => None,
        };
        let id = of.and_then(id).unwrap_or_else(|| {
            self.flaw("an id");
            interlock::domain::ids::PointId::Num(0)
        });
        Point {
            id,
            vectors: given,
            has_payload: payload.is_some_and(|payload| !payload.is_empty()),
            has_reserved_key: payload.is_some_and(|payload| payload.contains_key(RESERVED)),
            texts: SOURCES.iter().filter_map(text).collect(),
        }
    }
}

fn chosen_vectors(of: Option<&pb::WithVectorsSelector>) -> Chosen {
    use pb::with_vectors_selector::SelectorOptions as S;
    match of.and_then(|of| of.selector_options.as_ref()) {
        None | Some(S::Enable(false)) => Chosen::Nothing,
        Some(S::Enable(true)) => Chosen::All,
        Some(S::Include(of)) => Chosen::These(of.names.clone()),
    }
}

fn selected(of: &Option<pb::PointsSelector>) -> Selected {
    match of.as_ref().and_then(|of| of.points_selector_one_of.as_ref()) {
        Some(PointsSelectorOneOf::Points(list)) => Selected::Ids(list.ids.iter().filter_map(id).collect()),
        Some(PointsSelectorOneOf::Filter(_)) | None => Selected::Filter,
    }
}

fn keys(of: &Payload) -> Vec<String> {
    of.keys().cloned().collect()
}

impl Visit for Gather {
    fn flaw(&mut self, what: &'static str) {
        self.flaws.push(what);
    }

    fn collection(&mut self, name: &str) {
        self.facts.collection = name.to_owned();
    }

    fn item(&mut self) {
        self.facts.items.push(Item::default());
    }

    fn node(&mut self, ranking: Ranking, using: &mut Option<String>, depth: usize) {
        if depth > LIMITS.prefetch_depth_max {
            self.flaw("too many prefetches");
        }
        self.last().nodes.push(Node {
            ranking,
            using: using.clone(),
            inputs: Vec::new(),
            lookup: None,
        });
    }

    fn input(&mut self, input: &mut pb::VectorInput) {
        use vector_input::Variant as V;
        let given = match &input.variant {
            None => return self.flaw("an empty input"),
            Some(V::Id(of)) => return self.id(&mut of.clone()),
            Some(V::Dense(of)) => Given::Dense(of.data.len()),
            Some(V::Sparse(_)) => Given::Sparse,
            Some(V::MultiDense(of)) => Self::rows(of),
            Some(V::Document(of)) => Self::document(of),
            Some(V::Image(of)) => Given::Other(of.model.clone()),
            Some(V::Object(of)) => Given::Other(of.model.clone()),
        };
        self.give(given);
    }

    fn vector(&mut self, vector: &mut pb::Vector) {
        let given = self.of_vector(vector);
        self.give(given);
    }

    fn id(&mut self, of: &mut pb::PointId) {
        match id(of) {
            Some(id) => self.give(Given::Id(id)),
            None => self.flaw("an id"),
        }
    }

    fn floats(&mut self, components: usize, is_sparse: bool) {
        self.give(if is_sparse {
            Given::Sparse
        } else {
            Given::Dense(components)
        });
    }

    fn lookup_from(&mut self, from: &mut pb::LookupLocation, is_legacy: bool) {
        let node = self.last().nodes.last_mut().expect("a node was begun");
        node.lookup = Some((from.collection_name.clone(), from.vector_name.clone(), is_legacy));
    }

    fn has_vector(&mut self, name: &mut String) {
        self.last().has_vectors.push(name.clone());
    }

    fn key(&mut self, key: &str) {
        self.last().keys.push(key.to_owned());
    }

    fn with_vectors(&mut self, with: &mut Option<pb::WithVectorsSelector>) {
        self.last().vectors = Some(chosen_vectors(with.as_ref()));
    }

    fn with_payload(&mut self, with: &mut Option<pb::WithPayloadSelector>, is_all_by_default: bool) {
        use pb::with_payload_selector::SelectorOptions as S;
        let chosen = match with.as_ref().map(|of| of.selector_options.as_ref()) {
            None if is_all_by_default => Chosen::All,
            None | Some(Some(S::Enable(false))) => Chosen::Nothing,
            Some(None) => return self.flaw("an empty with_payload"),
            Some(Some(S::Enable(true))) => Chosen::All,
            Some(Some(S::Include(of))) => Chosen::These(of.fields.clone()),
            Some(Some(S::Exclude(of))) => Chosen::AllBut(of.fields.clone()),
        };
        self.last().payload = Some(chosen);
    }

    fn with_lookup(&mut self, lookup: &mut pb::WithLookup) {
        let own = self.last().payload.take();
        self.with_payload(&mut lookup.with_payload, true);
        let payload = std::mem::replace(&mut self.last().payload, own);
        let vectors = chosen_vectors(lookup.with_vectors.as_ref());
        self.last().lookup = payload.map(|payload| (lookup.collection.clone(), vectors, payload));
    }

    fn conditional(&mut self) {
        self.last().is_conditional = true;
    }

    fn write(&mut self, write: Write<'_>) {
        let bound = |gather: &mut Self, points: usize| {
            if points > LIMITS.points_max {
                gather.flaw("too many points");
            }
        };
        let written = match write {
            Write::Upsert(points) => {
                bound(self, points.len());
                let points = points.iter();
                Written::Upsert(
                    points
                        .map(|of| self.point(of.id.as_ref(), of.vectors.as_ref(), Some(&of.payload)))
                        .collect(),
                )
            }
            Write::UpdateVectors(points) => {
                bound(self, points.len());
                let points = points.iter();
                Written::UpdateVectors(
                    points
                        .map(|of| self.point(of.id.as_ref(), of.vectors.as_ref(), None))
                        .collect(),
                )
            }
            Write::DeleteVectors(names, selector) => match names {
                Some(names) => Written::DeleteVectors(names.names.clone(), selected(selector)),
                None => return self.flaw("no names"),
            },
            Write::Delete => Written::Delete,
            Write::SetPayload(payload, _, selector) if self.is_overwrite => {
                Written::Overwrite(keys(payload), selected(selector))
            }
            Write::SetPayload(payload, path, _) => Written::SetPayload(keys(payload), path.clone()),
            Write::Overwrite(payload, selector) => Written::Overwrite(keys(payload), selected(selector)),
            Write::DeletePayload(paths) => Written::DeletePayload(paths.to_vec()),
            Write::Clear(selector) => Written::Clear(selected(selector)),
            Write::Index => Written::Index,
        };
        self.last().write = Some(written);
    }
}
