//! What a token's Secret lacks, and what is put there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use serde_json::{Value, json};
use styr_client::Key;

/// The type of the Secrets that are filled.
pub(super) const TYPE: &str = "kubernetes.io/service-account-token";

const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// Who the tokens say has issued them: upstream's word, whatever the server's own issuer is.
const ISSUER: &str = "kubernetes/serviceaccount";

fn annotation<'a>(secret: &'a Secret, name: &str) -> Option<&'a str> {
    let annotations = secret.metadata.annotations.as_ref()?;
    let value = annotations.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// The account that a Secret names.
pub(super) fn account(secret: &Secret) -> Option<Key> {
    let name = annotation(secret, ACCOUNT_NAME)?;
    let namespace = secret.metadata.namespace.clone();
    Some(Key::new(namespace.unwrap_or_default(), name))
}

/// Whether an account of the right name is the one meant, not a later one.
pub(super) fn is_for(secret: &Secret, account: &ServiceAccount) -> bool {
    let uid = annotation(secret, ACCOUNT_UID);
    uid.is_none_or(|uid| account.metadata.uid.as_deref() == Some(uid))
}

/// What a Secret lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) token: bool,
    pub(super) authority: bool,
    pub(super) namespace: bool,
}

impl Missing {
    pub(super) fn is_nothing(self) -> bool {
        !self.token && !self.authority && !self.namespace
    }
}

pub(super) fn missing(secret: &Secret, authority: Option<&[u8]>) -> Missing {
    let value = |name: &str| {
        let known = secret.data.as_ref().and_then(|data| data.get(name));
        known.map(|value| value.0.as_slice()).unwrap_or_default()
    };
    Missing {
        token: value("token").is_empty(),
        authority: authority.is_some_and(|authority| value("ca.crt") != authority),
        namespace: value("namespace").is_empty(),
    }
}

/// What the token says; upstream's form, which has no end and no audience.
pub(super) fn claims(secret: &Secret, account: &ServiceAccount) -> Value {
    let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
    let name = account.metadata.name.as_deref().unwrap_or_default();
    json!({
        "iss": ISSUER,
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "kubernetes.io/serviceaccount/namespace": namespace,
        "kubernetes.io/serviceaccount/secret.name": secret.metadata.name,
        "kubernetes.io/serviceaccount/service-account.name": name,
        "kubernetes.io/serviceaccount/service-account.uid": account.metadata.uid,
    })
}

/// What is put there.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    pub(super) token: Option<String>,
    pub(super) authority: Option<&'a [u8]>,
}

/// The change of a Secret; refused if somebody else has changed it meanwhile.
pub(super) fn patch(secret: &Secret, account: &ServiceAccount, contents: &Contents<'_>) -> Value {
    let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
    let mut data = json!({ "namespace": BASE64_STANDARD.encode(namespace) });
    if let Some(token) = &contents.token {
        data["token"] = BASE64_STANDARD.encode(token).into();
    }
    if let Some(authority) = contents.authority {
        data["ca.crt"] = BASE64_STANDARD.encode(authority).into();
    }
    json!({
        "metadata": {
            "uid": secret.metadata.uid,
            "resourceVersion": secret.metadata.resource_version,
            "annotations": {
                ACCOUNT_NAME: account.metadata.name,
                ACCOUNT_UID: account.metadata.uid,
            },
        },
        "data": data,
    })
}

#[cfg(test)]
mod tests;
