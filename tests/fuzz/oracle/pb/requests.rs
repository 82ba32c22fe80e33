//! Every request that is scanned over gRPC, with what is visited in it.

use interlock::domain::op::{Ranking, Verb};
use prost::Message;
use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::points_update_operation::Operation;

use super::super::LIMITS;
use super::walk::{Tree, Visit, Write, examples, filter, filters, selector, tree};

/// A request over gRPC.
pub trait Request: Message + Default + PartialEq + Clone + std::fmt::Debug {
    const VERB: Verb;
    fn visit(&mut self, v: &mut dyn Visit);
}

macro_rules! queries {
    ($($message:ident),*) => {$(
        impl Item for pb::$message {
            fn item(&mut self, v: &mut dyn Visit) {
                v.item();
                tree(v, Tree {
                    query: &mut self.query,
                    using: &mut self.using,
                    lookup: &mut self.lookup_from,
                    filter: &mut self.filter,
                    params: &mut self.params,
                    prefetch: &mut self.prefetch,
                }, 0);
                self.rest(v);
            }
        }
    )*};
}

/// One read, alone or in a batch.
pub trait Item {
    fn item(&mut self, v: &mut dyn Visit);
}

queries!(QueryPoints, QueryPointGroups);

trait Rest {
    fn rest(&mut self, v: &mut dyn Visit);
}

impl Rest for pb::QueryPoints {
    fn rest(&mut self, v: &mut dyn Visit) {
        v.with_vectors(&mut self.with_vectors);
        v.with_payload(&mut self.with_payload, false);
    }
}

impl Rest for pb::QueryPointGroups {
    fn rest(&mut self, v: &mut dyn Visit) {
        v.key(&self.group_by);
        v.with_vectors(&mut self.with_vectors);
        v.with_payload(&mut self.with_payload, false);
        self.with_lookup.iter_mut().for_each(|of| v.with_lookup(of));
    }
}

macro_rules! searches {
    ($($message:ident $is_grouped:tt),*) => {$(
        impl Item for pb::$message {
            fn item(&mut self, v: &mut dyn Visit) {
                v.item();
                v.node(Ranking::Vectors, &mut self.vector_name, 0);
                v.floats(self.vector.len(), self.sparse_indices.is_some());
                filters(v, &mut self.filter, &mut self.params);
                v.with_vectors(&mut self.with_vectors);
                v.with_payload(&mut self.with_payload, false);
                groups!(self v $is_grouped);
            }
        }
    )*};
}

macro_rules! recommendations {
    ($($message:ident $is_grouped:tt),*) => {$(
        impl Item for pb::$message {
            fn item(&mut self, v: &mut dyn Visit) {
                v.item();
                v.node(Ranking::Vectors, &mut self.using, 0);
                self.positive.iter_mut().chain(&mut self.negative).for_each(|id| v.id(id));
                self.positive_vectors.iter_mut().chain(&mut self.negative_vectors).for_each(|one| v.vector(one));
                self.lookup_from.iter_mut().for_each(|of| v.lookup_from(of, true));
                filters(v, &mut self.filter, &mut self.params);
                v.with_vectors(&mut self.with_vectors);
                v.with_payload(&mut self.with_payload, false);
                groups!(self v $is_grouped);
            }
        }
    )*};
}

macro_rules! groups {
    ($self:ident $v:ident alone) => {};
    ($self:ident $v:ident grouped) => {
        $v.key(&$self.group_by);
        $self.with_lookup.iter_mut().for_each(|of| $v.with_lookup(of));
    };
}

searches!(SearchPoints alone, SearchPointGroups grouped);
recommendations!(RecommendPoints alone, RecommendPointGroups grouped);

impl Item for pb::DiscoverPoints {
    fn item(&mut self, v: &mut dyn Visit) {
        v.item();
        v.node(Ranking::Vectors, &mut self.using, 0);
        examples(v, &mut self.target, &mut self.context);
        self.lookup_from.iter_mut().for_each(|of| v.lookup_from(of, true));
        filters(v, &mut self.filter, &mut self.params);
        v.with_vectors(&mut self.with_vectors);
        v.with_payload(&mut self.with_payload, false);
    }
}

impl Item for pb::ScrollPoints {
    fn item(&mut self, v: &mut dyn Visit) {
        v.item();
        filters(v, &mut self.filter, &mut None);
        self.order_by.iter().for_each(|of| v.key(&of.key));
        v.with_vectors(&mut self.with_vectors);
        v.with_payload(&mut self.with_payload, true);
    }
}

impl Item for pb::GetPoints {
    fn item(&mut self, v: &mut dyn Visit) {
        v.item();
        v.with_vectors(&mut self.with_vectors);
        v.with_payload(&mut self.with_payload, false);
    }
}

impl Item for pb::CountPoints {
    fn item(&mut self, v: &mut dyn Visit) {
        v.item();
        filters(v, &mut self.filter, &mut None);
    }
}

impl Item for pb::FacetCounts {
    fn item(&mut self, v: &mut dyn Visit) {
        v.item();
        filters(v, &mut self.filter, &mut None);
        v.key(&self.key);
    }
}

macro_rules! reads {
    ($($message:ident $verb:ident),* $(,)?) => {$(
        impl Request for pb::$message {
            const VERB: Verb = Verb::$verb;
            fn visit(&mut self, v: &mut dyn Visit) {
                v.collection(&self.collection_name);
                self.item(v);
            }
        }
    )*};
}

reads!(
    QueryPoints Query, QueryPointGroups QueryGroups, SearchPoints Search, SearchPointGroups SearchGroups,
    RecommendPoints Recommend, RecommendPointGroups RecommendGroups, DiscoverPoints Discover, ScrollPoints Scroll,
    GetPoints Get, CountPoints Count, FacetCounts Facet,
);

