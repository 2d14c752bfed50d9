use http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue};

use super::{Encoding, Messages, agree, is_asked, offered};

fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    pairs.collect()
}

fn agreed(list: &'static str, messages: Messages) -> Option<(Option<String>, Encoding)> {
    let offered = offered(&headers(&[(SEC_WEBSOCKET_PROTOCOL, list)]));
    agree(&offered, messages).ok()
}

#[test]
fn only_an_upgrade_to_a_websocket_asks_for_one() {
    let asked = [(CONNECTION, "keep-alive, Upgrade"), (UPGRADE, "WebSocket")];
    assert!(is_asked(&headers(&asked)));
    let other = [(CONNECTION, "Upgrade"), (UPGRADE, "SPDY/3.1")];
    assert!(!is_asked(&headers(&other)));
    let unsaid = [(CONNECTION, "keep-alive"), (UPGRADE, "websocket")];
    assert!(!is_asked(&headers(&unsaid)));
}

#[test]
fn bytes_take_the_first_protocol_that_both_know() {
    let list = "channel.k8s.io, base64.binary.k8s.io,binary.k8s.io";
    let wanted = (Some("base64.binary.k8s.io".to_owned()), Encoding::Base64);
    assert_eq!(agreed(list, Messages::Bytes), Some(wanted));
}

#[test]
fn bytes_without_a_protocol_are_binary() {
    assert_eq!(
        agree(&[], Messages::Bytes).ok(),
        Some((None, Encoding::Binary))
    );
}

#[test]
fn bytes_in_unknown_protocols_are_refused() {
    assert_eq!(agreed("channel.k8s.io", Messages::Bytes), None);
}

#[test]
fn events_take_any_protocol() {
    let taken = agreed("mine", Messages::Lines);
    assert_eq!(taken, Some((Some("mine".to_owned()), Encoding::Text)));
}
