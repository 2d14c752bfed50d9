//! A front proxy, known by its certificate, says in headers whom it speaks for.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy>.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use http::HeaderMap;
use http::request::Parts;
use styr_base::SharedClock;
use styr_pki::verify::ClientAuthorities;

use crate::attributes::{AuthError, Authenticator, PeerCertificates, User};
use crate::config::RequestHeader;

/// Trusts the headers of some proxies.
#[derive(Debug)]
pub(super) struct FrontProxy {
    authorities: ClientAuthorities,
    headers: RequestHeader,
    clock: SharedClock,
}

impl FrontProxy {
    pub(super) fn new(
        authorities: &str,
        headers: RequestHeader,
        clock: &SharedClock,
    ) -> Result<Self> {
        let authorities = ClientAuthorities::from_pem(authorities)
            .context("could not use --requestheader-client-ca-file")?;
        Ok(Self {
            authorities,
            headers,
            clock: clock.clone(),
        })
    }

    fn user(&self, headers: &HeaderMap) -> Option<User> {
        let name = first(headers, &self.headers.username_headers)?;
        Some(User {
            name,
            uid: first(headers, &self.headers.uid_headers).unwrap_or_default(),
            groups: all(headers, &self.headers.group_headers),
            extra: self.extra(headers),
        })
    }

    fn extra(&self, headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            for prefix in &self.headers.extra_headers_prefix {
                let prefix = prefix.to_ascii_lowercase();
                let Some(key) = name.as_str().strip_prefix(&prefix) else {
                    continue;
                };
                let Ok(value) = value.to_str() else { continue };
                extra
                    .entry(unescaped(key))
                    .or_default()
                    .push(value.to_owned());
            }
        }
        extra
    }
}

#[async_trait]
impl Authenticator for FrontProxy {
    async fn authenticate(&self, request: &Parts) -> Result<Option<User>, AuthError> {
        let Some(PeerCertificates(chain)) = request.extensions.get() else {
            return Ok(None);
        };
        let Some(user) = self.user(&request.headers) else {
            return Ok(None);
        };
        if chain.is_empty() {
            return Ok(None);
        }
        // Somebody else's certificate is no error here: another authenticator may know it.
        let Ok(proxy) = self.authorities.verify(chain, self.clock.now()) else {
            return Ok(None);
        };
        let names = &self.headers.allowed_names;
        let is_allowed = names.is_empty() || names.contains(&proxy.common_name);
        Ok(is_allowed.then_some(user))
    }
}

/// Takes out what a front proxy says: in the headers that are configured and in the usual ones.
/// Whoever stands behind this server must not take a client's word for it.
pub(super) fn remove(headers: &mut HeaderMap, configured: &RequestHeader) {
    const USUAL: [&str; 3] = ["x-remote-user", "x-remote-uid", "x-remote-group"];
    const USUAL_PREFIX: &str = "x-remote-extra-";
    let names = [
        &configured.username_headers,
        &configured.uid_headers,
        &configured.group_headers,
    ];
    for name in names.into_iter().flatten() {
        headers.remove(name.as_str());
    }
    for name in USUAL {
        headers.remove(name);
    }
    let prefixes = &configured.extra_headers_prefix;
    let is_extra = |name: &str| {
        let is_configured = |prefix: &String| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        name.starts_with(USUAL_PREFIX) || prefixes.iter().any(is_configured)
    };
    let extra: Vec<_> = headers
        .keys()
        .filter(|name| is_extra(name.as_str()))
        .cloned()
        .collect();
    for name in extra {
        headers.remove(name);
    }
}

fn first(headers: &HeaderMap, names: &[String]) -> Option<String> {
    names.iter().find_map(|name| {
        let value = headers.get(name.as_str())?.to_str().ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    })
}

fn all(headers: &HeaderMap, names: &[String]) -> Vec<String> {
    let values = names.iter().flat_map(|name| headers.get_all(name.as_str()));
    values
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect()
}

/// Keys are percent-encoded, as header names cannot hold every character.
fn unescaped(key: &str) -> String {
    let bytes = key.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = key
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests;
