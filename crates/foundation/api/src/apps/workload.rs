//! Rules that the kinds of this group share: selector and template, and what may not change.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, labels};

use crate::core::pod_template::validate;
use crate::{selector, tree};

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
    match labels::Selector::from_value(found) {
        Ok(parsed) => selected(&parsed, template, &at, errors),
        Err(_) => {
            let text = if kind == "statefulset" {
                ""
            } else {
                "invalid label selector"
            };
            errors.push(FieldError::invalid(
                path.child("selector"),
                found.clone(),
                text,
            ));
            if kind != "statefulset" {
                return;
            }
        }
    }
    let policy = tree::text(template, "spec.restartPolicy");
    if policy != "Always" {
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

/// The template is one that the selector selects, and a valid one.
fn selected(
    selector: &labels::Selector,
    template: &Value,
    path: &Path,
    errors: &mut Vec<FieldError>,
) {
    let map = tree::at(template, "metadata.labels");
    if !selector.is_everything() && !selector.matches(map.as_object()) {
        let text = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(
            path.child("metadata.labels"),
            map.clone(),
            text,
        ));
    }
    errors.extend(validate::template(template, path));
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
