//! Which requests there are: a few that are answered at once or by the log, and all the others.

use std::pin::Pin;

use bytes::Bytes;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body as _, Frame};
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tower::Service as _;

use super::hpack::Field;
use super::incoming::Incoming;
use crate::server::Server;

/// Bytes before a message: whether it is compressed, and its length.
pub(crate) const PREFIX: usize = 5;

/// A request that needs no handler of its own, because it is one message with one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    Range,
    Write(Write),
}

/// One that is answered when it is on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write {
    Put,
    Delete,
    Txn,
}

impl Method {
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        match path.strip_prefix(b"/etcdserverpb.KV/")? {
            b"Range" => Some(Self::Range),
            b"Put" => Some(Self::Write(Write::Put)),
            b"DeleteRange" => Some(Self::Write(Write::Delete)),
            b"Txn" => Some(Self::Write(Write::Txn)),
            _ => None,
        }
    }
}

/// The only message of a body.
pub(crate) fn message<M: Message + Default>(body: &[u8]) -> Result<M, Status> {
    let broken = || Status::internal("the request is not one whole message");
    let ([compressed, length @ ..], message) =
        body.split_first_chunk::<PREFIX>().ok_or_else(broken)?;
    if *compressed != 0 {
        return Err(Status::unimplemented("compression is not implemented"));
    }
    if usize::try_from(u32::from_be_bytes(*length)) != Ok(message.len()) {
        return Err(broken());
    }
    M::decode(message).map_err(|error| Status::internal(format!("bad message: {error}")))
}

/// How far a handler has come.
pub(crate) enum Step {
    Answered(Response<Body>),
    Next(Option<Result<Frame<Bytes>, Status>>, Body),
    /// A write has found a place in the queue.
    Queued,
}

/// What runs for the streams of a connection, within the connection's own task.
pub(crate) type Calls = FuturesUnordered<Abortable<BoxFuture<'static, (u32, Step)>>>;

/// Adds one, and answers what ends it.
fn start(calls: &Calls, call: BoxFuture<'static, (u32, Step)>) -> AbortHandle {
    let (handle, registration) = AbortHandle::new_pair();
    calls.push(Abortable::new(call, registration));
    handle
}

/// Lets a handler answer a request.
pub(crate) fn answer(
    calls: &Calls,
    stream: u32,
    mut server: Server,
    request: Request<Body>,
) -> AbortHandle {
    let answer = server.call(request);
    let step = async move {
        let response = answer.await.unwrap_or_else(|never| match never {});
        (stream, Step::Answered(response))
    };
    start(calls, Box::pin(step))
}

/// Asks a body for its next frame.
pub(crate) fn next(calls: &Calls, stream: u32, mut body: Body) -> AbortHandle {
    let step = async move {
        let next = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        (stream, Step::Next(next, body))
    };
    start(calls, Box::pin(step))
}

/// Waits until a write has a place in the queue.
pub(crate) fn queue(calls: &Calls, stream: u32, place: impl Future<Output = ()> + Send + 'static) {
    // Never ended: a write whose client went away may be done or not, as with etcd.
    start(
        calls,
        Box::pin(async move {
            place.await;
            (stream, Step::Queued)
        }),
    );
}

/// A request for the handlers; `None` if its head makes no sense.
pub(crate) fn request(fields: &[Field], body: Incoming) -> Option<Request<Body>> {
    let mut builder = Request::builder().version(http::Version::HTTP_2);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        match &name[..] {
            b":method" => builder = builder.method(&value[..]),
            b":path" => builder = builder.uri(&value[..]),
            [b':', ..] => {}
            name => {
                let name = HeaderName::from_lowercase(name).ok()?;
                headers.append(name, HeaderValue::from_maybe_shared(value.clone()).ok()?);
            }
        }
    }
    let mut request = builder.body(Body::new(body)).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}
