//! A straightforward walk over decoded messages, and the same view of a scan, to be compared.

use std::borrow::Cow;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{self as pb, Filter, Vector, VectorInput, point_id::PointIdOptions};

use crate::domain::ids::PointId;
use crate::domain::op::{
    Document, Filters, InputValue, Op, OpKind, PayloadSelection, Ranking, Selector, VectorSelection,
    WriteKind,
};

/// What a scan must say, without sites and without order where the body's order does not count.
#[derive(Debug, Default, PartialEq)]
pub struct View {
    pub collection: String,
    pub items: Vec<Item>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Item {
    pub nodes: Vec<String>,
    pub points: Vec<String>,
    pub selectors: Vec<String>,
    pub has_vectors: Vec<String>,
    pub keys: Vec<String>,
    pub is_conditional: bool,
}

impl Item {
    fn sorted(mut self) -> Self {
        self.has_vectors.sort();
        self.keys.sort();
        self
    }

    fn take_filters(&mut self, filters: &Filters<'_>) {
        self.has_vectors
            .extend(filters.has_vectors.iter().map(|(_, name)| name.to_string()));
        self.keys.extend(filters.keys.iter().map(Cow::to_string));
    }
}

pub fn node(
    ranking: Ranking,
    using: Option<&str>,
    mut inputs: Vec<String>,
    lookup: Option<String>,
) -> String {
    inputs.sort();
    format!("{ranking:?} {using:?} {inputs:?} {lookup:?}")
}

/// The view of a scan.
pub fn of_op(op: &Op<'_>) -> View {
    let items = match &op.kind {
        OpKind::Info => Vec::new(),
        OpKind::Reads(reads) => reads.iter().map(of_read).collect(),
        OpKind::Writes(writes) => writes.iter().map(of_write).collect(),
    };
    View {
        collection: op.collection.to_string(),
        items,
    }
}

fn of_read(read: &crate::domain::op::Read<'_>) -> Item {
    let mut item = Item::default();
    for one in &read.nodes {
        let inputs = one
            .inputs
            .iter()
            .map(|input| format!("{:?}", input.value))
            .collect();
        let lookup = one
            .lookup_from
            .as_ref()
            .map(|l| format!("{:?} {:?} {}", l.collection, l.vector, l.defaults_to_unnamed));
        item.nodes
            .push(node(one.ranking, one.using.as_deref(), inputs, lookup));
    }
    item.selectors.push(format!(
        "{:?} {:?}",
        read.with_vectors.as_ref().map(|s| &s.value),
        read.with_payload.as_ref().map(|s| &s.value)
    ));
    if let Some(lookup) = &read.lookup {
        let (vectors, payload) = (&lookup.with_vectors.value, &lookup.with_payload.value);
        item.selectors
            .push(format!("{:?} {vectors:?} {payload:?}", lookup.collection));
    }
    item.take_filters(&read.filters);
    item.sorted()
}

fn of_write(write: &crate::domain::op::Write<'_>) -> Item {
    let mut item = Item::default();
    let selected = |selector: &Selector| match selector {
        Selector::Ids(ids) => format!("{ids:?}"),
        Selector::Filter(_) => "filter".to_owned(),
    };
    let listed = |keys: &[Cow<'_, str>]| {
        let mut keys: Vec<_> = keys.iter().map(Cow::to_string).collect();
        keys.sort();
        format!("{keys:?}")
    };
    item.nodes = match &write.kind {
        WriteKind::Upsert(points) | WriteKind::UpdateVectors(points) => {
            for one in points {
                let mut vectors: Vec<_> = one
                    .vectors
                    .iter()
                    .map(|v| format!("{:?} {:?}", v.name, v.value))
                    .collect();
                vectors.sort();
                let mut texts = one.texts.clone();
                texts.sort();
                let (payload, key) = (one.has_payload, one.has_reserved_key);
                item.points
                    .push(format!("{:?} {vectors:?} {payload} {key} {texts:?}", one.id));
            }
            Vec::new()
        }
        WriteKind::DeleteVectors { names, selector, .. } => vec![format!("{names:?}"), selected(selector)],
        WriteKind::Delete => vec!["delete".into()],
        WriteKind::SetPayload { keys, path } => vec![listed(keys), format!("{path:?}")],
        WriteKind::OverwritePayload { keys, selector } => vec![listed(keys), selected(selector)],
        WriteKind::DeletePayload { keys } => vec![listed(keys)],
        WriteKind::ClearPayload { selector } => vec!["clear".into(), selected(selector)],
        WriteKind::FieldIndex => vec!["index".into()],
    };
    item.take_filters(&write.filters);
    item.is_conditional = write.is_conditional;
    item.sorted()
}

pub fn id(id: &pb::PointId) -> PointId {
    match id.point_id_options.as_ref().expect("scan refuses empty ids") {
        PointIdOptions::Num(num) => PointId::Num(*num),
        PointIdOptions::Uuid(text) => PointId::Uuid(text.parse().expect("scan refuses bad uuids")),
    }
}

fn document(document: &pb::Document) -> InputValue<'_> {
    InputValue::Document(Document {
        text: document.text.as_str().into(),
        model: document.model.as_str().into(),
        has_options: !document.options.is_empty(),
    })
}

