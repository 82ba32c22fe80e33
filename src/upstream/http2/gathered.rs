//! Small writes of one turn of a connection's task, gathered into one call. The library flushes after each frame that is
//! not tiny, and every flush is a system call here and a wake-up at the other end: an answer would be two of them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A larger write goes out at once, after what is held: to copy it would cost more than the call that it spares.
const WRITE_BYTES_MAX: usize = 2 * 1024;

/// The same where a turn has several of them, each of which would be a call: a query of a large vector is held.
const BUSY_WRITE_BYTES_MAX: usize = 8 * 1024;

/// What is held of one connection.
const HELD_BYTES_MAX: usize = 32 * 1024;

/// Room that a connection keeps from one turn to the next.
const KEPT_BYTES_MAX: usize = 8 * 1024;

/// Slices of one call. The library writes a frame's head and its data: two.
const SLICES_MAX: usize = 8;

/// A stream that can be told to send full segments alone.
pub trait Cork {
    /// From `true` on it waits until a segment is full; with `false` it sends what it has.
    fn cork(&self, is_on: bool);
}

impl Cork for TcpStream {
    #[cfg(target_os = "linux")]
    fn cork(&self, is_on: bool) {
        if let Err(error) = SockRef::from(self).set_tcp_cork(is_on) {
            tracing::debug!(%error, "segments cannot be held back");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn cork(&self, _: bool) {}
}

/// A stream whose small writes wait for [`Gathering::poll_release`].
pub struct Gathered<S>(Arc<Mutex<Inner<S>>>);

/// Whoever polls the connection calls it at the end of each turn.
pub struct Gathering<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    /// Whether small writes are held.
    is_on: bool,
    held: Vec<u8>,
    /// How much of it has gone.
    gone: usize,
    /// Writes of this turn that are worth holding only in company.
    middling: u32,
    /// Whether the last turn had several.
    is_busy: bool,
    /// Writes of this turn that are never held.
    large: u32,
    /// Whether the last turn had several: then they go out in full segments, so that the other end is woken for each of
    /// those and not for each frame.
    is_flooded: bool,
    is_corked: bool,
}

impl<S> Gathered<S> {
    /// Writes to `stream`, nothing held until [`Gathering::start`].
    pub fn new(stream: S) -> (Self, Gathering<S>) {
        let inner = Arc::new(Mutex::new(Inner {
            stream,
            is_on: false,
            held: Vec::new(),
            gone: 0,
            middling: 0,
            is_busy: false,
            large: 0,
            is_flooded: false,
            is_corked: false,
        }));
        (Self(Arc::clone(&inner)), Gathering(inner))
    }
}

/// Both halves belong to one task: the lock is never contended.
fn locked<S>(inner: &Mutex<Inner<S>>) -> MutexGuard<'_, Inner<S>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: AsyncWrite + Cork + Unpin> Gathering<S> {
    /// Holds small writes from now on. After the handshake, which waits for its own flush.
    pub fn start(&self) {
        locked(&self.0).is_on = true;
    }

    /// Sends what is held.
    ///
    /// # Errors
    /// The stream's own: the connection is lost.
    pub fn poll_release(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = locked(&self.0);
        inner.is_busy = inner.middling > 1;
        inner.is_flooded = inner.large > 1;
        (inner.middling, inner.large) = (0, 0);
        let sent = inner.poll_send(cx, &[]);
        inner.cork(false);
        sent.map_ok(|_none| ())
    }
}

impl<S: Cork> Inner<S> {
    fn cork(&mut self, is_on: bool) {
        if self.is_corked != is_on {
            self.is_corked = is_on;
            self.stream.cork(is_on);
        }
    }
}

