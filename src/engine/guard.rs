//! Guards that Qdrant lacks, over what passes byte for byte: a request that nests so deep that a stock server would end
//! its process is cut off before that byte, and refused.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;
use crate::upstream::{Body, BoxError, Face};
use crate::wire::frame::{PREFIX_BYTES, too_large};
use crate::wire::inflate::Compression;
use crate::wire::routes::{Row, Treatment};
use crate::wire::{Limits, json, pb};

use super::body;
use super::call::{GRPC_ENCODING, content};

/// What a guard found. Empty while there is nothing to refuse.
pub(super) type Verdict = Arc<OnceLock<Refusal>>;

/// Puts a guard over a request's body, where it can nest.
///
/// # Errors
/// A body that can nest, in an encoding that cannot be read.
pub(super) fn over(
    (face, row): (Face, &Row),
    head: &Parts,
    body: Body,
    limits: &Limits,
    bytes_max: usize,
) -> Result<(Body, Verdict), Refusal> {
    let verdict = Verdict::default();
    let watch = match face {
        Face::Grpc => {
            let verb = match row.treatment {
                Treatment::Scanned(verb) => Some(verb),
                Treatment::Passed
                | Treatment::Aliases
                | Treatment::Schema(_)
                | Treatment::Closed(_)
                | Treatment::Refused(_) => None,
            };
            Watch::Grpc(Message {
                nesting: Some(pb::Nesting::new(verb, limits.message_depth_max)),
                encoding: Compression::of_grpc(head.headers.get(GRPC_ENCODING)).ok(),
                prefix_left: PREFIX_BYTES,
                inside: None,
            })
        }
        // Elsewhere a stock server bounds itself.
        Face::Rest if !has_prefetch(row) => return Ok((body, verdict)),
        Face::Rest => {
            let nesting = json::Nesting::new(limits.json_depth_max, limits.prefetch_depth_max);
            let encoding = Compression::of_rest(head.headers.get(CONTENT_ENCODING))?;
            Watch::Rest(Inflated::new(encoding, nesting, bytes_max))
        }
    };
    let guarded = Guarded {
        inner: body,
        watch,
        bytes_max,
        verdict: Arc::clone(&verdict),
    };
    Ok((guarded.boxed_unsync(), verdict))
}

/// Reads and judges the body of a gRPC call about collections themselves, which may nest where no table says so.
///
/// # Errors
/// `too_deep`, and what a body that is read whole can be refused for.
pub(super) async fn judged(
    (face, row): (Face, &Row),
    head: &Parts,
    body: Body,
    limits: &Limits,
    bytes_max: usize,
) -> Result<Body, Refusal> {
    let path = head.uri.path();
    let is_judged = match face {
        Face::Grpc => path.starts_with("/qdrant.Collections/"),
        // What is not inflated as it goes by.
        Face::Rest => {
            let encoding = Compression::of_rest(head.headers.get(CONTENT_ENCODING));
            has_prefetch(row) && matches!(encoding, Ok(Compression::Brotli | Compression::Zstd))
        }
    };
    if !is_judged {
        return Ok(body);
    }
    let collected = body::collect(face, VecDeque::new(), body, bytes_max).await?;
    let message = content(face, &head.headers, &collected.data, bytes_max)?;
    match face {
        Face::Grpc => pb::judge_collection_call(path, &message)?,
        Face::Rest => json::Nesting::new(limits.json_depth_max, limits.prefetch_depth_max).feed(&message)?,
    }
    Ok(body::parts(vec![collected.data], collected.trailers))
}

/// Whether a request has a query tree.
fn has_prefetch(row: &Row) -> bool {
    matches!(
        row.treatment,
        Treatment::Scanned(Verb::Query | Verb::QueryBatch | Verb::QueryGroups)
    )
}

/// What follows a text or a message whose chunks go by.
trait Follow {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal>;
}

impl Follow for json::Nesting {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        Self::feed(self, chunk)
    }
}

impl Follow for pb::Nesting {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        Self::feed(self, chunk)
    }
}

