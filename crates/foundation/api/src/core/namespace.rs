//! Namespace: <https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/>.

use serde_json::{Value, json};
use styr_meta::object;

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

    fn name_rule(&self) -> NameRule {
        NameRule::Label
    }
}
