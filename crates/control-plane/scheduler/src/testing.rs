//! Objects for tests.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// A pod in `default` whose uid is its name.
pub(crate) fn pod(name: &str, spec: &Value) -> Arc<PodInfo> {
    labelled(name, &json!({}), spec)
}

pub(crate) fn labelled(name: &str, labels: &Value, spec: &Value) -> Arc<PodInfo> {
    let mut spec = spec.clone();
    if spec["containers"].is_null() {
        spec["containers"] = json!([{ "name": "c" }]);
    }
    let tree = json!({
        "metadata": { "name": name, "namespace": "default", "uid": name, "labels": labels },
        "spec": spec,
    });
    let pod: Pod = serde_json::from_value(tree).expect("a pod");
    Arc::new(PodInfo::new(Arc::new(pod)))
}

pub(crate) fn node(name: &str, labels: &Value, spec: &Value) -> Arc<Node> {
    let tree = json!({
        "metadata": { "name": name, "uid": name, "labels": labels },
        "spec": spec,
        "status": { "allocatable": { "cpu": "2", "memory": "4Gi", "pods": "3" } },
    });
    Arc::new(serde_json::from_value(tree).expect("a node"))
}

/// Plain nodes with these names, each its own `kubernetes.io/hostname`.
pub(crate) fn snapshot(names: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for name in names {
        let labels = json!({ "kubernetes.io/hostname": name });
        snapshot.set_node(node(name, &labels, &json!({})));
    }
    snapshot
}
