//! The reference: what clients asked, when, and how it ended; and from that what every point may hold.
//!
//! Requests overlap, and one whose answer was lost may have been applied or not. So each request has a span, from its
//! beginning to the moment when nothing of it can be applied any more, and a value is allowed if the request that wrote
//! it is not *certainly* older than one that was certainly applied: begun after the other's end. Existence, vectors and
//! each payload key are looked at one by one, as registers.

use std::collections::BTreeMap;

use super::request::document;
use super::request::{
    Body, Condition, GROUPS, Given, MODELS, Payload, Point, Request, Said, Selector, Value, Where, Write,
};

/// A moment: the events of a history, counted.
pub type At = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// Its client was told that it was done.
    Done,
    /// Some of it may have been applied.
    Unknown,
    /// None of it was.
    Nothing,
}

/// A request of a client.
#[derive(Clone, Debug)]
pub struct Operation {
    pub request: Request,
    pub began: At,
    /// From here on nothing of it can be applied any more.
    pub ended: At,
    pub state: State,
    /// The model of vectors that declare none: more than one where that changed while it ran.
    pub undeclared: Vec<usize>,
    /// Whether something that may have changed data was sent for it.
    pub sent: bool,
    /// Whether a fault was injected into one of its calls.
    pub faulted: bool,
    /// Calls of it that may be applied after its client got an answer.
    pub late: usize,
}

/// What a part of a request does to one point.
#[derive(Clone, Debug)]
pub enum Effect<'o> {
    Put(&'o Payload, Vec<&'o Given>),
    Vectors(Vec<&'o Given>),
    NoVectors,
    Gone,
    Set(&'o Payload),
    Overwrite(&'o Payload),
    DeleteKeys(&'o [String]),
    Clear,
}

/// An effect, with whose it is and where it stands in the request.
#[derive(Clone, Debug)]
pub struct Placed<'o> {
    pub operation: &'o Operation,
    place: (usize, usize),
    /// Whether it took place for sure, if its request was done.
    is_certain: bool,
    pub effect: Effect<'o>,
}

impl Placed<'_> {
    fn is_after(&self, other: &Placed<'_>) -> bool {
        match std::ptr::eq(self.operation, other.operation) {
            true => self.place > other.place,
            false => self.operation.began > other.operation.ended,
        }
    }

    fn overrides_before(&self, moment: At) -> bool {
        self.is_certain && self.operation.state == State::Done && self.operation.ended < moment
    }
}

#[derive(Debug, Default)]
pub struct Reference {
    pub operations: Vec<Operation>,
    /// When each model's space was made last.
    pub made: BTreeMap<usize, At>,
}

/// The effects on one point, oldest beginning first.
pub struct Effects<'o> {
    all: Vec<Placed<'o>>,
    made: &'o BTreeMap<usize, At>,
}

impl Reference {
    pub fn effects(&self, id: u64) -> Effects<'_> {
        let cleared = self.operations.iter().any(|operation| clears(operation, id));
        let mut all = Vec::new();
        for operation in self.operations.iter().filter(|op| op.state != State::Nothing) {
            let Body::Writes(writes) = &operation.request.body else {
                continue;
            };
            for (index, write) in writes.iter().enumerate() {
                for (place, is_certain, effect) in effects_of(write, id, cleared) {
                    all.push(Placed {
                        operation,
                        place: (index, place),
                        is_certain,
                        effect,
                    });
                }
            }
        }
        Effects {
            all,
            made: &self.made,
        }
    }
}

/// Whether the group of a point, by which filters choose it, may be gone.
fn clears(operation: &Operation, id: u64) -> bool {
    let Body::Writes(writes) = &operation.request.body else {
        return false;
    };
    writes.iter().any(|write| match write {
        Write::Clear(selector) => chooses(selector, id, false).is_some(),
        Write::Upsert(..)
        | Write::Vectors(..)
        | Write::DeleteVectors(_)
        | Write::Delete(_)
        | Write::Set(..)
        | Write::Overwrite(..)
        | Write::DeleteKeys(..) => false,
    })
}

/// Whether a selector chooses the point, and whether that is certain.
fn chooses(selector: &Selector, id: u64, cleared: bool) -> Option<bool> {
    match selector {
        Selector::Ids(ids) | Selector::Filter(Where::Ids(ids)) => ids.contains(&id).then_some(true),
        Selector::Filter(Where::Group(group)) => (id % GROUPS == *group).then_some(!cleared),
    }
}

