//! Gives claims of our classes a volume on the node that the scheduler chose.
//!
//! Watches claims, classes and helper pods; writes helper pods and volumes.
//! Invariant: a volume is made only after its directory; both are named by the claim's uid, so that
//! doing either twice changes nothing.

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::json;
use styr_client::Change;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::events::reference;

use crate::config::File;
use crate::context::Context;
use crate::helper_pod::{self, Action, Job, Progress};
use crate::volume::{PROVISIONED_BY, SELECTED_NODE_OF_VOLUME};

const PROVISIONERS: [&str; 2] = [
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
];
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Volumes made at a time, as upstream.
const WORKERS: usize = 4;

/// Registers the reconciler.
pub(crate) fn build(context: &Context) -> Registration {
    let helpers = helper_pod::scope(&context.options.namespace);
    Registration::new("local-path-claims", Claims(context.clone()))
        .workers(WORKERS)
        .primary::<PersistentVolumeClaim>()
        .reads::<StorageClass>()
        .watches::<PersistentVolume>(|change| {
            let volume = change.object();
            volume
                .and_then(|volume| owner(volume))
                .into_iter()
                .collect()
        })
        .reads::<Node>()
        .watches_within::<Pod>(helpers, |change: &Change<Pod>| {
            let pod = change.object();
            pod.and_then(|pod| helper_pod::claim(pod))
                .into_iter()
                .collect()
        })
}

/// The claim that a volume is for.
fn owner(volume: &PersistentVolume) -> Option<Key> {
    let owner = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(Key::new(owner.namespace.clone()?, owner.name.clone()?))
}

struct Claims(Context);

#[async_trait]
impl Reconciler for Claims {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let claim = self.0.claims.get_key(key);
        let Some(claim) = claim.filter(|claim| self.is_ours(claim)) else {
            // Gone, or bound, and so served.
            helper_pod::clear(&self.0, helper_pod::claim, key).await?;
            return Ok(Next::Wait);
        };
        let outcome = self.provision(&claim).await;
        if let Err(error) = &outcome {
            let class = class_name(&claim);
            let text =
                format!("failed to provision volume with StorageClass \"{class}\": {error:#}");
            self.0.recorder.warning(&*claim, "ProvisioningFailed", text);
        }
        outcome
    }
}

impl Claims {
    /// Whether a claim waits for us.
    fn is_ours(&self, claim: &PersistentVolumeClaim) -> bool {
        let annotations = claim.metadata.annotations.as_ref();
        let provisioner = PROVISIONERS.iter().find_map(|key| annotations?.get(*key));
        let spec = claim.spec.as_ref();
        let volume = spec.and_then(|spec| spec.volume_name.as_deref());
        provisioner == Some(&self.0.options.provisioner)
            && volume.unwrap_or_default().is_empty()
            && claim.metadata.deletion_timestamp.is_none()
    }

