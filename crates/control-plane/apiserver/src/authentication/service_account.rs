//! Tokens of service accounts, bound to objects that must still be there.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use serde_json::Value;
use styr_base::SharedClock;

use super::bearer;
use crate::attributes::{AuthError, Authenticator, RequestedAudiences, User};
use crate::objects::Objects;
use crate::service_account::Tokens;

/// Clocks may differ by so much, as upstream allows.
const LEEWAY_SECONDS: i64 = 60;
const PREFIX: &str = "authentication.kubernetes.io";

/// Checks tokens that this server's keys have signed.
#[derive(Debug)]
pub(super) struct ServiceAccount {
    pub(super) tokens: Arc<Tokens>,
    pub(super) objects: Arc<dyn Objects>,
    pub(super) lookup: bool,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl Authenticator for ServiceAccount {
    async fn authenticate(&self, request: &Parts) -> Result<Option<User>, AuthError> {
        let Some(token) = bearer::token(request) else {
            return Ok(None);
        };
        // Not even of the form: somebody else's token.
        if token.split('.').count() != 3 || !self.tokens.is_issuer_of(&token) {
            return Ok(None);
        }
        let claims = self
            .tokens
            .verify(&token)
            .map_err(|error| AuthError(error.to_string()))?;
        check_times(&claims, self.clock.now().as_second())?;
        let asked = request.extensions.get::<RequestedAudiences>();
        let wanted = match asked {
            Some(RequestedAudiences(audiences)) if !audiences.is_empty() => audiences.clone(),
            _ => self.tokens.audiences(),
        };
        check_audiences(&claims, &wanted)?;
        self.user(&claims).await.map(Some)
    }
}

impl ServiceAccount {
    async fn user(&self, claims: &Value) -> Result<User, AuthError> {
        let bound = &claims["kubernetes.io"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&bound["namespace"]);
        let account = &bound["serviceaccount"];
        let name = text(&account["name"]);
        if namespace.is_empty() || name.is_empty() {
            return Err(AuthError("token names no service account".to_owned()));
        }
        let mut extra = BTreeMap::new();
        if let Some(id) = claims["jti"].as_str() {
            extra.insert(format!("{PREFIX}/credential-id"), vec![format!("JTI={id}")]);
        }
        if self.lookup {
            self.check_bound("serviceaccounts", Some(&namespace), account)
                .await?;
            for (kind, resource) in [("pod", "pods"), ("secret", "secrets")] {
                if !bound[kind].is_null() {
                    self.check_bound(resource, Some(&namespace), &bound[kind])
                        .await?;
                }
            }
            if !bound["node"].is_null() && bound["pod"].is_null() {
                self.check_bound("nodes", None, &bound["node"]).await?;
            }
        }
        for kind in ["pod", "node"] {
            for field in ["name", "uid"] {
                if let Some(value) = bound[kind][field].as_str() {
                    extra.insert(format!("{PREFIX}/{kind}-{field}"), vec![value.to_owned()]);
                }
            }
        }
        Ok(User {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            uid: text(&account["uid"]),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ],
            extra,
        })
    }

    /// The object that a claim names must be there, with that uid, and not long deleted.
    async fn check_bound(
        &self,
        resource: &str,
        namespace: Option<&str>,
        claim: &Value,
    ) -> Result<(), AuthError> {
        let name = claim["name"].as_str().unwrap_or_default();
        let uid = claim["uid"].as_str().unwrap_or_default();
        let is_it = |found: &Arc<Value>| found["metadata"]["uid"] == uid;
        let cached = self
            .objects
            .get("", resource, namespace, name)
            .filter(is_it);
        let found = match cached {
            Some(found) => found,
            // The cache may be behind: the token may be newer than what it knows.
            None => self
                .objects
                .get_latest("", resource, namespace, name)
                .await
                .filter(is_it)
                .ok_or_else(|| AuthError(format!("{resource} {name:?} of the token is gone")))?,
        };
        let deleted = found["metadata"]["deletionTimestamp"].as_str();
        let deleted = deleted.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let is_over = deleted
            .is_some_and(|at| self.clock.now().as_second() > at.as_second() + LEEWAY_SECONDS);
        if is_over {
            return Err(AuthError(format!(
                "{resource} {name:?} of the token is being deleted"
            )));
        }
        Ok(())
    }
}

fn check_times(claims: &Value, now: i64) -> Result<(), AuthError> {
    let number = |name: &str| claims[name].as_i64().or_else(|| whole(&claims[name]));
    match number("exp") {
        Some(expires) if now > expires + LEEWAY_SECONDS => {
            return Err(AuthError("service account token has expired".to_owned()));
        }
        _ => {}
    }
    let starts = number("nbf").or_else(|| number("iat")).unwrap_or(0);
    if now + LEEWAY_SECONDS < starts {
        return Err(AuthError(
            "service account token is not valid yet".to_owned(),
        ));
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "dates in seconds are far below 2^53"
)]
fn whole(value: &Value) -> Option<i64> {
    value.as_f64().map(|number| number as i64)
}

fn check_audiences(claims: &Value, wanted: &[String]) -> Result<(), AuthError> {
    let held: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if held
        .iter()
        .any(|audience| wanted.iter().any(|it| it == audience))
    {
        return Ok(());
    }
    let list = |items: &[&str]| {
        let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
        format!("[{}]", quoted.join(" "))
    };
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let (held, wanted) = (list(&held), list(&wanted));
    let text = format!("token audiences {held} is invalid for the target audiences {wanted}");
    Err(AuthError(text))
}

#[cfg(test)]
mod tests;
