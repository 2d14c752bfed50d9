//! Rules for label selectors, wherever they stand.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::{metadata, tree};

/// What is wrong with a label selector.
pub(crate) fn check(selector: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = metadata::labels(
        tree::at(selector, "matchLabels"),
        &path.child("matchLabels"),
    );
    for (index, requirement) in tree::items(selector, "matchExpressions").iter().enumerate() {
        let at = path.child("matchExpressions").index(index);
        let values = tree::items(requirement, "values");
        let operator = tree::text(requirement, "operator");
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let text = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(at.child("values"), text));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(at.child("values"), text));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                let text = "not a valid selector operator";
                errors.push(FieldError::invalid(at.child("operator"), operator, text));
            }
        }
        let key = tree::text(requirement, "key");
        for text in names::qualified_name(key) {
            errors.push(FieldError::invalid(at.child("key"), key, text));
        }
        for (index, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            for text in names::label_value(value) {
                errors.push(FieldError::invalid(
                    at.child("values").index(index),
                    value,
                    text,
                ));
            }
        }
    }
    errors
}

/// Whether a selector says nothing at all.
pub(crate) fn is_empty(selector: &Value) -> bool {
    let labels = tree::at(selector, "matchLabels").as_object();
    labels.is_none_or(serde_json::Map::is_empty)
        && tree::items(selector, "matchExpressions").is_empty()
}
