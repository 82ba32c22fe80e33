//! A body on its way into a stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as HttpBody;

use crate::upstream::{Body, BoxError};

/// Why a body did not go out whole.
#[derive(Debug)]
pub enum SendError {
    /// The body itself broke off.
    Body(BoxError),
    /// The peer, or the connection, ended the stream.
    Stream(h2::Error),
}

impl From<h2::Error> for SendError {
    fn from(error: h2::Error) -> Self {
        SendError::Stream(error)
    }
}

/// Sends a body's frames as the peer takes them: one frame is held at a time, its bytes are never copied.
pub struct Sending {
    stream: SendStream<Bytes>,
    body: Body,
    /// Data that waits for room in the windows.
    waiting: Bytes,
}

impl Sending {
    /// Sends `body`, which is not at its end, into `stream`.
    pub fn new(stream: SendStream<Bytes>, body: Body) -> Self {
        Self {
            stream,
            body,
            waiting: Bytes::new(),
        }
    }

    /// Ends the stream without its end: the peer takes nothing of it for whole.
    pub fn reset(&mut self) {
        self.stream.send_reset(Reason::CANCEL);
    }

    /// Sends what waits. `true`: it was the body's end.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        while !self.waiting.is_empty() {
            let room = self.stream.capacity();
            if room == 0 {
                match ready!(self.stream.poll_capacity(cx)) {
                    Some(more) => {
                        more?;
                        continue;
                    }
                    None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
                }
            }
            let part = self.waiting.split_to(room.min(self.waiting.len()));
            let is_end = self.waiting.is_empty() && self.body.is_end_stream();
            self.stream.send_data(part, is_end)?;
            if is_end {
                return Poll::Ready(Ok(true));
            }
        }
        Poll::Ready(Ok(false))
    }
}

impl Future for Sending {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if ready!(this.poll_waiting(cx))? {
                return Poll::Ready(Ok(()));
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                // While nothing is to be sent, a reset would go unseen.
                let reason = ready!(this.stream.poll_reset(cx))?;
                return Poll::Ready(Err(h2::Error::from(reason).into()));
            };
            let frame = match frame {
                None => {
                    this.stream.send_data(Bytes::new(), true)?;
                    return Poll::Ready(Ok(()));
                }
                Some(frame) => frame.map_err(SendError::Body)?,
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    this.stream.reserve_capacity(data.len());
                    this.waiting = data;
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        this.stream.send_trailers(trailers)?;
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}
