//! Who asks, and whether they may: certificates and tokens, then the API server's own rules.

use std::path::Path;

use anyhow::Context as _;
use http::{HeaderMap, Method, StatusCode};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use styr_base::SharedClock;
use styr_client::Client;
use styr_component::serve::Connection;
use styr_pki::verify::ClientAuthorities;

use crate::shared::Shared;

/// Whoever has proved nothing.
const ANONYMOUS: (&str, &str) = ("system:anonymous", "system:unauthenticated");

#[derive(Debug)]
pub(super) struct Access {
    authorities: Option<ClientAuthorities>,
    client: Option<Client>,
    clock: SharedClock,
    node: String,
    anonymous: bool,
    by_token: bool,
    by_webhook: bool,
}

#[derive(Debug, Clone, Default)]
struct User {
    name: String,
    uid: Option<String>,
    groups: Vec<String>,
}

impl Access {
    pub(super) fn new(shared: &Shared) -> anyhow::Result<Self> {
        let config = &shared.config;
        let authorities = config.client_ca_file.as_deref().map(read).transpose()?;
        Ok(Self {
            authorities,
            client: shared.server.as_ref().map(|server| server.client.clone()),
            clock: shared.clock.clone(),
            node: config.node_name.clone(),
            anonymous: config.anonymous,
            by_token: config.webhook_authentication,
            by_webhook: config.webhook_authorization,
        })
    }

    /// Refusals in upstream's words.
    pub(super) async fn check(
        &self,
        connection: Option<&Connection>,
        (method, path, headers): (&Method, &str, &HeaderMap),
    ) -> Result<(), (StatusCode, String)> {
        let user = self.user(connection, headers).await;
        let user = user.ok_or((StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()))?;
        if !self.by_webhook {
            return Ok(());
        }
        let verb = verb(method);
        let subresources = subresources(path);
        for subresource in &subresources {
            if self.may(&user, verb, subresource).await? {
                return Ok(());
            }
        }
        let text = format!(
            "Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{}])",
            user.name,
            subresources.join(" ")
        );
        Err((StatusCode::FORBIDDEN, text))
    }

    async fn user(&self, connection: Option<&Connection>, headers: &HeaderMap) -> Option<User> {
        let chain = connection
            .map(|c| c.certificates.as_slice())
            .unwrap_or_default();
        if !chain.is_empty()
            && let Some(authorities) = &self.authorities
        {
            match authorities.verify(chain, self.clock.now()) {
                Ok(identity) => {
                    return Some(User {
                        name: identity.common_name,
                        uid: None,
                        groups: identity.organizations,
                    });
                }
                Err(error) => tracing::debug!(%error, "a client's certificate was refused"),
            }
        }
        let bearer = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        if let Some(token) = bearer.and_then(|text| text.strip_prefix("Bearer ")) {
            return if self.by_token {
                self.review(token).await
            } else {
                None
            };
        }
        let (name, group) = ANONYMOUS;
        self.anonymous.then(|| User {
            name: name.into(),
            uid: None,
            groups: vec![group.into()],
        })
    }

    async fn review(&self, token: &str) -> Option<User> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let answer = match self.client.as_ref()?.create(&review).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "could not have a token reviewed");
                return None;
            }
        };
        let status = answer
            .status
            .filter(|status| status.authenticated == Some(true))?;
        let user = status.user?;
        Some(User {
            name: user.username.unwrap_or_default(),
            uid: user.uid,
            groups: user.groups.unwrap_or_default(),
        })
    }

    async fn may(
        &self,
        user: &User,
        verb: &str,
        subresource: &str,
    ) -> Result<bool, (StatusCode, String)> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.name.clone()),
                uid: user.uid.clone(),
                groups: Some(user.groups.clone()),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(verb.into()),
                    version: Some("v1".into()),
                    resource: Some("nodes".into()),
                    subresource: Some(subresource.into()),
                    name: Some(self.node.clone()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let failed = |text: String| {
            let text = format!(
                "Authorization error (user={}, verb={verb}, resource=nodes, subresource={subresource}): {text}",
                user.name
            );
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        };
        let client = self
            .client
            .as_ref()
            .ok_or_else(|| failed("no API server".into()))?;
        let answer = client.create(&review).await;
        let answer = answer.map_err(|error| failed(crate::objects::said(&error)))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

fn read(path: &Path) -> anyhow::Result<ClientAuthorities> {
    let attempted = || format!("could not read client authorities {}", path.display());
    let pem = std::fs::read_to_string(path).with_context(attempted)?;
    ClientAuthorities::from_pem(&pem).with_context(attempted)
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    }
}

/// Any of these is enough.
fn subresources(path: &str) -> Vec<&'static str> {
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    match first {
        "stats" => vec!["stats"],
        "metrics" => vec!["metrics"],
        "logs" => vec!["log"],
        "checkpoint" => vec!["checkpoint"],
        "healthz" => vec!["healthz", "proxy"],
        "configz" => vec!["configz", "proxy"],
        "pods" | "runningpods" => vec!["pods", "proxy"],
        _ => vec!["proxy"],
    }
}
