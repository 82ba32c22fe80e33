//! The edits of a plan, done to a decoded request.

use std::collections::HashMap;

use interlock::domain::op::Ranking;
use interlock::domain::plan::VectorFrom;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{self as operation, Operation};
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{self as pb, vector, vector_input, with_payload_selector, with_vectors_selector};

use super::super::RESERVED;
use super::super::plan::{How, NEW_VECTOR, OURS, SHOWN, embedded, tag};
use super::walk::{Visit, Write};

/// `order` gives each point's vectors as the body has them: a decoded map has forgotten that, and which of two vectors
/// is the first counts.
pub struct Edit<'o> {
    pub how: How,
    pub order: &'o mut dyn Iterator<Item = Vec<String>>,
}

impl Edit<'_> {
    fn rename(&self, name: &mut Option<String>) {
        if self.how.names() {
            *name = Some(self.how.renamed(name.as_deref().unwrap_or_default()));
        }
    }

    fn vectors(&mut self, of: &mut Option<pb::Vectors>) {
        let names = self.order.next().expect("the scan has as many points");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let given = of.clone().and_then(|of| of.vectors_options);
        let is_single = matches!(given, Some(VectorsOptions::Vector(_)));
        let old: HashMap<String, pb::Vector> = match given {
            None => HashMap::new(),
            Some(VectorsOptions::Vector(one)) => [(String::new(), one)].into(),
            Some(VectorsOptions::Vectors(named)) => named.vectors,
        };
        let planned = self.how.point(&names);
        let is_kept = planned.len() == names.len()
            && planned
                .iter()
                .zip(&names)
                .enumerate()
                .all(|(index, ((new, from), old))| new == old && *from == VectorFrom::Kept(index));
        if is_kept {
            return;
        }
        let new: HashMap<String, pb::Vector> = planned
            .into_iter()
            .map(|(name, from)| match from {
                VectorFrom::Kept(index) => (name, old[names[index]].clone()),
                VectorFrom::Embedded(_) => (name, dense(&NEW_VECTOR)),
            })
            .collect();
        let options = match new.get("") {
            Some(one) if is_single && new.len() == 1 => VectorsOptions::Vector(one.clone()),
            _ => VectorsOptions::Vectors(pb::NamedVectors { vectors: new }),
        };
        *of = Some(pb::Vectors {
            vectors_options: Some(options),
        });
    }
}

fn dense(values: &[f32]) -> pb::Vector {
    let data = values.to_vec();
    pb::Vector {
        vector: Some(vector::Vector::Dense(pb::DenseVector { data })),
        ..pb::Vector::default()
    }
}

/// Our tag, as a decoded value.
pub fn tagged() -> pb::Value {
    tag().to_json().into()
}

impl Visit for Edit<'_> {
    fn node(&mut self, _: Ranking, using: &mut Option<String>, _: usize) {
        self.rename(using);
    }

    fn input(&mut self, input: &mut pb::VectorInput) {
        if let Some(vector_input::Variant::Document(document)) = &input.variant
            && self.how.embeddings()
        {
            let data = embedded(&document.text);
            input.variant = Some(vector_input::Variant::Dense(pb::DenseVector { data }));
        }
    }

    fn vector(&mut self, vector: &mut pb::Vector) {
        if let Some(vector::Vector::Document(document)) = &vector.vector
            && self.how.embeddings()
        {
            *vector = dense(&embedded(&document.text));
        }
    }

    fn lookup_from(&mut self, from: &mut pb::LookupLocation, _: bool) {
        self.rename(&mut from.vector_name);
    }

    fn has_vector(&mut self, name: &mut String) {
        if self.how.names() {
            *name = self.how.renamed(name);
        }
    }

    fn with_vectors(&mut self, with: &mut Option<pb::WithVectorsSelector>) {
        if self.how.selectors() {
            let names = SHOWN.map(str::to_owned).to_vec();
            let shown = with_vectors_selector::SelectorOptions::Include(pb::VectorsSelector { names });
            *with = Some(shown.into());
        }
    }

    fn with_payload(&mut self, with: &mut Option<pb::WithPayloadSelector>, _: bool) {
        if self.how.selectors() {
            let fields = vec![RESERVED.to_owned()];
            let hidden =
                with_payload_selector::SelectorOptions::Exclude(pb::PayloadExcludeSelector { fields });
            *with = Some(hidden.into());
        }
    }

    fn with_lookup(&mut self, lookup: &mut pb::WithLookup) {
        self.with_vectors(&mut lookup.with_vectors);
        self.with_payload(&mut lookup.with_payload, true);
    }

    fn write(&mut self, write: Write<'_>) {
        match write {
            Write::Upsert(points) => {
                for point in points {
                    self.vectors(&mut point.vectors);
                    point.payload.insert(RESERVED.to_owned(), tagged());
                }
            }
            Write::UpdateVectors(points) => points.iter_mut().for_each(|of| self.vectors(&mut of.vectors)),
            Write::DeleteVectors(names, _) if self.how.names() => {
                let shown = SHOWN.map(str::to_owned).to_vec();
                *names = Some(pb::VectorsSelector { names: shown });
            }
            _ => {}
        }
    }
}

