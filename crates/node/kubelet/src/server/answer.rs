//! Answers and their bodies.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use styr_component::serve::BodyError;
use tokio::sync::mpsc;

pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;
pub(super) type Answer = Response<Body>;

pub(super) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// What arrives at `receiver`, until its senders are gone.
pub(super) fn streamed(receiver: mpsc::Receiver<Bytes>) -> Body {
    let stream = futures::stream::unfold(receiver, async |mut receiver| {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, BodyError>(Frame::data(chunk)), receiver))
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

pub(super) fn with_type(status: StatusCode, kind: &str, content: Body) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(content)
        .expect("constant headers are valid")
}

/// An error in words; Go ends it with a line feed.
pub(super) fn error(status: StatusCode, text: &str) -> Answer {
    with_type(
        status,
        "text/plain; charset=utf-8",
        body(format!("{text}\n")),
    )
}

pub(super) fn json(tree: &impl serde::Serialize) -> Answer {
    match serde_json::to_vec(tree) {
        Ok(bytes) => with_type(StatusCode::OK, "application/json", body(bytes)),
        Err(problem) => error(StatusCode::INTERNAL_SERVER_ERROR, &problem.to_string()),
    }
}

pub(super) fn text(content: String) -> Answer {
    with_type(StatusCode::OK, "text/plain; charset=utf-8", body(content))
}
