//! `PriorityClass`: <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, object};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PriorityClass;

/// Above this, priorities are the system's.
const USER_MAX: i64 = 1_000_000_000;
const SYSTEM_PREFIX: &str = "system-";
const SYSTEM: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];
const POLICIES: [&str; 2] = ["Never", "PreemptLowerPriority"];

impl Rules for PriorityClass {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let (name, value) = (object::name(object), tree::number(object, "value"));
        let known = SYSTEM.contains(&(name, value));
        if name.starts_with(SYSTEM_PREFIX) && !known {
            let text = format!(
                "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {name} is not a known system priority class"
            );
            errors.push(FieldError::forbidden(
                Path::root("metadata").child("name"),
                text,
            ));
        } else if !known && value > USER_MAX {
            let text = format!("maximum allowed value of a user defined priority is {USER_MAX}");
            errors.push(FieldError::forbidden("value", text));
        }
        if let Some(policy) = tree::at(object, "preemptionPolicy").as_str()
            && !POLICIES.contains(&policy)
        {
            errors.push(FieldError::not_supported(
                "preemptionPolicy",
                policy,
                &POLICIES,
            ));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if tree::number(object, "value") != tree::number(old, "value") {
            errors.push(FieldError::forbidden(
                "value",
                "may not be changed in an update.",
            ));
        }
        if !tree::same(
            tree::at(object, "preemptionPolicy"),
            tree::at(old, "preemptionPolicy"),
        ) {
            let value = tree::at(object, "preemptionPolicy").clone();
            errors.push(FieldError::invalid(
                "preemptionPolicy",
                value,
                "field is immutable",
            ));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "PreemptionPolicy" => Some(json!(tree::text(object, "preemptionPolicy"))),
            "Global-Default" => Some(json!(tree::is_true(object, "globalDefault"))),
            _ => None,
        }
    }
}