fn rows(multi: &pb::MultiDenseVector) -> InputValue<'static> {
    InputValue::Multi(multi.vectors.first().map_or(0, |row| row.data.len()))
}

pub fn input(input: &VectorInput) -> String {
    use pb::vector_input::Variant;
    let value = match input.variant.as_ref().expect("scan refuses empty inputs") {
        Variant::Id(of) => InputValue::Point(id(of)),
        Variant::Dense(dense) => InputValue::Dense(dense.data.len()),
        Variant::Sparse(_) => InputValue::Sparse,
        Variant::MultiDense(multi) => rows(multi),
        Variant::Document(of) => document(of),
        Variant::Image(of) => InputValue::Other {
            model: of.model.as_str().into(),
        },
        Variant::Object(of) => InputValue::Other {
            model: of.model.as_str().into(),
        },
    };
    format!("{value:?}")
}

pub fn vector(vector: &Vector) -> String {
    use pb::vector::Vector as Member;
    let value = match &vector.vector {
        Some(Member::Dense(dense)) => InputValue::Dense(dense.data.len()),
        Some(Member::Sparse(_)) => InputValue::Sparse,
        Some(Member::MultiDense(multi)) => rows(multi),
        Some(Member::Document(of)) => document(of),
        Some(Member::Image(of)) => InputValue::Other {
            model: of.model.as_str().into(),
        },
        Some(Member::Object(of)) => InputValue::Other {
            model: of.model.as_str().into(),
        },
        None if vector.indices.is_some() => InputValue::Sparse,
        None => match vector.vectors_count {
            Some(count) => InputValue::Multi(vector.data.len() / count as usize),
            None => InputValue::Dense(vector.data.len()),
        },
    };
    format!("{value:?}")
}

pub fn lookup(lookup: &pb::LookupLocation, is_legacy: bool) -> String {
    format!(
        "{:?} {:?} {is_legacy}",
        lookup.collection_name, lookup.vector_name
    )
}

pub fn filter(of: &Filter, item: &mut Item, is_nested: bool) {
    let few = of.min_should.iter().flat_map(|few| &few.conditions);
    for condition in of.should.iter().chain(&of.must).chain(&of.must_not).chain(few) {
        if let Some(one) = &condition.condition_one_of {
            self::condition(one, item, is_nested);
        }
    }
}

