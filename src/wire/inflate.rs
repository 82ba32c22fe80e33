//! Compressed bodies: which compressions are read, and their undoing under two bounds.

use std::io::{self, Read};

use bytes::Bytes;
use http::HeaderValue;

use super::frame::too_large;
use crate::domain::refusal::{Refusal, RefusalKind};

/// How often over a body may grow. Vectors shrink to a half, sparse JSON to a twentieth; only a bomb shrinks further.
const RATIO_MAX: usize = 256;

/// Small bodies may grow to this, whatever the ratio: a thousand equal points are no attack.
const RATIO_FREE_BYTES: usize = 4 * 1024 * 1024;

/// zstd's window: what RFC 9659 lets a `Content-Encoding` ask of its reader, 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Brotli's read buffer.
const BROTLI_BUFFER_BYTES: usize = 16 * 1024;

/// How a body, or a message in it, is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// zlib, which HTTP calls deflate.
    Deflate,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Of a `grpc-encoding` header: Qdrant takes gzip alone.
    ///
    /// # Errors
    /// An encoding that Qdrant would not read.
    pub fn of_grpc(value: Option<&HeaderValue>) -> Result<Self, Refusal> {
        match value.map(HeaderValue::as_bytes) {
            None | Some(b"" | b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(other) => Err(unknown(other, "gzip")),
        }
    }

    /// Of a `content-encoding` header: what Qdrant reads, in any case, as Qdrant has it.
    ///
    /// # Errors
    /// An encoding that is not read.
    pub fn of_rest(value: Option<&HeaderValue>) -> Result<Self, Refusal> {
        let Some(value) = value.map(|value| value.as_bytes().trim_ascii()) else {
            return Ok(Self::Identity);
        };
        let known: [(&[u8], Self); 6] = [
            (b"", Self::Identity),
            (b"identity", Self::Identity),
            (b"gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
        ];
        let found = known.iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
        found
            .map(|(_, compression)| *compression)
            .ok_or_else(|| unknown(value, "gzip, deflate, br or zstd"))
    }
}

fn unknown(given: &[u8], known: &str) -> Refusal {
    Refusal::invalid(
        "encoding",
        format!(
            "a body that Interlock must read cannot be `{}`: send {known}, or none",
            String::from_utf8_lossy(given)
        ),
    )
}

/// Undoes `compression`, up to `bytes_max` bytes.
///
/// # Errors
/// Damaged data, data after its end, more than `bytes_max` bytes, or a bomb.
pub fn inflate(data: &Bytes, compression: Compression, bytes_max: usize) -> Result<Bytes, Refusal> {
    if compression == Compression::Identity || data.is_empty() {
        return Ok(data.clone());
    }
    let ratio_bound = data.len().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
    let out = read(data, compression, bytes_max.min(ratio_bound)).map_err(damaged)?;
    if out.len() > bytes_max {
        Err(too_large(bytes_max))
    } else if out.len() > ratio_bound {
        Err(bomb())
    } else {
        Ok(out.into())
    }
}

/// At most `bound` bytes and one more.
fn read(data: &[u8], compression: Compression, bound: usize) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Identity => Ok(data.to_vec()),
        // One member: what follows it Qdrant ignores, and two readers must not read two things.
        Compression::Gzip => whole(flate2::bufread::GzDecoder::new(data), bound, |decoder| {
            decoder.into_inner()
        }),
        Compression::Deflate => whole(flate2::bufread::ZlibDecoder::new(data), bound, |decoder| {
            decoder.into_inner()
        }),
        Compression::Brotli => {
            let decoder = brotli_decompressor::Decompressor::new(data, BROTLI_BUFFER_BYTES);
            whole(decoder, bound, |_| &[][..])
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?.single_frame();
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            whole(decoder, bound, |decoder| decoder.finish())
        }
    }
}

/// Reads a decoder to its end, which must be the data's, or to one byte over `bound`.
fn whole<'a, D: Read>(mut decoder: D, bound: usize, rest: impl FnOnce(D) -> &'a [u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let limit = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(limit).read_to_end(&mut out)?;
    if out.len() <= bound && !rest(decoder).is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "data follows its end"));
    }
    Ok(out)
}

