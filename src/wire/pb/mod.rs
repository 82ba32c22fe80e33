//! Protobuf: Qdrant's gRPC messages.

mod encode;
mod places;
mod reader;
mod refuse;
mod rewrite;
mod scan;
mod schema;
mod splice;

pub use places::Places;
pub use rewrite::rewrite;
pub use scan::scan;
