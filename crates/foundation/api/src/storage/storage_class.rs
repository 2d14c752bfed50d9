//! `StorageClass`: <https://kubernetes.io/docs/concepts/storage/storage-classes/>.

use serde_json::{Value, json};
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct StorageClass;

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const OLD_DEFAULT: &str = "storageclass.beta.kubernetes.io/is-default-class";

impl Rules for StorageClass {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match tree::text(object, "provisioner") {
            "" => errors.push(FieldError::required("provisioner", "")),
            name => {
                for text in names::qualified_name(&name.to_lowercase()) {
                    errors.push(FieldError::invalid("provisioner", name, text));
                }
            }
        }
        let parameters = tree::at(object, "parameters").as_object();
        if parameters.is_some_and(|them| them.contains_key("")) {
            let text = "field can not be empty.";
            errors.push(FieldError::invalid("parameters", "", text));
        }
        for (field, values) in [
            ("reclaimPolicy", ["Delete", "Retain"]),
            ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
        ] {
            let value = tree::text(object, field);
            if !values.contains(&value) {
                errors.push(FieldError::not_supported(field, value, &values));
            }
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        for field in [
            "provisioner",
            "parameters",
            "reclaimPolicy",
            "volumeBindingMode",
        ] {
            if !tree::same(tree::at(object, field), tree::at(old, field)) {
                errors.push(FieldError::invalid(
                    field,
                    Value::Null,
                    "field is immutable",
                ));
            }
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let or = |field: &str, missing: &str| match tree::text(object, field) {
            "" => json!(missing),
            text => json!(text),
        };
        let cell = match column {
            "Name" => {
                let is_default = [DEFAULT, OLD_DEFAULT]
                    .iter()
                    .any(|name| object::annotation(object, name) == Some("true"));
                let name = object::name(object);
                json!(if is_default {
                    format!("{name} (default)")
                } else {
                    name.to_owned()
                })
            }
            "ReclaimPolicy" => or("reclaimPolicy", "Delete"),
            "VolumeBindingMode" => or("volumeBindingMode", "Immediate"),
            "AllowVolumeExpansion" => json!(tree::is_true(object, "allowVolumeExpansion")),
            _ => return None,
        };
        Some(cell)
    }
}
