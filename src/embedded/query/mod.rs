//! Queries: the request tree, its resolution into the crate's own, and what is built of it: groups and matrices.

mod average;
pub mod groups;
pub mod matrix;
pub mod request;
mod resolve;
mod run;
