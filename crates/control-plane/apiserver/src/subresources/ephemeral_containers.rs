//! `pods/ephemeralcontainers`: containers that are added to a running pod.

use serde_json::Value;
use styr_api::Context;
use styr_meta::FieldError;

use crate::registry::Part;

pub(super) static PART: Part = Part {
    name: "ephemeralcontainers",
    prepare,
    validate,
};

/// Only the ephemeral containers may change.
fn prepare(new: &mut Value, old: &Value, _: &Context) {
    let containers = new["spec"]["ephemeralContainers"].clone();
    let version = new["metadata"]["resourceVersion"].clone();
    *new = old.clone();
    new["metadata"]["resourceVersion"] = version;
    if !containers.is_null() {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
        if containers != old["spec"]["ephemeralContainers"] {
            new["metadata"]["generation"] = (generation + 1).into();
        }
        new["spec"]["ephemeralContainers"] = containers;
    }
}

/// They can be added, never removed or changed.
fn validate(new: &Value, old: &Value, _: &Context) -> Vec<FieldError> {
    let list = |object: &Value| {
        object["spec"]["ephemeralContainers"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let new_list = list(new);
    let mut problems = Vec::new();
    for (index, old_container) in list(old).iter().enumerate() {
        let field = format!("spec.ephemeralContainers[{index}]");
        match new_list
            .iter()
            .find(|it| it["name"] == old_container["name"])
        {
            None => {
                let detail = "existing ephemeral containers may not be removed";
                problems.push(FieldError::forbidden(field, detail));
            }
            Some(it) if it != old_container => {
                let detail = "existing ephemeral containers may not be changed";
                problems.push(FieldError::forbidden(field, detail));
            }
            Some(_) => {}
        }
    }
    problems
}
