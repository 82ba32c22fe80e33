//! Where the sites of a scanned body stand. Made by `scan`, read by `rewrite` and nobody else.

use super::cursor::Span;
use crate::domain::op::Site;

/// What each [`Site`] of a body means, and where its writes stand.
#[derive(Debug, Default)]
pub struct Places {
    sites: Vec<Place>,
    pub(super) writes: Vec<WritePlace>,
}

impl Places {
    pub(super) fn add(&mut self, place: Place) -> Site {
        // Bodies are bounded far below 4 GiB and every site takes at least a byte of one; were it not so, the site would
        // be one that `get` does not know, and the rewrite refuses.
        let site = u32::try_from(self.sites.len()).unwrap_or(u32::MAX);
        self.sites.push(place);
        Site(site)
    }

    pub(super) fn get(&self, site: Site) -> Option<&Place> {
        self.sites.get(usize::try_from(site.0).ok()?)
    }
}

/// A place that can be edited.
#[derive(Debug)]
pub(super) enum Place {
    /// A member of an object.
    Member(Member),
    /// A whole value.
    Value(Span),
    /// The vector of a legacy search that has no name yet: it is wrapped to give it one.
    Unnamed(Span),
    /// A member of a `with_lookup` that is a plain string: the string becomes an object.
    LookupText {
        /// The string.
        span: Span,
        /// The member.
        key: &'static str,
    },
    /// A point.
    Point(PointPlace),
    /// The request has no body to say it in (`GET …/points/{id}`): the answer alone can be changed.
    Answer,
}

/// A member of an object, there or not.
#[derive(Debug)]
pub(super) struct Member {
    pub key: &'static str,
    pub slot: Slot,
}

/// Where a member's value stands, or where the member can be put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Value(Span),
    Absent {
        /// Just after the object's opening brace.
        open: usize,
        /// Whether the object has no members, so that no comma follows.
        is_empty: bool,
    },
}

/// A point on its way in.
#[derive(Debug)]
pub(super) struct PointPlace {
    pub id: Span,
    pub form: PointForm,
    /// Each vector's name, value and whether the value may stand bare.
    pub vectors: Vec<VectorPlace>,
    pub payload: PayloadPlace,
}

/// How the point is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum PointForm {
    /// An object of its own: the value of its `vector`.
    Object(Span),
    /// A row of the columnar form, which goes out as an object built anew.
    Row,
}

/// One vector of a point.
#[derive(Debug)]
pub(super) struct VectorPlace {
    pub name: String,
    pub value: Span,
    /// Whether the value may stand for the point's only, unnamed vector without a map around it: arrays may.
    pub can_be_bare: bool,
}

/// A point's payload.
#[derive(Clone, Copy, Debug)]
pub(super) enum PayloadPlace {
    /// None: the member can be put just after this offset. A row has no such place.
    Absent { open: usize },
    /// `null`.
    Null(Span),
    /// An object.
    Object { span: Span, is_empty: bool },
}

/// A kind of write that has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Upsert,
    Delete,
    SetPayload,
    OverwritePayload,
    DeletePayload,
    ClearPayload,
    UpdateVectors,
    DeleteVectors,
    CreateFieldIndex,
}

/// The operations of a batch, by the key that tells them there.
const BATCHED: &[(&str, Operation)] = &[
    ("upsert", Operation::Upsert),
    ("delete", Operation::Delete),
    ("set_payload", Operation::SetPayload),
    ("overwrite_payload", Operation::OverwritePayload),
    ("delete_payload", Operation::DeletePayload),
    ("clear_payload", Operation::ClearPayload),
    ("update_vectors", Operation::UpdateVectors),
    ("delete_vectors", Operation::DeleteVectors),
];

impl Operation {
    pub fn of_key(key: &str) -> Option<Self> {
        BATCHED
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, operation)| *operation)
    }

    /// Its key in a batch; making an index cannot be batched.
    pub fn key(self) -> Option<&'static str> {
        BATCHED
            .iter()
            .find(|(_, operation)| *operation == self)
            .map(|(key, _)| *key)
    }
}

/// One write operation.
#[derive(Debug)]
pub(super) struct WritePlace {
    pub operation: Operation,
    /// The operation's own object, without the batch around it.
    pub body: Span,
    pub selector: Option<SelectorPlace>,
    pub shard_key: Option<Span>,
    /// The payload of a payload operation.
    pub payload: Option<Span>,
    /// The points of an upsert or a vector update.
    pub points: Option<Span>,
    /// Its `update_filter`, where it has one that is not `null`.
    pub update_filter: Option<Span>,
    /// The columnar form: from the quote of its key to the end of its value, and the sites of its rows.
    pub columns: Option<(Span, Vec<Site>)>,
}

/// The value of `points` or `filter`.
#[derive(Clone, Copy, Debug)]
pub(super) enum SelectorPlace {
    Ids(Span),
    Filter(Span),
}
