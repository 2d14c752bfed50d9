use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Continue;

#[test]
fn reads_what_it_writes() {
    let token = Continue::behind("default/a", 12);
    assert_eq!(Continue::decode(&token.encode()), Ok(token));
}

#[test]
fn writes_as_upstream() {
    let json = URL_SAFE_NO_PAD
        .decode(Continue::behind("a", 12).encode())
        .expect("base64");
    assert_eq!(json, br#"{"v":"meta.k8s.io/v1","rv":12,"start":"a\u0000"}"#);
}

#[test]
fn refuses_to_leave_what_is_listed() {
    let token = URL_SAFE_NO_PAD.encode(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/a"}"#);
    assert!(Continue::decode(&token).is_err());
    assert!(Continue::decode("???").is_err());
}
