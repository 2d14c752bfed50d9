//! Every namespace has a ConfigMap with the authority that the API server is known by.
//!
//! Watches namespaces and ConfigMaps; writes `kube-root-ca.crt`, and nothing else in it but the one key.

use std::collections::BTreeMap;

use anyhow::Context as _;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope};

use crate::context::Context;

const NAME: &str = "kube-root-ca.crt";
const ENTRY: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const DESCRIPTION_TEXT: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// Registers the controller; without an authority there is none.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let Some(path) = &context.config.root_ca else {
        return Ok(Vec::new());
    };
    let authority = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the root authority {}", path.display()))?;
    let maps = Scope::all().fields(format!("metadata.name={NAME}"));
    let reconciler = Publisher {
        context: context.clone(),
        namespaces: context.caches.cache(Scope::all()),
        maps: context.caches.cache(maps.clone()),
        authority,
    };
    let registration = Registration::new("root-ca-certificate-publisher-controller", reconciler)
        .primary::<Namespace>()
        .watches_within::<ConfigMap>(maps, |change: &Change<ConfigMap>| {
            let map = change.object();
            map.and_then(|map| map.metadata.namespace.clone())
                .map(Key::cluster)
                .into_iter()
                .collect()
        });
    Ok(vec![registration])
}

struct Publisher {
    context: Context,
    namespaces: Cache<Namespace>,
    /// Only those of the one name.
    maps: Cache<ConfigMap>,
    authority: String,
}

#[async_trait]
impl Reconciler for Publisher {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(namespace) = self.namespaces.get_key(key) else {
            return Ok(Next::Wait);
        };
        let status = namespace.status.as_ref();
        if status.and_then(|status| status.phase.as_deref()) != Some("Active") {
            return Ok(Next::Wait);
        }
        let client = &self.context.client;
        let Some(map) = self.maps.get(Some(&key.name), NAME) else {
            match client.create(&self.map(&key.name)).await {
                Err(error) if error.is_already_exists() || error.is_namespace_terminating() => {}
                other => drop(other?),
            }
            return Ok(Next::Wait);
        };
        let is_right = map
            .data
            .as_ref()
            .is_some_and(|data| data.len() == 1 && data.get(ENTRY) == Some(&self.authority));
        let annotations = map.metadata.annotations.as_ref();
        let is_described = annotations.is_some_and(|known| known.contains_key(DESCRIPTION));
        if is_right && is_described {
            return Ok(Next::Wait);
        }
        let mut wanted = self.map(&key.name);
        wanted.metadata = map.metadata.clone();
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        annotations.insert(DESCRIPTION.to_owned(), DESCRIPTION_TEXT.to_owned());
        client.replace(&wanted).await?;
        Ok(Next::Wait)
    }
}

impl Publisher {
    fn map(&self, namespace: &str) -> ConfigMap {
        let described = (DESCRIPTION.to_owned(), DESCRIPTION_TEXT.to_owned());
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(namespace.to_owned()),
                annotations: Some(BTreeMap::from([described])),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(ENTRY.to_owned(), self.authority.clone())])),
            ..ConfigMap::default()
        }
    }
}
