//! Which volume suits a claim.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use styr_meta::Quantity;

use super::{claim_ref, class_of_claim, class_of_volume, is_reserved_for};
use crate::shared::selector;

const STORAGE: &str = "storage";

fn capacity(volume: &PersistentVolume) -> i64 {
    let capacity = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.capacity.as_ref()?.get(STORAGE));
    capacity
        .and_then(|text| Quantity::parse(&text.0).ok())
        .map_or(0, |quantity| quantity.value())
}

fn requested(claim: &PersistentVolumeClaim) -> i64 {
    let requests = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let text = requests.and_then(|requests| requests.get(STORAGE));
    text.and_then(|text| Quantity::parse(&text.0).ok())
        .map_or(0, |quantity| quantity.value())
}

fn mode(text: Option<&String>) -> &str {
    text.map_or("Filesystem", String::as_str)
}

/// Why a volume does not satisfy a claim that names it.
pub(super) fn mismatch(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
) -> Option<&'static str> {
    let (has, wants) = (volume.spec.as_ref(), claim.spec.as_ref());
    if capacity(volume) < requested(claim) {
        return Some("requested PV is too small");
    }
    if class_of_claim(claim).unwrap_or_default() != class_of_volume(volume) {
        return Some("storageClassName does not match");
    }
    let modes = (
        has.and_then(|s| s.volume_mode.as_ref()),
        wants.and_then(|s| s.volume_mode.as_ref()),
    );
    if mode(modes.0) != mode(modes.1) {
        return Some("incompatible volumeMode");
    }
    let offered = has
        .and_then(|spec| spec.access_modes.as_deref())
        .unwrap_or_default();
    let asked = wants
        .and_then(|spec| spec.access_modes.as_deref())
        .unwrap_or_default();
    if !asked.iter().all(|mode| offered.contains(mode)) {
        return Some("incompatible accessMode");
    }
    None
}

/// The volume for a claim: the one that is reserved for it, else the smallest that is large enough.
/// A claim whose pod decides the place gets only what is reserved for it.
pub(super) fn best(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    is_delayed: bool,
) -> Option<Arc<PersistentVolume>> {
    let fitting = volumes.iter().filter(|volume| {
        volume.metadata.deletion_timestamp.is_none() && mismatch(volume, claim).is_none()
    });
    let fitting: Vec<&Arc<PersistentVolume>> = fitting.collect();
    if let Some(reserved) = fitting.iter().find(|volume| is_reserved_for(volume, claim)) {
        return Some(Arc::clone(reserved));
    }
    if is_delayed {
        return None;
    }
    let spec = claim.spec.as_ref();
    let wanted = spec
        .and_then(|spec| spec.selector.as_ref())
        .map(selector::of);
    let free = fitting.into_iter().filter(|volume| {
        let phase = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let labels = volume.metadata.labels.as_ref();
        claim_ref(volume).is_none()
            && phase == Some("Available")
            && wanted
                .as_ref()
                .is_none_or(|wanted| selector::matches(wanted, labels))
    });
    free.min_by_key(|volume| (capacity(volume), volume.metadata.name.clone()))
        .map(Arc::clone)
}

#[cfg(test)]
mod tests;
