//! Bootstrap tokens: `id.secret`, kept in secrets of kube-system, for nodes that join.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;
use styr_base::SharedClock;

use super::bearer;
use crate::attributes::{AuthError, Authenticator, User};
use crate::objects::Objects;

const KIND: &str = "bootstrap.kubernetes.io/token";
const GROUP: &str = "system:bootstrappers";

/// Looks tokens up.
#[derive(Debug)]
pub(super) struct BootstrapToken {
    pub(super) objects: Arc<dyn Objects>,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl Authenticator for BootstrapToken {
    async fn authenticate(&self, request: &Parts) -> Result<Option<User>, AuthError> {
        let Some(token) = bearer::token(request) else {
            return Ok(None);
        };
        let Some((id, secret)) = parse(&token) else {
            return Ok(None);
        };
        let name = format!("bootstrap-token-{id}");
        let stored = self
            .objects
            .get_latest("", "secrets", Some("kube-system"), &name)
            .await;
        Ok(stored.and_then(|stored| user(&stored, (id, secret), self.clock.now())))
    }
}

/// The two parts of a token of this form; any other token is somebody else's.
fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let fits = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    (id.len() == 6 && secret.len() == 16 && fits(id) && fits(secret)).then_some((id, secret))
}

fn user(stored: &Value, (id, secret): (&str, &str), now: Timestamp) -> Option<User> {
    let field = |name: &str| -> Option<String> {
        let encoded = stored["data"][name].as_str()?;
        String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
    };
    if stored["type"] != KIND || !stored["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    if !same(&field("token-secret")?, secret) || field("token-id")? != id {
        return None;
    }
    if field("usage-bootstrap-authentication").as_deref() != Some("true") {
        return None;
    }
    if let Some(expiration) = field("expiration").filter(|text| !text.is_empty()) {
        // A date that cannot be read counts as passed.
        let expiration: Timestamp = expiration.parse().ok()?;
        if expiration <= now {
            return None;
        }
    }
    let extra = field("auth-extra-groups").unwrap_or_default();
    let mut groups = vec![GROUP.to_owned()];
    for group in extra.split(',').filter(|group| !group.is_empty()) {
        groups.push(allowed(group)?.to_owned());
    }
    groups[1..].sort();
    Some(User {
        name: format!("system:bootstrap:{id}"),
        groups,
        ..User::default()
    })
}

/// Extra groups lie below `system:bootstrappers:`.
fn allowed(group: &str) -> Option<&str> {
    let rest = group.strip_prefix("system:bootstrappers:")?;
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b':' || b == b'-';
    let last = rest.bytes().last()?;
    let fits = rest.len() <= 256 && rest.bytes().all(inner);
    (fits && (last.is_ascii_lowercase() || last.is_ascii_digit())).then_some(group)
}

/// Compares in a time that does not tell where two texts differ.
fn same(a: &str, b: &str) -> bool {
    let differing = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |seen, (x, y)| seen | (x ^ y));
    a.len() == b.len() && differing == 0
}

#[cfg(test)]
mod tests;