fn effects_of(write: &Write, id: u64, cleared: bool) -> Vec<(usize, bool, Effect<'_>)> {
    let chosen = |selector: &Selector, effect| {
        let is_certain = chooses(selector, id, cleared);
        is_certain
            .map(|is_certain| (0, is_certain, effect))
            .into_iter()
            .collect()
    };
    let of_point = |points: &'_ [Point]| -> Vec<usize> {
        let places = points.iter().enumerate();
        places
            .filter(|(_, point)| point.id == id)
            .map(|(place, _)| place)
            .collect()
    };
    match write {
        Write::Upsert(points, condition) => {
            let is_certain = matches!(condition, Condition::Always);
            let put = |place: usize| {
                let point = &points[place];
                (
                    place,
                    is_certain,
                    Effect::Put(&point.payload, point.given.iter().collect()),
                )
            };
            of_point(points).into_iter().map(put).collect()
        }
        Write::Vectors(points, condition) => {
            let places = of_point(points);
            if places.is_empty() {
                return Vec::new();
            }
            let given = merged(places.iter().map(|place| &points[*place]));
            vec![(0, condition.is_none(), Effect::Vectors(given))]
        }
        Write::DeleteVectors(selector) => chosen(selector, Effect::NoVectors),
        Write::Delete(selector) => chosen(selector, Effect::Gone),
        Write::Set(payload, selector) => chosen(selector, Effect::Set(payload)),
        Write::Overwrite(payload, selector) => chosen(selector, Effect::Overwrite(payload)),
        Write::DeleteKeys(keys, selector) => chosen(selector, Effect::DeleteKeys(keys)),
        Write::Clear(selector) => chosen(selector, Effect::Clear),
    }
}

/// The places of one point in a vector update: of one name, the last stands.
fn merged<'o>(places: impl Iterator<Item = &'o Point>) -> Vec<&'o Given> {
    let mut merged: Vec<&Given> = Vec::new();
    for given in places.flat_map(|point| &point.given) {
        match merged.iter_mut().find(|earlier| earlier.named == given.named) {
            Some(earlier) => *earlier = given,
            None => merged.push(given),
        }
    }
    merged
}

/// Whether a raw vector of a write may be of a model.
fn may_be_of(operation: &Operation, given: &Given, model: usize) -> bool {
    match (given.named, operation.request.said) {
        (Some(named), _) => named == model,
        (None, Said::Header(said) | Said::Using(said)) => said == model,
        (None, Said::Nothing) => operation.undeclared.contains(&model),
    }
}

impl<'o> Effects<'o> {
    /// Those that touch a register and may be what it shows to someone who looks within a span.
    fn live(&self, touches: impl Fn(&Effect<'_>) -> bool, (from, to): (At, At)) -> Vec<&Placed<'o>> {
        let touching: Vec<&Placed<'o>> = self
            .all
            .iter()
            .filter(|placed| touches(&placed.effect) && placed.operation.began < to)
            .collect();
        let is_live = |placed: &&Placed<'o>| {
            !touching
                .iter()
                .any(|later| later.overrides_before(from) && later.is_after(placed))
        };
        touching.iter().copied().filter(is_live).collect()
    }

    /// What may have written the point's vectors.
    pub fn vectors(&self, span: (At, At)) -> Vec<&Placed<'o>> {
        self.live(
            |effect| match effect {
                Effect::Put(..) | Effect::Vectors(_) | Effect::NoVectors | Effect::Gone => true,
                Effect::Set(_) | Effect::Overwrite(_) | Effect::DeleteKeys(_) | Effect::Clear => false,
            },
            span,
        )
    }

