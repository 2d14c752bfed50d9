//! Rules for when a container is started again, and for resizing it.

use std::collections::BTreeSet;

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::tree;

const RULES_MAX: usize = 20;
const CODES_MAX: usize = 255;
const POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const ACTIONS: [&str; 2] = ["Restart", "RestartAllContainers"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const RESIZED: [&str; 2] = ["cpu", "memory"];
const RESIZE: [&str; 2] = ["NotRequired", "RestartContainer"];

/// The policy of a container of its own, with rules for certain exit codes.
pub(super) fn policy(container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let rules = tree::items(container, "restartPolicyRules");
    let at = path.child("restartPolicy");
    match tree::at(container, "restartPolicy").as_str() {
        None if rules.is_empty() => {}
        None => {
            let text = "must specify restartPolicy when restart rules are used";
            errors.push(FieldError::required(at, text));
        }
        Some(policy) if !POLICIES.contains(&policy) => {
            errors.push(FieldError::not_supported(at, policy, &POLICIES));
        }
        Some(_) => {}
    }
    let at = path.child("restartPolicyRules");
    if rules.len() > RULES_MAX {
        errors.push(FieldError::too_many(&at, rules.len(), RULES_MAX));
    }
    for (index, rule) in rules.iter().enumerate() {
        let at = at.index(index);
        let action = tree::text(rule, "action");
        if !ACTIONS.contains(&action) {
            errors.push(FieldError::not_supported(
                at.child("action"),
                action,
                &ACTIONS,
            ));
        }
        let (codes, at) = (tree::at(rule, "exitCodes"), at.child("exitCodes"));
        if codes.is_null() {
            errors.push(FieldError::required(at, "must be specified"));
            continue;
        }
        let operator = tree::text(codes, "operator");
        if !OPERATORS.contains(&operator) {
            errors.push(FieldError::not_supported(
                at.child("operator"),
                operator,
                &OPERATORS,
            ));
        }
        let count = tree::items(codes, "values").len();
        if count > CODES_MAX {
            errors.push(FieldError::too_many(at.child("values"), count, CODES_MAX));
        }
    }
}

/// Upstream names the list rather than its items here.
pub(super) fn resize(container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("resizePolicy");
    let mut seen = BTreeSet::new();
    for (index, policy) in tree::items(container, "resizePolicy").iter().enumerate() {
        let resource = tree::text(policy, "resourceName");
        if !seen.insert(resource) {
            errors.push(FieldError::duplicate(path.index(index), resource));
        }
        let restart = tree::text(policy, "restartPolicy");
        for (value, known) in [(resource, &RESIZED), (restart, &RESIZE)] {
            if value.is_empty() {
                errors.push(FieldError::required(&path, ""));
            } else if !known.contains(&value) {
                errors.push(FieldError::not_supported(&path, value, known));
            }
        }
    }
}
