//! Keeps pods apart that may not use the same volume at once.
//!
//! A claim with `ReadWriteOncePod` is for one pod of the whole cluster; some disks are for one pod
//! of a node.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Volume};
use styr_client::Cache;

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

const ONCE: &str = "ReadWriteOncePod";
const ONCE_CONFLICT: &str = "node(s) unavailable due to PersistentVolumeClaim with \
    ReadWriteOncePod access mode already in-use by another pod";
const DISK_CONFLICT: &str = "node(s) had no available disk";

#[derive(Debug)]
pub(super) struct VolumeRestrictions {
    claims: Cache<PersistentVolumeClaim>,
    /// Of the cycle that runs: whether another pod uses a claim that is for one only.
    is_taken: Mutex<bool>,
}

impl VolumeRestrictions {
    pub(super) fn new(claims: Cache<PersistentVolumeClaim>) -> Self {
        Self {
            claims,
            is_taken: Mutex::default(),
        }
    }

    fn is_for_one(&self, namespace: &str, claim: &str) -> bool {
        let claim = self.claims.get(Some(namespace), claim);
        let modes = claim.and_then(|claim| claim.spec.as_ref()?.access_modes.clone());
        modes.is_some_and(|modes| modes.iter().any(|mode| mode == ONCE))
    }
}

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::PodGone, Happening::Claim]
    }

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<Concern, Rejection> {
        let namespace = &pod.key.namespace;
        let mut used = pod.claims.iter().filter(|claim| {
            snapshot.pods_with_claim(namespace, claim) > 0 && self.is_for_one(namespace, claim)
        });
        let is_taken = used.next().is_some();
        *self.is_taken.lock().expect("no holder of this lock panics") = is_taken;
        Ok(Concern::when(is_taken || disks(pod).next().is_some()))
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        if *self.is_taken.lock().expect("no holder of this lock panics") {
            return Err(Rejection::resolvable(ONCE_CONFLICT));
        }
        let mut others = node.pods.values().flat_map(|other| disks(other));
        if others.any(|other| disks(pod).any(|disk| is_conflict(disk, other))) {
            return Err(Rejection::resolvable(DISK_CONFLICT));
        }
        Ok(())
    }
}

fn disks(pod: &PodInfo) -> impl Iterator<Item = &Volume> {
    pod.spec().volumes.iter().flatten().filter(|volume| {
        volume.gce_persistent_disk.is_some()
            || volume.aws_elastic_block_store.is_some()
            || volume.iscsi.is_some()
            || volume.rbd.is_some()
    })
}

/// Whether two pods of a node cannot both have them; most may be shared by readers.
fn is_conflict(one: &Volume, other: &Volume) -> bool {
    let both_read = |one: Option<bool>, other: Option<bool>| one == Some(true) && one == other;
    if let (Some(one), Some(other)) = (&one.gce_persistent_disk, &other.gce_persistent_disk) {
        return one.pd_name == other.pd_name && !both_read(one.read_only, other.read_only);
    }
    if let (Some(one), Some(other)) = (&one.aws_elastic_block_store, &other.aws_elastic_block_store)
    {
        return one.volume_id == other.volume_id;
    }
    if let (Some(one), Some(other)) = (&one.iscsi, &other.iscsi) {
        return one.iqn == other.iqn && !both_read(one.read_only, other.read_only);
    }
    if let (Some(one), Some(other)) = (&one.rbd, &other.rbd) {
        let mut monitors = one.monitors.iter();
        return monitors.any(|monitor| other.monitors.contains(monitor))
            && one.pool == other.pool
            && one.image == other.image
            && !both_read(one.read_only, other.read_only);
    }
    false
}

#[cfg(test)]
mod tests;
