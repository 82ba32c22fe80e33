//! gRPC's message framing: one message in, one message out, bounded.

use bytes::{BufMut, Bytes, BytesMut};

use super::inflate::{Compression, inflate};
use crate::domain::refusal::{Refusal, RefusalKind};

/// Bytes before each message: a compressed flag and a big-endian length.
pub const PREFIX_BYTES: usize = 5;

/// A body or message over its bound.
pub fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        "body_too_large",
        format!(
            "the body is larger than {bytes_max} bytes: send fewer points at once, or raise `limits.body_bytes_max`"
        ),
    )
}

pub(super) fn malformed(what: &str) -> Refusal {
    Refusal::invalid("malformed", format!("{what}: send exactly one whole message"))
}

/// How long a body of one message is, prefix included, by its first bytes. `None` where those are too few.
pub fn whole_length(first: &[u8]) -> Option<usize> {
    let [_, length @ ..] = *first.first_chunk::<PREFIX_BYTES>()?;
    usize::try_from(u32::from_be_bytes(length))
        .ok()?
        .checked_add(PREFIX_BYTES)
}

/// The one message of a unary gRPC body.
///
/// # Errors
/// Anything but exactly one whole message within `bytes_max`.
pub fn unframe(body: &Bytes, encoding: Compression, bytes_max: usize) -> Result<Bytes, Refusal> {
    let Some((prefix, _)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(malformed("the gRPC body ends within its first five bytes"));
    };
    let [flag, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let rest = body.len() - PREFIX_BYTES;
    if rest < length {
        return Err(malformed("the gRPC message is truncated"));
    }
    if rest > length {
        return Err(malformed("the gRPC body holds more than one message"));
    }
    let message = body.slice(PREFIX_BYTES..);
    match (flag, encoding) {
        (0, _) => Ok(message),
        (1, Compression::Identity) => Err(malformed(
            "the gRPC message is flagged compressed, but no grpc-encoding is given",
        )),
        (1, encoding) => inflate(&message, encoding, bytes_max),
        _ => Err(malformed("the gRPC message has an unknown compression flag")),
    }
}

/// Puts the prefix of an uncompressed message before its parts.
///
/// # Errors
/// A message over gRPC's 4 GiB.
pub fn frame(parts: Vec<Bytes>) -> Result<Vec<Bytes>, Refusal> {
    let length: usize = parts.iter().map(Bytes::len).sum();
    let length = u32::try_from(length).map_err(|_| too_large(u32::MAX as usize))?;
    let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
    prefix.put_u8(0);
    prefix.put_u32(length);
    let mut framed = Vec::with_capacity(parts.len() + 1);
    framed.push(prefix.freeze());
    framed.extend(parts);
    Ok(framed)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn one(parts: Vec<Bytes>) -> Bytes {
        frame(parts).unwrap().concat().into()
    }

    #[test]
    fn a_framed_message_comes_back() {
        let body = one(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")]);
        assert_eq!(unframe(&body, Compression::Identity, 10).unwrap(), "abc");
    }

    #[test]
    fn anything_but_one_whole_message_is_refused() {
        let body = one(vec![Bytes::from_static(b"abc")]);
        let twice: Bytes = [body.clone(), body.clone()].concat().into();
        for bad in [body.slice(..3), body.slice(..7), twice, Bytes::new()] {
            assert_eq!(
                unframe(&bad, Compression::Identity, 10).unwrap_err().reason,
                "malformed"
            );
        }
        let mut flagged = body.to_vec();
        flagged[0] = 1;
        assert_eq!(
            unframe(&flagged.into(), Compression::Identity, 10)
                .unwrap_err()
                .reason,
            "malformed"
        );
    }

    #[test]
    fn only_a_flagged_message_is_inflated_whatever_the_encoding() {
        let plain = one(vec![Bytes::from_static(b"abc")]);
        assert_eq!(unframe(&plain, Compression::Gzip, 10).unwrap(), "abc");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&[b'x'; 1000]).unwrap();
        let mut body = one(vec![encoder.finish().unwrap().into()]).to_vec();
        body[0] = 1;
        let body = Bytes::from(body);
        assert_eq!(unframe(&body, Compression::Gzip, 1000).unwrap().len(), 1000);
        let refused = unframe(&body, Compression::Gzip, 999).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::TooLarge);
    }
}
