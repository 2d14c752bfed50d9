//! A cork on a connection: what is written during one turn of its task leaves in one piece.
//!
//! HTTP/2 writes and flushes each frame by itself: the headers of an answer, its body, its trailers,
//! and an event for each of many watchers, which would each be a TLS record and a system call. Here
//! a flush only means to write soon; the task's owner writes when the turn has ended.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait at most; then they are written at once.
const WAITING_MAX: usize = 64 << 10;
/// Writes of this size are not worth copying.
const LARGE: usize = 16 << 10;
/// A buffer that is larger is given back when it is empty: most connections are idle.
const KEPT_MAX: usize = 4 << 10;

/// A stream whose writes wait for [`Cork::flush`].
#[derive(Debug)]
pub(super) struct Corked<IO>(Arc<Mutex<State<IO>>>);

/// Writes what waits.
#[derive(Debug)]
pub(super) struct Cork<IO>(Arc<Mutex<State<IO>>>);

#[derive(Debug)]
struct State<IO> {
    io: IO,
    waiting: Vec<u8>,
    /// How much of `waiting` is written.
    written: usize,
    /// Nobody calls [`Cork::flush`] any more, so nothing may wait.
    is_off: bool,
}

/// Puts a cork on a stream.
pub(super) fn cork<IO>(io: IO) -> (Corked<IO>, Cork<IO>) {
    let state = State {
        io,
        waiting: Vec::new(),
        written: 0,
        is_off: false,
    };
    let state = Arc::new(Mutex::new(state));
    (Corked(Arc::clone(&state)), Cork(state))
}

fn lock<IO>(state: &Mutex<State<IO>>) -> MutexGuard<'_, State<IO>> {
    state.lock().expect("no holder of this lock panics")
}

impl<IO: AsyncWrite + Unpin> Cork<IO> {
    /// Writes all that waits, at the end of a turn.
    pub(super) fn flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).flush(context)
    }

    /// From now on the stream writes by itself: it has left for another task.
    pub(super) fn take_off(&self) {
        lock(&self.0).is_off = true;
    }
}

impl<IO: AsyncWrite + Unpin> State<IO> {
    /// Writes what waits, without asking the stream below to flush.
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            let written = ready!(Pin::new(&mut self.io).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.written = 0;
        self.waiting.clear();
        self.waiting.shrink_to(KEPT_MAX);
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let is_direct = self.is_off || len >= LARGE;
        if is_direct || self.waiting.len() - self.written + len > WAITING_MAX {
            ready!(self.drain(context))?;
        }
        if is_direct {
            return Pin::new(&mut self.io).poll_write_vectored(context, parts);
        }
        for part in parts {
            self.waiting.extend_from_slice(part);
        }
        Poll::Ready(Ok(len))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Corked<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).io).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Corked<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.is_off {
            return state.flush(context);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        ready!(state.drain(context))?;
        Pin::new(&mut state.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
