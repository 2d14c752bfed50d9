//! One type for all bodies, of requests and of answers.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};

pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body of whatever make.
#[derive(Debug)]
pub struct Body(UnsyncBoxBody<Bytes, BodyError>);

pub type Request = http::Request<Body>;
pub type Response = http::Response<Body>;

impl Body {
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }

    pub fn empty() -> Self {
        Self::new(Empty::new())
    }

    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::new(Full::new(bytes.into()))
    }

    /// Chunks as they come.
    pub fn stream<S>(chunks: S) -> Self
    where
        S: futures::Stream<Item = Bytes> + Send + 'static,
    {
        use futures::StreamExt as _;
        Self::new(StreamBody::new(
            chunks.map(|chunk| Ok::<_, BodyError>(Frame::data(chunk))),
        ))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}
