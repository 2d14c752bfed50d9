use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{ACCESS_REVIEWS, Reviewer, TOKEN_REVIEWS, check};
use crate::serve::BodyError;

/// Knows one token, whose user may read one path.
struct OneScraper;

#[async_trait]
impl Reviewer for OneScraper {
    async fn review(&self, path: &str, review: &Value) -> Result<Value, BodyError> {
        let spec = &review["spec"];
        match path {
            TOKEN_REVIEWS if spec["token"] == "known" => Ok(json!({ "status": {
                "authenticated": true,
                "user": { "username": "scraper", "groups": ["readers"], "extra": {"a": ["b"]} },
            }})),
            TOKEN_REVIEWS => Ok(json!({ "status": { "error": "unknown token" } })),
            ACCESS_REVIEWS => {
                let asked = json!({
                    "user": "scraper", "groups": ["readers"], "extra": {"a": ["b"]},
                    "nonResourceAttributes": { "path": "/metrics", "verb": "get" },
                });
                Ok(json!({ "status": { "allowed": *spec == asked } }))
            }
            _ => Err("no such path".into()),
        }
    }
}

async fn with_token(token: Option<&'static str>, path: &str) -> Result<(), StatusCode> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert("authorization", HeaderValue::from_static(token));
    }
    check(&OneScraper, (&headers, None), path).await
}

#[tokio::test]
async fn a_user_who_is_allowed_reads() {
    assert_eq!(with_token(Some("Bearer known"), "/metrics").await, Ok(()));
}

#[tokio::test]
async fn a_user_who_is_not_allowed_is_forbidden() {
    let answer = with_token(Some("Bearer known"), "/other").await;
    assert_eq!(answer, Err(StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn without_a_known_token_nobody_reads() {
    for token in [None, Some("Bearer unknown"), Some("Basic known")] {
        let answer = with_token(token, "/metrics").await;
        assert_eq!(answer, Err(StatusCode::UNAUTHORIZED));
    }
}
