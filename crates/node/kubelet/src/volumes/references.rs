//! Which objects the volumes of a pod show, so that changes to them can be watched.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use crate::pod;

/// An object in the pod's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference {
    ConfigMap(String),
    Secret(String),
    Claim(String),
}

pub(crate) fn references(pod: &Pod) -> BTreeSet<Reference> {
    let mut out = BTreeSet::new();
    for volume in pod::spec(pod).volumes.iter().flatten() {
        if let Some(source) = &volume.config_map {
            out.insert(Reference::ConfigMap(source.name.clone()));
        }
        if let Some(name) = volume
            .secret
            .as_ref()
            .and_then(|source| source.secret_name.clone())
        {
            out.insert(Reference::Secret(name));
        }
        if let Some(source) = &volume.persistent_volume_claim {
            out.insert(Reference::Claim(source.claim_name.clone()));
        }
        let projected = volume
            .projected
            .as_ref()
            .and_then(|source| source.sources.as_ref());
        for source in projected.into_iter().flatten() {
            if let Some(source) = &source.config_map {
                out.insert(Reference::ConfigMap(source.name.clone()));
            }
            if let Some(source) = &source.secret {
                out.insert(Reference::Secret(source.name.clone()));
            }
        }
    }
    out
}
