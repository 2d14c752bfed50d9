//! Who may read the metrics: the API server decides, for certificates and tokens alike.
//!
//! Health is for everybody, as upstream's `--authorization-always-allow-paths` has it.

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::serve::{BodyError, Connection};

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// Puts questions to the API server; every client of it can.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Creates `review` in the collection at `path` and returns the answered object.
    async fn review(&self, path: &str, review: &Value) -> Result<Value, BodyError>;
}

/// Whether the request for `path` may be answered; else with which code it is refused.
pub(super) async fn check(
    reviewer: &dyn Reviewer,
    (headers, connection): (&HeaderMap, Option<&Connection>),
    path: &str,
) -> Result<(), StatusCode> {
    let certificate = connection.and_then(|connection| connection.certificates.first());
    let user = match certificate.and_then(|der| of_certificate(der)) {
        Some(user) => Some(user),
        None => of_token(reviewer, headers).await.map_err(unavailable)?,
    };
    let Some(user) = user else {
        return Err(StatusCode::UNAUTHORIZED);
    };
    match may_get(reviewer, user, path).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StatusCode::FORBIDDEN),
        Err(error) => Err(unavailable(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn unavailable(error: BodyError) -> StatusCode {
    tracing::warn!(error = &*error, "could not decide who may read metrics");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// The user as access reviews name it. TLS has verified the certificate already.
fn of_certificate(der: &[u8]) -> Option<Value> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject
        .iter_common_name()
        .find_map(|name| name.as_str().ok())?;
    let groups = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok())
        .chain(["system:authenticated"]);
    Some(json!({ "user": name, "groups": groups.collect::<Vec<_>>() }))
}

async fn of_token(
    reviewer: &dyn Reviewer,
    headers: &HeaderMap,
) -> Result<Option<Value>, BodyError> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Ok(None);
    };
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": { "token": token },
    });
    let mut answer = reviewer.review(TOKEN_REVIEWS, &review).await?;
    if answer["status"]["authenticated"] != true {
        return Ok(None);
    }
    let mut user = answer["status"]["user"].take();
    // The two kinds of review call the name differently.
    let name = user["username"].take();
    Ok(user.as_object_mut().map(|fields| {
        fields.remove("username");
        fields.insert("user".to_owned(), name);
        Value::Object(std::mem::take(fields))
    }))
}

async fn may_get(reviewer: &dyn Reviewer, mut spec: Value, path: &str) -> Result<bool, BodyError> {
    spec["nonResourceAttributes"] = json!({ "path": path, "verb": "get" });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec,
    });
    let answer = reviewer.review(ACCESS_REVIEWS, &review).await?;
    Ok(answer["status"]["allowed"] == true)
}

#[cfg(test)]
mod tests;
