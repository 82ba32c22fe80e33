//! A body on its way into a stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};

use super::pieces::Pieces;
use crate::upstream::{Body, BoxError};

/// What is taken from a body at once, where it has so much ready: a few frames' worth.
const TAKEN_BYTES: usize = 64 * 1024;

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

/// Sends a body's frames as the peer takes them: little is held at a time, and its bytes are never copied.
pub struct Sending {
    stream: SendStream<Pieces>,
    body: Body,
    /// Data that waits for room in the windows.
    waiting: Pieces,
    end: End,
}

/// How the body ends, as far as that is known.
enum End {
    /// Not yet.
    Open,
    /// With these.
    Trailers(HeaderMap),
    /// Without any.
    Bare,
}

impl Sending {
    /// Sends `body`, which is not at its end, into `stream`.
    pub fn new(stream: SendStream<Pieces>, body: Body) -> Self {
        Self {
            stream,
            body,
            waiting: Pieces::default(),
            end: End::Open,
        }
    }

    /// Ends the stream without its end: the peer takes nothing of it for whole.
    pub fn reset(&mut self) {
        self.stream.send_reset(Reason::CANCEL);
    }

    /// Takes what the body has ready. Pending where that is nothing.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        while matches!(self.end, End::Open) && self.waiting.remaining() < TAKEN_BYTES {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                if self.waiting.has_remaining() {
                    break;
                }
                return Poll::Pending;
            };
            match frame.transpose().map_err(SendError::Body)?.map(Frame::into_data) {
                None => self.end = End::Bare,
                Some(Ok(data)) => self.push(data),
                Some(Err(frame)) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.end = End::Trailers(trailers);
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn push(&mut self, data: Bytes) {
        self.waiting.push(data);
        if self.body.is_end_stream() {
            self.end = End::Bare;
        }
    }

    /// Sends what waits. `true`: the stream has ended with it.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        while self.waiting.has_remaining() {
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
            let part = self.waiting.split_to(room);
            let is_end = !self.waiting.has_remaining() && matches!(self.end, End::Bare);
            self.stream.send_data(part, is_end)?;
            if is_end {
                return Poll::Ready(Ok(true));
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Ends the stream where the body has ended. `true`: it has.
    fn send_end(&mut self) -> Result<bool, h2::Error> {
        match std::mem::replace(&mut self.end, End::Open) {
            End::Open => return Ok(false),
            End::Trailers(trailers) => self.stream.send_trailers(trailers)?,
            End::Bare => self.stream.send_data(Pieces::default(), true)?,
        }
        Ok(true)
    }
}

impl Future for Sending {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if ready!(this.poll_waiting(cx))? || this.send_end()? {
                return Poll::Ready(Ok(()));
            }
            let Poll::Ready(taken) = this.poll_take(cx) else {
                // While nothing is to be sent, a reset would go unseen.
                let reason = ready!(this.stream.poll_reset(cx))?;
                return Poll::Ready(Err(h2::Error::from(reason).into()));
            };
            taken?;
            if this.waiting.has_remaining() {
                this.stream.reserve_capacity(this.waiting.remaining());
            }
        }
    }
}
