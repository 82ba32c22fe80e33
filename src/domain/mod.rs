//! What Interlock decides, apart from how anything is sent or stored: names, models, tables, requests as values, and
//! the pure functions from one to the other. No async, no IO, no clock, no encoding of any wire.

pub mod access;
pub mod alias;
pub mod audit;
pub mod embedder;
pub mod few;
pub mod forecast;
pub mod gate;
pub mod identity;
pub mod ids;
pub mod model;
pub mod op;
pub mod phase;
pub mod plan;
pub mod quarantine;
pub mod refusal;
pub mod route;
pub mod schema;
pub mod shape;
pub mod source;
pub mod table;
pub mod tag;
pub mod throttle;
pub mod verify;
