//! JSON: Qdrant's REST bodies. Scans them into operations, edits them by splices at the places that the scan noted, and
//! takes out of answers what clients must not see. No float is parsed and no span of a vector is copied. Called by
//! `engine`; paths, query strings and statuses are the caller's.

mod answer;
mod blocks;
mod cursor;
mod errors;
mod info;
mod members;
mod nesting;
mod numbers;
mod places;
mod rewrite;
mod scan;
mod splice;
mod strings;
mod unbatch;
mod unwrite;

pub use info::info;
pub use nesting::Nesting;
pub use places::Places;
pub use rewrite::{get_texts, rewrite, scroll_of, texts};
pub use scan::scan;
pub use unbatch::{key_page, unbatch};
pub use unwrite::unwrite;

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test panics on every variant that it does not expect"
)]
mod tests;
