//! Removes volumes that their claims have released, with their directories.
//!
//! Watches volumes and helper pods; writes helper pods, deletes volumes.
//! Invariant: a volume goes only after its directory, or when its node has gone.

use anyhow::Context as _;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Change, Error};

use crate::context::Context;
use crate::helper_pod::{self, Action, Job, Progress};

pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Where the directory is.
pub(crate) const SELECTED_NODE_OF_VOLUME: &str = "local.path.provisioner/selected-node";
const WORKERS: usize = 4;

/// Registers the reconciler.
pub(crate) fn build(context: &Context) -> Registration {
    let helpers = helper_pod::scope(&context.options.namespace);
    Registration::new("local-path-volumes", Volumes(context.clone()))
        .workers(WORKERS)
        .primary::<PersistentVolume>()
        .reads::<Node>()
        .watches_within::<Pod>(helpers, |change: &Change<Pod>| {
            let pod = change.object();
            pod.and_then(|pod| helper_pod::volume(pod))
                .into_iter()
                .collect()
        })
}

struct Volumes(Context);

#[async_trait]
impl Reconciler for Volumes {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let context = &self.0;
        let Some(volume) = context.volumes.get_key(key) else {
            helper_pod::clear(context, helper_pod::volume, key).await?;
            return Ok(Next::Wait);
        };
        if !self.is_ours(&volume) {
            return Ok(Next::Wait);
        }
        let outcome = self.remove(&volume).await;
        if let Err(error) = &outcome {
            let text = format!("{error:#}");
            context
                .recorder
                .warning(&*volume, "VolumeFailedDelete", text);
        }
        outcome
    }
}

impl Volumes {
    /// Whether a volume is ours to remove.
    fn is_ours(&self, volume: &PersistentVolume) -> bool {
        let (spec, status) = (volume.spec.as_ref(), volume.status.as_ref());
        let policy = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
        // What is being deleted has been emptied before, by us or by who deletes it.
        volume.metadata.deletion_timestamp.is_none()
            && annotation(volume, PROVISIONED_BY) == Some(&self.0.options.provisioner)
            && status.and_then(|status| status.phase.as_deref()) == Some("Released")
            && policy == Some("Delete")
    }

    async fn remove(&self, volume: &PersistentVolume) -> anyhow::Result<Next> {
        let context = &self.0;
        let job = job(volume)?;
        let found = context.client.get::<Node>("", &job.node);
        let has_node = context.nodes.get(None, &job.node).is_some()
            || Error::unless_not_found(found.await)?.is_some();
        if has_node && let Progress::Running(left) = job.advance(context).await? {
            return Ok(Next::After(left));
        }
        let options = DeleteOptions {
            preconditions: Some(Preconditions {
                uid: volume.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteOptions::default()
        };
        let deleted = context
            .client
            .delete::<PersistentVolume>("", &job.volume, &options);
        Error::unless_not_found(deleted.await)?;
        Ok(Next::Wait)
    }
}

fn job(volume: &PersistentVolume) -> anyhow::Result<Job> {
    let name = volume.metadata.name.clone().unwrap_or_default();
    let spec = volume.spec.as_ref().context("the volume has no spec")?;
    let source = spec.host_path.as_ref();
    let source = source.context("the volume is no directory of a node")?;
    let node = annotation(volume, SELECTED_NODE_OF_VOLUME);
    let node = node.with_context(|| format!("annotation {SELECTED_NODE_OF_VOLUME} is missing"))?;
    let size = spec.capacity.as_ref().and_then(|all| all.get("storage"));
    Ok(Job {
        action: Action::Delete,
        volume: name,
        claim: None,
        node: node.to_owned(),
        directory: source.path.clone(),
        mode: spec
            .volume_mode
            .clone()
            .unwrap_or_else(|| "Filesystem".to_owned()),
        bytes: size.map_or(0, |size| bytes(&size.0)),
    })
}

fn annotation<'a>(volume: &'a PersistentVolume, key: &str) -> Option<&'a String> {
    volume.metadata.annotations.as_ref()?.get(key)
}

/// A size that the server has validated.
pub(crate) fn bytes(text: &str) -> i64 {
    styr_meta::Quantity::parse(text).map_or(0, |quantity| quantity.value())
}