    fn existence(&self, span: (At, At)) -> Vec<&Placed<'o>> {
        self.live(|effect| matches!(effect, Effect::Put(..) | Effect::Gone), span)
    }

    /// Whether the point may be there.
    pub fn may_exist(&self, span: (At, At)) -> bool {
        let live = self.existence(span);
        live.iter().any(|placed| matches!(placed.effect, Effect::Put(..)))
    }

    /// Whether it may be absent.
    pub fn may_be_absent(&self, span: (At, At)) -> bool {
        let is_put = |placed: &&Placed<'_>| matches!(placed.effect, Effect::Put(..));
        let live = self.existence(span);
        live.iter().any(|placed| matches!(placed.effect, Effect::Gone))
            || !self
                .all
                .iter()
                .filter(is_put)
                .any(|placed| placed.overrides_before(span.0))
    }

    /// What a payload key may hold; `None`: nothing.
    pub fn values(&self, key: &str, span: (At, At)) -> Vec<Option<&'o str>> {
        let live = self.live(
            |effect| match effect {
                Effect::Put(..) | Effect::Overwrite(_) | Effect::Clear => true,
                Effect::Set(payload) => payload.contains_key(key),
                Effect::DeleteKeys(keys) => keys.iter().any(|one| one == key),
                Effect::Vectors(_) | Effect::NoVectors | Effect::Gone => false,
            },
            span,
        );
        let value = |placed: &Placed<'o>| match &placed.effect {
            Effect::Put(payload, _) | Effect::Overwrite(payload) | Effect::Set(payload) => {
                payload.get(key).map(String::as_str)
            }
            Effect::DeleteKeys(_) | Effect::Clear | Effect::Vectors(_) | Effect::NoVectors | Effect::Gone => {
                None
            }
        };
        live.into_iter().map(value).collect()
    }

    /// The texts that the point's payload may have given from a write on.
    pub fn texts(&self, write: &Placed<'o>, to: At) -> Vec<&'o str> {
        let texts = self.values("title", (write.operation.began, to));
        texts.into_iter().flatten().collect()
    }

    /// What a write of vectors may leave in the space of a model, now or once it is filled.
    pub fn allowed(&self, write: &Placed<'o>, model: usize, to: At) -> Vec<Vec<f32>> {
        let given: &[&Given] = match &write.effect {
            Effect::Put(_, given) | Effect::Vectors(given) => given,
            Effect::NoVectors
            | Effect::Gone
            | Effect::Set(_)
            | Effect::Overwrite(_)
            | Effect::DeleteKeys(_)
            | Effect::Clear => return Vec::new(),
        };
        let mut allowed = Vec::new();
        let mut is_raw = false;
        for one in given {
            match &one.value {
                Value::Text(text) => allowed.push(document(model, text)),
                Value::Raw(raw) if may_be_of(write.operation, one, model) => {
                    is_raw = one.named.is_some() || write.operation.undeclared.len() == 1;
                    allowed.push(raw.clone());
                }
                Value::Raw(_) => {}
            }
        }
        let is_whole = write.operation.state == State::Done;
        let is_older = self
            .made
            .get(&model)
            .is_some_and(|made| write.operation.began < *made);
        if !is_raw || !is_whole || is_older {
            allowed.extend(
                self.texts(write, to)
                    .into_iter()
                    .map(|text| document(model, text)),
            );
        }
        allowed
    }

    /// Whether a write may have gone to an earlier space of the model.
    pub fn is_older_than_space(&self, write: &Placed<'_>, model: usize) -> bool {
        let made = self.made.get(&model);
        made.is_some_and(|made| write.operation.began < *made)
    }

    /// Whether a write of vectors brought those of the model's space.
    pub fn brings(&self, write: &Placed<'_>, model: usize) -> bool {
        let given: &[&Given] = match &write.effect {
            Effect::Put(_, given) | Effect::Vectors(given) => given,
            Effect::NoVectors
            | Effect::Gone
            | Effect::Set(_)
            | Effect::Overwrite(_)
            | Effect::DeleteKeys(_)
            | Effect::Clear => &[],
        };
        let is_brought =
            |one: &&Given| matches!(one.value, Value::Raw(_)) && may_be_of(write.operation, one, model);
        given.iter().any(is_brought) && !self.is_older_than_space(write, model)
    }

    /// Everything that the space of a model may show of the point within a span.
    pub fn shown(&self, model: usize, span: (At, At)) -> Vec<Vec<f32>> {
        let writes = self.vectors(span);
        writes
            .into_iter()
            .flat_map(|write| self.allowed(write, model, span.1))
            .collect()
    }
}

pub fn model_index(id: &str) -> Option<usize> {
    MODELS.iter().position(|model| *model == id)
}
