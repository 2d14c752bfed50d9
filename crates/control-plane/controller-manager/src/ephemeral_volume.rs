//! Makes the claims of pods' ephemeral volumes.
//!
//! Watches pods, and claims that go although their pod needs them. Writes claims; each belongs to
//! its pod and goes with it. Invariant: a claim that somebody else made is never taken for a pod's.
//! <https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes>

use std::sync::Arc;

use anyhow::bail;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope, controller_of};

use crate::context::Context;
use crate::shared::{claims, ownership};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let pods = caches.cache::<Pod>(Scope::all());
    let users = pods.index(claims::BY_CLAIM, claims::of_pod);
    let reconciler = Ephemeral {
        context: context.clone(),
        pods,
        claims: caches.cache(Scope::all()),
    };
    let registration = Registration::new("ephemeral-volume-controller", reconciler)
        .workers(context.config.concurrency.ephemeral_volumes)
        .watches::<Pod>(|change: &Change<Pod>| match change {
            // A pod's volumes never change.
            Change::Applied { old: None, new } if ephemeral(new).next().is_some() => {
                vec![Key::of(&**new)]
            }
            _ => Vec::new(),
        })
        .watches::<PersistentVolumeClaim>(move |change: &Change<PersistentVolumeClaim>| {
            let Change::Deleted(claim) = change else {
                return Vec::new();
            };
            let pods = users.get(&Key::of(&**claim).to_string());
            pods.iter().map(|pod| Key::of(&**pod)).collect()
        });
    Ok(vec![registration])
}

fn ephemeral(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter());
    volumes
        .flatten()
        .filter(|volume| volume.ephemeral.is_some())
}

struct Ephemeral {
    context: Context,
    pods: Cache<Pod>,
    claims: Cache<PersistentVolumeClaim>,
}

#[async_trait]
impl Reconciler for Ephemeral {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let pod = self.pods.get_key(key);
        let Some(pod) = pod.filter(|pod| pod.metadata.deletion_timestamp.is_none()) else {
            return Ok(Next::Wait);
        };
        for volume in ephemeral(&pod) {
            if let Err(error) = self.claim(key, &pod, volume).await {
                let text = format!("ephemeral volume {}: {error:#}", volume.name);
                self.context.recorder.warning(&*pod, "FailedBinding", text);
                return Err(error);
            }
        }
        Ok(Next::Wait)
    }
}

impl Ephemeral {
    /// Makes a volume's claim unless it is there.
    async fn claim(&self, key: &Key, pod: &Arc<Pod>, volume: &Volume) -> anyhow::Result<()> {
        let name = claims::made_for(&key.name, volume);
        if let Some(claim) = self.claims.get(Some(&key.namespace), &name) {
            let owner = controller_of(&claim.metadata).map(|owner| &owner.uid);
            if owner != pod.metadata.uid.as_ref() {
                bail!(
                    "PVC {}/{name} was not created for pod {key} (pod is not owner)",
                    key.namespace
                );
            }
            return Ok(());
        }
        let claim = wanted(pod, volume, name);
        match self.context.client.create(&claim).await {
            Err(error) if error.is_namespace_terminating() => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

fn wanted(pod: &Pod, volume: &Volume, name: String) -> PersistentVolumeClaim {
    let template = volume.ephemeral.as_ref();
    let template = template.and_then(|source| source.volume_claim_template.clone());
    let template = template.unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: pod.metadata.namespace.clone(),
            owner_references: Some(vec![ownership::reference(pod)]),
            annotations: metadata.annotations,
            labels: metadata.labels,
            ..ObjectMeta::default()
        },
        spec: Some(template.spec),
        status: None,
    }
}
