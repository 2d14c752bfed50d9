use http::Request;
use http::request::Parts;

use super::{remove, token};

/// `token`, as browsers send it.
const AS_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.dG9rZW4";

fn request(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("valid headers").into_parts().0
}

fn websocket(protocols: &str) -> Parts {
    request(&[
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-protocol", protocols),
    ])
}

#[test]
fn a_token_stands_behind_the_word_bearer() {
    let token_of = |value| token(&request(&[("authorization", value)]));
    assert_eq!(token_of("bearer token").as_deref(), Some("token"));
    assert_eq!(token_of("Basic token"), None);
    assert_eq!(token_of("Bearer "), None);
}

#[test]
fn a_websocket_may_carry_its_token_beside_another_protocol() {
    let beside = websocket(&format!("{AS_PROTOCOL}, binary.k8s.io"));
    assert_eq!(token(&beside).as_deref(), Some("token"));
    assert_eq!(token(&websocket(AS_PROTOCOL)), None, "nothing to agree on");
}

#[test]
fn a_protocol_carries_a_token_for_websockets_only() {
    let protocols = format!("{AS_PROTOCOL}, binary.k8s.io");
    let plain = request(&[("sec-websocket-protocol", &protocols)]);
    assert_eq!(token(&plain), None);
}

#[test]
fn nobody_behind_the_authentication_sees_a_token() {
    let mut parts = websocket(&format!("{AS_PROTOCOL}, binary.k8s.io"));
    let value = http::HeaderValue::from_static("Bearer token");
    parts.headers.insert("authorization", value);
    remove(&mut parts.headers);
    assert_eq!(parts.headers.get("authorization"), None);
    let rest = parts.headers.get("sec-websocket-protocol");
    assert_eq!(rest.expect("the other protocol"), "binary.k8s.io");
}
