//! The strategic-merge patch that makes one status out of another; only fields the kubelet owns.

use k8s_openapi::api::core::v1::PodStatus;
use serde_json::{Map, Value, json};

use crate::status::conditions::OWNED;

/// Fields that are replaced whole.
const PLAIN: [&str; 11] = [
    "phase",
    "reason",
    "message",
    "hostIP",
    "podIP",
    "startTime",
    "qosClass",
    "observedGeneration",
    "containerStatuses",
    "initContainerStatuses",
    "ephemeralContainerStatuses",
];
/// Lists whose entries are merged by their address.
const BY_IP: [&str; 2] = ["hostIPs", "podIPs"];

/// `None` if there is nothing to change.
pub(super) fn patch(before: &PodStatus, after: &PodStatus) -> Option<Value> {
    let (before, after) = (tree(before), tree(after));
    let mut out = Map::new();
    for field in PLAIN {
        if before.get(field) != after.get(field) {
            out.insert(
                field.into(),
                after.get(field).cloned().unwrap_or(Value::Null),
            );
        }
    }
    for field in BY_IP {
        let (old, new) = (list(&before, field), list(&after, field));
        if old == new {
            continue;
        }
        let mut entries: Vec<Value> = Vec::new();
        if !old.is_empty() {
            let gone = old.iter().filter(|entry| !new.contains(entry));
            entries.extend(gone.map(|entry| json!({ "$patch": "delete", "ip": entry["ip"] })));
        }
        entries.extend(new.iter().cloned());
        out.insert(field.into(), Value::Array(entries));
    }
    let conditions = conditions(&list(&before, "conditions"), &list(&after, "conditions"));
    if !conditions.is_empty() {
        out.insert("conditions".into(), Value::Array(conditions));
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn tree(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn list(tree: &Map<String, Value>, field: &str) -> Vec<Value> {
    tree.get(field)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn conditions(before: &[Value], after: &[Value]) -> Vec<Value> {
    let mut out = Vec::new();
    for condition in after {
        let kind = &condition["type"];
        if !OWNED.iter().any(|owned| kind == owned) {
            continue;
        }
        let old = before.iter().find(|old| old["type"] == *kind);
        if old == Some(condition) {
            continue;
        }
        let mut entry = condition.clone();
        // A merge keeps what is not named.
        for (field, _) in old.and_then(Value::as_object).into_iter().flatten() {
            if entry.get(field).is_none() {
                entry[field] = Value::Null;
            }
        }
        out.push(entry);
    }
    out
}
