//! Lease: <https://kubernetes.io/docs/concepts/architecture/leases/>.

use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct Lease;

impl Rules for Lease {
    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let path = Path::root("spec");
        let spec = tree::at(object, "spec");
        let mut errors = Vec::new();
        if let Some(seconds) = tree::at(spec, "leaseDurationSeconds").as_i64()
            && seconds <= 0
        {
            let field = path.child("leaseDurationSeconds");
            errors.push(FieldError::invalid(
                field,
                seconds,
                "must be greater than 0",
            ));
        }
        if let Some(count) = tree::at(spec, "leaseTransitions").as_i64()
            && count < 0
        {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(
                path.child("leaseTransitions"),
                count,
                text,
            ));
        }
        if !tree::text(spec, "preferredHolder").is_empty()
            && tree::text(spec, "strategy").is_empty()
        {
            let text = "may only be specified if `strategy` is defined";
            errors.push(FieldError::forbidden(path.child("preferredHolder"), text));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Holder").then(|| json!(tree::text(object, "spec.holderIdentity")))
    }
}
