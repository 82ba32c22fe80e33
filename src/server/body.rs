//! Bodies with an end: requests that stop sending are given up, and gRPC answers that break say so in trailers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::respond::{broken_trailers, late_trailers};
use crate::upstream::{Body, BoxError};

/// A request's body broke off for lack of progress.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
pub(super) struct Slow;

/// Slower senders than this, over the whole body, only hold memory and a place.
const BYTES_PER_MILLISECOND_MIN: u64 = 4;

/// A request's body that has to make progress: its frames may not be further apart than a bound, and the waiting for
/// all of them together is bounded by their size.
pub(super) struct Bounded<B> {
    inner: B,
    idle: Duration,
    /// What the bytes so far have earned, less the waiting so far.
    patience: Duration,
    /// Since when somebody waits for a frame. Time in which nobody reads is not the client's.
    waiting: Option<Instant>,
    /// Made when somebody first waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Bounded<B> {
    pub(super) fn new(inner: B, idle: Duration) -> Self {
        Self {
            inner,
            idle,
            patience: idle,
            waiting: None,
            timer: None,
        }
    }

    fn received(&mut self, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
        self.patience += Duration::from_millis(bytes as u64 / BYTES_PER_MILLISECOND_MIN);
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting.get_or_insert_with(Instant::now);
        let due = since + self.idle.min(self.patience);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        // Set anew for each frame, it would cost more than the rest of the waiting: one that is set for earlier looks
        // again when it is over.
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(cx));
        while timer.deadline() < due {
            timer.as_mut().reset(due);
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(())
    }
}

impl<B> HttpBody for Bounded<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame {
                this.received(frame.data_ref().map_or(0, Bytes::len));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.poll_patience(cx));
        Poll::Ready(Some(Err(Slow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A gRPC answer's body: where it breaks, trailers say UNAVAILABLE, and where its call's time is over, DEADLINE_EXCEEDED,
/// so that no client takes the part for the whole.
pub(super) struct Ended {
    inner: Body,
    is_broken: bool,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Ended {
    pub(super) fn new(inner: Body, deadline: Option<Instant>) -> Self {
        Self {
            inner,
            is_broken: false,
            deadline: deadline.map(|at| Box::pin(tokio::time::sleep_until(at))),
        }
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.deadline.as_mut();
        deadline.is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready())
    }
}

impl HttpBody for Ended {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.is_broken {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            if this.is_late(cx) {
                this.is_broken = true;
                return Poll::Ready(Some(Ok(Frame::trailers(late_trailers()))));
            }
            return Poll::Pending;
        };
        Poll::Ready(match frame {
            Some(Err(error)) => {
                tracing::warn!(error = %error, "an answer broke off");
                this.is_broken = true;
                Some(Ok(Frame::trailers(broken_trailers())))
            }
            frame => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_broken || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn stream(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> Body {
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    #[tokio::test]
    async fn a_broken_answer_ends_in_unavailable() {
        let data = Frame::data(Bytes::from_static(b"half"));
        let mut body = Ended::new(stream(vec![Ok(data), Err("cut".into())]), None);
        let frame = body.frame().await.expect("a frame").expect("data");
        assert_eq!(frame.into_data().expect("data"), "half");
        let frame = body.frame().await.expect("a frame").expect("trailers");
        assert_eq!(frame.into_trailers().expect("trailers")["grpc-status"], "14");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn an_answer_that_outlives_its_call_ends_in_deadline_exceeded() {
        let data = Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"half")));
        let frames = futures_util::StreamExt::chain(
            futures_util::stream::iter([data]),
            futures_util::stream::pending(),
        );
        let inner = StreamBody::new(frames).boxed_unsync();
        let mut body = Ended::new(inner, Some(Instant::now() + Duration::from_millis(20)));
        assert!(body.frame().await.expect("a frame").expect("data").is_data());
        let frame = body.frame().await.expect("a frame").expect("trailers");
        assert_eq!(frame.into_trailers().expect("trailers")["grpc-status"], "4");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_body_without_progress_is_given_up() {
        let data = Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"half")));
        let frames = futures_util::StreamExt::chain(
            futures_util::stream::iter([data]),
            futures_util::stream::pending(),
        );
        let mut body = Bounded::new(StreamBody::new(frames), Duration::from_millis(50));
        assert!(body.frame().await.expect("a frame").is_ok());
        let started = Instant::now();
        let error = body.frame().await.expect("a frame").expect_err("given up");
        assert!(error.is::<Slow>(), "{error}");
        assert!(started.elapsed() >= Duration::from_millis(50));
    }

    #[tokio::test]
    async fn a_body_that_drips_is_given_up() {
        let bound = Duration::from_millis(60);
        let drops = futures_util::stream::unfold(tokio::time::interval(bound / 6), |mut ticks| async {
            ticks.tick().await;
            Some((Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"."))), ticks))
        });
        let mut body = Bounded::new(StreamBody::new(Box::pin(drops)), bound);
        // Each drop is in time; all of them together are not.
        let mut count = 0;
        while body.frame().await.expect("endless").is_ok() {
            count += 1;
            assert!(count < 1_000, "never given up");
        }
        assert!(count > 1);
    }
}