/// Where inflated bytes go. Keeps what it refuses them for.
struct Bounded<F> {
    follow: F,
    left: usize,
    bytes_max: usize,
    refused: Option<Refusal>,
}

impl<F: Follow> Write for Bounded<F> {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let fed = match self.left.checked_sub(chunk.len()) {
            Some(left) => {
                self.left = left;
                self.follow.feed(chunk)
            }
            None => Err(too_large(self.bytes_max)),
        };
        match fed {
            Ok(()) => Ok(chunk.len()),
            Err(refusal) => {
                self.refused = Some(refusal);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A compressed, or plain, body whose content is followed.
enum Inflated<F: Follow> {
    Plain(F),
    Gzip(Box<MultiGzDecoder<Bounded<F>>>),
    Deflate(Box<ZlibDecoder<Bounded<F>>>),
    /// Damaged: the server refuses it.
    Damaged,
}

impl<F: Follow> Inflated<F> {
    fn new(encoding: Compression, follow: F, bytes_max: usize) -> Self {
        let bounded = |follow| Bounded {
            follow,
            left: bytes_max,
            bytes_max,
            refused: None,
        };
        match encoding {
            Compression::Identity => Self::Plain(follow),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(bounded(follow)))),
            Compression::Deflate => Self::Deflate(Box::new(ZlibDecoder::new(bounded(follow)))),
            // Read whole, and judged, before it got here.
            Compression::Brotli | Compression::Zstd => Self::Damaged,
        }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let (written, refused) = match self {
            Self::Plain(follow) => return follow.feed(chunk),
            Self::Gzip(decoder) => {
                let written = decoder.write_all(chunk).and_then(|()| decoder.flush());
                (written, decoder.get_mut().refused.take())
            }
            Self::Deflate(decoder) => {
                let written = decoder.write_all(chunk).and_then(|()| decoder.flush());
                (written, decoder.get_mut().refused.take())
            }
            Self::Damaged => return Ok(()),
        };
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        if written.is_err() {
            *self = Self::Damaged;
        }
        Ok(())
    }
}

/// A gRPC body: the prefix of its message, then the message.
struct Message {
    /// Until the prefix has said whether the message is compressed.
    nesting: Option<pb::Nesting>,
    /// `None`: one that cannot be read.
    encoding: Option<Compression>,
    prefix_left: usize,
    inside: Option<Inflated<pb::Nesting>>,
}

impl Message {
    fn feed(&mut self, mut chunk: &[u8], bytes_max: usize) -> Result<(), Refusal> {
        if let (PREFIX_BYTES, Some(flag)) = (self.prefix_left, chunk.first())
            && let Some(nesting) = self.nesting.take()
        {
            let encoding = match (flag, self.encoding) {
                (0, _) => Compression::Identity,
                (_, Some(encoding)) => encoding,
                (_, None) => return Err(unreadable()),
            };
            self.inside = Some(Inflated::new(encoding, nesting, bytes_max));
        }
        let skipped = self.prefix_left.min(chunk.len());
        self.prefix_left -= skipped;
        chunk = &chunk[skipped..];
        match &mut self.inside {
            Some(inside) => inside.feed(chunk),
            None => Ok(()),
        }
    }
}

fn unreadable() -> Refusal {
    Refusal::invalid(
        "encoding",
        "how deep the message nests cannot be told in this encoding: send gzip, or none",
    )
}

enum Watch {
    Grpc(Message),
    Rest(Inflated<json::Nesting>),
}

struct Guarded {
    inner: Body,
    watch: Watch,
    bytes_max: usize,
    verdict: Verdict,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes_max = self.bytes_max;
            let fed = match &mut self.watch {
                Watch::Grpc(message) => message.feed(data, bytes_max),
                Watch::Rest(text) => text.feed(data),
            };
            if let Err(refusal) = fed {
                let refusal = self.verdict.get_or_init(|| refusal).clone();
                return Poll::Ready(Some(Err(refusal.into())));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
