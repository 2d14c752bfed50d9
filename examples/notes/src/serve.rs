//! An HTTP server with limits, that ends without breaking a request.
//!
//! When told to end it answers `/readyz` with 503 and goes on serving until the cluster has taken
//! it out of its services; then it takes no new connections, and finishes those it has.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Longer requests than a note and its form would be are refused.
pub const BODY_BYTES_MAX: usize = 16 << 10;
/// More wait in the kernel's queue; each may hold a request's memory.
const CONNECTIONS_MAX: usize = 256;
/// Whoever takes longer to say what he wants holds a connection for nothing.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// Body, answer and all that the answer needs.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// So long may it take until no node sends new connections to a pod that ends.
pub const LEAVING_TIME: Duration = Duration::from_secs(3);
/// What has not ended so long after that is cut. Together below a pod's 30 seconds of grace.
const FINISHING_TIME_MAX: Duration = Duration::from_secs(15);
/// After an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the applications answer with.
pub type Answer = Response<Full<Bytes>>;

/// An application behind the server.
pub trait Application: Send + Sync + 'static {
    /// Answers a request, whose body is within the limit.
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Answer> + Send;

    /// Whether requests would succeed now; else why not.
    fn ready(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Still serves, but says that it will not for long.
    Leaving,
    /// Finishes what it has begun.
    Finishing,
}

/// Serves until `told_to_end` is over, for another while of `leaving`, and then until all requests
/// are answered.
pub async fn serve<A: Application>(
    listener: TcpListener,
    application: Arc<A>,
    told_to_end: impl Future<Output = ()>,
    leaving: Duration,
) {
    let (phase, watched) = watch::channel(Phase::Serving);
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let end = async {
        told_to_end.await;
        tracing::info!("told to end: leaving the service");
        phase.send_replace(Phase::Leaving);
        tokio::time::sleep(leaving).await;
    };
    tokio::pin!(end);
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place.expect("nobody closes it"), listener.accept().await)
        };
        tokio::select! {
            () = &mut end => break,
            (place, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(stream, peer, Arc::clone(&application), watched.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => pause(&error).await,
            },
            Some(ended) = connections.join_next() => report(ended),
        }
    }
    drop(listener);
    phase.send_replace(Phase::Finishing);
    let finished = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(FINISHING_TIME_MAX, finished)
        .await
        .is_err()
    {
        tracing::warn!("some requests were not finished in time");
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "could not accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task panicked");
    }
}

async fn connection<A: Application>(
    stream: TcpStream,
    peer: SocketAddr,
    application: Arc<A>,
    mut phase: watch::Receiver<Phase>,
) {
    let answering = phase.clone();
    let service = service_fn(|request| {
        let (application, phase) = (Arc::clone(&application), *answering.borrow());
        async move { Ok::<_, std::convert::Infallible>(answer(&*application, request, phase).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let finishing = async {
        // The sender outlives all connections.
        drop(phase.wait_for(|phase| *phase == Phase::Finishing).await);
    };
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = finishing => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "connection broke");
    }
}

async fn answer<A: Application>(
    application: &A,
    request: Request<Incoming>,
    phase: Phase,
) -> Answer {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answered = tokio::time::timeout(REQUEST_TIME_MAX, route(application, request, phase));
    let mut answer = answered
        .await
        .unwrap_or_else(|_| text(StatusCode::GATEWAY_TIMEOUT, "the answer took too long"));
    if phase != Phase::Serving {
        // Else a client would keep its connection to a pod that ends.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let path = uri.path();
    if path != "/healthz" && path != "/readyz" {
        tracing::info!(%method, path, status = answer.status().as_u16());
    }
    answer
}

async fn route<A: Application>(
    application: &A,
    request: Request<Incoming>,
    phase: Phase,
) -> Answer {
    match request.uri().path() {
        "/healthz" => return text(StatusCode::OK, "ok"),
        "/readyz" if phase != Phase::Serving => {
            return text(StatusCode::SERVICE_UNAVAILABLE, "ending");
        }
        "/readyz" => {
            return match application.ready().await {
                Ok(()) => text(StatusCode::OK, "ok"),
                Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}")),
            };
        }
        _ => {}
    }
    let (head, body) = request.into_parts();
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            application
                .answer(Request::from_parts(head, body.to_bytes()))
                .await
        }
        Err(error) if error.is::<LengthLimitError>() => {
            let reason = format!("a request has at most {BODY_BYTES_MAX} bytes");
            text(StatusCode::PAYLOAD_TOO_LARGE, &reason)
        }
        Err(_) => text(StatusCode::BAD_REQUEST, "the request broke off"),
    }
}

/// An answer of one line.
pub fn text(status: StatusCode, line: &str) -> Answer {
    typed(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// An answer with a body of some type.
pub(crate) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests;
