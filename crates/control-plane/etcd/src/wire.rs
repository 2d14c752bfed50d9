//! gRPC on connections of clients, without a task or a body for each request.
//!
//! One task per connection reads, answers what needs no disk, and hands writes to the log, which
//! leaves the answers in the connection's outbox: so many requests cost few system calls and few
//! wake-ups. What is not read, write, deletion or transaction goes through the usual handlers.

mod calls;
mod frame;
mod hpack;
mod incoming;
mod outbox;
mod plain;
mod protocol;
mod reply;

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use styr_base::Shutdown;
use styr_component::serve::{BodyError, Connection as Client, Stream};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};

use self::frame::PREFACE;
use self::protocol::Protocol;
use crate::server::Server;

/// Bytes that are read at once: a frame of the usual length with its head, or many short ones.
const READ: usize = 16 << 10;
/// Answers that wait for the client before no further requests are read.
const UNSENT_MAX: usize = 1 << 20;
/// What `out` may keep of its memory when nothing is in it.
const OUT_KEPT: usize = 4 << 10;

/// Serves one connection: HTTP/2 with gRPC, or what [`plain`] answers.
pub(crate) async fn serve(
    mut stream: Stream,
    client: Client,
    server: Server,
    shutdown: Shutdown,
) -> Result<(), BodyError> {
    let mut preface = [0; PREFACE.len()];
    let mut length = 0;
    while length < preface.len() {
        let read = tokio::select! {
            read = stream.read(&mut preface[length..]) => read?,
            () = shutdown.requested() => return Ok(()),
        };
        length += read;
        if read == 0 || !PREFACE.starts_with(&preface[..length]) {
            let head = preface[..length].to_vec();
            let engine = server.kv().engine().clone();
            return plain::serve(head, stream, client, (engine, shutdown)).await;
        }
    }
    let mut connection = Connection {
        stream,
        protocol: Protocol::new(server),
        sent: 0,
        has_ended: false,
    };
    let mut closing = pin!(shutdown.requested());
    let mut is_closing = false;
    poll_fn(|context| {
        if !is_closing && closing.as_mut().poll(context).is_ready() {
            is_closing = true;
            connection.protocol.close();
        }
        connection.poll(context)
    })
    .await
    .map_err(BodyError::from)
}

/// A connection with its state.
struct Connection {
    stream: Stream,
    protocol: Protocol,
    /// How much of the protocol's `out` the system has.
    sent: usize,
    /// Nothing more is read; what is in `out` is the last.
    has_ended: bool,
}

impl Connection {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.has_ended {
                self.protocol.proceed(context);
            }
            let is_flushed = self.flush(context)?;
            if is_flushed && (self.has_ended || self.protocol.is_over()) {
                return Poll::Ready(Ok(()));
            }
            if self.has_ended || self.protocol.out.len() - self.sent > UNSENT_MAX {
                return Poll::Pending;
            }
            let mut space = [MaybeUninit::uninit(); READ];
            let mut read = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => outcome?,
            }
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            if let Err(fault) = self.protocol.take(read.filled()) {
                tracing::debug!(%fault, "connection is ended");
                self.protocol.fail(fault);
                self.has_ended = true;
            }
        }
    }

    /// Hands to the system what it takes; answers whether that was all.
    fn flush(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let out = &mut self.protocol.out;
        let had_some = !out.is_empty();
        while self.sent < out.len() {
            let rest = &out[self.sent..];
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => self.sent += written?,
            }
        }
        out.clear();
        self.sent = 0;
        if out.capacity() > OUT_KEPT {
            out.shrink_to(OUT_KEPT);
        }
        if had_some && Pin::new(&mut self.stream).poll_flush(context)?.is_pending() {
            return Ok(false);
        }
        Ok(true)
    }
}
