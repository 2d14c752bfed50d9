use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;

use super::{Packing, Way, rewrite};
use crate::body::{Body, Response};

const PAGE: &[u8] = b"<a href=\"/x\">";
const CHANGED: &[u8] = b"<a href=\"/proxy/x\">";

async fn through(headers: &[(HeaderName, &'static str)], page: Vec<u8>) -> (Response, Vec<u8>) {
    let mut answer = Response::new(Body::full(page));
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().insert(name.clone(), value);
    }
    let way = Way {
        prefix: "/proxy",
        authority: "there",
        host: "here",
    };
    let (head, body) = rewrite(answer, way).await.expect("a page").into_parts();
    let body = body.collect().await.expect("whole").to_bytes().to_vec();
    (Response::from_parts(head, Body::empty()), body)
}

#[tokio::test]
async fn only_pages_are_changed() {
    let html = (CONTENT_TYPE, "text/html; charset=utf-8");
    assert_eq!(through(&[html], PAGE.to_vec()).await.1, CHANGED);
    let other = (CONTENT_TYPE, "text/htmlx");
    assert_eq!(through(&[other], PAGE.to_vec()).await.1, PAGE);
}

#[tokio::test]
async fn a_packed_page_is_changed_and_packed_again() {
    let packings = [("gzip", Packing::Gzip), ("deflate", Packing::Deflate)];
    for (name, packing) in packings {
        let headers = [(CONTENT_TYPE, "text/html"), (CONTENT_ENCODING, name)];
        let packed = packing.pack(PAGE.to_vec()).expect("packed");
        let (_, body) = through(&headers, packed).await;
        assert_eq!(packing.unpack(&body).expect("packed"), CHANGED, "{name}");
    }
}

#[tokio::test]
async fn a_page_in_an_unknown_packing_stays() {
    let headers = [(CONTENT_TYPE, "text/html"), (CONTENT_ENCODING, "br")];
    assert_eq!(through(&headers, PAGE.to_vec()).await.1, PAGE);
}

#[tokio::test]
async fn a_redirection_leads_through_the_proxy_and_its_page_stays() {
    let headers = [(CONTENT_TYPE, "text/html"), (LOCATION, "/x")];
    let (answer, body) = through(&headers, PAGE.to_vec()).await;
    assert_eq!(answer.headers()[LOCATION], "/proxy/x");
    assert_eq!(body, PAGE);
}
