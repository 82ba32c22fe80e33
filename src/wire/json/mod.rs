//! JSON: Qdrant's REST bodies. Scans them into operations, edits them by splices at the places that the scan noted, and
//! takes out of answers what clients must not see. No float is parsed and no span of a vector is copied. Called by
//! `engine`; paths, query strings and statuses are the caller's.

mod cursor;
mod errors;
mod places;
mod rewrite;
mod scan;
mod splice;
mod strings;

pub use places::Places;
pub use rewrite::{rewrite, scroll_of, scroll_of_planned};
pub use scan::scan;
