//! What the clients' port answers over HTTP/1.1: health and version, as etcd does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use styr_base::Shutdown;
use styr_component::serve::{self, BodyError, Connection, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::body::Body;

use crate::engine::VERSION;

/// Serves a connection whose first bytes were read already.
pub(super) async fn serve(
    head: Vec<u8>,
    stream: Stream,
    client: Connection,
    shutdown: Shutdown,
) -> Result<(), BodyError> {
    let service = serve::handler(|request: Request<_>| std::future::ready(answer(&request)));
    serve::http(Again { head, stream }, client, service, shutdown).await
}

fn answer<B>(request: &Request<B>) -> Response<Body> {
    let text = match (request.method(), request.uri().path()) {
        // Whoever is asked answers: a store whose log is broken says so to writers.
        (&Method::GET, "/health") => r#"{"health":"true","reason":""}"#.to_owned(),
        (&Method::GET, "/version") => {
            format!(
                r#"{{"etcdserver":"{VERSION}","etcdcluster":"{VERSION}","storage":"{VERSION}"}}"#
            )
        }
        _ => return plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
    };
    plain(StatusCode::OK, text)
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let body = http_body_util::Full::new(Bytes::from(text));
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    response
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
