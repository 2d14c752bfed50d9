//! Names: of pods by their number, of claims by their pod.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::plan::Revision;
use crate::shared::ownership;
use crate::shared::revisions::HASH_LABEL;

const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// The name of the set and the number that a pod's name is made of.
pub(super) fn split(pod: &str) -> Option<(&str, i32)> {
    let (parent, ordinal) = pod.rsplit_once('-')?;
    Some((parent, ordinal.parse().ok()?))
}

/// The name of the pod with this number.
pub(super) fn name(set: &StatefulSet, ordinal: i32) -> String {
    format!(
        "{}-{ordinal}",
        set.metadata.name.as_deref().unwrap_or_default()
    )
}

/// The labels that a pod of this name is found by.
pub(super) fn labels(pod: &str) -> BTreeMap<String, String> {
    let ordinal = split(pod).map_or(0, |(_, ordinal)| ordinal);
    BTreeMap::from([
        (NAME_LABEL.to_owned(), pod.to_owned()),
        (INDEX_LABEL.to_owned(), ordinal.to_string()),
    ])
}

/// Whether a pod has them.
pub(super) fn is_labelled(pod: &Pod) -> bool {
    let known = pod.metadata.labels.as_ref();
    let wanted = labels(pod.metadata.name.as_deref().unwrap_or_default());
    wanted
        .iter()
        .all(|(key, value)| known.and_then(|known| known.get(key)) == Some(value))
}

/// The claims of the pod with this number.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let templates = set.spec.volume_claim_templates.iter().flatten();
    let claims = templates.map(|template| {
        let mut labels = template.metadata.labels.clone().unwrap_or_default();
        labels.extend(set.spec.selector.match_labels.clone().unwrap_or_default());
        let template_name = template.metadata.name.as_deref().unwrap_or_default();
        PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(format!("{template_name}-{}", name(set, ordinal))),
                namespace: set.metadata.namespace.clone(),
                labels: Some(labels),
                annotations: template.metadata.annotations.clone(),
                ..ObjectMeta::default()
            },
            spec: template.spec.clone(),
            status: None,
        }
    });
    claims.collect()
}

/// Who the claims of a pod go with, by the set's retention policy.
pub(super) fn owners(set: &StatefulSet, pod: &Pod, ordinal: i32) -> Vec<OwnerReference> {
    let policy = set
        .spec
        .persistent_volume_claim_retention_policy
        .clone()
        .unwrap_or_default();
    let deletes = |text: &Option<String>| text.as_deref() == Some("Delete");
    let start = set
        .spec
        .ordinals
        .as_ref()
        .and_then(|ordinals| ordinals.start)
        .unwrap_or(0);
    let end = start.saturating_add(set.spec.replicas.unwrap_or(1));
    let is_condemned = ordinal < start || ordinal >= end;
    let mut owners = Vec::new();
    if deletes(&policy.when_scaled) && is_condemned {
        owners.push(OwnerReference {
            controller: None,
            block_owner_deletion: None,
            ..ownership::reference(pod)
        });
    } else if deletes(&policy.when_deleted) {
        owners.push(OwnerReference {
            controller: None,
            block_owner_deletion: None,
            ..ownership::reference(set)
        });
    }
    owners
}

/// The pod with this number, of a revision.
pub(super) fn pod(set: &StatefulSet, ordinal: i32, revision: &Revision) -> Pod {
    let template = revision.template.clone();
    let metadata = template.metadata.unwrap_or_default();
    let pod_name = name(set, ordinal);
    let mut pod_labels = metadata.labels.unwrap_or_default();
    pod_labels.extend(labels(&pod_name));
    pod_labels.insert(HASH_LABEL.to_owned(), revision.name.clone());
    let mut spec = template.spec.unwrap_or_default();
    spec.hostname = Some(pod_name.clone());
    spec.subdomain = set
        .spec
        .service_name
        .clone()
        .filter(|name| !name.is_empty());
    let templates = set.spec.volume_claim_templates.iter().flatten();
    let volumes = spec.volumes.get_or_insert_default();
    for template in templates {
        let volume = template.metadata.name.clone().unwrap_or_default();
        volumes.retain(|known| known.name != volume);
        volumes.push(Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: format!("{volume}-{pod_name}"),
                read_only: None,
            }),
            name: volume,
            ..Volume::default()
        });
    }
    Pod {
        metadata: ObjectMeta {
            name: Some(pod_name),
            namespace: set.metadata.namespace.clone(),
            labels: Some(pod_labels),
            annotations: metadata.annotations,
            finalizers: metadata.finalizers,
            owner_references: Some(vec![ownership::reference(set)]),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}
