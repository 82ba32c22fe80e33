//! The listeners and the connections to a remote Qdrant, over real sockets, against services and upstreams that are
//! scripted test by test.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, outside `#[test]` functions

mod bodies;
mod drain;
mod faces;
mod goaway;
mod hold;
mod remote;
mod stub;
mod world;
