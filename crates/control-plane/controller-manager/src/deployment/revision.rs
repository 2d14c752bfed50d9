//! Which ReplicaSet has the current template, and how revisions are numbered.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::set::{HASH_LABEL, Set};
use crate::shared::{hash, ownership};

pub(super) const ANNOTATION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// Upstream's limit of the history annotation.
const HISTORY_LENGTH_MAX: usize = 2000;

/// Annotations of a Deployment that are not its ReplicaSets'.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    ANNOTATION,
    HISTORY,
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// Whether two templates make the same pods; the hash label is not of the user's making.
pub(super) fn is_same_template(left: &PodTemplateSpec, right: &PodTemplateSpec) -> bool {
    plain(left) == plain(right)
}

fn plain(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    let mut metadata = template.metadata.take().unwrap_or_default();
    let mut labels = metadata.labels.take().unwrap_or_default();
    labels.remove(HASH_LABEL);
    metadata.labels = Some(labels).filter(|labels| !labels.is_empty());
    metadata.annotations = metadata
        .annotations
        .filter(|annotations| !annotations.is_empty());
    template.metadata = Some(metadata);
    template
}

/// The place of the set with the Deployment's template: the oldest, if there are several.
pub(super) fn find_new(deployment: &Deployment, sets: &[Set]) -> Option<usize> {
    let spec = &deployment.spec;
    let alike = sets.iter().enumerate();
    let alike = alike.filter(|(_, set)| is_same_template(&set.template(), &spec.template));
    alike
        .min_by_key(|(_, set)| set.age_order())
        .map(|(at, _)| at)
}

/// A new set for the Deployment's template.
pub(super) fn make_new(deployment: &Deployment) -> Set {
    let spec = deployment.spec.clone();
    let metadata = &deployment.metadata;
    let collisions = deployment
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let hash = hash::of(&spec.template, collisions);
    let mut template = spec.template;
    let mut labels = template
        .metadata
        .clone()
        .and_then(|m| m.labels)
        .unwrap_or_default();
    labels.insert(HASH_LABEL.to_owned(), hash.clone());
    template.metadata.get_or_insert_default().labels = Some(labels.clone());
    let mut selector = spec.selector;
    let matching = selector.match_labels.get_or_insert_default();
    matching.insert(HASH_LABEL.to_owned(), hash.clone());
    let name = metadata.name.as_deref().unwrap_or_default();
    Set::new(Arc::new(ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![ownership::reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        },
        status: None,
    }))
}

/// Gives the new set the next revision and the Deployment's annotations; answers its revision.
pub(super) fn annotate(deployment: &Deployment, new: &mut Set, old_max: i64) -> String {
    let theirs = deployment.metadata.annotations.clone().unwrap_or_default();
    copy_annotations(&theirs, new);
    let next = old_max + 1;
    let current = new.revision();
    if current < next {
        if current > 0 {
            remember(new, current);
        }
        new.annotate(ANNOTATION, next.to_string());
    }
    new.annotation(ANNOTATION).unwrap_or_default().to_owned()
}

fn copy_annotations(theirs: &BTreeMap<String, String>, new: &mut Set) {
    for (key, value) in theirs {
        if !OWN.contains(&key.as_str()) {
            new.annotate(key, value.clone());
        }
    }
}

fn remember(set: &mut Set, revision: i64) {
    let known = set.annotation(HISTORY).unwrap_or_default();
    let mut entries: Vec<&str> = known.split(',').filter(|entry| !entry.is_empty()).collect();
    let text = revision.to_string();
    entries.push(&text);
    let length = |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>();
    while length(&entries) > HISTORY_LENGTH_MAX {
        entries.remove(0);
    }
    let history = entries.join(",");
    set.annotate(HISTORY, history);
}
