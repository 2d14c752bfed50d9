//! Conditions that the server itself writes into the status of a pod.

use serde_json::{Value, json};

/// A condition that holds, and why.
pub(super) struct Holds {
    pub(super) kind: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
}

/// Sets a condition; the time of its transition stays if it held before.
pub(super) fn set(pod: &mut Value, holds: &Holds, now: &str) {
    let mut condition = json!({
        "type": holds.kind,
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": now,
    });
    for (field, text) in [("reason", holds.reason), ("message", holds.message)] {
        if !text.is_empty() {
            condition[field] = text.into();
        }
    }
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = Value::Array(Vec::new());
    }
    let list = conditions.as_array_mut().expect("just made one");
    match list.iter_mut().find(|it| it["type"] == holds.kind) {
        Some(old) => {
            if old["status"] == "True" && !old["lastTransitionTime"].is_null() {
                condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = condition;
        }
        None => list.push(condition),
    }
}
