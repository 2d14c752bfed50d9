//! Rules that the kinds of this group share: selector and template, counts, shares of replicas.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, IntOrString, labels, names};

use crate::core::pod_template::validate;
use crate::{selector, tree};

/// A count that may not be negative, if it is there.
pub(super) fn count(spec: &Value, path: &Path, field: &str, errors: &mut Vec<FieldError>) {
    if let Some(number) = tree::at(spec, field).as_i64()
        && number < 0
    {
        let text = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path.child(field), number, text));
    }
}

/// A selector that selects something, and a template that it selects.
pub(super) fn selector_and_template(
    spec: &Value,
    path: &Path,
    kind: &str,
    errors: &mut Vec<FieldError>,
) {
    let found = tree::at(spec, "selector");
    let at = path.child("selector");
    if found.is_null() {
        errors.push(FieldError::required(&at, ""));
    } else {
        errors.extend(selector::check(found, &at));
        if selector::is_empty(found) {
            // Upstream says the same of a ReplicaSet.
            let kind = if kind == "replicaset" {
                "deployment"
            } else {
                kind
            };
            let text = format!("empty selector is invalid for {kind}");
            errors.push(FieldError::invalid(&at, found.clone(), text));
        }
    }
    let template = tree::at(spec, "template");
    let at = path.child("template");
    let Ok(parsed) = labels::Selector::from_value(found) else {
        let text = "invalid label selector";
        errors.push(FieldError::invalid(
            path.child("selector"),
            found.clone(),
            text,
        ));
        return;
    };
    let map = tree::at(template, "metadata.labels");
    if !parsed.is_everything() && !found.is_null() && !parsed.matches(map.as_object()) {
        let text = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(
            at.child("metadata.labels"),
            map.clone(),
            text,
        ));
    }
    errors.extend(validate::template(template, &at));
    let policy = tree::text(template, "spec.restartPolicy");
    let known = ["Always", "OnFailure", "Never"];
    if policy != "Always" && known.contains(&policy) {
        let at = at.child("spec.restartPolicy");
        errors.push(FieldError::not_supported(at, policy, &["Always"]));
    }
    if !tree::at(template, "spec.activeDeadlineSeconds").is_null() {
        let kind = match kind {
            "daemonset" => "DaemonSet",
            "statefulset" => "StatefulSet",
            _ => "ReplicaSet",
        };
        let text = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.push(FieldError::forbidden(
            at.child("spec.activeDeadlineSeconds"),
            text,
        ));
    }
}

/// A field of the spec that stays as it was.
pub(super) fn immutable(new: &Value, old: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let (value, had) = (tree::at(&new["spec"], field), tree::at(&old["spec"], field));
    if !tree::same(value, had) {
        let path = Path::root("spec").child(field);
        errors.push(FieldError::invalid(
            path,
            value.clone(),
            "field is immutable",
        ));
    }
}

/// A number or a share of all, not negative.
pub(super) fn share(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match IntOrString::from_value(value) {
        Some(IntOrString::String(text)) => {
            for wrong in names::percent(&text) {
                errors.push(FieldError::invalid(path, text.as_str(), wrong));
            }
        }
        Some(IntOrString::Int(number)) if number < 0 => {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(path, number, text));
        }
        _ => {}
    }
}

/// A share of no more than everything.
pub(super) fn at_most_all(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let percent = value
        .as_str()
        .and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    if percent.is_some_and(|percent| percent > 100) {
        errors.push(FieldError::invalid(
            path,
            value.clone(),
            "must not be greater than 100%",
        ));
    }
}

/// Whether a number or share is nothing.
pub(super) fn is_nothing(value: &Value) -> bool {
    match IntOrString::from_value(value) {
        Some(IntOrString::Int(number)) => number == 0,
        Some(IntOrString::String(text)) => text
            .strip_suffix('%')
            .and_then(|text| text.parse::<i64>().ok())
            .is_none_or(|it| it == 0),
        None => true,
    }
}
