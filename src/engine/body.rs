//! Bodies on their way: collected under a bound, sent as parts, watched while they pass, and holding the table that
//! their request pinned until the last byte has gone.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::domain::refusal::Refusal;
use crate::registry::Pinned;
use crate::upstream::{Body, BoxError, Face};
use crate::wire::frame::{self, too_large};
use crate::wire::unary::UnaryWatch;

/// A body that was read whole.
pub struct Collected {
    /// The data.
    pub data: Bytes,
    /// The trailers, where there were some.
    pub trailers: Option<HeaderMap>,
}

/// Room is made for a body's whole length as soon as one part in so many has come: nobody has memory set aside by a
/// number alone.
const ROOM_PER_BYTE: usize = 16;

/// A body on its way to being one piece.
struct Joining {
    parts: Vec<Bytes>,
    /// What the parts were moved to, once it is known how much room all takes.
    joined: BytesMut,
    length: usize,
    /// The length of the whole, where something says it.
    declared: Option<usize>,
}

impl Joining {
    fn new(face: Face, parts: Vec<Bytes>, rest: &Body) -> Self {
        let length = parts.iter().map(Bytes::len).sum();
        let rest = rest
            .size_hint()
            .exact()
            .and_then(|rest| usize::try_from(rest).ok());
        let mut joining = Self {
            parts,
            joined: BytesMut::new(),
            length,
            declared: rest.and_then(|rest| rest.checked_add(length)),
        };
        joining.note_prefix(face);
        joining
    }

    /// A gRPC message says its length first.
    fn note_prefix(&mut self, face: Face) {
        if face == Face::Grpc
            && self.declared.is_none()
            && let Some(first) = self.parts.first()
        {
            self.declared = frame::whole_length(first);
        }
    }

    /// Adds a part. While the rest is on its way, each is moved to its place as it comes, still warm.
    fn push(&mut self, face: Face, part: Bytes, bytes_max: usize) {
        self.length += part.len();
        if self.joined.capacity() > 0 {
            return self.joined.extend_from_slice(&part);
        }
        self.parts.push(part);
        self.note_prefix(face);
        let is_within = |declared: &usize| {
            *declared <= bytes_max && *declared <= self.length.saturating_mul(ROOM_PER_BYTE)
        };
        if self.parts.len() > 1
            && let Some(declared) = self.declared.filter(is_within)
        {
            self.join(declared);
        }
    }

    fn join(&mut self, room: usize) {
        self.joined.reserve(room.max(self.length));
        for part in self.parts.drain(..) {
            self.joined.extend_from_slice(&part);
        }
    }

    fn finish(mut self) -> Bytes {
        match self.parts.len() {
            0 => {}
            1 => return self.parts.swap_remove(0),
            _ => self.join(self.length),
        }
        self.joined.freeze()
    }
}

/// Reads a body whole, after what was read of it before. One frame is passed on as it is; more are joined once.
///
/// # Errors
/// More than `bytes_max` bytes, or a body that broke.
pub async fn collect(
    face: Face,
    head: VecDeque<Bytes>,
    mut body: Body,
    bytes_max: usize,
) -> Result<Collected, Refusal> {
    let mut joining = Joining::new(face, head.into(), &body);
    let mut trailers = None;
    loop {
        if joining.length > bytes_max {
            return Err(too_large(bytes_max));
        }
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| broken(&error))?;
        match frame.into_data() {
            Ok(data) => joining.push(face, data, bytes_max),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Collected {
        data: joining.finish(),
        trailers,
    })
}

pub(super) fn broken(error: &BoxError) -> Refusal {
    tracing::debug!(%error, "a body broke");
    Refusal::unavailable("body_broken", "the body ended before it was complete")
}

/// A body of parts that are there already, with trailers after them.
pub struct Parts {
    parts: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

/// Puts parts into a body.
pub fn parts(parts: Vec<Bytes>, trailers: Option<HeaderMap>) -> Body {
    let parts = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Parts { parts, trailers }
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.parts.pop_front().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}

/// An answer's body that keeps its request's table pinned: a flip waits for its last byte.
pub struct PinnedBody {
    inner: Body,
    pinned: Option<Pinned>,
}

/// Ties `pinned` to a body.
pub fn pinned(inner: Body, pinned: Pinned) -> Body {
    PinnedBody {
        inner,
        pinned: Some(pinned),
    }
    .boxed_unsync()
}

impl HttpBody for PinnedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame
            .as_ref()
            .is_none_or(|frame| frame.as_ref().map_or(true, Frame::is_trailers))
        {
            self.pinned = None;
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

/// A gRPC body of an unmanaged call, passed frame by frame while it is watched. What the watch refuses ends the body
/// with an error, and so the call before its end: a unary server acts on the complete message alone.
pub struct Watched {
    head: VecDeque<Bytes>,
    inner: Body,
    watch: UnaryWatch,
}

impl Watched {
    /// `head` has been read, and fed to `watch`, already.
    pub fn boxed(head: VecDeque<Bytes>, inner: Body, watch: UnaryWatch) -> Body {
        Self { head, inner, watch }.boxed_unsync()
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(data) = self.head.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(refusal) = self.watch.feed(data)
        {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    const MAX: usize = 1 << 20;

    /// A body of which the frames come one by one, its length unknown.
    fn framed(pieces: Vec<Vec<u8>>) -> Body {
        let frames = pieces
            .into_iter()
            .map(|piece| Ok::<_, BoxError>(Frame::data(piece.into())));
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    fn message(length: usize) -> Vec<u8> {
        let content = (0..length).map(|at| (at % 251) as u8);
        let mut prefix = vec![0];
        prefix.extend_from_slice(&(length as u32).to_be_bytes());
        prefix.into_iter().chain(content).collect()
    }

    #[tokio::test]
    async fn a_body_is_joined_in_order_however_it_is_cut() {
        let whole = message(70_000);
        for size in [1, 4, 5, 1_000, 16_384, 60_000, 80_000] {
            for read in [0, 3, 9, 30_000] {
                let (head, rest) = whole.split_at(read);
                let head = if head.is_empty() {
                    vec![]
                } else {
                    vec![Bytes::copy_from_slice(head)]
                };
                let pieces = rest.chunks(size).map(<[u8]>::to_vec).collect();
                let collected = collect(Face::Grpc, head.into(), framed(pieces), MAX).await;
                assert_eq!(collected.expect("collected").data, whole, "{size} {read}");
            }
        }
    }

    #[tokio::test]
    async fn no_room_is_made_for_a_length_alone() {
        let mut joining = Joining::new(Face::Grpc, Vec::new(), &framed(Vec::new()));
        let mut declared = message(0);
        declared[1..].copy_from_slice(&(MAX as u32 - 5).to_be_bytes());
        joining.push(Face::Grpc, declared.into(), MAX);
        joining.push(Face::Grpc, vec![7; 1_000].into(), MAX);
        assert_eq!((joining.joined.capacity(), joining.declared), (0, Some(MAX)));
        joining.push(Face::Grpc, vec![7; MAX / ROOM_PER_BYTE].into(), MAX);
        assert!(joining.joined.capacity() >= MAX);
        assert_eq!(joining.finish().len(), 1_005 + MAX / ROOM_PER_BYTE);
    }

    #[tokio::test]
    async fn a_body_over_the_bound_is_refused_whatever_it_declares() {
        let long = framed(message(3_000).chunks(700).map(<[u8]>::to_vec).collect());
        let refusal = collect(Face::Grpc, VecDeque::new(), long, 2_000)
            .await
            .err()
            .expect("refused");
        assert_eq!(refusal.reason, "body_too_large");
    }
}
