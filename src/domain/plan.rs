//! What is to be done with a request: edits at its sites, texts to embed, operations to add, and what to hide in the
//! answer. A value: `route` makes it, the wire layer and the engine carry it out.

use std::sync::Arc;

use super::ids::{PointId, VectorName, WriteId};
use super::model::ModelId;
use super::op::Site;
use super::tag::Tag;

/// An index into [`Plan::embeds`]: the vector that the embedder will give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EmbedRef(pub usize);

/// What an embedder is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embed {
    /// By which model.
    pub model: ModelId,
    /// Query or document: they may have different prompts.
    pub purpose: Purpose,
    /// The text, before any prompt.
    pub text: String,
    /// Whether the request cannot go on without it. Where not, a failing embedder means deciding anew with
    /// the standby deferred.
    pub required: bool,
}

/// What a text is embedded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To search with.
    Query,
    /// To be found.
    Document,
}

/// One change of the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// At a node: `using`. At a `has_vector`, or a `lookup_from`'s vector: its name.
    Name(VectorName),
    /// At `with_vectors`: exactly these. At the names of a vector deletion: these.
    Names(Vec<VectorName>),
    /// At `with_payload`.
    Payload(PayloadEdit),
    /// At an input that is a document: the embedding takes its place.
    Embedding(EmbedRef),
    /// At a point.
    Point(PointEdit),
}

/// A `with_payload` that keeps the tag out of answers. JSON paths; mostly none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadEdit {
    /// These.
    Include(Vec<String>),
    /// All but these and the reserved key.
    Exclude(Vec<String>),
}

/// What a point becomes. Where `vectors` keeps every vector in place under its own name, their bytes stay untouched.
#[derive(Clone, Debug, PartialEq)]
pub struct PointEdit {
    /// All its vectors on the way out; those of the body that are not kept here are dropped. Shared by the points of a
    /// request whose vectors go the same way.
    pub vectors: Arc<[OutVector]>,
    /// Put into its payload under the reserved key. `None` for vector updates, which carry no payload.
    pub tag: Option<Tag>,
}

/// One vector of a point on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutVector {
    /// Its real name.
    pub name: VectorName,
    /// Where its value comes from.
    pub from: VectorFrom,
}

/// Where an outgoing vector's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFrom {
    /// The point's vector of this index, byte for byte.
    Kept(usize),
    /// An embedder.
    Embedded(EmbedRef),
}

/// An operation of ours, in order with the client's.
#[derive(Clone, Debug, PartialEq)]
pub enum Extra {
    /// `delete_vectors` of `space` on those of `ids` whose tag does not claim it: a filter of `has_id` and
    /// `is_empty(claim_path)`, so that points that are missing or were written anew are left alone.
    DropUnclaimed {
        /// The points.
        ids: Vec<PointId>,
        /// The real vector name.
        space: VectorName,
        /// The JSON path of the claim, which must be empty.
        claim_path: String,
        /// What tells the points that the write wrote from those that it skipped, or that were written anew.
        written: Option<Written>,
    },
    /// `set_payload` under the reserved key: replaces the tag's entries for the tag's fields. Without guards on exactly
    /// these points (one that is missing is an error), else on those of them that exist and pass every guard.
    SetTag {
        /// The points.
        ids: Vec<PointId>,
        /// What must hold of a point.
        guards: Vec<Guard>,
        /// The entries.
        tag: Tag,
    },
    /// `delete_payload` of these JSON paths on the points of the client's own selector.
    DeletePayload {
        /// The paths.
        paths: Vec<String>,
    },
    /// `delete_payload` of these JSON paths on those of `ids` that exist (a filter of `has_id`).
    DeletePayloadOf {
        /// The points.
        ids: Vec<PointId>,
        /// The paths.
        paths: Vec<String>,
    },
}

/// Points whose tag holds one of these write ids: a write id is of one point and one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The JSON path of the write id.
    pub path: String,
    /// The write ids.
    pub ids: Vec<WriteId>,
}

/// A condition on the points of an operation of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// They hold such a write id.
    Written(Written),
    /// The `update_filter` of the client's operation, with the plan's edits.
    UpdateFilter,
}

/// Points that a step of ours was to mark for a step of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The points, some of which were perhaps passed over.
    pub ids: Vec<PointId>,
    /// All of it holds of those that were marked.
    pub guards: Vec<Guard>,
}

/// One operation on its way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The client's operation of this index, with the plan's edits.
    Client(usize),
    /// The client's overwrite of this index as a `set_payload`: on its own selector, or, where that is a filter whose
    /// result must not change between our steps, on these points (a filter of `has_id`).
    SetInstead(usize, Option<Vec<PointId>>),
    /// The client's conditional vector update of this index, on those of its points that were marked: this stands in
    /// place of its `update_filter`, which was asked when they were.
    ClientMarked(usize, Vec<Marked>),
    /// One of ours, for the client's operation of this index.
    Extra(usize, Extra),
}

impl Step {
    /// The client's operation that this step belongs to: its answer is that of its last step.
    pub fn owner(&self) -> usize {
        match self {
            Self::Client(owner)
            | Self::SetInstead(owner, _)
            | Self::ClientMarked(owner, _)
            | Self::Extra(owner, _) => *owner,
        }
    }
}

/// An embedder's result.
#[derive(Clone, Debug, PartialEq)]
pub enum Embedding {
    /// Components in order.
    Dense(Vec<f32>),
    /// Sorted indices with their values.
    Sparse {
        /// Indices, ascending.
        indices: Vec<u32>,
        /// One value an index.
        values: Vec<f32>,
    },
    /// Rows of one dimension.
    Multi(Vec<Vec<f32>>),
}

/// What an answer must not show, and under which names it shows the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unwrite {
    /// Vectors that may come back: real name, then the client's. All others are dropped.
    /// `None` where the answer carries no vectors, or only under names that need no change.
    pub vectors: Option<Vec<(VectorName, VectorName)>>,
    /// The same for the records that a `with_lookup` brings, which are another collection's.
    pub lookup_vectors: Option<Vec<(VectorName, VectorName)>>,
    /// Remove this payload key wherever a payload comes back. `None` where the request already left it out.
    pub payload_key: Option<String>,
}

impl Unwrite {
    /// Whether the answer passes as it is.
    pub fn is_nothing(&self) -> bool {
        self.vectors.is_none() && self.lookup_vectors.is_none() && self.payload_key.is_none()
    }
}

/// What is to be done with a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Changes of the body. At most one for each site.
    pub edits: Vec<(Site, Edit)>,
    /// Texts to embed.
    pub embeds: Vec<Embed>,
    /// Writes: operations in order. Empty, or exactly `[Client(0)]` for a single write, means that the body goes
    /// out as it is, with the edits; anything else goes out as one ordered batch.
    pub steps: Vec<Step>,
    /// What to hide in the answer.
    pub unwrite: Unwrite,
    /// The models of the request, for the answer's headers; serving ones where it named none.
    pub models: Vec<ModelId>,
}
