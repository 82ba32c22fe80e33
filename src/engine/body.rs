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
use crate::upstream::{Body, BoxError};
use crate::wire::frame::too_large;
use crate::wire::unary::UnaryWatch;

/// A body that was read whole.
pub struct Collected {
    /// The data.
    pub data: Bytes,
    /// The trailers, where there were some.
    pub trailers: Option<HeaderMap>,
}

/// Reads a body whole, after what was read of it before. One frame is passed on as it is; more are joined once.
///
/// # Errors
/// More than `bytes_max` bytes, or a body that broke.
pub async fn collect(head: VecDeque<Bytes>, mut body: Body, bytes_max: usize) -> Result<Collected, Refusal> {
    let mut parts: Vec<Bytes> = head.into();
    let mut length: usize = parts.iter().map(Bytes::len).sum();
    let mut trailers = None;
    loop {
        if length > bytes_max {
            return Err(too_large(bytes_max));
        }
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| broken(&error))?;
        match frame.into_data() {
            Ok(data) => {
                length += data.len();
                parts.push(data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let data = match parts.len() {
        0 => Bytes::new(),
        1 => parts.swap_remove(0),
        _ => {
            let mut joined = BytesMut::with_capacity(length);
            parts.iter().for_each(|part| joined.extend_from_slice(part));
            joined.freeze()
        }
    };
    Ok(Collected { data, trailers })
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