fn damaged(error: io::Error) -> Refusal {
    Refusal::invalid("malformed", format!("the compressed body is damaged: {error}"))
}

fn bomb() -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        "body_too_large",
        format!("the body grows more than {RATIO_MAX} times when it is unpacked: send it unpacked"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ALL: [(&str, Compression); 4] = [
        ("gzip", Compression::Gzip),
        ("deflate", Compression::Deflate),
        ("br", Compression::Brotli),
        ("zstd", Compression::Zstd),
    ];

    /// `abcabc…`, packed: Brotli by its own tool, as no encoder of it is a dependency here.
    fn packed(compression: Compression, plain: &[u8]) -> Bytes {
        match compression {
            Compression::Identity => plain.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Brotli => uncompressed_brotli(plain),
            Compression::Zstd => zstd::encode_all(plain, 3).unwrap(),
        }
        .into()
    }

    /// RFC 7932: a window of 16 bits, one uncompressed meta-block of up to 64 KiB, an empty last one.
    fn uncompressed_brotli(plain: &[u8]) -> Vec<u8> {
        let length = u32::try_from(plain.len() - 1).unwrap();
        // WBITS 0 (one bit), ISLAST 0, MNIBBLES 00 (four), MLEN-1 in 16 bits, ISUNCOMPRESSED 1, to the byte's end.
        let header = length << 4 | 1 << 20;
        let mut out = header.to_le_bytes()[..3].to_vec();
        out.extend_from_slice(plain);
        out.push(3);
        out
    }

    #[test]
    fn each_encoding_that_qdrant_reads_is_read() {
        let plain = b"abc".repeat(1_000);
        for (name, compression) in ALL {
            let header = HeaderValue::from_str(&name.to_uppercase()).unwrap();
            assert_eq!(Compression::of_rest(Some(&header)), Ok(compression));
            let data = packed(compression, &plain);
            assert_eq!(inflate(&data, compression, 3_000).unwrap(), plain, "{name}");
            let refused = inflate(&data, compression, 2_999).unwrap_err();
            assert_eq!(refused.kind, RefusalKind::TooLarge, "{name}");
        }
        for bad in ["gzip, br", "x-gzip", "compress"] {
            let header = HeaderValue::from_static(bad);
            assert_eq!(
                Compression::of_rest(Some(&header)).unwrap_err().reason,
                "encoding"
            );
        }
        let header = HeaderValue::from_static("deflate");
        assert_eq!(
            Compression::of_grpc(Some(&header)).unwrap_err().reason,
            "encoding"
        );
    }

    #[test]
    fn cut_data_and_data_after_the_end_are_refused() {
        let plain = b"abc".repeat(1_000);
        for (name, compression) in ALL {
            let data = packed(compression, &plain);
            let cut = data.slice(..data.len() - 1);
            let refused = inflate(&cut, compression, 10_000).unwrap_err();
            assert_eq!(refused.reason, "malformed", "{name}");
        }
        for compression in [Compression::Gzip, Compression::Deflate, Compression::Zstd] {
            let one = packed(compression, &plain);
            let two: Bytes = [one.clone(), one].concat().into();
            let refused = inflate(&two, compression, 10_000).unwrap_err();
            assert_eq!(refused.reason, "malformed", "{compression:?}");
        }
    }

    #[test]
    fn what_grows_beyond_measure_is_refused_below_the_bound_on_size() {
        let zeros = vec![0; 2 * RATIO_FREE_BYTES];
        let data = packed(Compression::Gzip, &zeros);
        assert!(data.len() * RATIO_MAX < zeros.len());
        let refused = inflate(&data, Compression::Gzip, usize::MAX).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::TooLarge);
        let some = packed(Compression::Gzip, &zeros[..RATIO_FREE_BYTES]);
        assert!(inflate(&some, Compression::Gzip, usize::MAX).is_ok());
    }
}
