//! Namespace: <https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, NameRule, Rules};
use crate::tree;

pub(crate) struct Namespace;

/// Every namespace says its name in a label, so that it can be selected.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

impl Rules for Namespace {
    fn default(&self, object: &mut Value) {
        let name = object::name(object).to_owned();
        if !name.is_empty() {
            object::set_label(object, NAME_LABEL, &name);
        }
    }

    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        object["status"] = json!({"phase": "Active"});
        let spec = tree::object_mut(object, "spec");
        let finalizers = tree::items(spec, "finalizers");
        if !finalizers.iter().any(|it| it == "kubernetes") {
            let mut all = finalizers.to_vec();
            all.push("kubernetes".into());
            spec["finalizers"] = all.into();
        }
        // A generated name comes after the defaults.
        let name = object::name(object).to_owned();
        object::set_label(object, NAME_LABEL, &name);
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        // Finalizers of the spec go by the subresource.
        tree::object_mut(object, "spec");
        let finalizers = tree::at(old, "spec.finalizers").clone();
        if finalizers.is_null() {
            tree::remove(&mut object["spec"], "finalizers");
        } else {
            object["spec"]["finalizers"] = finalizers;
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let path = Path::root("spec").child("finalizers");
        let mut errors = Vec::new();
        let finalizers = tree::items(object, "spec.finalizers")
            .iter()
            .filter_map(Value::as_str);
        for (index, name) in finalizers.enumerate() {
            for text in names::qualified_name(name) {
                errors.push(FieldError::invalid(path.index(index), name, text));
            }
            if !name.contains('/') && name != "kubernetes" {
                let text = "name is neither a standard finalizer name nor is it fully qualified";
                errors.push(FieldError::invalid(path.index(index), name, text));
            }
        }
        errors
    }

    fn validate_update(&self, _object: &Value, _old: &Value, _cx: &Context) -> Vec<FieldError> {
        Vec::new()
    }

    fn validate_status_update(
        &self,
        object: &Value,
        _old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        let phase = tree::text(object, "status.phase");
        let deleted = object::deletion_timestamp(object).is_some();
        let text = match (phase, deleted) {
            ("Active", true) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
            ("Terminating", false) => "may only be 'Active' if `deletionTimestamp` is empty",
            _ => return Vec::new(),
        };
        vec![FieldError::invalid("status.Phase", phase, text)]
    }

    fn name_rule(&self) -> NameRule {
        NameRule::Label
    }
}
