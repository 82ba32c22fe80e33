//! What a request says, as plain values that compare: made of a scanned operation here, and of decoded messages and
//! trees by the oracles beside this file.

use interlock::domain::ids::PointId;
use interlock::domain::op::{
    Filters, InputValue, Node as OpNode, Op, OpKind, PayloadSelection, Point as OpPoint, Ranking, Read,
    Selector, VectorSelection, Write, WriteKind,
};

/// A request. Where the order of a body does not count, it is a sorted one.
#[derive(Debug, Default, PartialEq)]
pub struct Facts {
    pub collection: String,
    pub items: Vec<Item>,
}

/// One read or one write.
#[derive(Debug, Default, PartialEq)]
pub struct Item {
    pub nodes: Vec<Node>,
    pub vectors: Option<Chosen>,
    pub payload: Option<Chosen>,
    /// `with_lookup`: its collection, vectors and payload.
    pub lookup: Option<(String, Chosen, Chosen)>,
    pub has_vectors: Vec<String>,
    pub keys: Vec<String>,
    pub write: Option<Written>,
    pub is_conditional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    Nothing,
    All,
    These(Vec<String>),
    AllBut(Vec<String>),
}

#[derive(Debug, PartialEq)]
pub struct Node {
    pub ranking: Ranking,
    pub using: Option<String>,
    pub inputs: Vec<Given>,
    /// `lookup_from`: its collection and vector, and whether the vector's absence means the unnamed one.
    pub lookup: Option<(String, Option<String>, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Given {
    Dense(usize),
    Sparse,
    Multi(usize),
    Id(PointId),
    Text {
        text: String,
        model: String,
        has_options: bool,
    },
    Other(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    Upsert(Vec<Point>),
    UpdateVectors(Vec<Point>),
    DeleteVectors(Vec<String>, Selected),
    Delete,
    SetPayload(Vec<String>, Option<String>),
    Overwrite(Vec<String>, Selected),
    DeletePayload(Vec<String>),
    Clear(Selected),
    Index,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Selected {
    Ids(Vec<PointId>),
    Filter,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Point {
    pub id: PointId,
    pub vectors: Vec<(String, Given)>,
    pub has_payload: bool,
    pub has_reserved_key: bool,
    pub texts: Vec<(String, String)>,
}

impl Facts {
    /// Whether some point brings the reserved payload key.
    pub fn has_reserved_key(&self) -> bool {
        self.items.iter().any(|item| match &item.write {
            Some(Written::Upsert(points)) => points.iter().any(|point| point.has_reserved_key),
            _ => false,
        })
    }
}

impl Item {
    /// In the order that does not count. An empty key that is written and one that is left out are the same.
    pub fn sorted(mut self) -> Self {
        self.keys.retain(|key| !key.is_empty());
        self.keys.sort_unstable();
        self.has_vectors.sort_unstable();
        self.nodes.iter_mut().for_each(|node| node.inputs.sort_unstable());
        match &mut self.write {
            Some(Written::Upsert(points) | Written::UpdateVectors(points)) => {
                for point in points {
                    point.vectors.sort_unstable();
                    point.texts.sort_unstable();
                }
            }
            Some(Written::SetPayload(keys, _) | Written::Overwrite(keys, _)) => keys.sort_unstable(),
            _ => {}
        }
        self
    }

    fn filters(&mut self, filters: &Filters<'_>) {
        self.keys = owned(&filters.keys);
        self.has_vectors = filters
            .has_vectors
            .iter()
            .map(|(_, name)| name.to_string())
            .collect();
    }
}

fn owned<T: ToString>(texts: &[T]) -> Vec<String> {
    texts.iter().map(T::to_string).collect()
}

/// The facts of a scan.
pub fn of_op(op: &Op<'_>) -> Facts {
    let items: Vec<Item> = match &op.kind {
        OpKind::Reads(reads) => reads.iter().map(of_read).collect(),
        OpKind::Writes(writes) => writes.iter().map(of_write).collect(),
        _ => Vec::new(),
    };
    Facts {
        collection: op.collection.to_string(),
        items: items.into_iter().map(Item::sorted).collect(),
    }
}

fn of_read(read: &Read<'_>) -> Item {
    let mut item = Item {
        nodes: read.nodes.iter().map(of_node).collect(),
        vectors: read.with_vectors.as_ref().map(|one| of_vectors(&one.value)),
        payload: read.with_payload.as_ref().map(|one| of_payload(&one.value)),
        lookup: read.lookup.as_ref().map(|lookup| {
            (
                lookup.collection.to_string(),
                of_vectors(&lookup.with_vectors.value),
                of_payload(&lookup.with_payload.value),
            )
        }),
        ..Item::default()
    };
    item.filters(&read.filters);
    item
}

fn of_node(node: &OpNode<'_>) -> Node {
    Node {
        ranking: node.ranking,
        using: node.using.as_ref().map(ToString::to_string),
        inputs: node.inputs.iter().map(|input| of_value(&input.value)).collect(),
        lookup: node.lookup_from.as_ref().map(|from| {
            (
                from.collection.to_string(),
                from.vector.as_ref().map(ToString::to_string),
                from.defaults_to_unnamed,
            )
        }),
    }
}

fn of_vectors(value: &VectorSelection<'_>) -> Chosen {
    match value {
        VectorSelection::None => Chosen::Nothing,
        VectorSelection::All => Chosen::All,
        VectorSelection::Names(names) => Chosen::These(owned(names)),
    }
}

fn of_payload(value: &PayloadSelection<'_>) -> Chosen {
    match value {
        PayloadSelection::None => Chosen::Nothing,
        PayloadSelection::All => Chosen::All,
        PayloadSelection::Include(paths) => Chosen::These(owned(paths)),
        PayloadSelection::Exclude(paths) => Chosen::AllBut(owned(paths)),
    }
}

pub fn of_value(value: &InputValue<'_>) -> Given {
    match value {
        InputValue::Dense(components) => Given::Dense(*components),
        InputValue::Sparse => Given::Sparse,
        InputValue::Multi(components) => Given::Multi(*components),
        InputValue::Point(id) => Given::Id(*id),
        InputValue::Document(document) => Given::Text {
            text: document.text.to_string(),
            model: document.model.to_string(),
            has_options: document.has_options,
        },
        InputValue::Other { model } => Given::Other(model.to_string()),
    }
}

fn of_write(write: &Write<'_>) -> Item {
    let selected = |selector: &Selector| match selector {
        Selector::Ids(ids) => Selected::Ids(ids.clone()),
        Selector::Filter(_) => Selected::Filter,
    };
    let points = |points: &[OpPoint<'_>]| points.iter().map(of_point).collect();
    let written = match &write.kind {
        WriteKind::Upsert(all) => Written::Upsert(points(all)),
        WriteKind::UpdateVectors(all) => Written::UpdateVectors(points(all)),
        WriteKind::DeleteVectors { names, selector, .. } => {
            Written::DeleteVectors(owned(names), selected(selector))
        }
        WriteKind::Delete => Written::Delete,
        WriteKind::SetPayload { keys, path } => {
            Written::SetPayload(owned(keys), path.as_ref().map(ToString::to_string))
        }
        WriteKind::OverwritePayload { keys, selector } => Written::Overwrite(owned(keys), selected(selector)),
        WriteKind::DeletePayload { keys } => Written::DeletePayload(owned(keys)),
        WriteKind::ClearPayload { selector } => Written::Clear(selected(selector)),
        WriteKind::FieldIndex => Written::Index,
    };
    let mut item = Item {
        write: Some(written),
        is_conditional: write.is_conditional,
        ..Item::default()
    };
    item.filters(&write.filters);
    item
}

fn of_point(point: &OpPoint<'_>) -> Point {
    let text = |(key, text): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        (key.to_string(), text.to_string())
    };
    Point {
        id: point.id,
        vectors: point
            .vectors
            .iter()
            .map(|vector| (vector.name.to_string(), of_value(&vector.value)))
            .collect(),
        has_payload: point.has_payload,
        has_reserved_key: point.has_reserved_key,
        texts: point.texts.iter().map(text).collect(),
    }
}
