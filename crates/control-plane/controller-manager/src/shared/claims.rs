//! The claims that pods use, also those that are made for them.

use k8s_openapi::api::core::v1::{Pod, Volume};

/// The name of the index of pods by [`of_pod`].
pub(crate) const BY_CLAIM: &str = "claims";

/// The claim of a pod's ephemeral volume; upstream's rule.
pub(crate) fn made_for(pod: &str, volume: &Volume) -> String {
    format!("{pod}-{}", volume.name)
}

/// `namespace/name` of each claim that a pod mounts.
pub(crate) fn of_pod(pod: &Pod) -> Vec<String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    let names = volumes.filter_map(|volume| match &volume.persistent_volume_claim {
        Some(source) => Some(source.claim_name.clone()),
        None => volume
            .ephemeral
            .as_ref()
            .map(|_| made_for(pod_name, volume)),
    });
    names.map(|name| format!("{namespace}/{name}")).collect()
}
