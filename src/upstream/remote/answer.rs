//! An answer's body on its way back. Holds the request's places until it ends, and never ends well by mistake.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::exchange::{Upload, poll_upload};
use crate::upstream::BoxError;

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
const NO_STATUS: HeaderValue = HeaderValue::from_static("the upstream's answer ended without a status");

/// The body of an answer. `Places` are freed with it.
pub(super) struct Answer<B, Places> {
    inner: B,
    /// What of the request is still on its way.
    upload: Upload,
    lacks_status: bool,
    is_ended: bool,
    _places: Places,
}

impl<B, Places> Answer<B, Places> {
    /// `lacks_status`: a gRPC status has to come in the trailers, and is made up as UNAVAILABLE if none does.
    pub(super) fn new(inner: B, upload: Upload, lacks_status: bool, places: Places) -> Self {
        Self {
            inner,
            upload,
            lacks_status,
            is_ended: false,
            _places: places,
        }
    }

    fn with_status(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_trailers() {
            Ok(trailers) => {
                self.is_ended = true;
                Frame::trailers(if self.lacks_status {
                    or_unavailable(trailers)
                } else {
                    trailers
                })
            }
            Err(frame) => frame,
        }
    }
}

fn or_unavailable(mut trailers: HeaderMap) -> HeaderMap {
    if !trailers.contains_key(GRPC_STATUS) {
        trailers.insert(GRPC_STATUS, UNAVAILABLE);
        trailers.insert(GRPC_MESSAGE, NO_STATUS);
    }
    trailers
}

impl<B, Places> HttpBody for Answer<B, Places>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    Places: Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.is_ended {
            return Poll::Ready(None);
        }
        if let Err(error) = poll_upload(&mut this.upload, cx) {
            this.is_ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Ready(match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => Some(Ok(this.with_status(frame))),
            Some(Err(error)) => {
                this.is_ended = true;
                Some(Err(error.into()))
            }
            None => {
                this.is_ended = true;
                this.lacks_status
                    .then(|| Ok(Frame::trailers(or_unavailable(HeaderMap::new()))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_ended || (!self.lacks_status && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
