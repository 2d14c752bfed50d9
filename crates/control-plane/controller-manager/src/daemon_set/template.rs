//! The pod of a DaemonSet for one node.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::shared::ownership;
use crate::shared::revisions::HASH_LABEL;

pub(super) const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// Taints that do not keep a daemon away: it may be what is needed to get rid of them.
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// The template's generation, as releases before revisions counted it.
pub(super) fn generation(daemon_set: &DaemonSet) -> Option<&str> {
    let annotations = daemon_set.metadata.annotations.as_ref()?;
    annotations.get(GENERATION_ANNOTATION).map(String::as_str)
}

/// The template's pod, with what every daemon tolerates.
pub(super) fn spec(daemon_set: &DaemonSet) -> PodSpec {
    let mut spec = daemon_set.spec.template.spec.clone().unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let network = ("node.kubernetes.io/network-unavailable", "NoSchedule");
    let wanted = TOLERATED
        .iter()
        .copied()
        .chain(host_network.then_some(network));
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in wanted {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        tolerations.retain(|known| {
            known.key != toleration.key
                || known.effect != toleration.effect
                || known.operator != toleration.operator
        });
        tolerations.push(toleration);
    }
    spec
}

/// The pod to create for `node`. It is bound by affinity; the scheduler still decides when.
pub(super) fn pod(daemon_set: &DaemonSet, node: &str, hash: &str) -> Pod {
    let metadata = &daemon_set.metadata;
    let meta = daemon_set
        .spec
        .template
        .metadata
        .clone()
        .unwrap_or_default();
    let mut labels = meta.labels.unwrap_or_default();
    if let Some(generation) = generation(daemon_set) {
        labels.insert(GENERATION_LABEL.to_owned(), generation.to_owned());
    }
    if !hash.is_empty() {
        labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
    }
    let mut spec = spec(daemon_set);
    let affinity = spec
        .affinity
        .get_or_insert_default()
        .node_affinity
        .get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution = Some(NodeSelector {
        node_selector_terms: vec![NodeSelectorTerm {
            match_expressions: None,
            match_fields: Some(vec![NodeSelectorRequirement {
                key: "metadata.name".to_owned(),
                operator: "In".to_owned(),
                values: Some(vec![node.to_owned()]),
            }]),
        }],
    });
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", metadata.name.as_deref().unwrap_or_default())),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![ownership::reference(daemon_set)]),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

/// The node that a pod is on, or is meant for.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return Some(node);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let fields = required
        .node_selector_terms
        .iter()
        .flat_map(|t| t.match_fields.iter().flatten());
    let mut names = fields.filter(|field| field.key == "metadata.name" && field.operator == "In");
    names.next()?.values.as_ref()?.first().map(String::as_str)
}
