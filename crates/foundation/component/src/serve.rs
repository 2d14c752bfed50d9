//! An HTTP server over TCP or TLS for any `tower::Service`: HTTP/1.1 with upgrades, and HTTP/2.
//!
//! A server of another protocol takes the connections by [`serve_streams`].
//!
//! The number of connections is limited; a shutdown lets running requests end.

mod cork;

mod stream;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use styr_base::{Shutdown, Tasks};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::{Service, ServiceExt};

pub use self::stream::Stream;

/// A client that has not finished its TLS handshake by then is not serious.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long running requests may take to end after a shutdown was requested.
const GRACE: Duration = Duration::from_secs(5);
/// Concurrent HTTP/2 streams of one connection, as upstream's default.
const STREAMS_MAX: u32 = 250;

/// Any error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Who is at the other end; found in the extensions of each request.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The client's address.
    pub peer: SocketAddr,
    /// The client's certificate chain in DER, leaf first; empty if it showed none. TLS has
    /// verified it already.
    pub certificates: Arc<Vec<Vec<u8>>>,
}

/// What to listen on, and how.
#[derive(Debug)]
pub struct Listener {
    /// Bound already, so that the caller knows the port.
    pub socket: TcpListener,
    /// With it, TLS only.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Further clients wait in the kernel's queue.
    pub connections_max: usize,
}

/// Serves until `shutdown` is requested.
pub async fn serve<S, B>(listener: Listener, service: S, shutdown: Shutdown)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let requests =
        move |stream, connection, shutdown| http(stream, connection, service.clone(), shutdown);
    serve_streams(listener, requests, shutdown).await;
}

/// Hands each connection to a function until `shutdown` is requested, of which the function learns
/// as well.
pub async fn serve_streams<F, Fut>(listener: Listener, function: F, shutdown: Shutdown)
where
    F: Fn(Stream, Connection, Shutdown) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), BodyError>> + Send,
{
    let acceptor = listener.tls.map(TlsAcceptor::from);
    let permits = Arc::new(Semaphore::new(listener.connections_max));
    let connections = Tasks::new();
    loop {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .expect("never closed");
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = shutdown.requested() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // Out of file descriptors, or the client went away: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let (function, acceptor) = (function.clone(), acceptor.clone());
        let shutdown = shutdown.clone();
        connections.spawn_infallible(async move {
            let _permit = permit;
            let served = async move {
                let (stream, connection) = connect(stream, peer, acceptor).await?;
                function(stream, connection, shutdown).await
            };
            if let Err(error) = served.await {
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }
    // Connections see the same signal and end by themselves; what does not end is cut off.
    let ended = connections.join();
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::debug!("some requests had not ended when the server did");
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
) -> Result<(Stream, Connection), BodyError> {
    stream.set_nodelay(true)?;
    let Some(acceptor) = acceptor else {
        let certificates = Arc::default();
        return Ok((Stream::Plain(stream), Connection { peer, certificates }));
    };
    let tls = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await??;
    let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates = Arc::new(chain.iter().map(|der| der.to_vec()).collect());
    let stream = Stream::Tls(Box::new(tls));
    Ok((stream, Connection { peer, certificates }))
}

/// Serves HTTP on one connection.
pub async fn http<IO, S, B>(
    io: IO,
    connection: Connection,
    service: S,
    shutdown: Shutdown,
) -> Result<(), BodyError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let handler = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        service.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX);
    let (io, cork) = cork::cork(io);
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), handler));
    let mut stop = pin!(shutdown.requested());
    let mut is_stopping = false;
    let ended = poll_fn(|context| {
        if !is_stopping && stop.as_mut().poll(context).is_ready() {
            is_stopping = true;
            serving.as_mut().graceful_shutdown();
        }
        let ended = serving.as_mut().poll(context);
        // If the client cannot take it now, this task is woken when it can.
        if let (Poll::Pending, Poll::Ready(Err(error))) = (&ended, cork.flush(context)) {
            return Poll::Ready(Err(error.into()));
        }
        ended
    });
    ended.await?;
    cork.take_off();
    // An upgraded connection lives on in another task, which may have written already.
    poll_fn(|context| cork.flush(context)).await?;
    Ok(())
}

/// Binds a listener; the error names the address.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("could not listen on {address}: {error}"),
        )
    })
}

/// A service out of a function, for servers without state of their own.
pub fn handler<F, Fut, B>(
    function: F,
) -> impl Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
{
    tower::service_fn(move |request| {
        let answer = function(request);
        async move { Ok(answer.await) }
    })
}

#[cfg(test)]
mod tests;
