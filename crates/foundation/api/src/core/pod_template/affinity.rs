//! Rules for which nodes and which neighbours a pod wants.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::{selector, tree};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const WEIGHT_MAX: i64 = 100;

pub(super) fn check(affinity: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let node = tree::at(affinity, "nodeAffinity");
    let at = path.child("nodeAffinity");
    let required = tree::at(node, REQUIRED);
    if !required.is_null() {
        node_selector(required, &at.child(REQUIRED), errors);
    }
    for (index, term) in tree::items(node, PREFERRED).iter().enumerate() {
        let at = at.child(PREFERRED).index(index);
        weight(term, &at, errors);
        node_term(
            tree::at(term, "preference"),
            &at.child("preference"),
            errors,
        );
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let found = tree::at(affinity, kind);
        let at = path.child(kind);
        for (index, term) in tree::items(found, REQUIRED).iter().enumerate() {
            pod_term(term, &at.child(REQUIRED).index(index), errors);
        }
        for (index, term) in tree::items(found, PREFERRED).iter().enumerate() {
            let at = at.child(PREFERRED).index(index);
            weight(term, &at, errors);
            pod_term(
                tree::at(term, "podAffinityTerm"),
                &at.child("podAffinityTerm"),
                errors,
            );
        }
    }
}

/// What is wrong with a selector of nodes.
pub(crate) fn node_selector(selector: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let terms = tree::items(selector, "nodeSelectorTerms");
    let at = path.child("nodeSelectorTerms");
    if terms.is_empty() {
        let text = "must have at least one node selector term";
        errors.push(FieldError::required(&at, text));
    }
    for (index, term) in terms.iter().enumerate() {
        node_term(term, &at.index(index), errors);
    }
}

fn node_term(term: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (index, requirement) in tree::items(term, "matchFields").iter().enumerate() {
        field_requirement(requirement, &path.child("matchFields").index(index), errors);
    }
    for (index, requirement) in tree::items(term, "matchExpressions").iter().enumerate() {
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
            "Gt" | "Lt" if values.len() != 1 => {
                let text = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.push(FieldError::required(at.child("values"), text));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
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
}

/// A node is chosen by its name alone.
fn field_requirement(requirement: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (operator, key) = (
        tree::text(requirement, "operator"),
        tree::text(requirement, "key"),
    );
    let values = tree::items(requirement, "values");
    match operator {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            let text =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(FieldError::required(path.child("values"), text));
        }
        _ => {
            let text = "not a valid selector operator";
            errors.push(FieldError::invalid(path.child("operator"), operator, text));
        }
    }
    if key != "metadata.name" {
        let text = "not a valid field selector key";
        errors.push(FieldError::invalid(path.child("key"), key, text));
        return;
    }
    for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
        for text in names::dns1123_subdomain(value) {
            errors.push(FieldError::invalid(
                path.child("values").index(index),
                value,
                text,
            ));
        }
    }
}

fn weight(term: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let weight = tree::number(term, "weight");
    if !(1..=WEIGHT_MAX).contains(&weight) {
        errors.push(FieldError::invalid(
            path.child("weight"),
            weight,
            "must be in the range 1-100",
        ));
    }
}

fn pod_term(term: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for name in ["labelSelector", "namespaceSelector"] {
        errors.extend(selector::check(tree::at(term, name), &path.child(name)));
    }
    for name in tree::items(term, "namespaces")
        .iter()
        .filter_map(Value::as_str)
    {
        for text in names::dns1123_label(name) {
            errors.push(FieldError::invalid(path.child("namespace"), name, text));
        }
    }
    let key = tree::text(term, "topologyKey");
    if key.is_empty() {
        errors.push(FieldError::required(
            path.child("topologyKey"),
            "can not be empty",
        ));
    }
    for text in names::qualified_name(key) {
        errors.push(FieldError::invalid(path.child("topologyKey"), key, text));
    }
}
