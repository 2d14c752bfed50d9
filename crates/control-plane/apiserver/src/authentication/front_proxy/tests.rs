use http::{HeaderMap, HeaderName, HeaderValue};

use super::remove;
use crate::config::RequestHeader;

#[test]
fn nobody_behind_the_authentication_hears_whom_a_client_claims_to_be() {
    let configured = RequestHeader {
        username_headers: vec!["X-Who".to_owned()],
        extra_headers_prefix: vec!["X-More-".to_owned()],
        ..RequestHeader::default()
    };
    let mut headers = HeaderMap::new();
    for name in [
        "x-remote-user",
        "x-remote-uid",
        "x-remote-group",
        "x-remote-extra-scopes",
        "x-who",
        "x-more-scopes",
        "x-whom",
        "x-mor",
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static("admin"),
        );
    }
    remove(&mut headers, &configured);
    let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["x-mor", "x-whom"]);
}
