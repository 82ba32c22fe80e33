//! Requests that nobody waits for any more. Qdrant counts streams that are reset before it has looked at them and
//! closes the connection after twenty in a burst; one proxy connection carries the cancellations of many clients. So
//! a request that was sent stays until its answer's head is there; only then is it dropped. With it stays what must live
//! while it can run upstream: its place among those in flight, and the table that it was decided on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;

/// A sent request with what it keeps, also after it is abandoned: bounds hold for abandoned ones too.
pub(super) struct Sent<F, K>
where
    F: Future + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
{
    parts: Option<(F, K)>,
    /// How long it is waited for once it is abandoned. At its end the stream is reset.
    wait: Duration,
}

impl<F, K> Sent<F, K>
where
    F: Future + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
{
    pub(super) fn new(answer: F, kept: K, wait: Duration) -> Self {
        Self {
            parts: Some((answer, kept)),
            wait,
        }
    }
}

impl<F, K> Future for Sent<F, K>
where
    F: Future + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
{
    type Output = (F::Output, K);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let done = match &mut this.parts {
            Some((answer, _)) => ready!(Pin::new(answer).poll(cx)),
            // Polled after its end, which no caller does; a future may then stay pending.
            None => return Poll::Pending,
        };
        match this.parts.take() {
            Some((_, kept)) => Poll::Ready((done, kept)),
            None => Poll::Pending,
        }
    }
}

impl<F, K> Drop for Sent<F, K>
where
    F: Future + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
{
    fn drop(&mut self) {
        let (Some((answer, kept)), Ok(runtime)) = (self.parts.take(), Handle::try_current()) else {
            return;
        };
        let wait = self.wait;
        runtime.spawn(async move {
            if tokio::time::timeout(wait, answer).await.is_err() {
                tracing::warn!("an abandoned request was not answered in time");
            }
            drop(kept);
        });
    }
}
