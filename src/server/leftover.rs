//! What is left of a body over HTTP/1.1 when its request is refused before it was read. It is read and dropped: the next
//! request of a kept connection begins where it ends, and a connection that is closed with unread bytes is reset, which
//! can take the refusal itself from the client.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

/// What a stock Qdrant reads of a body itself, before it refuses it.
const LEFTOVER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A body that goes back to whoever lent it, if it is dropped before its end.
pub(super) struct Lent<B> {
    inner: Option<B>,
    back: Option<oneshot::Sender<B>>,
}

/// The way back of a [`Lent`] body.
pub(super) struct Loan<B>(oneshot::Receiver<B>);

/// Lends a body.
pub(super) fn lend<B>(body: B) -> (Lent<B>, Loan<B>) {
    let (back, loan) = oneshot::channel();
    let lent = Lent {
        inner: Some(body),
        back: Some(back),
    };
    (lent, Loan(loan))
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        if let (Some(inner), Some(back)) = (self.inner.take(), self.back.take()) {
            // Nobody waits for it where the request was answered, or has gone.
            drop(back.send(inner));
        }
    }
}

impl<B> HttpBody for Lent<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let Some(inner) = this.inner.as_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *inner).poll_frame(cx));
        let is_over = match &frame {
            Some(Ok(_)) => inner.is_end_stream(),
            // A broken body has no rest.
            Some(Err(_)) | None => true,
        };
        if is_over {
            this.inner = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B> Loan<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    /// Reads what is left. False where it was not read to its end, so that the connection has to be closed.
    pub(super) async fn read(mut self) -> bool {
        let mut body = match self.0.try_recv() {
            Ok(body) => body,
            Err(oneshot::error::TryRecvError::Closed) => return true,
            // Somebody still holds it.
            Err(oneshot::error::TryRecvError::Empty) => return false,
        };
        let mut left = LEFTOVER_BYTES_MAX;
        if body.size_hint().lower() > left {
            return false;
        }
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            if bytes > left {
                return false;
            }
            left -= bytes;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_body_that_was_not_read_is_read_when_it_comes_back() {
        let (lent, loan) = lend(Full::new(Bytes::from_static(b"unread")));
        drop(lent);
        assert!(loan.read().await);
    }

    #[tokio::test]
    async fn a_body_that_was_read_to_its_end_leaves_nothing() {
        let (lent, loan) = lend(Full::new(Bytes::from_static(b"read")));
        assert_eq!(lent.collect().await.expect("a body").to_bytes(), "read");
        assert!(loan.read().await);
    }

    #[tokio::test]
    async fn a_body_that_is_held_broken_or_endless_closes_the_connection() {
        let (held, loan) = lend(Full::new(Bytes::from_static(b"held")));
        assert!(!loan.read().await);
        drop(held);

        let broken = StreamBody::new(futures_util::stream::iter([Err::<Frame<Bytes>, _>("cut")]));
        let (lent, loan) = lend(broken);
        drop(lent);
        assert!(!loan.read().await);

        let piece = || Ok::<_, &str>(Frame::data(Bytes::from_static(&[0; 65_536])));
        let endless = StreamBody::new(futures_util::stream::repeat_with(piece));
        let (lent, loan) = lend(endless);
        drop(lent);
        assert!(!loan.read().await);
    }
}
