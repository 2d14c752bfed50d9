//! Rules for security contexts.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::tree;

const SYSCTL_MAX: usize = 253;
const SYSCTL: &str = r"must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// The context of a whole pod.
pub(super) fn pod(context: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    ids(
        context,
        path,
        &["fsGroup", "runAsUser", "runAsGroup"],
        errors,
    );
    for (index, group) in tree::items(context, "supplementalGroups")
        .iter()
        .enumerate()
    {
        let id = group.as_i64().unwrap_or(0);
        for text in names::user_id(id) {
            errors.push(FieldError::invalid(
                path.child("supplementalGroups").index(index),
                id,
                text,
            ));
        }
    }
    choice(
        context,
        path,
        ("fsGroupChangePolicy", &["Always", "OnRootMismatch"]),
        errors,
    );
    choice(
        context,
        path,
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        errors,
    );
    let policies = &["MountOption", "Recursive"];
    choice(context, path, ("seLinuxChangePolicy", policies), errors);
    let mut seen = Vec::new();
    for (index, sysctl) in tree::items(context, "sysctls").iter().enumerate() {
        let at = path.child("sysctls").index(index).child("name");
        match tree::text(sysctl, "name") {
            "" => errors.push(FieldError::required(at, "")),
            name if seen.contains(&name) => errors.push(FieldError::duplicate(at, name)),
            name => {
                if !is_sysctl(name) {
                    errors.push(FieldError::invalid(at, name, SYSCTL));
                }
                seen.push(name);
            }
        }
    }
    profiles(context, path, errors);
}

fn is_sysctl(name: &str) -> bool {
    let is_edge = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= SYSCTL_MAX
        && name.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(is_edge)
                && bytes.last().is_some_and(is_edge)
                && bytes.iter().all(|c| is_edge(c) || b"-_".contains(c))
        })
}

/// The context of a container.
pub(super) fn container(context: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    ids(context, path, &["runAsUser", "runAsGroup"], errors);
    choice(
        context,
        path,
        ("procMount", &["Default", "Unmasked"]),
        errors,
    );
    if tree::at(context, "allowPrivilegeEscalation") == &Value::Bool(false) {
        if tree::is_true(context, "privileged") {
            let text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(FieldError::invalid(path, context.clone(), text));
        }
        if tree::items(context, "capabilities.add")
            .iter()
            .any(|it| it == "CAP_SYS_ADMIN")
        {
            let text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(FieldError::invalid(path, context.clone(), text));
        }
    }
    profiles(context, path, errors);
}

fn ids(context: &Value, path: &Path, fields: &[&str], errors: &mut Vec<FieldError>) {
    for field in fields {
        let Some(id) = tree::at(context, field).as_i64() else {
            continue;
        };
        for text in names::user_id(id) {
            errors.push(FieldError::invalid(path.child(field), id, text));
        }
    }
}

fn choice(
    context: &Value,
    path: &Path,
    (field, values): (&str, &[&str]),
    errors: &mut Vec<FieldError>,
) {
    if let Some(value) = tree::at(context, field).as_str()
        && !values.contains(&value)
    {
        errors.push(FieldError::not_supported(path.child(field), value, values));
    }
}

/// Seccomp and `AppArmor`: a file is named exactly if the profile is one on the node.
fn profiles(context: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    for field in ["seccompProfile", "appArmorProfile"] {
        let profile = tree::at(context, field);
        if profile.is_null() {
            continue;
        }
        let at = path.child(field);
        let kind = tree::text(profile, "type");
        let file = tree::at(profile, "localhostProfile");
        match (kind, file.is_null()) {
            ("", _) => errors.push(FieldError::required(
                at.child("type"),
                "type is required when the profile is set",
            )),
            ("Localhost", true) => {
                let text = "must be set when seccomp type is Localhost";
                errors.push(FieldError::required(at.child("localhostProfile"), text));
            }
            ("Localhost", false) => {}
            (kind, _) if !kinds.contains(&kind) => {
                errors.push(FieldError::not_supported(at.child("type"), kind, &kinds));
            }
            (_, false) => {
                let text = "can only be set when seccomp type is Localhost";
                errors.push(FieldError::invalid(
                    at.child("localhostProfile"),
                    file.clone(),
                    text,
                ));
            }
            (_, true) => {}
        }
    }
}
