//! What a peer sends on a stream, as a body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// A stream's data and trailers. What is taken makes room in its windows: whoever reads no further stops the sender.
pub struct Received {
    stream: RecvStream,
    is_data_over: bool,
}

impl Received {
    /// The rest of `stream`.
    pub fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            is_data_over: false,
        }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let this = self.get_mut();
        if !this.is_data_over {
            match ready!(this.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    let released = this.stream.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(released.map(|()| Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.is_data_over = true,
            }
        }
        let trailers = ready!(this.stream.poll_trailers(cx));
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
