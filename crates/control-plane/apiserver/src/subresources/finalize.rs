//! `namespaces/finalize`: a namespace's own finalizers, which its controller removes at the end.

use serde_json::Value;
use styr_api::Context;
use styr_meta::FieldError;

use crate::registry::Part;

pub(super) static PART: Part = Part {
    name: "finalize",
    prepare,
    validate,
};

/// Everything but the finalizers stays.
fn prepare(new: &mut Value, old: &Value, _: &Context) {
    let finalizers = new["spec"]["finalizers"].clone();
    let mut kept = old.clone();
    kept["metadata"]["resourceVersion"] = new["metadata"]["resourceVersion"].clone();
    if finalizers.is_null() {
        if let Some(spec) = kept["spec"].as_object_mut() {
            spec.remove("finalizers");
        }
    } else {
        kept["spec"]["finalizers"] = finalizers;
    }
    *new = kept;
}

fn validate(_: &Value, _: &Value, _: &Context) -> Vec<FieldError> {
    Vec::new()
}