macro_rules! batches {
    ($($message:ident $verb:ident $items:ident),* $(,)?) => {$(
        impl Request for pb::$message {
            const VERB: Verb = Verb::$verb;
            fn visit(&mut self, v: &mut dyn Visit) {
                v.collection(&self.collection_name);
                if self.$items.len() > LIMITS.batch_items_max {
                    v.flaw("too many items");
                }
                for item in &mut self.$items {
                    if !item.collection_name.is_empty() && item.collection_name != self.collection_name {
                        v.flaw("an item of another collection");
                    }
                    item.item(v);
                }
            }
        }
    )*};
}

batches!(
    QueryBatchPoints QueryBatch query_points, SearchBatchPoints SearchBatch search_points,
    RecommendBatchPoints RecommendBatch recommend_points, DiscoverBatchPoints DiscoverBatch discover_points,
);

fn update_filter(v: &mut dyn Visit, of: &mut Option<pb::Filter>) {
    if let Some(of) = of {
        v.conditional();
        filter(v, of, false);
    }
}

fn update_mode(v: &mut dyn Visit, of: Option<i32>) {
    match of {
        None | Some(0) => {}
        Some(1 | 2) => v.conditional(),
        Some(_) => v.flaw("an unknown mode"),
    }
}

macro_rules! writes {
    ($($message:ident $verb:ident |$of:ident, $v:ident| $write:expr;)*) => {$(
        impl Request for pb::$message {
            const VERB: Verb = Verb::$verb;
            fn visit(&mut self, $v: &mut dyn Visit) {
                let $of = self;
                $v.collection(&$of.collection_name);
                $v.item();
                $write
            }
        }
    )*};
}

writes! {
    UpsertPoints Upsert |of, v| {
        v.write(Write::Upsert(&mut of.points));
        update_filter(v, &mut of.update_filter);
        update_mode(v, of.update_mode);
    };
    UpdatePointVectors UpdateVectors |of, v| {
        v.write(Write::UpdateVectors(&mut of.points));
        update_filter(v, &mut of.update_filter);
    };
    DeletePoints Delete |of, v| {
        v.write(Write::Delete);
        selector(v, &mut of.points);
    };
    DeletePointVectors DeleteVectors |of, v| {
        v.write(Write::DeleteVectors(&mut of.vectors, &of.points_selector));
        selector(v, &mut of.points_selector);
    };
    SetPayloadPoints SetPayload |of, v| {
        v.write(Write::SetPayload(&of.payload, &of.key, &of.points_selector));
        selector(v, &mut of.points_selector);
    };
    DeletePayloadPoints DeletePayload |of, v| {
        v.write(Write::DeletePayload(&of.keys));
        selector(v, &mut of.points_selector);
    };
    ClearPayloadPoints ClearPayload |of, v| {
        v.write(Write::Clear(&of.points));
        selector(v, &mut of.points);
    };
    CreateFieldIndexCollection CreateFieldIndex |of, v| {
        v.write(Write::Index);
        v.key(&of.field_name);
    };
    DeleteFieldIndexCollection DeleteFieldIndex |of, v| {
        v.write(Write::Index);
        v.key(&of.field_name);
    };
}

impl Request for pb::UpdateBatchPoints {
    const VERB: Verb = Verb::UpdateBatch;
    fn visit(&mut self, v: &mut dyn Visit) {
        v.collection(&self.collection_name);
        if self.operations.len() > LIMITS.batch_items_max {
            v.flaw("too many operations");
        }
        for one in &mut self.operations {
            v.item();
            match one.operation.as_mut() {
                Some(of) => operation(v, of),
                None => v.flaw("an empty operation"),
            }
        }
    }
}

fn operation(v: &mut dyn Visit, of: &mut Operation) {
    let bare = |v: &mut dyn Visit, of: &mut pb::PointsSelector| {
        let mut whole = Some(std::mem::take(of));
        selector(v, &mut whole);
        *of = whole.unwrap_or_default();
    };
    match of {
        Operation::Upsert(of) => {
            v.write(Write::Upsert(&mut of.points));
            update_filter(v, &mut of.update_filter);
            update_mode(v, of.update_mode);
        }
        Operation::UpdateVectors(of) => {
            v.write(Write::UpdateVectors(&mut of.points));
            update_filter(v, &mut of.update_filter);
        }
        Operation::DeletePoints(of) => {
            v.write(Write::Delete);
            selector(v, &mut of.points);
        }
        Operation::DeleteDeprecated(of) => {
            v.write(Write::Delete);
            bare(v, of);
        }
        Operation::DeleteVectors(of) => {
            v.write(Write::DeleteVectors(&mut of.vectors, &of.points_selector));
            selector(v, &mut of.points_selector);
        }
        Operation::SetPayload(of) => {
            v.write(Write::SetPayload(&of.payload, &of.key, &of.points_selector));
            selector(v, &mut of.points_selector);
        }
        Operation::OverwritePayload(of) => {
            v.write(Write::Overwrite(&of.payload, &of.points_selector));
            selector(v, &mut of.points_selector);
        }
        Operation::DeletePayload(of) => {
            v.write(Write::DeletePayload(&of.keys));
            selector(v, &mut of.points_selector);
        }
        Operation::ClearPayload(of) => {
            v.write(Write::Clear(&of.points));
            selector(v, &mut of.points);
        }
        Operation::ClearPayloadDeprecated(of) => {
            v.write(Write::Clear(&Some(of.clone())));
            bare(v, of);
        }
    }
}