impl<S: AsyncWrite + Cork + Unpin> Inner<S> {
    /// Sends all that is held, and after it as much of `more` as goes; gives how much that is.
    fn poll_send(&mut self, cx: &mut Context<'_>, more: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while self.gone < self.held.len() {
            let held = &self.held[self.gone..];
            let mut slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> = SmallVec::new();
            slices.push(IoSlice::new(held));
            slices.extend(more.iter().take(SLICES_MAX - 1).copied());
            let (count, written) = (
                held.len(),
                ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))?,
            );
            drop(slices);
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_more = written.saturating_sub(count);
            self.gone += written - of_more;
            if of_more > 0 {
                self.clear();
                return Poll::Ready(Ok(of_more));
            }
        }
        self.clear();
        if more.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, more)
    }

    fn clear(&mut self) {
        self.held.clear();
        self.held.shrink_to(KEPT_BYTES_MAX);
        self.gone = 0;
    }

    fn poll_take(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if !self.is_on {
            return self.poll_send(cx, slices);
        }
        if length > BUSY_WRITE_BYTES_MAX {
            self.large += 1;
            if self.is_flooded {
                self.cork(true);
            }
            return self.poll_send(cx, slices);
        }
        if length > WRITE_BYTES_MAX {
            self.middling += 1;
            if !self.is_busy {
                return self.poll_send(cx, slices);
            }
        }
        if self.held.len() + length > HELD_BYTES_MAX {
            ready!(self.poll_send(cx, &[]))?;
        }
        slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut locked(&self.0).stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Cork + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        locked(&self.0).poll_take(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        locked(&self.0).poll_take(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        locked(&self.0).stream.is_write_vectored()
    }

    /// Flushes what was written before [`Gathering::start`]; what is held since then waits for its release.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut locked(&self.0).stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = locked(&self.0);
        ready!(inner.poll_send(cx, &[]))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    impl Cork for tokio::io::DuplexStream {
        fn cork(&self, _: bool) {}
    }

    fn on(
        room: usize,
    ) -> (
        Gathered<tokio::io::DuplexStream>,
        Gathering<tokio::io::DuplexStream>,
        tokio::io::DuplexStream,
    ) {
        let (ours, theirs) = duplex(room);
        let (stream, gathering) = Gathered::new(ours);
        gathering.start();
        (stream, gathering, theirs)
    }

    fn numbered(length: usize, from: usize) -> Vec<u8> {
        (from..from + length).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn small_writes_wait_for_their_release_and_go_in_order() {
        let (mut stream, gathering, mut theirs) = on(1 << 16);
        stream.write_all(b"one ").await.expect("held");
        stream.write_all(b"two").await.expect("held");
        stream.flush().await.expect("nothing to do");
        let mut read = [0; 16];
        let nothing = futures_util::FutureExt::now_or_never(theirs.read(&mut read));
        assert!(nothing.is_none());
        poll_fn(|cx| gathering.poll_release(cx)).await.expect("sent");
        let count = theirs.read(&mut read).await.expect("read");
        assert_eq!(&read[..count], b"one two");
    }

    #[tokio::test]
    async fn what_is_held_goes_before_a_large_write_and_before_the_end() {
        let (mut stream, _gathering, mut theirs) = on(1 << 16);
        let large = numbered(BUSY_WRITE_BYTES_MAX + 1, 0);
        stream.write_all(b"small").await.expect("held");
        stream.write_all(&large).await.expect("sent");
        stream.write_all(b"last").await.expect("held");
        stream.shutdown().await.expect("sent");
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.expect("read");
        assert_eq!(all, [b"small".as_slice(), &large, b"last"].concat());
    }

    #[tokio::test]
    async fn middling_writes_are_held_after_a_turn_that_had_several() {
        let (mut stream, gathering, mut theirs) = on(1 << 16);
        let one = numbered(WRITE_BYTES_MAX + 1, 0);
        let mut read = vec![0; 1 << 16];
        for (turn, held) in [(2, false), (1, true), (1, false)] {
            for _ in 0..turn {
                stream.write_all(&one).await.expect("written");
            }
            let early = futures_util::FutureExt::now_or_never(theirs.read(&mut read));
            assert_eq!(early.is_none(), held, "{turn}");
            poll_fn(|cx| gathering.poll_release(cx)).await.expect("sent");
            if held {
                assert_eq!(theirs.read(&mut read).await.expect("read"), one.len());
            }
        }
    }

    /// Notes when it is corked.
    struct Noting<S>(S, Arc<Mutex<Vec<bool>>>);

    impl<S> Cork for Noting<S> {
        fn cork(&self, is_on: bool) {
            self.1.lock().expect("no panic").push(is_on);
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn a_flood_is_corked_and_let_go_at_the_end_of_each_turn() {
        let noted = Arc::default();
        let (mut stream, gathering) = Gathered::new(Noting(tokio::io::sink(), Arc::clone(&noted)));
        gathering.start();
        let large = numbered(BUSY_WRITE_BYTES_MAX + 1, 0);
        for (writes, expected) in [
            (1, &[][..]),
            (3, &[]),
            (3, &[true, false]),
            (1, &[true, false]),
            (3, &[]),
        ] {
            for _ in 0..writes {
                stream.write_all(&large).await.expect("written");
            }
            poll_fn(|cx| gathering.poll_release(cx)).await.expect("sent");
            let noted = std::mem::take(&mut *noted.lock().expect("no panic"));
            assert_eq!(noted, expected, "{writes}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_doubled_or_moved(
            lengths in proptest::collection::vec((1usize..5_000, any::<bool>()), 1..40),
            room in 1usize..9_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let total: usize = lengths.iter().map(|(length, _)| length).sum();
            let all = runtime.block_on(async {
                let (mut stream, gathering, mut theirs) = on(room);
                let writing = async move {
                    let mut at = 0;
                    for (length, is_turn_over) in lengths {
                        let bytes = numbered(length, at);
                        let (head, tail) = bytes.split_at(length / 3);
                        let mut gone = 0;
                        while gone < length {
                            let slices = if gone < head.len() {
                                [IoSlice::new(&head[gone..]), IoSlice::new(tail)]
                            } else {
                                [IoSlice::new(&[]), IoSlice::new(&tail[gone - head.len()..])]
                            };
                            gone += stream.write_vectored(&slices).await.expect("written");
                        }
                        at += length;
                        if is_turn_over {
                            poll_fn(|cx| gathering.poll_release(cx)).await.expect("sent");
                        }
                    }
                    stream.shutdown().await.expect("sent");
                };
                let mut all = Vec::new();
                let (_, read) = tokio::join!(writing, theirs.read_to_end(&mut all));
                read.expect("read");
                all
            });
            prop_assert_eq!(all, numbered(total, 0));
        }
    }
}
