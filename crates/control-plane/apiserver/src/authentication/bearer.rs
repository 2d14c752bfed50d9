//! Where a bearer token stands in a request.
//!
//! Rule: behind the authentication nobody sees it, least of all a pod behind a proxy.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::websocket;

/// The prefix of a WebSocket protocol that carries a token, for browsers, which set no headers.
const PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// The token, if the request has one.
pub(super) fn token(request: &Parts) -> Option<String> {
    if let Some(value) = request.headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
        let token = token.trim();
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        return is_bearer.then(|| token.to_owned());
    }
    if !websocket::is_asked(&request.headers) {
        return None;
    }
    let protocols = websocket::offered(&request.headers);
    let encoded = protocols.iter().find_map(|it| it.strip_prefix(PROTOCOL))?;
    // A client needs the choice of one protocol echoed, which this one never is.
    if protocols.len() < 2 {
        return None;
    }
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok()
}

/// Takes the token out of a request.
pub(super) fn remove(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
    let mut protocols = websocket::offered(headers);
    let all = protocols.len();
    protocols.retain(|name| !name.starts_with(PROTOCOL));
    if protocols.len() == all {
        return;
    }
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(rest) = HeaderValue::from_str(&protocols.join(","))
        && !protocols.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
    }
}

#[cfg(test)]
mod tests;
