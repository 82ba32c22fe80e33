//! A plan for whatever was scanned: every edit that its sites take, chosen by one byte of the input. What it changes
//! depends on the values alone, so that the oracles can do the same to a decoded request.

use interlock::domain::ids::{PointId, WriteId};
use interlock::domain::op::{InputValue, Node, Op, OpKind, Point, Read, Write, WriteKind};
use interlock::domain::plan::{
    Edit, EmbedRef, Embedding, Extra, OutVector, PayloadEdit, Plan, PointEdit, Step, VectorFrom,
};
use interlock::domain::tag::{Tag, TagEntry};

/// Which edits are made.
#[derive(Clone, Copy, Debug)]
pub struct How(pub u8);

impl How {
    pub fn names(self) -> bool {
        self.0 & 1 != 0
    }

    pub fn selectors(self) -> bool {
        self.0 & 2 != 0
    }

    pub fn embeddings(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether operations of ours stand beside the client's.
    pub fn steps(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// A name in the place of another: shorter, longer by a byte or by more than a length of one byte can say.
    pub fn renamed(self, name: &str) -> String {
        match self.0 >> 3 & 3 {
            0 => "x".to_owned(),
            1 => format!("{name}@"),
            2 => format!("{name}@{}", "m".repeat(130)),
            _ => name.to_owned(),
        }
    }

    /// What becomes of a point's vectors, by the names that they had.
    pub fn point(self, names: &[&str]) -> Vec<(String, VectorFrom)> {
        let kept = names
            .iter()
            .enumerate()
            .map(|(index, name)| (*name, VectorFrom::Kept(index)));
        match self.0 >> 5 & 3 {
            0 => kept.map(|(name, from)| (name.to_owned(), from)).collect(),
            1 => kept.map(|(name, from)| (format!("{name}@m"), from)).collect(),
            2 => {
                let longest = names
                    .iter()
                    .max_by_key(|name| name.len())
                    .copied()
                    .unwrap_or_default();
                let new = (format!("{longest}+"), VectorFrom::Embedded(EmbedRef(0)));
                kept.skip(1)
                    .map(|(name, from)| (name.to_owned(), from))
                    .chain([new])
                    .collect()
            }
            _ => vec![(String::new(), VectorFrom::Embedded(EmbedRef(0)))],
        }
    }
}

/// What stands for every point's new vector; always the plan's first embedding.
pub const NEW_VECTOR: [f32; 2] = [1.5, 2.5];
/// What a `with_vectors` becomes.
pub const SHOWN: [&str; 2] = ["x", ""];
/// Whom our operations are about.
pub const OURS: u64 = 7;

/// The embedding of a text: all that counts is that it depends on the text.
pub fn embedded(text: &str) -> Vec<f32> {
    vec![text.len() as f32 + 0.5, 0.25]
}

pub fn tag() -> Tag {
    Tag([TagEntry {
        field: "f".into(),
        write_id: WriteId(uuid::Uuid::from_u128(7)),
        source_hash: Some("hash".to_owned()),
        models: vec![("f".into(), "m@1#f".to_owned())].into(),
    }]
    .into())
}

/// The plan for `op`.
pub fn plan(op: &Op<'_>, how: How) -> (Plan, Vec<Embedding>) {
    let mut plan = Plan::default();
    let mut embeddings = vec![Embedding::Dense(NEW_VECTOR.to_vec())];
    match &op.kind {
        OpKind::Reads(reads) => reads
            .iter()
            .for_each(|of| read(&mut plan, &mut embeddings, of, how)),
        OpKind::Writes(writes) => {
            for (index, of) in writes.iter().enumerate() {
                write(&mut plan, of, how);
                plan.steps.push(Step::Client(index));
                if how.steps() && !matches!(of.kind, WriteKind::FieldIndex) {
                    let (ids, tag) = (vec![PointId::Num(OURS)], tag());
                    plan.steps.push(Step::Extra(
                        index,
                        Extra::SetTag {
                            ids,
                            guards: Default::default(),
                            tag,
                        },
                    ));
                }
            }
        }
        _ => {}
    }
    (plan, embeddings)
}

fn read(plan: &mut Plan, embeddings: &mut Vec<Embedding>, read: &Read<'_>, how: How) {
    read.nodes.iter().for_each(|of| node(plan, embeddings, of, how));
    if how.names() {
        for (site, name) in &read.filters.has_vectors {
            plan.edits
                .push((*site, Edit::Name(how.renamed(name).as_str().into())));
        }
    }
    if how.selectors() {
        let lookup = read.lookup.as_ref();
        for vectors in read.with_vectors.iter().chain(lookup.map(|of| &of.with_vectors)) {
            plan.edits
                .push((vectors.site, Edit::Names(SHOWN.map(Into::into).to_vec())));
        }
        for payload in read.with_payload.iter().chain(lookup.map(|of| &of.with_payload)) {
            let hide = PayloadEdit::Exclude(Vec::new());
            plan.edits.push((payload.site, Edit::Payload(hide)));
        }
    }
}

fn node(plan: &mut Plan, embeddings: &mut Vec<Embedding>, node: &Node<'_>, how: How) {
    if how.names() {
        let name = how.renamed(node.using.as_deref().unwrap_or_default());
        plan.edits.push((node.site, Edit::Name(name.as_str().into())));
        if let Some(from) = &node.lookup_from {
            let name = how.renamed(from.vector.as_deref().unwrap_or_default());
            plan.edits
                .push((from.vector_site, Edit::Name(name.as_str().into())));
        }
    }
    for input in node.inputs.iter().filter(|_| how.embeddings()) {
        if let InputValue::Document(document) = &input.value {
            plan.edits
                .push((input.site, Edit::Embedding(EmbedRef(embeddings.len()))));
            embeddings.push(Embedding::Dense(embedded(&document.text)));
        }
    }
}

fn write(plan: &mut Plan, write: &Write<'_>, how: How) {
    if how.names() {
        for (site, name) in &write.filters.has_vectors {
            plan.edits
                .push((*site, Edit::Name(how.renamed(name).as_str().into())));
        }
        if let WriteKind::DeleteVectors { site, .. } = &write.kind {
            plan.edits
                .push((*site, Edit::Names(SHOWN.map(Into::into).to_vec())));
        }
    }
    match &write.kind {
        WriteKind::Upsert(points) => points.iter().for_each(|of| point(plan, of, how, Some(tag()))),
        WriteKind::UpdateVectors(points) => points.iter().for_each(|of| point(plan, of, how, None)),
        _ => {}
    }
}

fn point(plan: &mut Plan, point: &Point<'_>, how: How, tag: Option<Tag>) {
    let names: Vec<&str> = point.vectors.iter().map(|vector| vector.name.as_ref()).collect();
    let vectors = how.point(&names).into_iter().map(|(name, from)| OutVector {
        name: name.as_str().into(),
        from,
    });
    let edit = PointEdit {
        vectors: vectors.collect(),
        tag,
    };
    plan.edits.push((point.site, Edit::Point(edit)));
}
