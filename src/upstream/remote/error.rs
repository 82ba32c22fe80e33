//! What a stream's error proves about its request: the base of every retry.

use h2::Reason;

use crate::upstream::UpstreamError;

/// Sorts the error of a request that left.
pub(super) fn classify(error: h2::Error) -> UpstreamError {
    if is_unprocessed(&error) {
        UpstreamError::Unprocessed(error.into())
    } else {
        UpstreamError::Unknown(error.into())
    }
}

/// Whether the upstream itself said that it did nothing: by REFUSED_STREAM, or by a GOAWAY whose last stream id lies
/// below the request's (h2 gives that error to no other stream).
fn is_unprocessed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (is_refused || error.is_go_away())
}
