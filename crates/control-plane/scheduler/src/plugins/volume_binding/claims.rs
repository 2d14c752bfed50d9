//! The claims of a pod, by what is to be done about them.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{BIND_COMPLETED, Claim, Storage};
use crate::pod::PodInfo;

const CLASS_BETA: &str = "volume.beta.kubernetes.io/storage-class";

/// The claims of a pod.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) bound: Vec<Claim>,
    /// They wait for a pod to say where.
    pub(super) delayed: Vec<Claim>,
    /// Some are not bound, and should be without our doing.
    pub(super) has_immediate: bool,
}

pub(super) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The volume that a claim is to have or has.
pub(in crate::plugins) fn volume(claim: &PersistentVolumeClaim) -> &str {
    let spec = claim.spec.as_ref();
    spec.and_then(|spec| spec.volume_name.as_deref())
        .unwrap_or_default()
}

pub(in crate::plugins) fn class(claim: &PersistentVolumeClaim) -> Option<&str> {
    let spec = claim.spec.as_ref();
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    annotation(&claim.metadata, CLASS_BETA)
        .or(class)
        .filter(|class| !class.is_empty())
}

/// Whether nothing is left to do about a claim.
pub(super) fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume(claim).is_empty() && annotation(&claim.metadata, BIND_COMPLETED).is_some()
}

fn name(pod: &PodInfo, volume: &Volume) -> Option<(String, bool)> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some((source.claim_name.clone(), false));
    }
    volume.ephemeral.as_ref()?;
    Some((format!("{}-{}", pod.key.name, volume.name), true))
}

/// The names of a pod's claims, and whether they are made for it.
pub(in crate::plugins) fn names(pod: &PodInfo) -> impl Iterator<Item = (String, bool)> {
    let volumes = pod.spec().volumes.iter().flatten();
    volumes.filter_map(|volume| name(pod, volume))
}

pub(super) fn has_some(pod: &PodInfo) -> bool {
    names(pod).next().is_some()
}

/// Sorts a pod's claims; the error says why the pod cannot be placed at all.
pub(super) fn of(storage: &Storage, pod: &PodInfo) -> Result<Claims, String> {
    let mut claims = Claims::default();
    for (name, is_ephemeral) in names(pod) {
        let Some(claim) = storage.claims.get(Some(&pod.key.namespace), &name) else {
            return Err(if is_ephemeral {
                format!(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{name}\""
                )
            } else {
                format!("persistentvolumeclaim \"{name}\" not found")
            });
        };
        let phase = claim.status.as_ref().and_then(|s| s.phase.as_deref());
        if phase == Some("Lost") {
            let volume = volume(&claim);
            return Err(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
            ));
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        if is_bound(&claim) {
            claims.bound.push(claim);
        } else if volume(&claim).is_empty() && is_delayed(storage, &claim)? {
            claims.delayed.push(claim);
        } else {
            claims.has_immediate = true;
        }
    }
    Ok(claims)
}

fn is_delayed(storage: &Storage, claim: &PersistentVolumeClaim) -> Result<bool, String> {
    let Some(name) = class(claim) else {
        return Ok(false);
    };
    match storage.classes.get(None, name) {
        Some(class) => Ok(class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")),
        None => Err(format!("storageclass.storage.k8s.io \"{name}\" not found")),
    }
}
