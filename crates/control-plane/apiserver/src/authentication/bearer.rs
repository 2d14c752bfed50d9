//! Where a bearer token stands in a request.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;

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
    let protocols = request.headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let encoded = protocols
        .split(',')
        .find_map(|it| it.trim().strip_prefix(PROTOCOL))?;
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok()
}
