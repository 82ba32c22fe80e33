//! Requests that nobody waits for any more. Qdrant counts streams that are reset before it has looked at them and
//! closes the connection after twenty in a burst; one proxy connection carries the cancellations of many clients. So
//! a request that was sent stays until its answer's head is there; only then is it dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// How long an abandoned request is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// A sent request with its place among those in flight, which it keeps after it is abandoned: the bound holds for
/// abandoned ones too.
pub(super) struct Sent<T: Send + 'static> {
    parts: Option<(BoxFuture<'static, T>, OwnedSemaphorePermit)>,
}

impl<T: Send + 'static> Sent<T> {
    pub(super) fn new(answer: BoxFuture<'static, T>, place: OwnedSemaphorePermit) -> Self {
        Self {
            parts: Some((answer, place)),
        }
    }
}

impl<T: Send + 'static> Future for Sent<T> {
    type Output = (T, OwnedSemaphorePermit);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some((mut answer, place)) = this.parts.take() else {
            // Polled after its end, which no caller does; a future may then stay pending.
            return Poll::Pending;
        };
        match answer.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready((done, place)),
            Poll::Pending => {
                this.parts = Some((answer, place));
                Poll::Pending
            }
        }
    }
}

impl<T: Send + 'static> Drop for Sent<T> {
    fn drop(&mut self) {
        let (Some((answer, place)), Ok(runtime)) = (self.parts.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            if tokio::time::timeout(WAIT, answer).await.is_err() {
                tracing::debug!("an abandoned request was not answered in time");
            }
            drop(place);
        });
    }
}
