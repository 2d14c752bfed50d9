//! A claim stays while a pod uses it, a volume while it is bound: by finalizers.
//!
//! Watches claims, pods and volumes. Writes finalizers.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error, Index, Object, Scope};

use crate::context::Context;
use crate::shared::{claims, pods};

const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";

/// Registers the protection of claims.
pub(crate) fn build_claims(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let reconciler = Claims {
        context: context.clone(),
        claims: caches.cache(Scope::all()),
        users: caches
            .cache::<Pod>(Scope::all())
            .index(claims::BY_CLAIM, claims::of_pod),
    };
    let name = "persistentvolumeclaim-protection-controller";
    let registration = Registration::new(name, reconciler)
        .primary::<PersistentVolumeClaim>()
        .watches::<Pod>(|change: &Change<Pod>| {
            let done = match change {
                Change::Deleted(pod) => Some(pod),
                Change::Applied { new, .. } => Some(new).filter(|pod| pods::is_finished(pod)),
                Change::Synced => None,
            };
            let keys = done.map(|pod| claims::of_pod(pod)).unwrap_or_default();
            let split = keys.iter().filter_map(|key| key.split_once('/'));
            split
                .map(|(namespace, name)| Key::new(namespace, name))
                .collect()
        });
    Ok(vec![registration])
}

/// Registers the protection of volumes.
pub(crate) fn build_volumes(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Volumes {
        context: context.clone(),
        volumes: context.caches.cache(Scope::all()),
    };
    let name = "persistentvolume-protection-controller";
    Ok(vec![
        Registration::new(name, reconciler).primary::<PersistentVolume>(),
    ])
}

struct Claims {
    context: Context,
    claims: Cache<PersistentVolumeClaim>,
    users: Index<Pod>,
}

struct Volumes {
    context: Context,
    volumes: Cache<PersistentVolume>,
}

fn has(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata
        .finalizers
        .iter()
        .flatten()
        .any(|known| known == finalizer)
}

#[async_trait]
impl Reconciler for Claims {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(claim) = self.claims.get_key(key) else {
            return Ok(Next::Wait);
        };
        let metadata = &claim.metadata;
        let is_protected = has(metadata, CLAIM_FINALIZER);
        let is_leaving = metadata.deletion_timestamp.is_some();
        if is_leaving && is_protected {
            let users = self.users.get(&key.to_string());
            if users.iter().all(|pod| pods::is_finished(pod)) && !self.is_used_now(key).await? {
                remove::<PersistentVolumeClaim>(&self.context, &*claim, CLAIM_FINALIZER).await?;
            }
        } else if !is_leaving && !is_protected {
            add::<PersistentVolumeClaim>(&self.context, &*claim, CLAIM_FINALIZER).await?;
        }
        Ok(Next::Wait)
    }
}

impl Claims {
    /// The cache may not have a pod yet that was created a moment ago.
    async fn is_used_now(&self, key: &Key) -> anyhow::Result<bool> {
        let path = format!("/api/v1/namespaces/{}/pods", key.namespace);
        let client = &self.context.client;
        let list: k8s_openapi::List<Pod> = client.send(http::Method::GET, &path, None).await?;
        let wanted = key.to_string();
        Ok(list
            .items
            .iter()
            .any(|pod| !pods::is_finished(pod) && claims::of_pod(pod).contains(&wanted)))
    }
}

#[async_trait]
impl Reconciler for Volumes {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(volume) = self.volumes.get_key(key) else {
            return Ok(Next::Wait);
        };
        let metadata = &volume.metadata;
        let is_protected = has(metadata, VOLUME_FINALIZER);
        let is_leaving = metadata.deletion_timestamp.is_some();
        let phase = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        if is_leaving && is_protected && phase != Some("Bound") {
            remove::<PersistentVolume>(&self.context, &*volume, VOLUME_FINALIZER).await?;
        } else if !is_leaving && !is_protected {
            add::<PersistentVolume>(&self.context, &*volume, VOLUME_FINALIZER).await?;
        }
        Ok(Next::Wait)
    }
}

async fn add<K: Object>(context: &Context, object: &K, finalizer: &str) -> Result<(), Error> {
    let mut finalizers = object.metadata().finalizers.clone().unwrap_or_default();
    finalizers.push(finalizer.to_owned());
    write(context, object, &finalizers).await
}

async fn remove<K: Object>(context: &Context, object: &K, finalizer: &str) -> Result<(), Error> {
    let mut finalizers = object.metadata().finalizers.clone().unwrap_or_default();
    finalizers.retain(|known| known != finalizer);
    write(context, object, &finalizers).await
}

async fn write<K: Object>(
    context: &Context,
    object: &K,
    finalizers: &[String],
) -> Result<(), Error> {
    let Key { namespace, name } = Key::of(object);
    let metadata = object.metadata();
    let patch = json!({ "metadata": {
        "uid": metadata.uid, "resourceVersion": metadata.resource_version,
        "finalizers": finalizers,
    } });
    let written = context
        .client
        .merge_update::<K>((&namespace, &name), "", &patch)
        .await;
    Error::unless_not_found(written).map(|_| ())
}
