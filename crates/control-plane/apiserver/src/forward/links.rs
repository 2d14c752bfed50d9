//! Links in what comes back through a proxy: they name paths of the server behind it, and have to
//! lead through the proxy again. Upstream does so for HTML and for redirections.

mod html;
mod way;

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{DeflateDecoder, GzDecoder};
use flate2::write::{DeflateEncoder, GzEncoder};
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http_body_util::{BodyExt as _, Limited};
use styr_meta::Status;

pub(super) use self::way::Way;
use crate::body::{Body, Response};

/// A page has to be held whole while its links are changed; compressed, it has to be unpacked too.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// How a page is packed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    None,
    Gzip,
    Deflate,
}

/// An answer whose links lead through the proxy.
pub(super) async fn rewrite(answer: Response, way: Way<'_>) -> Result<Response, Status> {
    let (mut head, body) = answer.into_parts();
    if let Some(location) = head.headers.get(LOCATION) {
        let moved = location.to_str().ok().and_then(|address| way.of(address));
        if let Some(Ok(moved)) = moved.map(|address| HeaderValue::from_str(&address)) {
            head.headers.insert(LOCATION, moved);
        }
        return Ok(Response::from_parts(head, body));
    }
    let Some(packing) = packing_of_page(&head.headers) else {
        return Ok(Response::from_parts(head, body));
    };
    let page = Limited::new(body, PAGE_BYTES_MAX).collect().await;
    let page = page.map_err(|error| unreadable(&error.to_string()))?;
    let page = packing.unpack(&page.to_bytes());
    let page = page.map_err(|error| unreadable(&error.to_string()))?;
    let changed = packing.pack(html::rewritten(&page, way));
    let changed = changed.map_err(|error| unreadable(&error.to_string()))?;
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, Body::full(Bytes::from(changed))))
}

/// How a page is packed; none if this is no page, or one that cannot be unpacked.
fn packing_of_page(headers: &http::HeaderMap) -> Option<Packing> {
    let media = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if media.split(';').next()?.trim() != "text/html" {
        return None;
    }
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"") => Some(Packing::None),
        Some(b"gzip") => Some(Packing::Gzip),
        Some(b"deflate") => Some(Packing::Deflate),
        Some(_) => None,
    }
}

fn unreadable(error: &str) -> Status {
    Status::service_unavailable(format!("could not read the page behind the proxy: {error}"))
}

impl Packing {
    fn unpack(self, page: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let limit = PAGE_BYTES_MAX as u64;
        match self {
            Self::None => return Ok(page.to_owned()),
            Self::Gzip => GzDecoder::new(page).take(limit + 1).read_to_end(&mut out)?,
            Self::Deflate => DeflateDecoder::new(page)
                .take(limit + 1)
                .read_to_end(&mut out)?,
        };
        if out.len() > PAGE_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than 16 MiB"));
        }
        Ok(out)
    }

    fn pack(self, page: Vec<u8>) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(page),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&page)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&page)?;
                encoder.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests;
