//! Migrations on the embedded engine: from start to cutover and back, against clients that write meanwhile, and through
//! crashes at every call.
#![cfg(feature = "embedded")]

mod crashes;
mod harness;
mod races;
mod verbs;
