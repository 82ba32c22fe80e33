//! A call's own deadline on its way upstream: what is left of it, less a margin, so that the upstream's answer to a call
//! that came too late is here before the caller's time is over.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Request};
use tokio::time::Instant;

use crate::upstream::Deadline;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The margin is a twentieth of what is left, within these: the way there and back, and no more.
const MARGIN_SHARE: u32 = 20;
const MARGIN_MIN: Duration = Duration::from_millis(1);
const MARGIN_MAX: Duration = Duration::from_millis(100);

/// The least that is passed on: zero would be no time at all, and the caller's own deadline ends the call anyway.
const LEFT_MIN: Duration = Duration::from_millis(1);

/// The protocol allows eight digits.
const DIGITS_MAX: u128 = 99_999_999;

/// Rewrites `grpc-timeout` where the request carries a deadline.
pub(super) fn pass_on<B>(request: &mut Request<B>) {
    if let Some(Deadline(at)) = request.extensions_mut().remove() {
        let left = at.saturating_duration_since(Instant::now());
        put(request.headers_mut(), left);
    }
}

fn put(headers: &mut HeaderMap, left: Duration) {
    let margin = (left / MARGIN_SHARE).clamp(MARGIN_MIN, MARGIN_MAX);
    let left = left.saturating_sub(margin).max(LEFT_MIN);
    let (value, unit) = match (left.as_micros(), left.as_millis()) {
        (micros, _) if micros <= DIGITS_MAX => (micros, 'u'),
        (_, millis) if millis <= DIGITS_MAX => (millis, 'm'),
        (_, millis) => ((millis / 1_000).min(DIGITS_MAX), 'S'),
    };
    // Digits and a letter are always a header value.
    if let Ok(value) = HeaderValue::try_from(format!("{value}{unit}")) {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_passed_on_less_a_margin() {
        for (left, expected) in [
            (Duration::from_millis(100), "95000u"),
            (Duration::from_millis(2), "1000u"),
            (Duration::ZERO, "1000u"),
            (Duration::from_secs(10), "9900000u"),
            (Duration::from_secs(200), "199900m"),
            (Duration::from_secs(360_000), "359999S"),
        ] {
            let mut headers = HeaderMap::new();
            put(&mut headers, left);
            assert_eq!(headers[GRPC_TIMEOUT], expected, "{left:?}");
        }
    }
}
