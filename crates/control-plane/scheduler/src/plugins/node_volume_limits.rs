//! A node takes only as many volumes of a CSI driver as the driver can attach there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::api::storage::v1::CSINode;

use super::Storage;
use super::volume_binding::claims;
use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

const EXCEEDED: &str = "node(s) exceed max volume count";

/// A driver, and what tells its volumes apart.
type Attachable = (String, String);

#[derive(Debug)]
pub(super) struct NodeVolumeLimits {
    storage: Storage,
    /// Of the cycle that runs: the volumes of the pod.
    wanted: Mutex<BTreeSet<Attachable>>,
}

impl NodeVolumeLimits {
    pub(super) fn new(storage: Storage) -> Self {
        Self {
            storage,
            wanted: Mutex::default(),
        }
    }

    fn volumes(&self, pod: &PodInfo) -> BTreeSet<Attachable> {
        let names = claims::names(pod);
        let volumes = names.filter_map(|(claim, _)| self.volume(&pod.key.namespace, &claim));
        volumes.collect()
    }

    /// The volume of a claim; one that is not made yet is known by its claim.
    fn volume(&self, namespace: &str, name: &str) -> Option<Attachable> {
        let claim = self.storage.claims.get(Some(namespace), name)?;
        let volume = self.storage.volumes.get(None, claims::volume(&claim));
        if let Some(volume) = volume {
            return handle(&volume);
        }
        let class = self.storage.classes.get(None, claims::class(&claim)?)?;
        Some((class.provisioner.clone(), format!("{namespace}/{name}")))
    }

    /// What is attached to a node: what its pods use, and what others have attached there.
    fn attached(&self, node: &NodeInfo) -> BTreeSet<Attachable> {
        let used = node.pods.values().flat_map(|pod| self.volumes(pod));
        let attachments = self.storage.attachments.get(&node.name);
        let others = attachments.iter().filter_map(|attachment| {
            let source = attachment.spec.source.persistent_volume_name.as_deref()?;
            handle(&*self.storage.volumes.get(None, source)?)
        });
        used.chain(others).collect()
    }
}

fn handle(volume: &PersistentVolume) -> Option<Attachable> {
    let source = volume.spec.as_ref()?.csi.as_ref()?;
    Some((source.driver.clone(), source.volume_handle.clone()))
}

/// How many volumes of each driver a node takes; a driver that does not say takes any number.
fn limits(node: Option<Arc<CSINode>>) -> BTreeMap<String, usize> {
    let drivers = node.map(|node| node.spec.drivers.clone());
    let limits = drivers.into_iter().flatten().filter_map(|driver| {
        let count = driver.allocatable?.count?;
        Some((driver.name, usize::try_from(count).unwrap_or(0)))
    });
    limits.collect()
}

/// Whether what is wanted exceeds a limit beside what is there.
fn exceeds(
    limits: &BTreeMap<String, usize>,
    attached: &BTreeSet<Attachable>,
    wanted: &BTreeSet<Attachable>,
) -> bool {
    limits.iter().any(|(driver, limit)| {
        let is_of = |volume: &&Attachable| volume.0 == *driver;
        let new = wanted.difference(attached).filter(is_of).count();
        new > 0 && attached.iter().filter(is_of).count() + new > *limit
    })
}

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn hints(&self) -> &'static [Happening] {
        &[
            Happening::NodeAdded,
            Happening::PodGone,
            Happening::Claim,
            Happening::Volume,
            Happening::VolumeLimits,
        ]
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        let wanted = self.volumes(pod);
        let concern = Concern::when(!wanted.is_empty());
        *self.wanted.lock().expect("no holder of this lock panics") = wanted;
        Ok(concern)
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let limits = limits(self.storage.csi_nodes.get(None, &node.name));
        if limits.is_empty() {
            return Ok(());
        }
        let wanted = self.wanted.lock().expect("no holder of this lock panics");
        if exceeds(&limits, &self.attached(node), &wanted) {
            return Err(Rejection::resolvable(EXCEEDED));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
