//! Verbs that are rehearsed: said what they would do, and not done.

use serde::{Deserialize, Serialize};

use super::{Order, Release, Retire, Start, When};
use crate::domain::gate::Verdict;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::domain::verify::Ask as Verify;

/// A verb to rehearse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Rehearse {
    /// A start.
    Start(Start),
    /// A cutover.
    Cutover {
        /// The model that shall serve.
        to: ModelRef,
        /// Whether it is forced.
        #[serde(default)]
        is_forced: bool,
        /// When; absent: at once.
        #[serde(default)]
        when: Option<When>,
    },
    /// A rollback.
    Rollback {
        /// The model that shall serve.
        to: ModelRef,
    },
    /// An order.
    Order {
        /// Which.
        order: Order,
    },
    /// A retirement.
    Retire(Retire),
    /// A verification.
    Verify(Verify),
    /// A release of the field's whole collection.
    Release(Release),
}

/// What a verb would do now. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The field, by its real name.
    pub key: FieldKey,
    /// What would be done, step by step; where something stands against it, nothing of that.
    pub would: Vec<String>,
    /// Why it would be refused; empty: it would not.
    pub against: Vec<String>,
    /// Everything for and against a flip, where the verb is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Verdict>,
}
