//! Large answers are compressed for those who accept it, as upstream does.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt as _;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::body::{Body, Response};

/// Answers up to this size are sent as they are.
const PLAIN_MAX: u64 = 128 << 10;
/// Upstream's choice: speed over size.
const LEVEL: u32 = 1;

/// Compresses a body that is (or may be) large.
pub(crate) fn compress_large(answer: Response, headers: &HeaderMap) -> Response {
    let accepted = headers
        .get(ACCEPT_ENCODING)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    let accepts = accepted
        .split(',')
        .any(|it| it.split(';').next().unwrap_or("").trim() == "gzip");
    let is_small = answer
        .body()
        .size_hint()
        .upper()
        .is_some_and(|size| size <= PLAIN_MAX);
    if !accepts || is_small {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts
        .headers
        .append(VARY, HeaderValue::from_static("Accept-Encoding"));
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::new(LEVEL)));
    let chunks = body.into_data_stream();
    let compressed = futures::stream::unfold((chunks, encoder), |(mut chunks, encoder)| async {
        let mut encoder = encoder?;
        loop {
            let Some(Ok(chunk)) = chunks.next().await else {
                let rest = encoder.finish().unwrap_or_default();
                return Some((Bytes::from(rest), (chunks, None)));
            };
            encoder.write_all(&chunk).ok()?;
            let ready = std::mem::take(encoder.get_mut());
            if !ready.is_empty() {
                return Some((Bytes::from(ready), (chunks, Some(encoder))));
            }
        }
    });
    http::Response::from_parts(parts, Body::stream(compressed))
}
