//! `certificatesigningrequests/approval`: the conditions Approved and Denied.

use serde_json::Value;
use styr_api::Context;
use styr_meta::FieldError;

use crate::registry::Part;

pub(super) static PART: Part = Part {
    name: "approval",
    prepare,
    validate,
};

/// Only the conditions may change.
fn prepare(new: &mut Value, old: &Value, context: &Context) {
    let mut conditions = new["status"]["conditions"].clone();
    let version = new["metadata"]["resourceVersion"].clone();
    let now = crate::registry::timestamp(context.now);
    for condition in conditions.as_array_mut().into_iter().flatten() {
        for field in ["lastUpdateTime", "lastTransitionTime"] {
            if condition[field].is_null() {
                condition[field] = Value::String(now.clone());
            }
        }
    }
    *new = old.clone();
    new["metadata"]["resourceVersion"] = version;
    if !new["status"].is_object() {
        new["status"] = Value::Object(serde_json::Map::new());
    }
    if conditions.is_null() {
        if let Some(status) = new["status"].as_object_mut() {
            status.remove("conditions");
        }
    } else {
        new["status"]["conditions"] = conditions;
    }
}

fn validate(new: &Value, old: &Value, _: &Context) -> Vec<FieldError> {
    let has = |object: &Value, kind: &str| {
        let conditions = object["status"]["conditions"].as_array();
        conditions
            .into_iter()
            .flatten()
            .any(|it| it["type"] == kind)
    };
    let mut problems = Vec::new();
    if has(new, "Approved") && has(new, "Denied") {
        let detail = "Approved and Denied conditions are mutually exclusive";
        problems.push(FieldError::invalid("status.conditions", "Denied", detail));
    }
    for kind in ["Approved", "Denied"] {
        if has(old, kind) && !has(new, kind) {
            let detail = format!("updates may not remove a condition of type {kind:?}");
            problems.push(FieldError::forbidden("status.conditions", detail));
        }
    }
    problems
}
