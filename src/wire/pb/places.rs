//! Where in a body each site stands. Made by `scan`, read by `rewrite`; says nothing of what stands there.

use std::ops::Range;

use super::scan::shapes::WriteShape;
use crate::domain::op::Site;

/// The index of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameId(pub u32);

impl FrameId {
    /// The whole body, which has no length of its own.
    pub const ROOT: Self = Self(0);
}

/// A submessage that holds sites. When one of them changes, so does its length, and its parent's.
#[derive(Debug)]
pub(super) struct Frame {
    /// The submessage that it stands in; always of a lower index. The root is its own parent.
    pub parent: FrameId,
    /// Its length, as a varint.
    pub length: Range<usize>,
    /// Its fields.
    pub body: Range<usize>,
}

/// What a site is.
#[derive(Debug)]
pub(super) enum Place {
    /// A text field.
    Name(Slot),
    /// A `WithVectorsSelector` field.
    WithVectors(Slot),
    /// A `WithPayloadSelector` field.
    WithPayload(Slot),
    /// A list of vector names: the body of this frame.
    Names(FrameId),
    /// A `VectorInput`: the body of this frame.
    Input(FrameId),
    /// A `Vector`: the body of this frame.
    Vector(FrameId),
    /// A point.
    Point(PointPlace),
    /// A place that no edit applies to.
    Fixed,
}

/// A field of a frame that is there or may be put there.
#[derive(Debug)]
pub(super) struct Slot {
    pub frame: FrameId,
    pub number: u32,
    /// Tag, length and content, where it is there.
    pub present: Option<Range<usize>>,
}

/// A `PointStruct` or a `PointVectors`.
#[derive(Debug)]
pub(super) struct PointPlace {
    pub frame: FrameId,
    /// Its field `vectors`.
    pub slot: Slot,
    /// The number of its field `payload`; `PointVectors` has none.
    pub payload: Option<u32>,
    /// Whether its vectors are in the shape of the one unnamed vector.
    pub is_single: bool,
    /// Its vectors: which of [`Places::vectors`].
    pub vectors: Range<usize>,
}

/// One vector of a point.
#[derive(Debug)]
pub(super) struct VectorPlace {
    /// Its name, where it stands or an earlier point has the same. Empty for the unnamed one.
    pub name: Range<usize>,
    /// The body of its `Vector`. Empty where a map entry has no value.
    pub body: Range<usize>,
}

/// One write of a body.
#[derive(Debug)]
pub(super) struct OpPlace {
    pub shape: &'static WriteShape,
    /// The body, or the operation's member of its oneof.
    pub frame: FrameId,
    /// Within a batch: the field `operations`, whole.
    pub outer: Option<Range<usize>>,
}

/// Where in a scanned body its sites stand.
#[derive(Debug, Default)]
pub struct Places {
    pub(super) frames: Vec<Frame>,
    pub(super) sites: Vec<Place>,
    /// Points' vectors, the points one after the other.
    pub(super) vectors: Vec<VectorPlace>,
    pub(super) ops: Vec<OpPlace>,
}

impl Places {
    pub(super) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(id.0 as usize)
    }

    pub(super) fn site(&self, site: Site) -> Option<&Place> {
        self.sites.get(site.0 as usize)
    }
}
