//! Protobuf: Qdrant's gRPC messages. Called by `engine` (everything) and `server` (`collection_name` and
//! [`TopLevelWatch`], to tell managed collections from others).
//!
//! [`scan`] walks a body along the tables in `schema` and notes where its sites stand; [`rewrite`] puts a plan's edits
//! there; [`unwrite`], [`unbatch`] and [`info`] change answers. Vectors are skipped by their lengths, never decoded,
//! and leave as slices of what came in. Framing, compression and policy are elsewhere.

mod answer;
mod encode;
mod info;
mod lookups;
mod nesting;
mod page;
mod places;
mod reader;
mod refuse;
mod rewrite;
mod scan;
mod schema;
mod splice;
mod texts;
mod unwrite;
mod vectors;
mod watch;

pub use info::info;
pub use lookups::may_look_up;
pub use nesting::{Nesting, judge_collection_call};
pub use page::{key_page, scroll_of};
pub use places::Places;
pub use rewrite::rewrite;
pub use scan::scan;
pub use texts::{get_texts, texts};
pub use unwrite::{unbatch, unwrite};
pub use watch::{TopLevelWatch, collection_name};

#[cfg(test)]
mod tests;
