//! The objects that every cluster has: policy, priority classes, flow control, as the API server
//! keeps them in its table.
//!
//! What differs from cluster to cluster (uids, times, managers, status, gathered rules) is left out.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::{Table, read};

/// Files of recorded objects, in the order of the table.
const FILES: [&str; 7] = [
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "priorityclasses.scheduling.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
];
const VOLATILE: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// One object in each line.
pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let mut text = String::new();
    for file in FILES {
        let list = read(facts, &format!("recorded/objects/{file}.json"))?;
        let items = list["items"].as_array();
        for item in items.with_context(|| format!("{file} is not a list"))? {
            text.push_str(&serde_json::to_string(&lasting(item.clone(), &list))?);
            text.push('\n');
        }
    }
    Ok(Table {
        path: "crates/control-plane/apiserver/generated/bootstrap.jsonl",
        text,
    })
}

/// An object without what belongs to one cluster.
fn lasting(mut object: Value, list: &Value) -> Value {
    let kind = list["kind"]
        .as_str()
        .unwrap_or_default()
        .trim_end_matches("List");
    object["apiVersion"] = list["apiVersion"].clone();
    object["kind"] = kind.into();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in VOLATILE {
            metadata.remove(field);
        }
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        fields.remove("description");
        // Gathered by a controller.
        if fields.contains_key("aggregationRule") {
            fields.remove("rules");
        }
    }
    object
}
