//! What clients get back, from either API.

use serde_json::{Map, Value as Json};

#[derive(Clone, Debug)]
pub struct Record {
    pub id: u64,
    pub payload: Map<String, Json>,
    pub vector: Option<Vec<f32>>,
    /// Names of vectors that are not the field.
    pub extra: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Hit {
    pub score: f32,
    pub record: Record,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Written,
    Hits(Vec<Hit>),
    Records(Vec<Record>),
}

/// How a request ended for its client.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A success, with what its headers say.
    Ok {
        answer: Answer,
        models: Vec<String>,
        epoch: Option<u64>,
    },
    /// Refused as wrong, or as nothing that can be done now.
    Refused(String),
    /// Something that it needed failed.
    Failed(String),
}
