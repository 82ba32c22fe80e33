//! Decisions, case by case: a collection with a text field of two models, a sparse field beside it, an opaque vector.

// A test names the arm that it expects; every other one fails it.
#![allow(clippy::wildcard_enum_match_arm)]

mod info;
mod points;
mod reads;
mod shown;
mod updates;
mod writes;

use std::borrow::Cow;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Claims, Context, Decision, Known, decide};
use crate::domain::few::Few;
use crate::domain::ids::{CollectionName, Epoch, PointId, VectorName, WriteId};
use crate::domain::model::{Distance, Kind, Model, ModelId};
use crate::domain::op::{
    Input, InputValue, LookupFrom, Node, Op, OpKind, Ranking, Read, Site, Verb, Write, WriteKind,
};
use crate::domain::plan::{Edit, Plan};
use crate::domain::refusal::Refusal;
use crate::domain::source::SourceTemplate;
use crate::domain::table::{Field, Managed, OnEmbedFailure, Space, Standby, StandbyState, Table, Undeclared};

const OLD: &str = "old@1";
const NEW: &str = "new@1";
const KEY: &str = "_embedding";

fn id(text: &str) -> ModelId {
    text.parse().unwrap()
}

fn model(text: &str, kind: Kind, dimension: u32) -> Model {
    Model {
        id: id(text),
        kind,
        dimension,
        distance: Distance::Cosine,
        query_prompt: String::new(),
        document_prompt: String::new(),
    }
}

fn space(vector: &str, model: &str) -> Space {
    Space {
        vector: vector.into(),
        model: id(model),
    }
}

fn field(name: &str, serving: Space, standby: Option<Standby>) -> Field {
    Field {
        name: name.into(),
        undeclared: Undeclared::Pinned(serving.model.clone()),
        serving,
        standby,
        source: Some(SourceTemplate::parse("{body}").unwrap()),
        on_embed_failure: OnEmbedFailure::Defer,
    }
}

/// Where the change of the text field's model stands.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Before,
    Filling,
    Flipped,
}

fn table(stage: Stage) -> Table {
    let old = space("text", OLD);
    let new = space("text@new@1", NEW);
    let text = match stage {
        Stage::Before => field("text", old, None),
        Stage::Filling => field(
            "text",
            old,
            Some(Standby {
                space: new,
                state: StandbyState::Filling,
                policy: None,
            }),
        ),
        Stage::Flipped => {
            let mut text = field(
                "text",
                new,
                Some(Standby {
                    space: old,
                    state: StandbyState::Kept,
                    policy: None,
                }),
            );
            text.undeclared = Undeclared::Pinned(id(OLD));
            text
        }
    };
    let words = field("words", space("words", "bm25@1"), None);
    let fields: BTreeMap<VectorName, Field> = [text, words].map(|field| (field.name.clone(), field)).into();
    let managed = Managed {
        fields,
        opaque: vec!["image".into()],
        ..Managed::default()
    };
    let models = [
        model(OLD, Kind::Dense, 4),
        model(NEW, Kind::Dense, 4),
        model("bm25@1", Kind::Sparse, 0),
    ];
    Table {
        epoch: Epoch(7),
        models: models.map(|model| (model.id.clone(), model)).into(),
        collections: [(CollectionName::from("docs"), managed)].into(),
    }
}

/// What a test varies besides the request.
#[derive(Clone, Default)]
struct With {
    header: Vec<&'static str>,
    key: Vec<&'static str>,
    deferred: bool,
    retains: bool,
    known: Known,
}

fn decision(table: &Table, kind: OpKind<'_>, with: &With) -> Result<Decision, Refusal> {
    let collection = CollectionName::from("docs");
    let claims = Claims {
        header: with.header.iter().map(|m| m.parse().unwrap()).collect(),
        key: with.key.iter().map(|m| id(m)).collect(),
        ..Claims::default()
    };
    let context = Context {
        table,
        collection: &collection,
        managed: table.managed("docs").unwrap(),
        resolve: &|name| CollectionName::from(name),
        claims: &claims,
        reserved_key: KEY,
        upsert_retains: with.retains,
        deferred: with.deferred,
        known: &with.known,
    };
    let verb = match &kind {
        OpKind::Reads(_) => Verb::Query,
        OpKind::Writes(_) => Verb::Upsert,
        OpKind::Info => Verb::CollectionInfo,
    };
    let writes = match &kind {
        OpKind::Writes(writes) => 0..writes.len(),
        OpKind::Reads(_) | OpKind::Info => 0..0,
    };
    let op = Op {
        verb,
        collection: Cow::Borrowed("docs"),
        kind,
    };
    let mut next = 0;
    decide(&context, &op, writes, &mut || {
        next += 1;
        WriteId(Uuid::from_u128(next))
    })
}

fn plan(table: &Table, kind: OpKind<'_>, with: &With) -> Result<Plan, Refusal> {
    match decision(table, kind, with)? {
        Decision::Plan(plan) => Ok(plan),
        Decision::Needs(lookups, _) => panic!("needs {lookups:?}"),
    }
}

fn reason(outcome: Result<Plan, Refusal>) -> &'static str {
    outcome.unwrap_err().reason
}

fn edit_at(plan: &Plan, site: u32) -> Option<&Edit> {
    plan.edits
        .iter()
        .find(|(at, _)| *at == Site(site))
        .map(|(_, edit)| edit)
}

fn node(site: u32, using: Option<&'static str>, value: InputValue<'static>) -> Node<'static> {
    Node {
        site: Site(site),
        ranking: Ranking::Vectors,
        using: using.map(Cow::Borrowed),
        inputs: Few::One([Input {
            site: Site(site + 100),
            value,
        }]),
        lookup_from: None,
    }
}

fn reads(nodes: Vec<Node<'static>>) -> OpKind<'static> {
    OpKind::Reads(vec![Read {
        nodes,
        ..Read::default()
    }])
}

fn writes(kinds: Vec<crate::domain::op::WriteKind<'static>>) -> OpKind<'static> {
    let write = |kind| Write {
        kind,
        filters: Default::default(),
        is_conditional: false,
    };
    OpKind::Writes(kinds.into_iter().map(write).collect())
}

#[test]
fn a_quarantined_collection_answers_only_what_it_is() {
    use crate::domain::quarantine::{Cause, Standing};
    let mut table = table(Stage::Before);
    let docs = table.collections.get_mut("docs").unwrap();
    docs.standing = Standing::Open.after(Cause::Restored, 1);
    let read = || reads(vec![node(0, Some("words"), InputValue::Sparse)]);
    assert_eq!(reason(plan(&table, read(), &With::default())), "quarantined");
    assert_eq!(
        reason(plan(&table, writes(vec![WriteKind::Delete]), &With::default())),
        "quarantined"
    );
    assert!(plan(&table, OpKind::Info, &With::default()).is_ok());
}

#[test]
fn nothing_is_looked_up_in_a_quarantined_collection() {
    use crate::domain::quarantine::{Cause, Standing};
    let mut table = table(Stage::Before);
    let mut other = table.collections["docs"].clone();
    other.standing = Standing::Open.after(Cause::Restored, 1);
    table.collections.insert("other".into(), other);
    let mut looking = node(0, Some("words"), InputValue::Point(PointId::Num(1)));
    looking.lookup_from = Some(LookupFrom {
        collection: Cow::Borrowed("other"),
        vector: None,
        vector_site: Site(9),
        defaults_to_unnamed: false,
    });
    assert_eq!(
        reason(plan(&table, reads(vec![looking]), &With::default())),
        "quarantined"
    );
}
