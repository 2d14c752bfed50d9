//! `ConfigMap`: <https://kubernetes.io/docs/concepts/configuration/configmap/>.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ConfigMap;

/// Upstream's limit of all data together.
pub(super) const SIZE_MAX: usize = 1024 * 1024;

impl Rules for ConfigMap {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut size = 0;
        let binary: BTreeSet<&String> = entries(object, "binaryData").map(|(key, _)| key).collect();
        for (key, value) in entries(object, "data") {
            let path = Path::root("data").key(key);
            for text in names::config_map_key(key) {
                errors.push(FieldError::invalid(&path, key.as_str(), text));
            }
            if binary.contains(key) {
                errors.push(FieldError::invalid(
                    &path,
                    key.as_str(),
                    "duplicate of key present in binaryData",
                ));
            }
            size += value.as_str().map_or(0, str::len);
        }
        for (key, value) in entries(object, "binaryData") {
            let path = Path::root("binaryData").key(key);
            for text in names::config_map_key(key) {
                errors.push(FieldError::invalid(&path, key.as_str(), text));
            }
            size += decoded_len(value);
        }
        if size > SIZE_MAX {
            errors.push(FieldError::too_long("[]", SIZE_MAX));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = immutable(object, old, &["data", "binaryData"]);
        errors.extend(self.validate(object, cx));
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let count = || entries(object, "data").count() + entries(object, "binaryData").count();
        (column == "Data").then(|| json!(count()))
    }
}

pub(super) fn entries<'a>(
    object: &'a Value,
    field: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

/// The number of bytes that a text in base 64 stands for.
pub(super) fn decoded_len(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    text.len() / 4 * 3 - text.bytes().rev().take_while(|c| *c == b'=').count()
}

/// What was declared immutable stays so, with its data.
pub(super) fn immutable(object: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if !tree::is_true(old, "immutable") {
        return Vec::new();
    }
    let text = "field is immutable when `immutable` is set";
    let mut errors = Vec::new();
    if !tree::is_true(object, "immutable") {
        errors.push(FieldError::forbidden("immutable", text));
    }
    for field in fields {
        if !tree::same(tree::at(object, field), tree::at(old, field)) {
            errors.push(FieldError::forbidden(field, text));
        }
    }
    errors
}