    async fn provision(&self, claim: &PersistentVolumeClaim) -> anyhow::Result<Next> {
        let Some(class) = self.0.classes.get(None, class_name(claim)) else {
            return Ok(Next::Wait);
        };
        let annotations = claim.metadata.annotations.as_ref();
        let Some(node) = annotations.and_then(|all| all.get(SELECTED_NODE)) else {
            if class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer") {
                return Ok(Next::Wait);
            }
            bail!("configuration error, no node was specified");
        };
        check(claim)?;
        let job = self.job(claim, node)?;
        let context = &self.0;
        if context.volumes.get(None, &job.volume).is_some() {
            helper_pod::clear(context, helper_pod::claim, &Key::of(claim)).await?;
            return Ok(Next::Wait);
        }
        let is_new = context
            .helpers
            .list()
            .iter()
            .all(|pod| helper_pod::claim(pod) != job.claim);
        if is_new {
            let text = format!(
                "External provisioner is provisioning volume for claim \"{}\"",
                Key::of(claim)
            );
            context.recorder.normal(claim, "Provisioning", text);
        }
        match job.advance(context).await? {
            Progress::Running(left) => return Ok(Next::After(left)),
            Progress::Done => {}
        }
        let volume = self.volume(claim, &class, &job)?;
        match context.client.create(&volume).await {
            Err(error) if error.is_already_exists() => {}
            created => drop(created?),
        }
        let text = format!("Successfully provisioned volume {}", job.volume);
        context
            .recorder
            .normal(claim, "ProvisioningSucceeded", text);
        Ok(Next::Wait)
    }

    fn job(&self, claim: &PersistentVolumeClaim, node: &str) -> anyhow::Result<Job> {
        let key = Key::of(claim);
        let uid = claim.metadata.uid.as_deref().unwrap_or_default();
        let volume = format!("pvc-{uid}");
        let file = File::read(&self.0.options.config)?;
        let directory = file.directory(node)?;
        let directory = directory.join(format!("{volume}_{}_{}", key.namespace, key.name));
        let directory = directory.to_str().context("paths are UTF-8")?.to_owned();
        let spec = claim.spec.as_ref();
        let mode = spec.and_then(|spec| spec.volume_mode.clone());
        Ok(Job {
            action: Action::Create,
            volume,
            claim: Some(key),
            node: node.to_owned(),
            directory,
            mode: mode.unwrap_or_else(|| "Filesystem".to_owned()),
            bytes: crate::volume::bytes(requested(claim)),
        })
    }

    fn volume(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        job: &Job,
    ) -> anyhow::Result<PersistentVolume> {
        let node = self.0.nodes.get(None, &job.node);
        let labels = node.as_ref().and_then(|node| node.metadata.labels.as_ref());
        let host = labels.and_then(|labels| labels.get(HOSTNAME));
        let host = host.map_or(job.node.as_str(), String::as_str);
        let mut owner = reference(claim);
        owner.field_path = None;
        let on_host = json!({ "key": HOSTNAME, "operator": "In", "values": [host] });
        let tree = json!({
            "metadata": {
                "name": job.volume,
                "annotations": {
                    PROVISIONED_BY: self.0.options.provisioner,
                    SELECTED_NODE_OF_VOLUME: job.node,
                },
            },
            "spec": {
                "accessModes": claim.spec.as_ref().and_then(|spec| spec.access_modes.clone()),
                "capacity": { "storage": requested(claim) },
                "claimRef": owner,
                "hostPath": { "path": job.directory, "type": "DirectoryOrCreate" },
                "nodeAffinity": { "required": {
                    "nodeSelectorTerms": [{ "matchExpressions": [on_host] }],
                } },
                "persistentVolumeReclaimPolicy": class.reclaim_policy,
                "mountOptions": class.mount_options,
                "storageClassName": class.metadata.name,
                "volumeMode": job.mode,
            },
        });
        serde_json::from_value(tree).context("could not put the volume together")
    }
}

fn class_name(claim: &PersistentVolumeClaim) -> &str {
    let spec = claim.spec.as_ref();
    spec.and_then(|spec| spec.storage_class_name.as_deref())
        .unwrap_or_default()
}

fn requested(claim: &PersistentVolumeClaim) -> &str {
    let spec = claim.spec.as_ref();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let storage = requests.and_then(|requests| requests.get("storage"));
    storage.map_or("0", |storage| storage.0.as_str())
}

/// A directory of one node cannot do everything.
fn check(claim: &PersistentVolumeClaim) -> anyhow::Result<()> {
    let Some(spec) = &claim.spec else {
        return Ok(());
    };
    if spec.selector.is_some() {
        bail!("claim.Spec.Selector is not supported");
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        bail!("block volumes are not supported");
    }
    let mut modes = spec.access_modes.iter().flatten();
    if modes.any(|mode| mode != "ReadWriteOnce" && mode != "ReadWriteOncePod") {
        bail!("NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes");
    }
    Ok(())
}
