//! Which volume suits a claim on a node.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use styr_meta::Quantity;

use super::{Claim, Volume, allows, claims};
use crate::node::NodeInfo;
use crate::selection;

const STORAGE: &str = "storage";

/// Whether a volume can be reached from a node.
pub(super) fn is_reachable(volume: &PersistentVolume, node: &NodeInfo) -> bool {
    allows(volume, &node.name, node.labels())
}

/// The volume that is reserved for the claim, else the smallest of the free ones that is large
/// enough and can be reached.
pub(super) fn best(
    claim: &Claim,
    volumes: &[Volume],
    node: &NodeInfo,
    is_free: impl Fn(&PersistentVolume) -> bool,
) -> Option<Volume> {
    let reserved = volumes.iter().find(|volume| is_for(volume, claim));
    if let Some(reserved) = reserved {
        return is_reachable(reserved, node).then(|| Volume::clone(reserved));
    }
    let spec = claim.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.selector.as_ref());
    let wanted = wanted.map(selection::labels);
    let fitting = volumes.iter().filter(|volume| {
        let status = volume.status.as_ref();
        let labels = volume.metadata.labels.as_ref();
        status.and_then(|status| status.phase.as_deref()) == Some("Available")
            && volume.metadata.deletion_timestamp.is_none()
            && reference(volume).is_none()
            && suits(volume, claim)
            && is_reachable(volume, node)
            && wanted
                .as_ref()
                .is_none_or(|wanted| selection::matches(wanted, labels))
            && is_free(volume)
    });
    fitting
        .min_by_key(|volume| (capacity(volume), volume.metadata.name.clone()))
        .map(Volume::clone)
}

fn reference(volume: &PersistentVolume) -> Option<&k8s_openapi::api::core::v1::ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

fn is_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    reference(volume).is_some_and(|reference| {
        let uid = reference.uid.as_deref().unwrap_or_default();
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
    })
}

fn suits(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(has), Some(wants)) = (&volume.spec, &claim.spec) else {
        return false;
    };
    let offered = has.access_modes.as_deref().unwrap_or_default();
    let mut asked = wants.access_modes.iter().flatten();
    let mode = |mode: Option<&String>| mode.map_or("Filesystem".to_owned(), String::clone);
    let class = has.storage_class_name.as_deref();
    class.filter(|class| !class.is_empty()) == claims::class(claim)
        && mode(has.volume_mode.as_ref()) == mode(wants.volume_mode.as_ref())
        && asked.all(|mode| offered.contains(mode))
        && capacity(volume) >= requested(claim)
}

fn capacity(volume: &PersistentVolume) -> i64 {
    let spec = volume.spec.as_ref();
    let capacity = spec.and_then(|spec| spec.capacity.as_ref()?.get(STORAGE));
    capacity.map_or(0, |text| bytes(&text.0))
}

fn requested(claim: &PersistentVolumeClaim) -> i64 {
    let spec = claim.spec.as_ref();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let requested = requests.and_then(|requests| requests.get(STORAGE));
    requested.map_or(0, |text| bytes(&text.0))
}

fn bytes(text: &str) -> i64 {
    Quantity::parse(text).map_or(0, |quantity| quantity.value())
}

#[cfg(test)]
mod tests;
