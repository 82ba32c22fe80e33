//! Headers that are a hop's own, and those that follow a request. Called by `exchange`.

use std::cell::Cell;
use std::time::Duration;

use http::header::{CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue, TE};
use uuid::Uuid;

/// Identifies one request in every log that it passes.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Longest request id that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Headers that concern one connection only (RFC 9110, 7.6.1). `te` is handled apart.
const HOP_BY_HOP: [HeaderName; 6] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("transfer-encoding"),
    HeaderName::from_static("upgrade"),
];

/// Removes what concerns the client's connection. `te: trailers` stays: gRPC needs it from end to end.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // `Connection` lists further headers that are the hop's own.
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != TE)
        .collect();
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    // Answered by the listener itself, when the body is first read.
    headers.remove(EXPECT);
    let wants_trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"));
    headers.remove(TE);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// The request's id: the client's, if it is sane, else a new one. It stands in `headers` afterwards.
pub(super) fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    let given = headers.get(&REQUEST_ID).filter(|value| is_sane(value)).cloned();
    let id = given.unwrap_or_else(new_request_id);
    headers.insert(REQUEST_ID, id.clone());
    id
}

fn is_sane(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    !bytes.is_empty() && bytes.len() <= REQUEST_ID_BYTES_MAX && bytes.iter().all(u8::is_ascii_graphic)
}

thread_local! {
    /// A thread's own random half of an id, and the number of its next one: unique without a lock or a system call.
    static NEXT_ID: Cell<(u64, u64)> = Cell::new(Uuid::new_v4().as_u64_pair());
}

fn new_request_id() -> HeaderValue {
    let (own, number) = NEXT_ID.with(|next| {
        let (own, number) = next.get();
        next.set((own, number.wrapping_add(1)));
        (own, number)
    });
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id: &str = Uuid::from_u64_pair(own, number)
        .hyphenated()
        .encode_lower(&mut text);
    // A UUID's text is always a header value; the constant only spares a panic path.
    let mut id = HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"));
    // Each is sent once: in HPACK's table it would only push out what repeats.
    id.set_sensitive(true);
    id
}

/// The time that the client gives its call. What cannot be read counts as none, as Qdrant's own server has it.
pub(super) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // The protocol allows eight digits.
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().expect("name"),
                    value.parse().expect("value"),
                )
            })
            .collect()
    }

    #[test]
    fn hop_by_hop_headers_go_and_the_others_stay() {
        let mut given = headers(&[
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("te", "gzip;q=0.5, Trailers"),
            ("api-key", "k"),
            ("x-qdrant-routing-token", "t"),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
        ]);
        strip_hop_by_hop(&mut given);
        let expected = headers(&[
            ("te", "trailers"),
            ("api-key", "k"),
            ("x-qdrant-routing-token", "t"),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
        ]);
        assert_eq!(given, expected);
    }

    #[test]
    fn a_connection_header_cannot_remove_te() {
        let mut given = headers(&[("connection", "te"), ("te", "trailers")]);
        strip_hop_by_hop(&mut given);
        assert_eq!(given, headers(&[("te", "trailers")]));
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        let mut given = headers(&[("x-request-id", "abc-1")]);
        assert_eq!(request_id(&mut given), "abc-1");
        for bad in ["", "has space", "\u{e9}", &"x".repeat(129)] {
            let mut given = headers(&[("x-request-id", bad)]);
            let id = request_id(&mut given);
            assert!(Uuid::parse_str(id.to_str().expect("ascii")).is_ok(), "{id:?}");
            assert_eq!(given.get(REQUEST_ID), Some(&id));
        }
    }

    #[test]
    fn timeouts_are_read_in_every_unit() {
        for (text, expected) in [
            ("2H", Some(Duration::from_secs(7_200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("5", None),
            ("-1S", None),
            ("123456789S", None),
            ("5s", None),
        ] {
            assert_eq!(
                grpc_timeout(&headers(&[("grpc-timeout", text)])),
                expected,
                "{text}"
            );
        }
    }
}
