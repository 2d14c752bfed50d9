//! `PodDisruptionBudget`: <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>.

use serde_json::{Value, json};
use styr_meta::FieldError;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PodDisruptionBudget;

impl Rules for PodDisruptionBudget {
    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let spec = tree::at(object, "spec");
        let both = ["minAvailable", "maxUnavailable"]
            .iter()
            .all(|field| !tree::at(spec, field).is_null());
        if both {
            let text = "minAvailable and maxUnavailable cannot be both set";
            return vec![FieldError::invalid("spec", spec.clone(), text)];
        }
        Vec::new()
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
