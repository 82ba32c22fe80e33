//! Which HTTP a new connection speaks, by its first bytes. Called by `connection`. HTTP/2 is told by its preface alone
//! (prior knowledge); an upgrade from HTTP/1.1 is not offered, as no client of Qdrant asks for one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::upstream::http2::Cork;

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads just enough to tell. `None`: the client closed without a word.
pub(super) async fn detect<S: AsyncRead + Unpin>(
    mut stream: S,
) -> io::Result<Option<(Protocol, Prefixed<S>)>> {
    let mut read = [0; PREFACE.len()];
    let mut len = 0;
    let protocol = loop {
        let count = stream.read(&mut read[len..]).await?;
        if count == 0 && len == 0 {
            return Ok(None);
        }
        len += count;
        // A connection that ends within the preface is left to the HTTP/1 parser, which will say so.
        if count == 0 || read[..len] != PREFACE[..len] {
            break Protocol::Http1;
        }
        if len == PREFACE.len() {
            break Protocol::Http2;
        }
    };
    Ok(Some((
        protocol,
        Prefixed {
            read,
            start: 0,
            end: len,
            stream,
        },
    )))
}

/// A stream that gives back first what was read from it.
#[derive(Debug)]
pub(super) struct Prefixed<S> {
    read: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    stream: S,
}

impl<S: Cork> Cork for Prefixed<S> {
    fn cork(&self, is_on: bool) {
        self.stream.cork(is_on);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.start == this.end {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let count = buffer.remaining().min(this.end - this.start);
        buffer.put_slice(&this.read[this.start..this.start + count]);
        this.start += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Option<(Protocol, Vec<u8>)> {
        let (protocol, mut stream) = detect(bytes).await.expect("readable")?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("readable");
        Some((protocol, all))
    }

    #[tokio::test]
    async fn each_protocol_is_told_and_no_byte_is_lost() {
        let h2 = [PREFACE, b"\0\0\0\x04"].concat();
        assert_eq!(read(&h2).await, Some((Protocol::Http2, h2)));
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "P",
            "PRI * HTTP/1.1\r\n",
            "PUT /collections/a HTTP/1.1\r\n\r\n",
        ] {
            let bytes = text.as_bytes();
            assert_eq!(
                read(bytes).await,
                Some((Protocol::Http1, bytes.to_vec())),
                "{text}"
            );
        }
        assert_eq!(read(b"").await, None);
    }
}