pub fn condition(one: &ConditionOneOf, item: &mut Item, is_nested: bool) {
    let key = match one {
        ConditionOneOf::Field(of) => &of.key,
        ConditionOneOf::IsEmpty(of) => &of.key,
        ConditionOneOf::IsNull(of) => &of.key,
        ConditionOneOf::Nested(of) => {
            if let Some(below) = &of.filter {
                filter(below, item, true);
            }
            &of.key
        }
        ConditionOneOf::Filter(below) => return filter(below, item, is_nested),
        ConditionOneOf::HasVector(of) => return item.has_vectors.push(of.has_vector.clone()),
        ConditionOneOf::HasId(_) | ConditionOneOf::Slice(_) => return,
    };
    if !is_nested {
        item.keys.push(key.clone());
    }
}

pub fn with_vectors(of: Option<&pb::WithVectorsSelector>) -> VectorSelection<'_> {
    use pb::with_vectors_selector::SelectorOptions;
    match of.and_then(|of| of.selector_options.as_ref()) {
        Some(SelectorOptions::Enable(true)) => VectorSelection::All,
        Some(SelectorOptions::Enable(false)) | None => VectorSelection::None,
        Some(SelectorOptions::Include(of)) => {
            VectorSelection::Names(of.names.iter().map(|name| name.as_str().into()).collect())
        }
    }
}

pub fn with_payload(of: Option<&pb::WithPayloadSelector>, is_default: bool) -> PayloadSelection<'_> {
    use pb::with_payload_selector::SelectorOptions;
    let Some(of) = of else {
        return if is_default {
            PayloadSelection::All
        } else {
            PayloadSelection::None
        };
    };
    let paths = |fields: &'_ Vec<String>| fields.iter().map(|f| Cow::Owned(f.clone())).collect();
    match of
        .selector_options
        .as_ref()
        .expect("scan refuses empty selectors")
    {
        SelectorOptions::Enable(true) => PayloadSelection::All,
        SelectorOptions::Enable(false) => PayloadSelection::None,
        SelectorOptions::Include(of) => PayloadSelection::Include(paths(&of.fields)),
        SelectorOptions::Exclude(of) => PayloadSelection::Exclude(paths(&of.fields)),
    }
}

pub fn point(of: Option<&pb::PointId>, vectors: Option<&pb::Vectors>, payload: Option<&Payload>) -> String {
    let mut found: Vec<String> = match vectors.and_then(|of| of.vectors_options.as_ref()) {
        None => Vec::new(),
        Some(VectorsOptions::Vector(one)) => vec![format!("{:?} {}", "", vector(one))],
        Some(VectorsOptions::Vectors(named)) => {
            let each = named.vectors.iter();
            each.map(|(name, one)| format!("{name:?} {}", vector(one)))
                .collect()
        }
    };
    found.sort();
    let mut texts: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for key in ["body", "title"] {
        if let Some(pb::value::Kind::StringValue(text)) =
            payload.and_then(|p| p.get(key)).and_then(|v| v.kind.as_ref())
        {
            texts.push((key.into(), text.into()));
        }
    }
    let has_payload = payload.is_some_and(|payload| !payload.is_empty());
    let has_key = payload.is_some_and(|payload| payload.contains_key(super::RESERVED));
    let of = id(of.expect("scan refuses points without ids"));
    format!("{of:?} {found:?} {has_payload} {has_key} {texts:?}")
}

pub type Payload = std::collections::HashMap<String, pb::Value>;

pub fn selector(of: Option<&pb::PointsSelector>, item: &mut Item) -> String {
    match of.and_then(|of| of.points_selector_one_of.as_ref()) {
        Some(PointsSelectorOneOf::Points(list)) => {
            let ids: Vec<_> = list.ids.iter().map(id).collect();
            format!("{ids:?}")
        }
        Some(PointsSelectorOneOf::Filter(below)) => {
            filter(below, item, false);
            "filter".to_owned()
        }
        None => panic!("scan refuses empty selectors"),
    }
}

impl Item {
    /// In the order that does not count.
    pub fn done(self) -> Self {
        self.sorted()
    }
}
