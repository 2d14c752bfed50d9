//! Links in what comes back through a proxy: they name paths of the server behind it, and have to
//! lead through the proxy again. Upstream does so for HTML and for redirections.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http_body_util::{BodyExt as _, Limited};
use styr_meta::Status;

use crate::body::{Body, Response};

/// A page has to be held whole while its links are changed.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// Attributes of HTML that hold an address.
const ATTRIBUTES: [&str; 16] = [
    "action",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "srcset",
    "usemap",
];

/// The way through the proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// The path here that stands for `/` there.
    pub prefix: &'a str,
    /// `address:port` there.
    pub authority: &'a str,
}

impl Way<'_> {
    /// The address as it is from here; those of other servers, and relative ones, stay.
    fn of(self, address: &str) -> Option<String> {
        let own = ["http://", "https://"].iter().find_map(|scheme| {
            let rest = address.strip_prefix(scheme)?;
            rest.strip_prefix(self.authority)
        });
        let path = own.unwrap_or(address);
        let is_path = path.starts_with('/') && !path.starts_with("//");
        let is_through = path.starts_with(self.prefix);
        (is_path && !is_through).then(|| format!("{}{path}", self.prefix))
    }
}

/// An answer whose links lead through the proxy.
pub(crate) async fn rewrite(answer: Response, way: Way<'_>) -> Result<Response, Status> {
    let (mut head, body) = answer.into_parts();
    let location = head.headers.get(LOCATION).and_then(|it| it.to_str().ok());
    if let Some(Ok(moved)) = location
        .and_then(|address| way.of(address))
        .map(|address| HeaderValue::from_str(&address))
    {
        head.headers.insert(LOCATION, moved);
    }
    let media = head.headers.get(CONTENT_TYPE);
    let is_page = media.is_some_and(|media| media.as_bytes().starts_with(b"text/html"));
    if !is_page || head.headers.contains_key(CONTENT_ENCODING) {
        return Ok(Response::from_parts(head, body));
    }
    let page = Limited::new(body, PAGE_BYTES_MAX).collect().await;
    let page = page.map_err(|error| {
        Status::service_unavailable(format!("could not read the page behind the proxy: {error}"))
    })?;
    head.headers.remove(CONTENT_LENGTH);
    let changed = html(&page.to_bytes(), way);
    Ok(Response::from_parts(head, Body::full(Bytes::from(changed))))
}

/// A page with its links changed, and everything else as it was.
fn html(page: &[u8], way: Way<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() + page.len() / 8);
    let mut rest = page;
    while let Some(start) = rest.iter().position(|&byte| byte == b'<') {
        let (before, tag) = rest.split_at(start + 1);
        out.extend_from_slice(before);
        rest = tag;
        if tag.first().is_some_and(u8::is_ascii_alphabetic) {
            rest = attributes(tag, way, &mut out);
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Copies a tag up to its end, with the addresses in it changed; answers what follows.
fn attributes<'a>(tag: &'a [u8], way: Way<'_>, out: &mut Vec<u8>) -> &'a [u8] {
    let mut at = 0;
    while at < tag.len() && tag[at] != b'>' {
        let byte = tag[at];
        out.push(byte);
        at += 1;
        if byte != b'=' {
            continue;
        }
        let name = name_before(&tag[..at - 1]);
        let quote = tag
            .get(at)
            .copied()
            .filter(|byte| matches!(byte, b'"' | b'\''));
        let value = &tag[at + usize::from(quote.is_some())..];
        let ends = |byte: &u8| match quote {
            Some(quote) => *byte == quote,
            None => byte.is_ascii_whitespace() || *byte == b'>',
        };
        let value = &value[..value.iter().position(ends).unwrap_or(value.len())];
        out.extend(quote);
        let address = std::str::from_utf8(value).ok();
        let changed = address
            .filter(|_| is_address(name))
            .and_then(|it| way.of(it));
        out.extend_from_slice(changed.as_ref().map_or(value, String::as_bytes));
        at += usize::from(quote.is_some()) + value.len();
    }
    &tag[at..]
}

/// The word that ends here.
fn name_before(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
    &text[start.map_or(0, |start| start + 1)..]
}

fn is_address(name: &[u8]) -> bool {
    ATTRIBUTES
        .iter()
        .any(|attribute| name.eq_ignore_ascii_case(attribute.as_bytes()))
}

#[cfg(test)]
mod tests;
