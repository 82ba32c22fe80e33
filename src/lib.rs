//! # Interlock: the architecture
//!
//! Interlock stands between an app and Qdrant. An app's *field* is a (collection, vector name) pair; behind it stand one
//! or two *spaces*, vector names that Qdrant really holds, each filled by exactly one *model*. The *routing table* says
//! which; it is immutable, published whole, and numbered by its *epoch*. A *migration* fills a second space, flips the
//! field to it in one instant, and keeps the first one fresh for the way back.
//!
//! ## The life of a request
//!
//! `engine::Engine::handle` is all of it, for gRPC and REST alike:
//!
//! ```text
//! server    accept, frame, deadline, span
//! engine    table = registry.pin()                       once a request
//! wire      routes: which call, which collection         unmanaged ones pass, frame by frame
//! wire      scan: bytes -> Op (spans into the body; no vector is decoded)
//! domain    route::decide(context, op) -> Plan           pure, total; or a refusal, before a byte is sent
//! engine    settle: look up what is missing, embed what is planned
//! wire      rewrite(plan) -> slices of the body, with new bytes between them
//! upstream  one call
//! wire      unwrite: hide tags and standby spaces
//! server    encode, or refusal -> gRPC status / Qdrant's JSON error
//! ```
//!
//! The answer's body holds the pinned table until its last byte has gone. That is all that a flip waits for:
//! `registry.publish` stores the next table durably, then stores one pointer; `registry.drained` resolves when the last
//! pin of an earlier table is dropped.
//!
//! ## What is where
//!
//! Imports go leftwards only; `tests/tidy.rs` holds it:
//! `domain <- wire <- {upstream, store, embed} <- registry <- {engine, migrate} <- {admin, server} <- app <- {demo, cli} <- main`.
//!
//! * [`domain`]: names, models, tables, requests as values, and every decision. No async, IO, clock or encoding.
//! * [`wire`]: protobuf and JSON scanners and splicers; the only code that knows Qdrant's encodings.
//! * [`upstream`]: connections to a Qdrant, and typed calls for our own work.
//! * `embedded`: Qdrant's API over the crate `qdrant-edge`, in process; an upstream like any other.
//! * [`store`]: what must survive a crash, in one durable file.
//! * [`embed`]: text in, vectors out.
//! * [`registry`]: the current table; pin, publish, drained.
//! * [`engine`]: one request.
//! * [`migrate`]: the control loop: adopt, start, backfill, cutover, rollback. It never meets the engine but in the
//!   registry and the store.
//! * [`server`], [`admin`], [`cli`], [`config`], [`telemetry`]: faces, and what they are set up with.
//! * [`app`]: the one place that names concrete parts and puts them together.
//!
//! ## Invariants, as absences
//!
//! * No code but `wire` looks into a body, and no code at all decodes a vector on its way through.
//! * No request reads the current table twice, and nothing is forwarded for a request that is refused.
//! * No write of a managed collection goes out without its tag; no client's body can hold the reserved key.
//! * No claim in a tag stands before, or without, the vector that it is about.
//! * Nothing is guessed: a dimension is never taken for an identity, and what is not understood is refused.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod embed;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod migrate;
pub mod registry;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod wire;
