//! `pods/resize`: the resources of containers that run.

use serde_json::Value;
use styr_api::Context;
use styr_meta::FieldError;

use crate::registry::Part;

pub(super) static PART: Part = Part {
    name: "resize",
    prepare,
    validate,
};

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// Only resources and resize policies of containers may change.
fn prepare(new: &mut Value, old: &Value, _: &Context) {
    let asked = new.clone();
    *new = old.clone();
    new["metadata"]["resourceVersion"] = asked["metadata"]["resourceVersion"].clone();
    for list in LISTS {
        for container in new["spec"][list].as_array_mut().into_iter().flatten() {
            let wanted = asked["spec"][list].as_array();
            let wanted = wanted
                .into_iter()
                .flatten()
                .find(|it| it["name"] == container["name"]);
            for field in ["resources", "resizePolicy"] {
                if let Some(value) = wanted.and_then(|it| it.get(field)) {
                    container[field] = value.clone();
                }
            }
        }
    }
    if new["spec"] != old["spec"] {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
        new["metadata"]["generation"] = (generation + 1).into();
    }
}

fn validate(new: &Value, old: &Value, _: &Context) -> Vec<FieldError> {
    if new["spec"] != old["spec"] && old["status"]["qosClass"] == "BestEffort" {
        return vec![FieldError::forbidden(
            "spec",
            "Pod running with BestEffort QoS class may not be resized",
        )];
    }
    Vec::new()
}
