//! What the wire layer is held to, by code that shares nothing with it: prost's generated messages for gRPC, serde_json
//! for REST. Used by the fuzz targets and by the bounded run; each `check` takes any bytes and panics where the wire
//! layer is wrong.

pub mod answers;
pub mod facts;
pub mod json;
pub mod pb;
pub mod plan;

use interlock::wire::{Lens, Limits};

/// The reserved payload key.
pub const RESERVED: &str = "_embedding";
/// The payload keys whose texts are wanted.
pub const SOURCES: &[&str] = &["body", "title"];
/// Bounds, so low that short inputs reach them.
pub const LIMITS: Limits = Limits {
    prefetch_depth_max: 4,
    message_depth_max: 100,
    json_depth_max: 20,
    batch_items_max: 4,
    points_max: 6,
};

/// What every body is scanned with.
pub fn lens() -> Lens<'static> {
    Lens {
        reserved_key: RESERVED,
        source_keys: SOURCES,
        limits: LIMITS,
    }
}
