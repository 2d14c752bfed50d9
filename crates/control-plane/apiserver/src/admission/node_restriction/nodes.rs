//! A node's own object: neither its taints nor labels that steer workloads are its to write.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Outcome;
use crate::attributes::{AdmissionAttributes, Operation};

/// Labels of Kubernetes' own that a kubelet may set.
const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
const ALLOWED_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const RESTRICTED_DOMAIN: &str = "node-restriction.kubernetes.io";
const OWN_DOMAINS: [&str; 2] = ["kubernetes.io", "k8s.io"];

pub(super) fn check(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    let Some(new) = attributes.object.as_deref() else {
        return same_name(attributes.name, node);
    };
    let name = match attributes.operation {
        Operation::Create => new["metadata"]["name"].as_str().unwrap_or_default(),
        _ => attributes.name,
    };
    same_name(name, node)?;
    match attributes.old_object {
        None => create(new, node),
        Some(old) => update(new, old, node),
    }
}

fn same_name(requested: &str, node: &str) -> Outcome {
    if requested == node {
        return Ok(());
    }
    Err(format!(
        "node {node:?} is not allowed to modify node {requested:?}"
    ))
}

fn create(new: &Value, node: &str) -> Outcome {
    if !new["spec"]["configSource"].is_null() {
        return Err(format!(
            "node {node:?} is not allowed to create pods with a non-nil configSource"
        ));
    }
    let forbidden = forbidden_labels(new, &Value::Null);
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(format!(
        "node {node:?} is not allowed to set the following labels: {forbidden}"
    ))
}

fn update(new: &Value, old: &Value, node: &str) -> Outcome {
    let source = &new["spec"]["configSource"];
    if !source.is_null() && *source != old["spec"]["configSource"] {
        return Err(format!(
            "node {node:?} is not allowed to update configSource to a new non-nil configSource"
        ));
    }
    if !same_list(&new["spec"]["taints"], &old["spec"]["taints"]) {
        return Err(format!("node {node:?} is not allowed to modify taints"));
    }
    let owners = |it: &Value| it["metadata"]["ownerReferences"].clone();
    if !same_list(&owners(new), &owners(old)) {
        return Err(format!(
            "node {node:?} is not allowed to modify ownerReferences"
        ));
    }
    let forbidden = forbidden_labels(new, old);
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(format!("is not allowed to modify labels: {forbidden}"))
}

/// An empty list is as good as none.
fn same_list(a: &Value, b: &Value) -> bool {
    let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
    list(a) == list(b)
}

/// Names of labels that differ and that a node must leave alone.
fn forbidden_labels(new: &Value, old: &Value) -> String {
    let (new, old) = (&new["metadata"]["labels"], &old["metadata"]["labels"]);
    let keys = [new, old]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|map| map.keys());
    let forbidden: BTreeSet<&str> = keys
        .filter(|key| new[key.as_str()] != old[key.as_str()])
        .map(String::as_str)
        .filter(|key| is_forbidden(key))
        .collect();
    forbidden.into_iter().collect::<Vec<_>>().join(", ")
}

fn is_forbidden(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let is_in = |known: &str| {
        domain == known
            || domain
                .strip_suffix(known)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    let is_allowed = ALLOWED.contains(&label) || ALLOWED_DOMAINS.into_iter().any(is_in);
    is_in(RESTRICTED_DOMAIN) || (OWN_DOMAINS.into_iter().any(is_in) && !is_allowed)
}
