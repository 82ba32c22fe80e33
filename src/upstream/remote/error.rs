//! What a transport's error proves about the request: the base of every retry.

use std::error::Error;

use h2::Reason;

use crate::upstream::UpstreamError;

/// Sorts the error of a request that left.
pub(super) fn classify(error: hyper::Error) -> UpstreamError {
    if is_unprocessed(&error) {
        UpstreamError::Unprocessed(error.into())
    } else {
        UpstreamError::Unknown(error.into())
    }
}

/// Whether the upstream itself said that it did nothing: by REFUSED_STREAM, or by a GOAWAY whose last stream id lies
/// below the request's (h2 gives that error to no other stream).
fn is_unprocessed(error: &hyper::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(h2) = error.downcast_ref::<h2::Error>() {
            let is_refused = h2.is_reset() && h2.reason() == Some(Reason::REFUSED_STREAM);
            return h2.is_remote() && (is_refused || h2.is_go_away());
        }
        cause = error.source();
    }
    false
}
