use http_body_util::BodyExt as _;
use serde_json::Value;
use styr_base::SystemClock;

use super::*;

async fn asked(health: &Health, about: About) -> (u16, Value) {
    let answer = health.answer(about);
    let code = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn says_what_upstream_says() {
    let health = Health::new(SystemClock::shared());
    health.current();
    health.eligible(true);
    let (code, body) = asked(&health, About::Node).await;
    assert_eq!(code, 200);
    assert_eq!(body["lastUpdated"], body["currentTime"]);
    assert_eq!(body["nodeEligible"], true);
    assert_eq!(body["healthy"], true);
    assert_eq!(body["status"]["IPv4"]["healthy"], true);
    let (_, body) = asked(&health, About::Proxy).await;
    assert_eq!(body.get("nodeEligible"), None);
}

#[tokio::test]
async fn a_node_that_leaves_is_not_for_load_balancers() {
    let health = Health::new(SystemClock::shared());
    health.current();
    health.eligible(false);
    assert_eq!(asked(&health, About::Node).await.0, 503);
    assert_eq!(asked(&health, About::Proxy).await.0, 200);
}

#[tokio::test]
async fn a_kernel_that_lacks_something_shows() {
    let health = Health::new(SystemClock::shared());
    health.current();
    health.eligible(true);
    health.behind();
    let (code, body) = asked(&health, About::Proxy).await;
    assert_eq!(code, 503);
    assert_eq!(body["healthy"], false);
}
