//! One request on a stream, from its head to its answer's head. Called by `grpc`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::Response;

use super::error::classify;
use crate::upstream::UpstreamError;
use crate::upstream::http2::{SendError, Sending};

/// Qdrant counts streams that are reset before it has looked at them, and closes the connection at twenty. It looks at a
/// stream as soon as its head is there, so a body that breaks off is reset this much later.
const RESET_DELAY: Duration = Duration::from_millis(50);

/// The rest of a request that its answer overtook: it goes on while the answer is read.
pub(super) type Upload = Option<Sending>;

/// A request that was sent, its body on the way.
pub(super) struct Exchange {
    answer: ResponseFuture,
    upload: Upload,
}

impl Exchange {
    pub(super) fn new(answer: ResponseFuture, upload: Upload) -> Self {
        Self { answer, upload }
    }
}

impl Future for Exchange {
    type Output = Result<(Response<RecvStream>, Upload), UpstreamError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Err(error) = poll_upload(&mut this.upload, cx) {
            return Poll::Ready(Err(UpstreamError::Incomplete(error)));
        }
        match Pin::new(&mut this.answer).poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok((response, this.upload.take()))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(classify(error))),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Lets an upload go on. What ends it from the other side the answer tells better; what broke in the body itself is
/// returned.
pub(super) fn poll_upload(
    upload: &mut Upload,
    cx: &mut Context<'_>,
) -> Result<(), crate::upstream::BoxError> {
    let Some(sending) = upload else { return Ok(()) };
    let Poll::Ready(done) = Pin::new(&mut *sending).poll(cx) else {
        return Ok(());
    };
    let sending = upload.take();
    match done {
        Ok(()) | Err(SendError::Stream(_)) => Ok(()),
        Err(SendError::Body(error)) => {
            sending.into_iter().for_each(reset_later);
            Err(error)
        }
    }
}

fn reset_later(mut sending: Sending) {
    tokio::spawn(async move {
        tokio::time::sleep(RESET_DELAY).await;
        sending.reset();
    });
}
