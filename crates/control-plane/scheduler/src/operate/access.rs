//! Who may read the metrics: the API server decides, for certificates and tokens alike.
//!
//! Health is for everybody, as upstream's `--authorization-always-allow-paths` has it.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use styr_client::{Client, Error};
use styr_component::serve::Connection;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Somebody who was recognised.
#[derive(Debug, Default, PartialEq, Eq)]
struct User {
    name: String,
    uid: Option<String>,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

/// Whether the request for `path` may be answered; else with which code it is refused.
pub(super) async fn check(
    client: &Client,
    (headers, connection): (&HeaderMap, Option<&Connection>),
    path: &str,
) -> Result<(), StatusCode> {
    let certificate = connection.and_then(|connection| connection.certificates.first());
    let user = match certificate.and_then(|der| of_certificate(der)) {
        Some(user) => Some(user),
        None => of_token(client, headers).await.map_err(unavailable)?,
    };
    let Some(user) = user else {
        return Err(StatusCode::UNAUTHORIZED);
    };
    match may_get(client, user, path).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StatusCode::FORBIDDEN),
        Err(error) => Err(unavailable(error)),
    }
}

fn unavailable(error: Error) -> StatusCode {
    let error = anyhow::Error::from(error);
    tracing::warn!(error = %format_args!("{error:#}"), "could not decide who may read metrics");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// TLS has verified the certificate already.
fn of_certificate(der: &[u8]) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject
        .iter_common_name()
        .find_map(|name| name.as_str().ok())?;
    let groups = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok());
    let groups = groups
        .map(str::to_owned)
        .chain(["system:authenticated".to_owned()]);
    Some(User {
        name: name.to_owned(),
        groups: groups.collect(),
        ..User::default()
    })
}

async fn of_token(client: &Client, headers: &HeaderMap) -> Result<Option<User>, Error> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Ok(None);
    };
    let review = TokenReview {
        spec: TokenReviewSpec {
            token: token.to_owned(),
            audiences: None,
        },
        ..TokenReview::default()
    };
    let status = client.create(&review).await?.status.unwrap_or_default();
    let user = status.user.filter(|_| status.authenticated == Some(true));
    Ok(user.map(|user| User {
        name: user.username.unwrap_or_default(),
        uid: user.uid,
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }))
}

async fn may_get(client: &Client, user: User, path: &str) -> Result<bool, Error> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.name),
            uid: user.uid,
            groups: Some(user.groups),
            extra: Some(user.extra),
            non_resource_attributes: Some(NonResourceAttributes {
                path: Some(path.to_owned()),
                verb: Some("get".to_owned()),
            }),
            resource_attributes: None,
        },
        ..SubjectAccessReview::default()
    };
    let answer = client.create(&review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
