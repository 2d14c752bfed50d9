//! `PodDisruptionBudget`: <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>.

use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::rules::{Context, Rules};
use crate::{numbers, selector, tree};

pub(crate) struct PodDisruptionBudget;

impl Rules for PodDisruptionBudget {
    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let spec = tree::at(object, "spec");
        let mut errors = Vec::new();
        let both = ["minAvailable", "maxUnavailable"]
            .iter()
            .all(|field| !tree::at(spec, field).is_null());
        if both {
            let text = "minAvailable and maxUnavailable cannot be both set";
            errors.push(FieldError::invalid("spec", spec.clone(), text));
        }
        let path = Path::root("spec");
        for field in ["minAvailable", "maxUnavailable"] {
            let value = tree::at(spec, field);
            if !value.is_null() {
                numbers::share(value, &path.child(field), &mut errors);
                numbers::at_most_all(value, &path.child(field), &mut errors);
            }
        }
        errors.extend(selector::check(
            tree::at(spec, "selector"),
            &path.child("selector"),
        ));
        let policy = tree::text(spec, "unhealthyPodEvictionPolicy");
        let policies = ["AlwaysAllow", "IfHealthyBudget"];
        if !policy.is_empty() && !policies.contains(&policy) {
            let at = path.child("unhealthyPodEvictionPolicy");
            errors.push(FieldError::not_supported(at, policy, &policies));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let text = |path: &str| match tree::at(object, path) {
            Value::Null => json!("N/A"),
            Value::String(text) => json!(text),
            other => json!(other.to_string()),
        };
        match column {
            "Min Available" => Some(text("spec.minAvailable")),
            "Max Unavailable" => Some(text("spec.maxUnavailable")),
            "Allowed Disruptions" => Some(json!(tree::number(object, "status.disruptionsAllowed"))),
            _ => None,
        }
    }
}
