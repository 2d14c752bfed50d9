//! What the clients' address answers over HTTP/1.1.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use styr_base::Shutdown;
use styr_component::serve::{self, BodyError, Connection, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Engine, endpoints};

/// Serves a connection whose first bytes were read already.
pub(super) async fn serve(
    head: Vec<u8>,
    stream: Stream,
    client: Connection,
    (engine, shutdown): (Engine, Shutdown),
) -> Result<(), BodyError> {
    let service = serve::handler(move |request: Request<_>| {
        std::future::ready(endpoints::answer(&engine, &request))
    });
    serve::http(Again { head, stream }, client, service, shutdown).await
}

/// A stream of which a few bytes are read once more.
#[derive(Debug)]
struct Again {
    head: Vec<u8>,
    stream: Stream,
}

impl AsyncRead for Again {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.head.len().min(buffer.remaining());
        buffer.put_slice(&self.head[..length]);
        self.head.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Again {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
