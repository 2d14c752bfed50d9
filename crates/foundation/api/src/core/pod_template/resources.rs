//! Rules for what a container asks for and is limited to.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, Quantity, names};

use crate::tree;

pub(crate) fn check(resources: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (limits, requests) = (
        tree::at(resources, "limits"),
        tree::at(resources, "requests"),
    );
    for (list, amounts) in [("limits", limits), ("requests", requests)] {
        let at = path.child(list);
        for (name, amount) in amounts.as_object().into_iter().flatten() {
            resource(name, amount, &at.key(name), errors);
        }
    }
    let at = path.child("requests");
    for (name, amount) in requests.as_object().into_iter().flatten() {
        let Some(amount) = Quantity::from_value(amount) else {
            continue;
        };
        match Quantity::from_value(tree_entry(limits, name)) {
            Some(limit) if amount != limit && !is_overcommitted(name) => {
                let text = format!("must be equal to {name} limit of {limit}");
                errors.push(FieldError::invalid(&at, amount.text(), text));
            }
            Some(limit) if amount > limit => {
                let text = format!("must be less than or equal to {name} limit of {limit}");
                errors.push(FieldError::invalid(&at, amount.text(), text));
            }
            None if !is_overcommitted(name) => {
                let text = "Limit must be set for non overcommitable resources";
                errors.push(FieldError::required(path.child("limits"), text));
            }
            _ => {}
        }
    }
    claims(resources, path, errors);
    let has = |wanted: fn(&str) -> bool| {
        [limits, requests].iter().any(|list| {
            list.as_object()
                .into_iter()
                .flatten()
                .any(|(name, _)| wanted(name))
        })
    };
    if has(|name| name.starts_with("hugepages-")) && !has(|name| name == "cpu" || name == "memory")
    {
        errors.push(FieldError::forbidden(
            path,
            "HugePages require cpu or memory",
        ));
    }
}

fn claims(resources: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (index, claim) in tree::items(resources, "claims").iter().enumerate() {
        let at = path.child("claims").index(index);
        let request = tree::text(claim, "request");
        if tree::text(claim, "name").is_empty() {
            errors.push(FieldError::required(at.child("name"), ""));
        }
        if !request.is_empty() {
            for text in names::dns1123_label(request) {
                errors.push(FieldError::invalid(at.child("request"), request, text));
            }
        }
    }
}

/// What a pod asks for as a whole.
pub(super) fn pod(resources: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if !tree::items(resources, "claims").is_empty() {
        let text = "claims may not be set for Resources at pod-level";
        errors.push(FieldError::forbidden(path.child("claims"), text));
    }
    for list in ["limits", "requests"] {
        let at = path.child(list);
        let amounts = tree::at(resources, list).as_object();
        for (name, _) in amounts.into_iter().flatten() {
            if !name.contains('/') && !is_standard(name) {
                let text = "must be a standard resource type or fully qualified";
                errors.push(FieldError::invalid(at.key(name), name.as_str(), text));
            }
        }
    }
}

/// A resource's name has dots in it.
fn tree_entry<'a>(amounts: &'a Value, name: &str) -> &'a Value {
    amounts.get(name).unwrap_or(&Value::Null)
}

fn resource(name: &str, amount: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let texts = names::qualified_name(name);
    for text in &texts {
        errors.push(FieldError::invalid(path, name, text.as_str()));
    }
    if texts.is_empty() && !name.contains('/') && !is_standard(name) {
        let text = "must be a standard resource type or fully qualified";
        errors.push(FieldError::invalid(path, name, text));
        let text = "must be a standard resource for containers";
        errors.push(FieldError::invalid(path, name, text));
    }
    let Some(amount) = Quantity::from_value(amount) else {
        return;
    };
    if amount.is_negative() {
        let text = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path, amount.text(), text));
    }
    if name.contains('/') && !is_native(name) && amount.milli_value() % 1000 != 0 {
        errors.push(FieldError::invalid(
            path,
            amount.text(),
            "must be an integer",
        ));
    }
}

fn is_standard(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether a node may promise more of it than there is.
fn is_overcommitted(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}
