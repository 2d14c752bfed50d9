//! Signs the public `cluster-info` with every bootstrap token that is for signing.
//!
//! Watches the tokens' Secrets and the ConfigMap, writes its signatures. Whoever has a token can tell
//! by them that the ConfigMap was not made up.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use ring::hmac;
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Object, Scope};

use super::{expiry, field, scope};
use crate::context::Context;

const NAMESPACE: &str = "kube-public";
const NAME: &str = "cluster-info";
const CONTENT: &str = "kubeconfig";
const PREFIX: &str = "jws-kubeconfig-";

fn map_scope() -> Scope {
    Scope::namespace(NAMESPACE).fields(format!("metadata.name={NAME}"))
}

/// Registers the controller. It has one name.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Signer {
        context: context.clone(),
        secrets: context.caches.cache(scope()),
        maps: context.caches.cache(map_scope()),
    };
    fn only<K: Object>(_: &Change<K>) -> Vec<Key> {
        vec![Key::new(NAMESPACE, NAME)]
    }
    let registration = Registration::new("bootstrap-signer-controller", reconciler)
        .watches_within::<ConfigMap>(map_scope(), only)
        .watches_within::<Secret>(scope(), only);
    Ok(vec![registration])
}

struct Signer {
    context: Context,
    secrets: Cache<Secret>,
    maps: Cache<ConfigMap>,
}

#[async_trait]
impl Reconciler for Signer {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(map) = self.maps.get_key(key) else {
            return Ok(Next::Wait);
        };
        let data = map.data.clone().unwrap_or_default();
        let Some(content) = data.get(CONTENT) else {
            return Ok(Next::Wait);
        };
        let now = self.context.clock.now();
        let secrets = self.secrets.list();
        let usable = secrets.iter().filter(|secret| {
            field(secret, "usage-bootstrap-signing") == Some("true")
                && expiry(secret).is_none_or(|expiry| expiry > now)
        });
        let tokens: BTreeMap<&str, &str> = usable
            .filter_map(|secret| Some((field(secret, "token-id")?, field(secret, "token-secret")?)))
            .collect();
        let mut wanted: BTreeMap<String, String> = data
            .iter()
            .filter(|(name, _)| !name.starts_with(PREFIX))
            .map(own)
            .collect();
        for (id, secret) in tokens {
            wanted.insert(format!("{PREFIX}{id}"), signature(content, id, secret));
        }
        if wanted != data {
            let mut changed = ConfigMap::clone(&map);
            changed.data = Some(wanted);
            self.context.client.replace(&changed).await?;
        }
        Ok(Next::Wait)
    }
}

fn own((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// A JSON Web Signature without its content, which the reader has.
fn signature(content: &str, id: &str, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "kid": id }).to_string());
    let payload = URL_SAFE_NO_PAD.encode(content);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{header}.{payload}").as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}