/// The batch that an edited request becomes where operations of ours stand beside the client's.
pub trait Batched {
    fn batched(self) -> Option<pb::UpdateBatchPoints>;
}

/// Our operation for one of the client's.
fn ours(shard_key_selector: Option<pb::ShardKeySelector>) -> pb::PointsUpdateOperation {
    let payload = tag()
        .0
        .iter()
        .map(|entry| (entry.field.to_string(), entry.to_json().into()))
        .collect();
    let list = pb::PointsIdsList {
        ids: vec![OURS.into()],
    };
    let set = operation::SetPayload {
        payload,
        points_selector: Some(PointsSelectorOneOf::Points(list).into()),
        shard_key_selector,
        key: Some(RESERVED.to_owned()),
    };
    pb::PointsUpdateOperation {
        operation: Some(Operation::SetPayload(set)),
    }
}

macro_rules! batched {
    ($($message:ident |$of:ident| $operation:expr;)*) => {$(
        impl Batched for pb::$message {
            fn batched(self) -> Option<pb::UpdateBatchPoints> {
                let $of = self;
                let shard_key = $of.shard_key_selector.clone();
                let (wait, timeout, ordering) = ($of.wait, $of.timeout, $of.ordering.clone());
                let collection_name = $of.collection_name.clone();
                let operation = pb::PointsUpdateOperation { operation: Some($operation) };
                let operations = vec![operation, ours(shard_key)];
                Some(pb::UpdateBatchPoints { collection_name, wait, operations, ordering, timeout })
            }
        }
    )*};
}

batched! {
    UpsertPoints |of| Operation::Upsert(operation::PointStructList {
        points: of.points,
        shard_key_selector: of.shard_key_selector,
        update_filter: of.update_filter,
        update_mode: of.update_mode,
    });
    UpdatePointVectors |of| Operation::UpdateVectors(operation::UpdateVectors {
        points: of.points,
        shard_key_selector: of.shard_key_selector,
        update_filter: of.update_filter,
    });
    DeletePoints |of| Operation::DeletePoints(operation::DeletePoints {
        points: of.points,
        shard_key_selector: of.shard_key_selector,
    });
    DeletePointVectors |of| Operation::DeleteVectors(operation::DeleteVectors {
        points_selector: of.points_selector,
        vectors: of.vectors,
        shard_key_selector: of.shard_key_selector,
    });
    DeletePayloadPoints |of| Operation::DeletePayload(operation::DeletePayload {
        keys: of.keys,
        points_selector: of.points_selector,
        shard_key_selector: of.shard_key_selector,
    });
    ClearPayloadPoints |of| Operation::ClearPayload(operation::ClearPayload {
        points: of.points,
        shard_key_selector: of.shard_key_selector,
    });
    SetPayloadPoints |of| Operation::SetPayload(operation::SetPayload {
        payload: of.payload,
        points_selector: of.points_selector,
        shard_key_selector: of.shard_key_selector,
        key: of.key,
    });
}

impl Batched for pb::UpdateBatchPoints {
    fn batched(mut self) -> Option<pb::UpdateBatchPoints> {
        let each = std::mem::take(&mut self.operations).into_iter();
        self.operations = each
            .flat_map(|one| {
                let key = one.operation.as_ref().and_then(shard_key);
                [one, ours(key)]
            })
            .collect();
        Some(self)
    }
}

fn shard_key(of: &Operation) -> Option<pb::ShardKeySelector> {
    match of {
        Operation::Upsert(of) => of.shard_key_selector.clone(),
        Operation::SetPayload(of) => of.shard_key_selector.clone(),
        Operation::OverwritePayload(of) => of.shard_key_selector.clone(),
        Operation::DeletePayload(of) => of.shard_key_selector.clone(),
        Operation::UpdateVectors(of) => of.shard_key_selector.clone(),
        Operation::DeleteVectors(of) => of.shard_key_selector.clone(),
        Operation::DeletePoints(of) => of.shard_key_selector.clone(),
        Operation::ClearPayload(of) => of.shard_key_selector.clone(),
        Operation::DeleteDeprecated(_) | Operation::ClearPayloadDeprecated(_) => None,
    }
}

/// Requests that are sent on as what they are.
macro_rules! unbatched {
    ($($message:ident),* $(,)?) => {$(
        impl Batched for pb::$message {
            fn batched(self) -> Option<pb::UpdateBatchPoints> {
                None
            }
        }
    )*};
}

unbatched!(
    QueryPoints,
    QueryPointGroups,
    QueryBatchPoints,
    SearchPoints,
    SearchPointGroups,
    SearchBatchPoints,
    RecommendPoints,
    RecommendPointGroups,
    RecommendBatchPoints,
    DiscoverPoints,
    DiscoverBatchPoints,
    ScrollPoints,
    GetPoints,
    CountPoints,
    FacetCounts,
    CreateFieldIndexCollection,
    DeleteFieldIndexCollection,
);
