//! Tokens that live in secrets, without an end: good as long as the secret holds them.
//!
//! See <https://kubernetes.io/docs/concepts/security/service-accounts/#authenticating-credentials>.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use serde_json::Value;

use super::bearer;
use crate::attributes::{AuthError, Authenticator, RequestedAudiences, User};
use crate::objects::Objects;
use crate::service_account::{LEGACY_ISSUER, Tokens};

const PREFIX: &str = "kubernetes.io/serviceaccount";
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

/// Checks tokens by the secrets that they name.
#[derive(Debug)]
pub(super) struct LegacyToken {
    pub(super) tokens: Arc<Tokens>,
    pub(super) objects: Arc<dyn Objects>,
    pub(super) lookup: bool,
}

#[async_trait]
impl Authenticator for LegacyToken {
    async fn authenticate(&self, request: &Parts) -> Result<Option<User>, AuthError> {
        let Some(token) = bearer::token(request) else {
            return Ok(None);
        };
        if Tokens::issuer_of(&token).as_deref() != Some(LEGACY_ISSUER) {
            return Ok(None);
        }
        let verified = self.tokens.verify(&token);
        let claims = verified.map_err(|error| AuthError(error.to_string()))?;
        // Such a token names no audience: it is for this server.
        if let Some(RequestedAudiences(asked)) = request.extensions.get() {
            let own = self.tokens.audiences();
            if !asked.is_empty() && !asked.iter().any(|audience| own.contains(audience)) {
                return Ok(None);
            }
        }
        let named = Named::read(&claims)?;
        if self.lookup {
            self.check(&named, &token).await?;
        }
        let Named {
            namespace,
            account,
            uid,
            ..
        } = named;
        Ok(Some(User {
            name: format!("system:serviceaccount:{namespace}:{account}"),
            uid,
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ],
            ..User::default()
        }))
    }
}

/// What a token names.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    namespace: String,
    account: String,
    uid: String,
    secret: String,
}

impl Named {
    fn read(claims: &Value) -> Result<Self, AuthError> {
        let text = |field: &str| {
            let value = claims[format!("{PREFIX}/{field}")]
                .as_str()
                .unwrap_or_default();
            if value.is_empty() {
                return Err(AuthError(format!("{field} claim is missing")));
            }
            Ok(value.to_owned())
        };
        let named = Self {
            namespace: text("namespace")?,
            account: text("service-account.name")?,
            uid: text("service-account.uid")?,
            secret: text("secret.name")?,
        };
        let subject = format!(
            "system:serviceaccount:{}:{}",
            named.namespace, named.account
        );
        if claims["sub"] != subject {
            return Err(AuthError("sub claim is invalid".to_owned()));
        }
        Ok(named)
    }
}

impl LegacyToken {
    async fn check(&self, named: &Named, token: &str) -> Result<(), AuthError> {
        let refuse = |why: &str| Err(AuthError(why.to_owned()));
        let find = |resource: &'static str, name: &str| {
            let (place, name) = (named.namespace.clone(), name.to_owned());
            async move {
                self.objects
                    .get_latest("", resource, Some(&place), &name)
                    .await
            }
        };
        let is_there = |object: &Arc<Value>| object["metadata"]["deletionTimestamp"].is_null();
        let Some(secret) = find("secrets", &named.secret).await.filter(is_there) else {
            return refuse("Token has been invalidated");
        };
        let stored = BASE64_STANDARD.decode(secret["data"]["token"].as_str().unwrap_or_default());
        if stored.ok().as_deref() != Some(token.as_bytes()) {
            return refuse("Token does not match server's copy");
        }
        let account = find("serviceaccounts", &named.account)
            .await
            .filter(is_there);
        if account.is_none_or(|account| account["metadata"]["uid"] != named.uid) {
            return refuse("the service account of the token is gone");
        }
        let invalid_since = secret["metadata"]["labels"][INVALID_SINCE].as_str();
        if invalid_since.is_some_and(|since| !since.is_empty()) {
            return refuse("the token has been marked invalid");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
